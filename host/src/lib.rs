//! Picket: a detection engine for marketplaces.

pub mod config;
pub mod model;
pub mod runtime;
