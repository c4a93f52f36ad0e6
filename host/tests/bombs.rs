//! Files that are let in by the scan and made to hurt the compiler: each ends within the child's
//! limits, or the child does, and why is readable. The host goes on.

mod fixture;
mod wasm;

use std::time::{Duration, Instant};

use picket::runtime::{CompilerOptions, Runtime, RuntimeOptions, Trust};
use wasm::{functions, leb, nested, section};

const MIB: u64 = 1 << 20;

fn refusal(cpu: Duration, memory_bytes: u64, file: &[u8]) -> String {
    let compiler = CompilerOptions {
        cpu,
        memory_bytes,
        wall: Duration::from_secs(300),
        ..CompilerOptions::of(env!("CARGO_BIN_EXE_picket"))
    };
    let runtime = Runtime::new(&RuntimeOptions { compiler, ..RuntimeOptions::default() });
    let runtime = runtime.expect("the sandbox starts");
    match runtime.load(file, "{}", Trust::Stranger) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// One `br_table` with this many targets, all the same.
fn branches(targets: usize) -> Vec<u8> {
    [&[0x02, 0x40, 0x41, 0, 0x0e][..], &leb(targets), &vec![0; targets], &[0, 0x0b]].concat()
}

/// A sum that is stored into each of the locals in turn, again and again.
fn tangle(locals: usize, bytes_max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut at = 0;
    while body.len() + 16 < bytes_max {
        let (from, to) = (leb(at * 7 % locals), leb(at * 13 % locals));
        body.extend([&[0x20][..], &from, &[0x20], &to, &[0x6a, 0x21], &to].concat());
        at += 1;
    }
    body
}

/// A good detector that also holds these modules. Nothing instantiates them, so the detector works,
/// once they are compiled.
fn bomb(modules: &[Vec<u8>]) -> Vec<u8> {
    let modules = modules.iter().flat_map(|module| section(1, module));
    fixture::probe().iter().copied().chain(modules).collect()
}

fn worst() -> [(&'static str, Vec<u8>); 6] {
    [
        ("functions", bomb(&[functions(49_000, 0, &[1; 64])])),
        ("locals", bomb(&[functions(398, 5_000, &[])])),
        ("targets of a br_table", bomb(&[functions(8, 0, &branches(65_000))])),
        ("nesting", bomb(&[functions(100, 0, &nested(10_000))])),
        ("one tangle", bomb(&[functions(1, 5_000, &tangle(5_000, 1 << 20))])),
        ("many tangles", bomb(&[functions(30, 5_000, &tangle(5_000, 1_000_000))])),
    ]
}

#[test]
fn the_worst_that_is_let_in_ends_within_the_limits_or_the_child_does() {
    for (what, file) in worst() {
        let begun = Instant::now();
        let error = refusal(Duration::from_secs(1), 256 * MIB, &file);
        println!("{what}: {:.1?}: {error}", begun.elapsed());
        let cpu = error.contains("used more than 1 s of processor time");
        let memory = error.contains("used more than 256 MiB of memory");
        assert!(cpu || memory || error == "accepted", "{what}: {error}");
    }
}

#[test]
fn what_takes_too_much_time_or_memory_says_which() {
    let file = bomb(&[functions(49_000, 0, &[1; 64])]);
    let time = refusal(Duration::from_secs(1), 1536 * MIB, &file);
    assert!(time.contains("1 s of processor time; ship a smaller file"), "{time}");
    let memory = refusal(Duration::from_secs(60), 128 * MIB, &file);
    assert!(memory.contains("128 MiB of memory; ship a smaller file"), "{memory}");
}

#[test]
fn a_typical_file_needs_little_of_what_it_may_use() {
    let error = refusal(Duration::from_secs(10), 128 * MIB, fixture::probe());
    assert_eq!(error, "accepted");
}
