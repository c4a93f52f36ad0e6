//! The shim under programs that everybody has: what they flushed stays, what they did not is gone.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use picket_crash::disk::{ALWAYS, Disk, EIO, Keeping};
use tempfile::TempDir;

struct World {
    dir: TempDir,
    disk: Disk,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let disk = Disk::over(&dir.path().join("data"), &dir.path().join("aside")).expect("a shim");
        Self { dir, disk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("data").join(name)
    }

    fn shell(&self, script: &str) -> Output {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).current_dir(self.dir.path().join("data"));
        shell.envs(self.disk.variables(None)).output().expect("there is a shell")
    }

    fn does(&self, script: &str) {
        let output = self.shell(script);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Writes and flushes, or only writes.
const FLUSHED: &str = "printf one | dd of=file conv=fsync,notrunc status=none; sync .";
const UNFLUSHED: &str = "printf two | dd of=file conv=notrunc status=none";

#[test]
fn a_power_cut_takes_what_was_not_flushed() {
    let world = World::new();
    world.does(FLUSHED);
    world.does(UNFLUSHED);
    world.does("printf three > other; mv other third; printf four >> file; rm -f nothing");
    assert_eq!(fs::read(world.path("file")).unwrap(), b"twofour");
    let undone = world.disk.lose_unflushed(Keeping::Nothing, 1).unwrap();
    assert_eq!(fs::read(world.path("file")).unwrap(), b"one");
    assert!(!world.path("third").exists() && !world.path("other").exists());
    assert!(undone.writes >= 3 && undone.names >= 2, "{undone:?}");
}

#[test]
fn what_was_removed_or_replaced_and_not_flushed_is_back() {
    let world = World::new();
    world.does(FLUSHED);
    world.does("printf two > other; mv other file; rm file");
    assert!(!world.path("file").exists());
    world.disk.lose_unflushed(Keeping::Nothing, 1).unwrap();
    assert_eq!(fs::read(world.path("file")).unwrap(), b"one");
}

#[test]
fn a_disk_that_lies_loses_what_was_flushed() {
    let world = World::new();
    world.disk.lie();
    world.does(FLUSHED);
    assert!(world.disk.syncs() >= 2);
    world.disk.lose_unflushed(Keeping::Nothing, 1).unwrap();
    assert!(!world.path("file").exists());
}

#[test]
fn faults_begin_and_end_while_nothing_else_changes() {
    let world = World::new();
    world.disk.fail_syncs(EIO, ALWAYS);
    let output = world.shell(FLUSHED);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Input/output error"));
    assert!(world.disk.faults() >= 1);
    world.disk.mend();
    world.disk.fill();
    let output = world.shell("printf more >> file");
    assert!(!output.status.success());
    assert_eq!(fs::read(world.path("file")).unwrap(), b"one");
    // What does not grow is written.
    world.does(UNFLUSHED);
    world.disk.mend();
    world.does("printf more >> file");
    assert_eq!(fs::read(world.path("file")).unwrap(), b"twomore");
}

#[test]
fn after_a_cut_no_call_returns() {
    let world = World::new();
    world.disk.cut_after(2);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{FLUSHED}; touch done"));
    shell.current_dir(world.dir.path().join("data")).envs(world.disk.variables(None));
    let mut running = shell.spawn().unwrap();
    let begun = std::time::Instant::now();
    while !world.disk.is_cut() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
    assert_eq!(running.try_wait().unwrap(), None);
    running.kill().unwrap();
    running.wait().unwrap();
    world.disk.forget().unwrap();
    assert!(!world.path("done").exists());
}
