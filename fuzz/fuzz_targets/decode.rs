#![no_main]
//! See `host/tests/fuzz/decode.rs`.

#[path = "../../host/tests/component/mod.rs"]
mod component;
#[path = "../../host/tests/fuzz/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(|input: &[u8]| decode::body(input));
