//! Exporting and erasing a person through a real server, and what is left of a thousand.

#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../server/mod.rs"]
mod server;

mod canaries;
mod life;
mod trace;
