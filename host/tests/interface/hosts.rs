//! Hosts that are not there yet: what each would link and call. Bindings and no more.

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};

/// What a guest logged.
#[derive(Default)]
pub struct Guest {
    pub lines: Vec<String>,
}

#[allow(missing_docs, dead_code, clippy::all, clippy::pedantic, reason = "generated")]
mod generated {
    pub mod today {
        wasmtime::component::bindgen!({ path: "../wit", world: "component" });
    }
    pub mod tomorrow {
        wasmtime::component::bindgen!({
            path: "tests/interface/tomorrow.wit",
            world: "picket:detector/component",
        });
    }
    pub mod record {
        wasmtime::component::bindgen!({ path: "tests/interface/record.wit", world: "component" });
    }
    pub mod variant {
        wasmtime::component::bindgen!({ path: "tests/interface/variant.wit", world: "component" });
    }
    pub mod export {
        wasmtime::component::bindgen!({ path: "tests/interface/export.wit", world: "component" });
    }
    pub mod two {
        wasmtime::component::bindgen!({ path: "tests/interface/two.wit", world: "component" });
    }
}

pub use generated::{export, record, today, tomorrow, two, variant};

impl tomorrow::picket::detector::log::Host for Guest {
    fn write(&mut self, level: tomorrow::picket::detector::log::Level, message: String) {
        self.lines.push(format!("{level:?}: {message}"));
    }

    fn trace(&mut self, message: String) {
        self.lines.push(format!("trace: {message}"));
    }
}

impl tomorrow::picket::detector::clock::Host for Guest {
    fn now_ms(&mut self) -> i64 {
        0
    }
}

/// A linker with what the host of that version offers.
pub fn tomorrow_linker(engine: &Engine) -> Linker<Guest> {
    let mut linker = Linker::new(engine);
    tomorrow::picket::detector::log::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| {
        guest
    })
    .and_then(|()| {
        tomorrow::picket::detector::clock::add_to_linker::<Guest, HasSelf<Guest>>(
            &mut linker,
            |guest| guest,
        )
    })
    .expect("nothing is offered twice");
    linker
}

macro_rules! hosts {
    ($($version:ident, $link:ident;)*) => {$(
        impl $version::picket::detector::log::Host for Guest {
            fn write(&mut self, level: $version::picket::detector::log::Level, message: String) {
                self.lines.push(format!("{level:?}: {message}"));
            }
        }

        /// Adds what the host of that version offers.
        pub fn $link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
            $version::picket::detector::log::add_to_linker::<Guest, HasSelf<Guest>>(
                linker,
                |guest| guest,
            )
        }
    )*};
}

hosts! {
    today, link_today;
    record, link_record;
    variant, link_variant;
    export, link_export;
    two, link_two;
}
