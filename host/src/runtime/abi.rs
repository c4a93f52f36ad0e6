//! One module per major version of the detector interface. Records and variants of a released
//! version never change, so its module stays for ever beside the next.

pub(super) mod v1;
