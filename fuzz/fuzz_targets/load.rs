#![no_main]
//! See `host/tests/fuzz/load.rs`.

#[path = "../../host/tests/component/mod.rs"]
mod component;
#[path = "../../host/tests/fuzz/load.rs"]
mod load;

libfuzzer_sys::fuzz_target!(|input: &[u8]| load::body(input));
