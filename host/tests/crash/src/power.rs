//! Power cuts of the disk under a server: where they are in what the server does, and what they take.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;

use crate::disk::{Disk, Keeping, Undone};

/// Calls to the disk after which the power may be cut. A commit is some ten of them.
const CALLS_MAX: u32 = 200;
/// How long to wait for a call at which it is to be cut, where hardly any are made.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often to look whether it is.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The disk of a server whose power will be cut.
#[derive(Debug)]
pub struct Power {
    disk: Disk,
    spared: &'static str,
    lying: bool,
}

impl Power {
    /// Puts a disk under a folder; see [`Disk::over`]. One that lies does so under load only, so that it is
    /// events which are lost, and not the keys to ask for them. `spared` is as in [`Disk::variables`].
    ///
    /// # Errors
    /// As [`Disk::over`].
    pub fn over(
        folder: &Path,
        aside: &Path,
        spared: &'static str,
        lying: bool,
    ) -> anyhow::Result<Self> {
        Ok(Self { disk: Disk::over(folder, aside)?, spared, lying })
    }

    /// What whoever writes there is started with.
    pub fn variables(&self) -> Vec<(OsString, OsString)> {
        self.disk.variables(Some(self.spared))
    }

    /// Cuts the power at a random call after this much time under load.
    pub async fn cut_within(&self, load: Duration, chance: &mut StdRng) {
        if self.lying {
            self.disk.lie();
        }
        tokio::time::sleep(load).await;
        self.disk.cut_after(chance.random_range(1..=CALLS_MAX));
        let begun = Instant::now();
        while !self.disk.is_cut() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.disk.cut();
    }

    /// Cuts the power now.
    pub fn cut(&self) {
        self.disk.cut();
    }

    /// When the server is dead: takes what was not flushed, and turns the power on.
    ///
    /// # Errors
    /// As [`Disk::lose_unflushed`].
    pub fn lose(&self, chance: &mut StdRng) -> anyhow::Result<Undone> {
        let keeping = if chance.random::<bool>() { Keeping::Nothing } else { Keeping::Some };
        let undone = self.disk.lose_unflushed(keeping, chance.random())?;
        self.disk.mend();
        Ok(undone)
    }
}
