//! Text as people really write it: folded for matching, with a map back to the bytes as sent.

mod fold;
pub mod numbers;
mod patterns;
pub mod phrases;

pub use fold::{Disguises, Folded};
pub use patterns::{Found, Patterns};
