//! A disk that can be told to fail, for the files of one folder: the C library's calls of a program are
//! intercepted by the shim in `shim/`, which this builds, steers and, after a power cut, reads.
//!
//! Nothing of this is a switch of the product: a database that does not flush is made here by a disk whose
//! flushes do nothing. For SQLite that is what `synchronous=OFF` is, which leaves the flushes out.

mod log;
mod undo;

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

pub use undo::{Keeping, Undone};

/// `EIO`: the disk failed. `ENOSPC`: it is full. As Linux numbers them.
pub const EIO: u32 = 5;
pub const ENOSPC: u32 = 28;
/// The odds of what always happens.
pub const ALWAYS: u32 = 1_000_000;

/// Where in the shared page a number lies: `struct page` in `shim/disk.h`.
#[derive(Clone, Copy)]
enum At {
    WriteErrno = 0,
    SyncErrno = 4,
    Odds = 8,
    OnlyGrowth = 12,
    StallMs = 16,
    Lies = 20,
    Countdown = 24,
    Cut = 28,
    Calls = 32,
    Syncs = 40,
    Faults = 48,
    Stalled = 56,
}

/// One page, as memory is shared.
const PAGE_BYTES: u64 = 4096;

/// The files of a folder, on a disk that does as it is told.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    shim: PathBuf,
    log: PathBuf,
    attic: PathBuf,
    page: File,
    page_path: PathBuf,
}

impl Disk {
    /// Puts the shim between a folder, which is made where it is absent, and whatever is started with
    /// [`Disk::variables`]. What it needs lies in `aside`, on the same file system and outside of `folder`.
    ///
    /// # Errors
    /// Where there is no C compiler, or a folder cannot be made.
    pub fn over(folder: &Path, aside: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let attic = aside.join("attic");
        std::fs::create_dir_all(&attic)?;
        let page_path = aside.join("page");
        let mut options = OpenOptions::new();
        let page = options.create(true).truncate(true).read(true).write(true).open(&page_path)?;
        page.set_len(PAGE_BYTES)?;
        let disk = Self {
            folder: folder.canonicalize()?,
            shim: build(aside)?,
            log: aside.join("log"),
            attic,
            page,
            page_path,
        };
        disk.forget()?;
        Ok(disk)
    }

    /// What a program is started with to have this disk. `spared`: a folder or a file that is on another
    /// one, which does not fail.
    pub fn variables(&self, spared: Option<&str>) -> Vec<(OsString, OsString)> {
        let spared = spared.map_or_else(PathBuf::new, |spared| self.folder.join(spared));
        [
            ("LD_PRELOAD", &self.shim),
            ("DISK_FOLDER", &self.folder),
            ("DISK_SPARED", &spared),
            ("DISK_PAGE", &self.page_path),
            ("DISK_LOG", &self.log),
            ("DISK_ATTIC", &self.attic),
        ]
        .map(|(name, path)| (name.into(), path.into()))
        .into()
    }

    /// From now on so many of a million writes fail with this error.
    pub fn fail_writes(&self, errno: u32, odds: u32) {
        self.set(At::Odds, odds);
        self.set(At::WriteErrno, errno);
    }

    /// From now on so many of a million flushes fail with this error, and what they should have flushed
    /// is not tried again, as Linux does it.
    pub fn fail_syncs(&self, errno: u32, odds: u32) {
        self.set(At::Odds, odds);
        self.set(At::SyncErrno, errno);
    }

    /// From now on no file grows.
    pub fn fill(&self) {
        self.set(At::OnlyGrowth, 1);
        self.fail_writes(ENOSPC, ALWAYS);
    }

    /// From now on each flush takes so much more.
    pub fn stall(&self, more: Duration) {
        self.set(At::StallMs, u32::try_from(more.as_millis()).unwrap_or(u32::MAX));
    }

    /// From now on flushes say that they succeeded and flush nothing.
    pub fn lie(&self) {
        self.set(At::Lies, 1);
    }

    /// Everything works again.
    pub fn mend(&self) {
        for at in [At::WriteErrno, At::SyncErrno, At::OnlyGrowth, At::StallMs, At::Lies] {
            self.set(at, 0);
        }
    }

    /// Cuts the power after so many more calls. Then no call to the disk returns any more.
    pub fn cut_after(&self, calls: u32) {
        self.set(At::Countdown, calls.max(1));
    }

    /// Cuts the power now.
    pub fn cut(&self) {
        self.set(At::Cut, 1);
    }

    /// Whether the power is cut.
    pub fn is_cut(&self) -> bool {
        self.get(At::Cut) != 0
    }

    /// Calls that changed or flushed something so far.
    pub fn calls(&self) -> u64 {
        self.count(At::Calls)
    }

    /// Flushes so far.
    pub fn syncs(&self) -> u64 {
        self.count(At::Syncs)
    }

    /// Calls that were made to fail so far.
    pub fn faults(&self) -> u64 {
        self.count(At::Faults)
    }

    /// Flushes that are held up at this moment.
    pub fn stalled(&self) -> u64 {
        self.count(At::Stalled)
    }

    /// Takes back what no flush has covered, when every program on this disk has been killed, and turns the
    /// power on again.
    ///
    /// # Errors
    /// Where the log or the files cannot be read or written.
    pub fn lose_unflushed(&self, keeping: Keeping, seed: u64) -> anyhow::Result<Undone> {
        let actions = log::read(&std::fs::read(&self.log)?)?;
        let undone = undo::undo(&actions, &[&self.folder, &self.attic], keeping, seed)?;
        self.forget()?;
        Ok(undone)
    }

    /// Takes everything for durable that was done so far, and has the power on.
    ///
    /// # Errors
    /// Where the log cannot be made anew.
    pub fn forget(&self) -> anyhow::Result<()> {
        self.set(At::Countdown, 0);
        self.set(At::Cut, 0);
        File::create(&self.log)?;
        std::fs::remove_dir_all(&self.attic)?;
        std::fs::create_dir(&self.attic)?;
        // Whoever the program runs as.
        for (path, mode) in [(&self.log, 0o666), (&self.page_path, 0o666), (&self.attic, 0o777)] {
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    // The page is also mapped by the programs: a file and its mapping are one in memory.

    fn set(&self, at: At, value: u32) {
        self.page.write_all_at(&value.to_ne_bytes(), at as u64).expect("the page is there");
    }

    fn get(&self, at: At) -> u32 {
        let mut bytes = [0; 4];
        self.page.read_exact_at(&mut bytes, at as u64).expect("the page is there");
        u32::from_ne_bytes(bytes)
    }

    fn count(&self, at: At) -> u64 {
        let mut bytes = [0; 8];
        self.page.read_exact_at(&mut bytes, at as u64).expect("the page is there");
        u64::from_ne_bytes(bytes)
    }
}

/// Compiles the shim.
fn build(aside: &Path) -> anyhow::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim");
    let shim = aside.join("disk.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O2", "-shared", "-fPIC", "-pthread", "-o"]).arg(&shim);
    compiler.args(["calls.c", "fault.c", "log.c"].map(|file| sources.join(file))).arg("-ldl");
    let built = compiler.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("there is no C compiler `cc`: install one"),
        _ => error.into(),
    });
    let built = built.context("the shim for the disk")?;
    if !built.status.success() {
        bail!("the shim does not compile: {}", String::from_utf8_lossy(&built.stderr));
    }
    Ok(shim)
}
