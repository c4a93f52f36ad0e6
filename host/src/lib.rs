//! Picket: a detection engine for marketplaces.

pub mod model;
pub mod policy;
