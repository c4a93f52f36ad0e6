//! Picket: a detection engine for marketplaces.

pub mod model;
