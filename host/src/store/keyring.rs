//! Who is sealed with which key. A subject's key is made with its first event and stored in the commit of
//! that event; from then on it is known here, and nothing is read for the next one.
//!
//! What is known here may be out of date: another server may have been first, or the subject was erased.
//! So every commit looks whether its keys still stand ([`settle`]), and what is sealed with another key
//! is sealed again and sent again, never lost and never written.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use sqlx::{Arguments as _, Row as _};
use zeroize::Zeroizing;

use super::dialect::{Connection, Row};
use super::names::{EventName, Names, SubjectName};
use super::rows::Insert;
use super::salt::Salt;
use super::sealed::cipher::{Cipher, Secret};
use super::sealed::damaged;
use super::subject_key::{SubjectKey, SubjectKeyId};
use super::{Store, StoreError};
use crate::model::{Event, Timestamp};

/// Subjects whose keys are known without asking: some 10 MB.
const KNOWN_MAX: usize = 32_768;

/// A new key takes the place of one that was erased, and of no other. Whose is there stays.
static OFFER: Insert = Insert::new(
    "INSERT INTO subject_keys (source, subject, id, wrapped, created_at)",
    5,
    "ON CONFLICT (source, subject) DO UPDATE SET id = excluded.id, wrapped = excluded.wrapped, \
     created_at = excluded.created_at WHERE subject_keys.id = '0000000000000000'",
);
/// CROSS JOIN keeps SQLite from walking all keys and looking each up among the wanted.
static STANDING: Insert = Insert::new(
    "WITH wanted (source, subject) AS (",
    2,
    ") SELECT k.id FROM wanted AS w CROSS JOIN subject_keys AS k \
     WHERE k.source = w.source AND k.subject = w.subject",
);

/// The host's own keys for the record, and the keys of the subjects that were met last.
pub(super) struct Keyring {
    pub names: Names,
    host: Cipher,
    known: Mutex<LruCache<(SubjectName, String), Arc<SubjectKey>>>,
}

/// What an event is sealed with and kept under; see [`Store::sealing`].
#[derive(Debug, Clone)]
pub struct Sealing {
    pub(super) key: Arc<SubjectKey>,
    pub(super) event_id: EventName,
    /// Of the event and of its decision.
    pub(super) salt: Salt,
}

impl Sealing {
    /// With the salt that the event was accepted with.
    #[must_use]
    pub fn salted(self, salt: Salt) -> Self {
        Self { salt, ..self }
    }
}

impl Keyring {
    pub fn new(host_key: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            names: Names::new(host_key),
            host: Cipher::new(&Secret::new(super::host_key::derived(host_key, "seal"))),
            known: Mutex::new(LruCache::new(KNOWN_MAX)),
        }
    }

    /// The key in a row that has its `source`, `subject`, `key_id` and `wrapped`; `None` where the join
    /// found none, or one that was erased.
    pub fn of_row(&self, row: &Row) -> Result<Option<SubjectKey>, StoreError> {
        let Some(id) = row.try_get::<Option<&str>, _>("key_id")? else { return Ok(None) };
        let subject: &str = row.try_get("subject")?;
        self.read(row.try_get("source")?, subject, id, row.try_get("wrapped")?)
    }

    fn read(
        &self,
        source: &str,
        subject: &str,
        id: &str,
        wrapped: &[u8],
    ) -> Result<Option<SubjectKey>, StoreError> {
        let key = SubjectKeyId::read(id).and_then(|id| {
            id.map(|id| SubjectKey::unwrap(&self.host, source, subject.parse()?, id, wrapped))
                .transpose()
        });
        key.map_err(|error| damaged("key of a subject", id, &error))
    }

    /// One of those that were met last.
    fn met(&self, source: &str, subject: SubjectName) -> Option<Arc<SubjectKey>> {
        self.known().get(&(subject, source.to_owned())).cloned()
    }

    /// Remembers a key, unless another one was remembered meanwhile: events of one subject that come at
    /// once share one.
    fn meet(&self, key: SubjectKey) -> Arc<SubjectKey> {
        let place = (key.subject, key.source.clone());
        Arc::clone(self.known().entry(place).or_insert_with(|| Arc::new(key)))
    }

    /// Forgets a subject.
    pub fn forget(&self, source: &str, subject: SubjectName) {
        self.known().remove(&(subject, source.to_owned()));
    }

    /// Forgets a key, where it is the one that is remembered.
    fn forget_key(&self, stale: &SubjectKey) {
        let place = (stale.subject, stale.source.clone());
        let mut known = self.known();
        if known.peek(&place).is_some_and(|key| key.id() == stale.id()) {
            known.remove(&place);
        }
    }

    fn known(&self) -> MutexGuard<'_, LruCache<(SubjectName, String), Arc<SubjectKey>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keyring {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

impl Store {
    /// What an event is to be sealed with. Reads nothing for a subject that was met before.
    ///
    /// # Errors
    /// Where the database does not answer, or the system gives no randomness.
    pub async fn sealing(&self, event: &Event) -> Result<Sealing, StoreError> {
        let names = &self.inner.keyring.names;
        let key = self.subject_key(&event.source, names.subject(&event.subject)).await?;
        Ok(Sealing { key, event_id: names.event_id(&event.id), salt: Salt::random()? })
    }

    /// The key that a subject has now, in the place of one that it has no more.
    pub(super) async fn key_instead(
        &self,
        stale: &SubjectKey,
    ) -> Result<Arc<SubjectKey>, StoreError> {
        self.inner.keyring.forget_key(stale);
        self.subject_key(&stale.source, stale.subject).await
    }

    async fn subject_key(
        &self,
        source: &str,
        subject: SubjectName,
    ) -> Result<Arc<SubjectKey>, StoreError> {
        let keyring = &self.inner.keyring;
        if let Some(known) = keyring.met(source, subject) {
            return Ok(known);
        }
        let row = sqlx::query(
            "SELECT source, subject, id AS key_id, wrapped FROM subject_keys \
             WHERE source = $1 AND subject = $2",
        )
        .bind(source)
        .bind(subject.to_string())
        .fetch_optional(self.readers())
        .await?;
        let stored = row.map(|row| keyring.of_row(&row)).transpose()?.flatten();
        let key = match stored {
            Some(key) => key,
            None => SubjectKey::new(&keyring.host, source, subject)
                .map_err(|detail| StoreError::Unstorable { what: "a subject", detail })?,
        };
        Ok(keyring.meet(key))
    }
}

/// Stores the keys that are new, and returns which of all stand: the others were erased, or another
/// server's came first.
pub(super) async fn settle(
    connection: &mut Connection,
    keys: impl Iterator<Item = &SubjectKey>,
) -> Result<HashSet<SubjectKeyId>, StoreError> {
    let now = Timestamp::now().micros();
    let (mut subjects, mut offered) = (BTreeMap::new(), Vec::new());
    for key in keys {
        subjects.insert((key.source.as_str(), key.subject), ());
        if key.offer() {
            offered.push(key);
        }
    }
    OFFER
        .run(connection, &offered, |arguments, key| {
            arguments.add(key.source.as_str())?;
            arguments.add(key.subject.to_string())?;
            arguments.add(key.id().to_string())?;
            arguments.add(key.wrapped())?;
            arguments.add(now)
        })
        .await?;
    let wanted: Vec<(&str, SubjectName)> = subjects.into_keys().collect();
    let rows = STANDING
        .run(connection, &wanted, |arguments, (source, subject)| {
            arguments.add(*source)?;
            arguments.add(subject.to_string())
        })
        .await?;
    let mut standing = HashSet::with_capacity(rows.len());
    for row in &rows {
        let id: &str = row.try_get(0)?;
        let read = SubjectKeyId::read(id).map_err(|error| damaged("key of a subject", id, &error));
        standing.extend(read?);
    }
    Ok(standing)
}

/// How a batch's keys are looked for, on SQLite.
#[cfg(test)]
pub(super) fn standing_text() -> Arc<str> {
    STANDING.text(super::dialect::Kind::Sqlite, 2)
}
