#![no_main]
//! See `host/tests/fuzz/load.rs`.

#[path = "../../host/tests/component/mod.rs"]
mod component;
#[path = "../../host/tests/fuzz/load.rs"]
mod load;

libfuzzer_sys::fuzz_target!(
    // The fuzzer's hook aborts on a panic that the host catches; one that it does not catch aborts anyway.
    init: drop(std::panic::take_hook()),
    |input: &[u8]| load::body(input)
);
