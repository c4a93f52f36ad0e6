//! Who calls and what they may do: one table, deny by default.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};

use crate::model::{Identity, Role};
use crate::store::{Store, StoreError};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    PostEvents,
    /// Decide without recording.
    DryRun,
    ReadDecisions,
    /// Say that a decision was right or wrong.
    Rule,
    /// Overturn all that a version caused.
    Reverse,
    /// Make a decision again and compare.
    Replay,
    /// Decisions with their events and the bytes of detectors.
    ReadCapsules,
    ReadDetectors,
    /// The bytes of a detector.
    ReadFiles,
    /// What a version on trial would have changed.
    ReadTrials,
    /// Send a version.
    PublishDetectors,
    /// Promote a version, demote it, retire it, go back to an earlier one.
    MoveDetectors,
    ReadAlerts,
    /// Say that one has seen an alert.
    AcknowledgeAlerts,
    /// What was sent to a platform, and what could not be.
    ReadDeliveries,
    /// Have tried again what was given up.
    ReplayDeliveries,
    /// Have a destination told again that wanted no more.
    EnableDestinations,
    ReadPolicies,
    /// Send a policy.
    PublishPolicies,
    /// Promote a policy, demote it, retire it, go back to an earlier one.
    MovePolicies,
    ReadSources,
    SetMode,
    /// How accounts stand.
    ReadSubjects,
    /// All that is held on a person.
    ExportSubjects,
    EraseSubjects,
    /// The list of who was erased, which names nobody.
    ReadErasures,
    ReadHolds,
    /// Keep what there is of a subject, whatever its age and whoever asks; end that.
    HoldSubjects,
    ReadKeys,
    RevokeKeys,
    ReadAudit,
    ReadMetrics,
    /// The description of the API itself.
    ReadDocs,
}

/// Whether a role has an access. A source-bound key has it for its source alone, and not at all where
/// what is asked for belongs to every source: see [`Access::is_global`].
pub fn allows(role: Role, access: Access) -> bool {
    use Access::{
        AcknowledgeAlerts, DryRun, MoveDetectors, MovePolicies, PostEvents, PublishDetectors,
        PublishPolicies, ReadAlerts, ReadAudit, ReadCapsules, ReadDecisions, ReadDeliveries,
        ReadDetectors, ReadDocs, ReadErasures, ReadFiles, ReadHolds, ReadKeys, ReadMetrics,
        ReadPolicies, ReadSources, ReadSubjects, ReadTrials, Replay, Rule,
    };
    match role {
        Role::Platform => {
            matches!(
                access,
                PostEvents | DryRun | ReadDecisions | ReadSubjects | ReadDeliveries | ReadDocs
            )
        }
        Role::Engineer => matches!(
            access,
            DryRun
                | ReadDecisions
                | ReadSubjects
                | Replay
                | ReadDetectors
                | ReadFiles
                | ReadTrials
                | PublishDetectors
                | MoveDetectors
                | ReadAlerts
                | AcknowledgeAlerts
                | ReadPolicies
                | PublishPolicies
                | MovePolicies
                | ReadSources
                | ReadMetrics
                | ReadDocs
        ),
        Role::Reviewer => {
            matches!(
                access,
                ReadDecisions
                    | ReadSubjects
                    | Replay
                    | Rule
                    | ReadDetectors
                    | ReadTrials
                    | ReadAlerts
                    | AcknowledgeAlerts
                    | ReadDeliveries
                    | ReadPolicies
                    | ReadSources
                    | ReadDocs
            )
        }
        Role::Auditor => matches!(
            access,
            ReadDecisions
                | ReadSubjects
                | Replay
                | ReadCapsules
                | ReadDetectors
                | ReadFiles
                | ReadTrials
                | ReadAlerts
                | ReadDeliveries
                | ReadPolicies
                | ReadSources
                | ReadHolds
                | ReadKeys
                | ReadErasures
                | ReadAudit
                | ReadMetrics
                | ReadDocs
        ),
        Role::Admin => true,
    }
}

impl Access {
    /// Whether it is about all sources together, so that a key that is bound to one has no part in it.
    pub fn is_global(self) -> bool {
        match self {
            Self::ReadKeys
            | Self::RevokeKeys
            | Self::ReadAudit
            | Self::ReadErasures
            | Self::ReadMetrics
            | Self::ReadAlerts
            | Self::AcknowledgeAlerts => true,
            Self::PostEvents
            | Self::DryRun
            | Self::ReadDecisions
            | Self::Replay
            | Self::ReadCapsules
            | Self::Rule
            | Self::Reverse
            | Self::ReadDetectors
            | Self::ReadFiles
            | Self::ReadTrials
            | Self::PublishDetectors
            | Self::MoveDetectors
            | Self::ReadDeliveries
            | Self::ReplayDeliveries
            | Self::EnableDestinations
            | Self::ReadPolicies
            | Self::PublishPolicies
            | Self::MovePolicies
            | Self::ReadSources
            | Self::SetMode
            | Self::ReadSubjects
            | Self::ExportSubjects
            | Self::EraseSubjects
            | Self::ReadHolds
            | Self::HoldSubjects
            | Self::ReadDocs => false,
        }
    }
}

/// Whether a caller may touch a source.
pub fn reaches(identity: &Identity, source: &str) -> bool {
    identity.source.as_deref().is_none_or(|own| own == source)
}

/// How long a key is believed without asking the store: a revoked one works no longer than this.
const BELIEVED: Duration = Duration::from_secs(1);
const REMEMBERED_MAX: usize = 4_096;

/// By hash: when it was asked for, and whose it was.
type Remembered = HashMap<[u8; 32], (Instant, Option<Identity>)>;

/// Finds out whose key it is.
pub struct Auth {
    store: Store,
    remembered: Mutex<Remembered>,
}

impl Auth {
    pub fn new(store: Store) -> Self {
        Self { store, remembered: Mutex::default() }
    }

    /// The caller whose key this is, or `None`.
    ///
    /// # Errors
    /// Where the store does not answer: then nobody is let in.
    pub async fn identify(&self, key: &str) -> Result<Option<Identity>, StoreError> {
        let hash = hash(key);
        if let Some((at, identity)) = self.remembered().get(&hash)
            && at.elapsed() < BELIEVED
        {
            return Ok(identity.clone());
        }
        let identity = self.store.identity(&hash).await?;
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(hash, (Instant::now(), identity.clone()));
        Ok(identity)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new key, to be shown once, and the hash to be stored. 256 bits of the system's randomness need
/// no slow hash.
///
/// # Errors
/// Where the system has no randomness to give.
pub fn new_key() -> Result<(String, [u8; 32]), String> {
    let mut secret = [0; 32];
    SysRng.try_fill_bytes(&mut secret).map_err(|error| error.to_string())?;
    let key = format!("picket_{}", hex::encode(secret));
    let hash = hash(&key);
    Ok((key, hash))
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_and_differ() {
        let ((one, hash_one), (two, _)) = (new_key().unwrap(), new_key().unwrap());
        assert_eq!(one.len(), "picket_".len() + 64);
        assert_ne!(one, two);
        assert_eq!(hash(&one), hash_one);
    }

    #[test]
    fn an_auditor_changes_nothing_and_a_platform_sees_no_key() {
        for access in [
            Access::PostEvents,
            Access::SetMode,
            Access::RevokeKeys,
            Access::DryRun,
            Access::PublishDetectors,
            Access::MoveDetectors,
            Access::PublishPolicies,
            Access::MovePolicies,
            Access::ReplayDeliveries,
            Access::EnableDestinations,
        ] {
            assert!(!allows(Role::Auditor, access), "{access:?}");
        }
        // Proofs open the documents behind the log, events among them.
        for role in [Role::Platform, Role::Engineer, Role::Reviewer, Role::Auditor, Role::Admin] {
            let (log, events) = (Access::ReadAudit, Access::ReadCapsules);
            assert!(allows(role, events) || !allows(role, log), "{role}");
        }
        for access in
            [Access::ReadKeys, Access::ReadMetrics, Access::ReadAudit, Access::ReadDetectors]
        {
            assert!(!allows(Role::Platform, access), "{access:?}");
        }
    }
}
