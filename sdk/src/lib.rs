//! What a Picket detector is made of.
//!
//! A detector is a pure function from the inputs that it declared to the signals that it found. It
//! has no clock, no randomness, no network and no files; what it needs to know it declares, and the
//! host passes it in. Implement [`Detector`], name it in [`export!`], and build with
//! `cargo build --target wasm32-wasip2 --release`.
//!
//! ```
//! use picket_sdk::prelude::*;
//!
//! #[derive(Inputs)]
//! struct Message {
//!     #[input("data.content")]
//!     content: Text,
//! }
//!
//! struct SecretHandshake;
//!
//! impl Detector for SecretHandshake {
//!     type Inputs = Message;
//!     type Settings = NoSettings;
//!
//!     fn manifest() -> Manifest {
//!         Manifest::new("secret-handshake", "1.0.0")
//!             .summary("Finds the agreed pass phrase")
//!             .label("safety.handshake")
//!             .events("message.*")
//!     }
//!
//!     fn configure(_: NoSettings) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
//!         let found = message.content.find("the crow flies at midnight");
//!         Ok(found
//!             .map(|at| {
//!                 Signal::new("safety.handshake", 0.9)
//!                     .reason("the agreed pass phrase")
//!                     .span(message.content.span(at..at + 26))
//!             })
//!             .into_iter()
//!             .collect())
//!     }
//! }
//!
//! picket_sdk::export!(SecretHandshake);
//!
//! let harness = Harness::<SecretHandshake>::new().unwrap();
//! assert_eq!(harness.text("psst: the crow flies at midnight").labels(), ["safety.handshake"]);
//! ```

#![warn(missing_docs)]

mod declaration;
mod detector;
pub mod golden;
pub mod harness;
mod input;
mod manifest;
mod signal;
pub mod text;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod guest;

pub use declaration::{Function, InputDeclaration};
pub use detector::{Detector, Event, NoSettings};
pub use input::{FromValue, Inputs, Text, Value};
pub use manifest::Manifest;
pub use picket_sdk_derive::Inputs;
pub use signal::{Entity, Signal, Span};

/// Everything that a detector's crate usually names.
pub mod prelude {
    pub use crate::harness::Harness;
    pub use crate::{
        Detector, Entity, Event, Inputs, Manifest, NoSettings, Signal, Span, Text, Value,
    };
}

/// A [`Manifest`] whose name, version, summary and author are those of the crate's `Cargo.toml`. Where
/// `PICKET_DETECTOR_VERSION` is set while it is built, that is the version: a file that goes to a server
/// at every save needs one of its own each time.
#[macro_export]
macro_rules! manifest {
    () => {
        $crate::Manifest::new(
            env!("CARGO_PKG_NAME"),
            option_env!("PICKET_DETECTOR_VERSION").unwrap_or(env!("CARGO_PKG_VERSION")),
        )
        .summary(env!("CARGO_PKG_DESCRIPTION"))
        .author(env!("CARGO_PKG_AUTHORS"))
    };
}

/// Makes a [`Detector`] the component that this crate builds to. Does nothing off WebAssembly, so
/// that the crate's own tests run natively.
#[macro_export]
macro_rules! export {
    ($detector:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, missing_docs, reason = "generated bindings of the component ABI")]
        const _: () = {
            thread_local! {
                static DETECTOR: $crate::guest::Slot<$detector> = const { $crate::guest::Slot::empty() };
            }

            struct Component;

            impl $crate::guest::Guest for Component {
                fn describe() -> String {
                    $crate::guest::describe::<$detector>()
                }
                fn configure(settings: String) -> Result<(), String> {
                    DETECTOR.with(|slot| slot.configure(&settings))
                }
                fn evaluate(
                    event: $crate::guest::WireEvent,
                ) -> Result<Vec<$crate::guest::WireSignal>, String> {
                    DETECTOR.with(|slot| slot.evaluate(event))
                }
            }

            $crate::guest::bindings::export!(Component with_types_in $crate::guest::bindings);
        };
    };
}
