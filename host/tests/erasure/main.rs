//! Exporting and erasing a person through a real server, and what is left of a thousand.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../server/mod.rs"]
mod server;

mod canaries;
mod copies;
mod life;
mod trace;
