#![no_main]
//! See `host/tests/fuzz/decode.rs`.

#[path = "../../host/tests/component/mod.rs"]
mod component;
#[path = "../../host/tests/fuzz/decode.rs"]
mod decode;

libfuzzer_sys::fuzz_target!(
    // The fuzzer's hook aborts on a panic that the host catches; one that it does not catch aborts anyway.
    init: drop(std::panic::take_hook()),
    |input: &[u8]| decode::body(input)
);
