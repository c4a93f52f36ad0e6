//! What `wit/` says, as Rust.
#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "component",
    ownership: Borrowing { duplicate_if_necessary: true },
});
