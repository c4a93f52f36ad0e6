//! What differs between this release and the one before.
//!
//! The product's demo starts one release behind and then drops in the new one while the server
//! runs, so that a message that passed is found a second later. The feature `previous` builds that
//! older release, 1.0.0: it knows no nicknames and no emoji of services. Nothing else may depend on
//! the feature, and a normal build never turns it on.

use picket_sdk::Manifest;

#[cfg(not(feature = "previous"))]
pub use crate::services::nicknames::{EMOJI, NICKNAMES};

/// Version 1.0.0 had no such tables.
#[cfg(feature = "previous")]
pub const NICKNAMES: &[(&str, &str)] = &[];
#[cfg(feature = "previous")]
pub const EMOJI: &[(&str, &str)] = &[];

/// Who we are, with the version of the release.
#[cfg(not(feature = "previous"))]
pub fn manifest() -> Manifest {
    picket_sdk::manifest!()
}

#[cfg(feature = "previous")]
pub fn manifest() -> Manifest {
    Manifest::new(env!("CARGO_PKG_NAME"), "1.0.0")
        .summary(env!("CARGO_PKG_DESCRIPTION"))
        .author(env!("CARGO_PKG_AUTHORS"))
}
