//! A folder per major version of the detector interface: its bindings, and the way from its types to
//! the host's. Records and variants of a released version never change, so its folder stays for ever
//! beside the next.

pub(super) mod v1;
