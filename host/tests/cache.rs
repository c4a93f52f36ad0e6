//! Compiled detectors on disk: used only where this host wrote them, and never more than allowed.

mod fixture;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use picket::model::Outcome;
use picket::runtime::{CacheOptions, Call, Runtime, RuntimeOptions, Trust, Value};

/// A cache in a folder of its own.
struct Cache {
    _dir: tempfile::TempDir,
    options: CacheOptions,
}

impl Cache {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let options =
            CacheOptions { dir: dir.path().join("cache"), host_key: [7; 32], bytes_max: 1 << 30 };
        Self { _dir: dir, options }
    }

    /// Loads the probe in a new runtime, and runs it.
    fn load(&self, settings: &str) {
        let options =
            RuntimeOptions { cache: Some(self.options.clone()), ..RuntimeOptions::default() };
        let runtime = Runtime::new(&options).expect("the sandbox starts");
        let probe = runtime.load(fixture::probe(), settings, Trust::Bundled);
        let inputs = [Value::Text("hello"), Value::Absent];
        let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
        let run = probe.expect("the probe loads").evaluate(&call, Duration::from_millis(50));
        assert_eq!(run.outcome, Outcome::Ok);
    }

    fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.options.dir).expect("the folder is there");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }

    fn only_entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1);
        entries.into_iter().next().expect("one entry")
    }
}

/// A time long ago, by which it is seen whether a file was written since.
fn backdate(path: &PathBuf, seconds: u64) -> SystemTime {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::open(path).and_then(|file| file.set_modified(then)).expect("the time is set");
    then
}

#[test]
fn a_tampered_cache_entry_is_thrown_away_and_made_again() {
    let cache = Cache::new();
    cache.load("{}");
    let entry = cache.only_entry();
    let good = fs::read(&entry).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("code", flipped(good.len() / 2)),
        ("manifest", flipped(64)),
        ("mac", flipped(0)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("mac alone", good[..32].to_vec()),
        ("empty", Vec::new()),
        ("longer", [&*good, b"x"].concat()),
    ];
    for (what, bad) in cases {
        fs::write(&entry, &bad).unwrap();
        cache.load("{}");
        assert_ne!(fs::read(&entry).unwrap(), bad, "{what}: the entry was made again");
    }
}

#[test]
fn an_entry_under_another_name_or_of_another_host_is_not_taken() {
    let mut cache = Cache::new();
    cache.load("{}");
    let plain = cache.only_entry();
    let plain_bytes = fs::read(&plain).unwrap();
    cache.load(r#"{"score":0.75}"#);
    let other = cache.entries().into_iter().find(|entry| *entry != plain).unwrap();
    fs::write(&other, &plain_bytes).unwrap();
    cache.load(r#"{"score":0.75}"#);
    assert_ne!(fs::read(&other).unwrap(), plain_bytes, "the entry was made again");

    let ours = fs::read(&plain).unwrap();
    cache.options.host_key = [8; 32];
    cache.load("{}");
    assert_ne!(fs::read(&plain).unwrap()[..32], ours[..32], "another host signs it anew");
}

#[test]
fn a_good_entry_is_used_and_its_use_is_noted() {
    let cache = Cache::new();
    cache.load("{}");
    let entry = cache.only_entry();
    let bytes = fs::read(&entry).unwrap();
    let then = backdate(&entry, 3_600);
    cache.load("{}");
    assert_eq!(fs::read(&entry).unwrap(), bytes);
    assert!(fs::metadata(&entry).unwrap().modified().unwrap() > then + Duration::from_secs(60));
}

#[test]
fn what_was_unused_for_longest_goes_first_when_there_is_no_room() {
    let mut cache = Cache::new();
    cache.load("{}");
    let first = cache.only_entry();
    let each = fs::metadata(&first).unwrap().len();
    cache.load(r#"{"score":0.6}"#);
    let second = cache.entries().into_iter().find(|entry| *entry != first).unwrap();
    backdate(&first, 1_000);
    backdate(&second, 9_000);
    // Room for two and a half.
    cache.options.bytes_max = each * 5 / 2;
    cache.load(r#"{"score":0.7}"#);
    assert!(first.exists() && !second.exists() && cache.entries().len() == 2);
    // No room for any: nothing is kept, and it loads all the same.
    cache.options.bytes_max = each / 2;
    cache.load(r#"{"score":0.8}"#);
    assert!(cache.entries().is_empty());
}
