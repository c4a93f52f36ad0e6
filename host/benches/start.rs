//! How long a start takes, cold and with the compile cache, what each detector adds to it, and what
//! the process holds when idle. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench start`

use std::fs;
use std::path::Path;
use std::time::Instant;

use picket::app::App;
use picket::config::Config;
use picket::runtime::{CompilerOptions, Runtime, RuntimeOptions, Trust};

fn main() {
    println!("loading one detector without a cache, in this process and in a child:");
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    let options = RuntimeOptions { compiler, ..RuntimeOptions::default() };
    let runtime = Runtime::new(&options).expect("the sandbox starts");
    for bundled in picket_bundle::DETECTORS {
        let [here, there] = [Trust::Bundled, Trust::Stranger].map(|trust| {
            let begun = Instant::now();
            let prepared = runtime.load(bundled.component, "{}", trust);
            assert!(prepared.expect("a bundled detector loads").pre_initialised());
            begun.elapsed().as_millis()
        });
        let (name, bytes) = (bundled.name, bundled.component.len());
        println!("{name:>24} {bytes:>8} bytes {here:>6} ms {there:>6} ms");
    }
    drop(runtime);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let cold = start(dir.path());
    let cached = start(dir.path());
    // A file that is new in the folder compiles after that.
    let previous = picket_bundle::PREVIOUS;
    let file = dir.path().join("detectors").join(previous.name).with_extension("wasm");
    fs::create_dir_all(dir.path().join("detectors")).expect("a folder");
    fs::write(file, previous.component).expect("a file");
    let beside = start(dir.path());
    println!(
        "\nstart to ready: {cold} ms cold, {cached} ms with the cache ({:.1} times), {beside} ms where there is a new file",
        cold as f64 / cached as f64
    );
}

fn start(dir: &Path) -> u128 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.join("data"),
        detectors_dir: dir.join("detectors"),
        policies_dir: dir.join("policies"),
        ..Config::default()
    };
    let begun = Instant::now();
    let app = runtime.block_on(App::start(config)).expect("Picket starts");
    let took = begun.elapsed().as_millis();
    println!("resident when idle: {} MB", resident_mb());
    runtime.block_on(app.stop());
    took
}

/// Of the whole process, from the kernel.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number");
    kib / 1024
}
