//! What the engine learns that somebody should act on. The engine itself only stops what fails.

use crate::model::Build;
use crate::registry::LiveDetector;

/// Incidents that wait to be acted on. What finds no room is dropped, and the next one is told again.
pub const INCIDENTS_MAX: usize = 256;

/// Something that happened to a version. Holds no text of any event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// It failed too often and is no longer run on this server, but for probes.
    Tripped { build: Build, detector: String, version: String, why: String },
    /// Three probes in a row went well. Where no row says that it is quarantined, it runs again; where
    /// one does, it waits for that to change, and this is told again after each good probe.
    Recovered { build: Build, detector: String, version: String },
    /// Two runs on one event differed.
    Impure { build: Build, detector: String, version: String, why: String },
}

impl Incident {
    pub(super) fn tripped(live: &LiveDetector, why: &str) -> Self {
        let (build, detector, version) = of(live);
        Self::Tripped { build, detector, version, why: why.to_owned() }
    }

    pub(super) fn recovered(live: &LiveDetector) -> Self {
        let (build, detector, version) = of(live);
        Self::Recovered { build, detector, version }
    }

    pub(super) fn impure(live: &LiveDetector, why: &str) -> Self {
        let (build, detector, version) = of(live);
        Self::Impure { build, detector, version, why: why.to_owned() }
    }
}

fn of(live: &LiveDetector) -> (Build, String, String) {
    let manifest = live.prepared.manifest();
    (live.prepared.build(), manifest.name.clone(), manifest.version.to_string())
}
