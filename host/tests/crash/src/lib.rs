//! The crash harness: it starts the real program, drives load over HTTP, kills it at random moments, starts
//! it again, and holds what it remembers against what it had promised.
//!
//! `journal` is what was promised, `record` what is remembered and the comparison of the two; both are pure
//! and tested with planted faults. `load` and `check` ask, `server` starts and kills, `run` is the order.

pub mod check;
pub mod client;
pub mod disk;
pub mod endpoint;
pub mod event;
pub mod fault;
pub mod ground;
pub mod journal;
pub mod load;
pub mod power;
pub mod record;
pub mod report;
pub mod run;
pub mod server;
