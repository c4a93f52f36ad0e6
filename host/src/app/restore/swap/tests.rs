//! A restore that is cut off at each of its steps, on files that say what they are.

use super::*;
use crate::app::backup::{Manifest, Part};
use crate::model::Digest;

/// A record as it was, and one that is ready to take its place.
fn ready() -> (tempfile::TempDir, Config, Places) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { data_dir: dir.path().to_owned(), ..Config::default() };
    let places = Places::new(&config, &dir.path().join("picket.db")).unwrap();
    for part in places.parts() {
        fs::write(part, "old").unwrap();
        fs::write(made_ready(part), "new").unwrap();
    }
    fs::write(with_end(&places.database, "-wal"), "old").unwrap();
    fs::create_dir(&places.checkpoints).unwrap();
    fs::write(places.checkpoints.join("2026-11-25"), "old").unwrap();
    (dir, config, places)
}

fn restored() -> Restored {
    let created_at = Timestamp::from_micros(1_790_000_000_000_000);
    let database = Part { file: "picket.db".to_owned(), bytes: 3, digest: Digest::of(b"new") };
    let manifest = Manifest {
        format: 1,
        created_at,
        picket: "0.1.0".to_owned(),
        database,
        host_key: None,
        schema_version: 6,
        decisions: 1,
        erasures: 0,
        audit_size: 9,
        audit_root: String::new(),
    };
    let (aside, remarks) = (Vec::new(), Vec::new());
    Restored { manifest, erased: 1, aside, audit_lost: 0, remarks }
}

/// Every file of a folder, with what it says.
fn said(folder: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let files = files.filter(|path| path.is_file() && !path.ends_with("lock"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut said: Vec<_> =
        files.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    said.sort();
    said
}

fn all(said: &str, names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), said.to_owned())).collect()
}

#[test]
fn one_that_is_cut_off_after_it_was_decided_is_finished_wherever_that_was() {
    for steps in 0.. {
        let (dir, config, places) = ready();
        begin(dir.path(), &places, restored()).unwrap();
        let text = fs::read_to_string(dir.path().join(PLAN)).unwrap();
        let plan: Plan = serde_json::from_str(&text).unwrap();
        let moves: Vec<&Move> = plan.aside.iter().chain(&plan.place).collect();
        for it in moves.iter().take(steps) {
            it.rename().unwrap();
        }
        assert!(is_cut_off(dir.path()));
        let error = crate::app::open_host_key(dir.path()).unwrap_err().to_string();
        assert!(error.contains("cut off") && error.contains("start the server"), "{error}");

        recover(&config).unwrap();
        assert!(!is_cut_off(dir.path()));
        assert_eq!(said(dir.path()), all("new", &["erasures.jsonl", "host.key", "picket.db"]));
        let [aside] = plan.restored.aside.as_slice() else { panic!("{plan:?}") };
        let old = all("old", &["erasures.jsonl", "host.key", "picket.db", "picket.db-wal"]);
        assert_eq!(said(aside), old, "after {steps}");
        assert_eq!(said(&aside.join("checkpoints")), all("old", &["2026-11-25"]));
        assert!(!places.checkpoints.exists());
        recover(&config).unwrap();
        assert_eq!(said(aside), old, "once is enough");
        if steps > moves.len() {
            return;
        }
    }
}

#[test]
fn what_was_made_ready_and_not_decided_is_deleted() {
    let (dir, config, places) = ready();
    for file in [with_end(&made_ready(&places.database), "-wal"), dir.path().join(NEW_PLAN)] {
        fs::write(file, "half").unwrap();
    }
    let error = begin(dir.path(), &places, restored()).unwrap_err().to_string();
    assert!(error.contains("not taken in"), "{error}");
    assert!(!is_cut_off(dir.path()));
    recover(&config).unwrap();
    let old = all("old", &["erasures.jsonl", "host.key", "picket.db", "picket.db-wal"]);
    assert_eq!(said(dir.path()), old);
}

#[test]
fn what_is_gone_is_named() {
    let (dir, _, places) = ready();
    begin(dir.path(), &places, restored()).unwrap();
    fs::remove_file(made_ready(&places.database)).unwrap();
    let error = finish(dir.path()).unwrap_err().to_string();
    assert!(error.contains("picket.db.restoring") && error.contains("restore again"), "{error}");
    assert!(is_cut_off(dir.path()), "and nothing serves until somebody looked");
}
