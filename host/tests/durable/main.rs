//! The real program on a disk and a database that fail: killed, without power, full, broken, slow. What
//! it acknowledged must be there after, once, and it must come back by itself.
//!
//! The harness is `picket-crash`, whose own tests show that it finds what it should.

mod faults;
mod kills;
mod outages;
mod world;
