//! Power cuts of a file whose every state is known, and of names.

use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A file, the log of what is done to it, and all its contents since the last flush that succeeded.
struct World {
    dir: TempDir,
    log: Vec<Action>,
    versions: Vec<Vec<u8>>,
}

impl World {
    fn new(content: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), content).unwrap();
        Self { dir, log: Vec::new(), versions: vec![content.to_vec()] }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn inode(&self) -> u64 {
        fs::metadata(self.path("file")).unwrap().ino()
    }

    fn content(&self) -> Vec<u8> {
        fs::read(self.path("file")).unwrap()
    }

    fn did(&mut self, what: What) {
        self.log.push(Action { at: self.log.len() as u64, what });
        self.versions.push(self.content());
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let (inode, was) = (self.inode(), self.content());
        let before = was.iter().skip(offset).take(bytes.len()).copied().collect();
        let file = OpenOptions::new().write(true).open(self.path("file")).unwrap();
        file.write_all_at(bytes, offset as u64).unwrap();
        let (offset, count, size) = (offset as u64, bytes.len() as u64, was.len() as u64);
        self.did(What::Write { inode, offset, count, size, before });
    }

    fn truncate(&mut self, to: usize) {
        let (inode, was) = (self.inode(), self.content());
        let before = was.iter().skip(to).copied().collect();
        let file = OpenOptions::new().write(true).open(self.path("file")).unwrap();
        file.set_len(to as u64).unwrap();
        self.did(What::Truncate { inode, to: to as u64, size: was.len() as u64, before });
    }

    fn sync(&mut self) {
        let (inode, began) = (self.inode(), self.log.len() as u64);
        self.did(What::Sync { inode, began });
        self.versions.drain(..self.versions.len() - 1);
    }

    fn fail_to_sync(&mut self) {
        let (inode, began) = (self.inode(), self.log.len() as u64);
        self.did(What::Unsynced { inode, began });
    }

    fn cut(&self, keeping: Keeping, seed: u64) -> Undone {
        undo(&self.log, &[self.dir.path()], keeping, seed).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(usize, u8, usize),
    Truncate(usize),
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..6_000_usize, any::<u8>(), 1..3_000_usize)
            .prop_map(|(offset, byte, count)| Step::Write(offset, byte, count)),
        1 => (0..6_000_usize).prop_map(Step::Truncate),
        2 => Just(Step::Sync),
    ];
    prop::collection::vec(step, 0..24)
}

fn played(steps: &[Step]) -> World {
    let mut world = World::new(b"as it was");
    world.versions = vec![world.content()];
    for step in steps {
        match step {
            Step::Write(offset, byte, count) => world.write(*offset, &vec![*byte; *count]),
            Step::Truncate(to) => world.truncate(*to),
            Step::Sync => world.sync(),
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn with_nothing_kept_the_last_flush_is_what_is_left(steps in steps()) {
        let world = played(&steps);
        world.cut(Keeping::Nothing, 1);
        prop_assert_eq!(&world.content(), &world.versions[0]);
    }

    #[test]
    fn with_some_kept_each_byte_is_one_that_was_there(steps in steps(), seed: u64) {
        let world = played(&steps);
        world.cut(Keeping::Some, seed);
        let content = world.content();
        let shortest = world.versions.iter().map(Vec::len).min().unwrap_or_default();
        prop_assert!(content.len() >= shortest);
        for (at, byte) in content.iter().enumerate() {
            // A file that grew without its bytes has zeros there.
            let mut were = world.versions.iter().map(|version| version.get(at).copied().unwrap_or(0));
            prop_assert!(were.any(|was| was == *byte), "byte {} is {}", at, byte);
        }
    }
}

#[test]
fn what_was_flushed_stays_and_what_was_not_is_counted() {
    let mut world = World::new(&[1; 1000]);
    world.write(0, &[2; 600]);
    world.sync();
    assert_eq!(world.cut(Keeping::Nothing, 1), Undone::default());
    assert_eq!(world.content()[..601], [vec![2; 600], vec![1]].concat());
    world.write(300, &[3; 1000]);
    assert_eq!(world.cut(Keeping::Nothing, 1), Undone { writes: 1, names: 0 });
    assert_eq!(world.content(), [vec![2; 600], vec![1; 400]].concat());
}

#[test]
fn what_a_failed_flush_covered_is_lost_until_its_page_is_written_again() {
    let page = PAGE as usize;
    let mut world = World::new(&vec![1; 3 * page]);
    world.write(0, &vec![2; 2 * page]);
    world.fail_to_sync();
    // A later flush that succeeds does not try again what failed: only what was written since.
    world.write(page + 7, &[3; 10]);
    world.sync();
    world.cut(Keeping::Nothing, 1);
    let content = world.content();
    assert_eq!(content[..page], vec![1; page]);
    assert_eq!((content[page], content[page + 7], content[2 * page]), (2, 3, 1));
}

#[test]
fn a_name_is_durable_when_its_folder_was_flushed() {
    let world = World::new(b"old");
    let folder = fs::metadata(world.dir.path()).unwrap().ino();
    let made = world.path("made");
    fs::write(&made, "new").unwrap();
    let inode = fs::metadata(&made).unwrap().ino();
    let create = What::Create { folder, inode, path: made.clone() };
    let kept = world.path("kept");
    fs::hard_link(world.path("file"), &kept).unwrap();
    fs::rename(&made, world.path("file")).unwrap();
    let (from, to) = (made.clone(), world.path("file"));
    let rename = What::Rename { folder, from, to, replaced: Some(kept.clone()) };
    let log = |what: Vec<What>| -> Vec<Action> {
        (0..).zip(what).map(|(at, what)| Action { at, what }).collect()
    };
    let flushed = What::Sync { inode: folder, began: 2 };
    let durable = log(vec![create.clone(), rename.clone(), flushed]);
    let cut = |log: &[Action]| undo(log, &[world.dir.path()], Keeping::Nothing, 1).unwrap();
    assert_eq!(cut(&durable).names, 0);
    assert_eq!(world.content(), b"new");
    assert_eq!(cut(&log(vec![create.clone(), rename])).names, 2);
    assert_eq!(world.content(), b"old");
    assert!(!made.exists() && !kept.exists());

    // Or the new thing itself was flushed.
    fs::write(&made, "new").unwrap();
    let flushed = What::Sync { inode, began: 1 };
    assert_eq!(cut(&log(vec![create.clone(), flushed])).names, 0);
    assert!(made.exists());
    assert_eq!(cut(&log(vec![create])).names, 1);
    assert!(!made.exists());
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut world = World::new(b"of the second file");
    world.write(0, b"OF");
    let (inode, path) = (world.inode(), world.path("file"));
    world.did(What::Create { folder: 1, inode, path });
    world.did(What::Sync { inode: 1, began: 2 });
    assert_eq!(world.cut(Keeping::Nothing, 1), Undone::default());
    assert_eq!(world.content(), b"OF the second file");
}
