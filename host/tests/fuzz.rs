//! The bodies of the fuzz targets, on a corpus and on inputs that follow from a seed. `fuzz/` runs them
//! on what a fuzzer thinks of; `PICKET_FUZZ_SECONDS` makes these tests longer.

mod component;
#[path = "fuzz/decode.rs"]
mod decode;
#[path = "fuzz/load.rs"]
mod load;

use std::path::Path;
use std::time::{Duration, Instant};

use picket::model::Outcome;
use picket::runtime::{Call, Runtime, RuntimeOptions, Trust, Value};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

#[test]
fn any_file_is_accepted_or_refused_with_a_reason() {
    corpus("load").iter().for_each(|input| load::body(input));
    generated(0..4, 200, load::body);
}

#[test]
fn any_answer_keeps_the_contract_or_is_refused_whole() {
    corpus("decode").iter().for_each(|input| decode::body(input));
    generated(0..2, 2_000, decode::body);
}

/// Wizer makes nothing of a global that holds a function: the detector runs, each time from its beginning.
#[test]
fn what_cannot_be_snapshotted_still_runs() {
    let text =
        component::ECHO.replacen("(memory", "(global (mut funcref) (ref.null func)) (memory", 1);
    let module = wat::parse_str(text).unwrap();
    let file = component::of_module(&module, component::INTERFACE).unwrap();
    let runtime = Runtime::new(&RuntimeOptions::default()).unwrap();
    let prepared = runtime.load(&file, "{}", Trust::Bundled).unwrap();
    assert!(!prepared.pre_initialised());
    let inputs = [Value::Absent, Value::Absent, Value::Absent];
    let call = Call { id: "1", kind: "t", time_ms: 0, inputs: &inputs };
    assert_eq!(prepared.evaluate(&call, Duration::from_millis(10)).outcome, Outcome::Ok);
}

/// The inputs that are kept: one for each thing that went wrong once, and some that go right.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let files = std::fs::read_dir(folder).expect("the corpus is there");
    let inputs = files.map(|file| std::fs::read(file.expect("a file").path()).expect("it is read"));
    let inputs: Vec<Vec<u8>> = inputs.collect();
    assert!(inputs.len() > 3, "the corpus of {target} has inputs");
    inputs
}

/// Of memory, in this process.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it does");
    let kib = line.split_whitespace().nth(1).expect("a number");
    kib.parse::<u64>().expect("a number") / 1_024
}

/// At least `count` inputs that follow from a seed, each kind as often as the others; and none of them
/// leaves anything behind.
fn generated(kinds: std::ops::Range<u8>, count: usize, body: fn(&[u8])) {
    let seconds = std::env::var("PICKET_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seed = std::env::var("PICKET_FUZZ_SEED")
        .map_or(1, |text| u64::from_str_radix(&text, 16).expect("a seed is a number to base 16"));
    println!("PICKET_FUZZ_SEED={seed:x}");
    let mut random = SmallRng::seed_from_u64(seed);
    let before = resident_mib();
    let mut made = 0;
    for kind in kinds.cycle() {
        let mut input = vec![0; random.random_range(1..2_048)];
        random.fill_bytes(&mut input);
        input[0] = kind;
        body(&input);
        made += 1;
        if made >= count && end.is_none_or(|end| Instant::now() >= end) {
            break;
        }
    }
    let after = resident_mib();
    assert!(after < before + 512, "{before} MiB before {made} inputs, {after} MiB after");
}
