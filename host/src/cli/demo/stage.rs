//! The set: a temporary folder, a server in it, its keys, and both marketplaces enforced.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::TempDir;

use super::caller::{Caller, Keys};
use crate::app::{self, App};
use crate::auth::new_key;
use crate::config::Config;
use crate::model::Role;
use crate::store::Store;

/// What an operator would write beside contact-phone.wasm: the help line of the platform is nobody's
/// private number.
const OWN_NUMBERS: &str = "# The QwickServices help line.\nown_numbers = [\"1-800-555-0199\"]\n";
/// The built-in events have fixed dates, whatever the clock says.
const AHEAD_MS_MAX: i64 = 100 * 366 * 24 * 3_600 * 1_000;

/// A running server and the way to it. Dropping it deletes the folder.
pub(super) struct Stage {
    pub caller: Caller,
    /// From nothing to the last mode set.
    pub took: Duration,
    app: App,
    folder: TempDir,
}

impl Stage {
    /// Starts a server on a free port of the loopback. `behind`: one detector is a release old.
    pub async fn set(behind: bool) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let folder = tempfile::Builder::new()
            .prefix("picket-demo-")
            .tempdir()
            .context("no temporary folder (set TMPDIR to one that can be written)")?;
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: folder.path().join("data"),
            detectors_dir: folder.path().join("detectors"),
            policies_dir: folder.path().join("policies"),
            ..Config::default()
        };
        fs::create_dir(&config.detectors_dir)?;
        fs::create_dir(&config.policies_dir)?;
        fs::write(config.detectors_dir.join("contact-phone.toml"), OWN_NUMBERS)?;
        if behind {
            let previous = picket_bundle::PREVIOUS;
            fs::write(file_of(&config.detectors_dir, previous.name), previous.component)?;
            config.event_ahead_ms_max = AHEAD_MS_MAX;
        }
        let app = App::start(config).await?;
        let caller = Caller::new(app.address, keys(&app.store).await?)?;
        for source in caller.keys().platforms.keys() {
            caller.enforce(source).await?;
        }
        if behind {
            // What lies in the folder follows once the server is ready, and outranks the bundle.
            caller.until_live(picket_bundle::PREVIOUS.name, |live| live.origin != "bundle").await?;
        }
        Ok(Self { caller, took: begun.elapsed(), app, folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn detectors_dir(&self) -> PathBuf {
        self.app.config.detectors_dir.clone()
    }

    pub fn detectors(&self) -> usize {
        self.app.registry.current().detectors().len()
    }

    pub fn policies(&self) -> usize {
        self.app.registry.current().policies().count()
    }

    /// Finishes what was accepted and deletes the folder.
    pub async fn strike(self) {
        self.app.stop().await;
    }
}

/// Where a detector's file lies.
pub(super) fn file_of(folder: &Path, detector: &str) -> PathBuf {
    folder.join(format!("{detector}.wasm"))
}

/// One key for each platform and one for the operator, as `picket key create` makes them.
async fn keys(store: &Store) -> anyhow::Result<Keys> {
    let make = async |role: Role, source: Option<&str>| {
        let (key, hash) = new_key().map_err(anyhow::Error::msg)?;
        store.create_key(role, source, "demo", &hash, None).await?;
        anyhow::Ok(key)
    };
    let mut keys = Keys { admin: make(Role::Admin, None).await?, ..Keys::default() };
    for policy in app::bundle().policies {
        let key = make(Role::Platform, Some(policy.source)).await?;
        keys.platforms.insert(policy.source.to_owned(), key);
    }
    Ok(keys)
}
