#!/usr/bin/env bash
# How the two files beside this were made. They are released: a new one under an old name would prove
# nothing, and `host/tests/interface.rs` knows their digests. Kept to be copied for the next release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(cd ../../../.. && pwd)
out=${1:?usage: make.sh FOLDER}
modules=$root/target/compiled
mkdir -p "$out" "$modules"

componentise() { (cd "$root" && cargo run --quiet --package picket --example componentise -- "$@"); }

clang --target=wasm32-unknown-unknown -O2 -ffreestanding -mbulk-memory -nostdlib -Wall -Wextra -Werror \
    -Wl,--no-entry -Wl,--strip-all -o "$modules/witness-c.wasm" c/witness.c
componentise "$modules/witness-c.wasm" "$out/witness-c.wasm" "$root/wit/detector.wit"

cargo build --release --target wasm32-unknown-unknown --manifest-path rust/Cargo.toml --target-dir "$modules"
componentise "$modules/wasm32-unknown-unknown/release/witness_rust.wasm" "$out/witness-rust.wasm"
