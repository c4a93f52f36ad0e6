//! Rulings: the last word of people on decisions, what it does to strikes and restrictions, and what it says
//! about canaries.

use serde_json::{Value as Json, json};
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::{Connection, Row};
use super::keyring::Keyring;
use super::sealed::cipher::Seat;
use super::strikes::Changed;
use super::subject_key::SubjectKey;
use super::tx::Tx;
use super::{Store, StoreError, outbox, rates, reason, sealed, strikes};
use crate::model::ruling::{Ruling, Word};
use crate::model::{AuditEntry, Decision, DecisionId, Digest, Identity, Timestamp};

const RULINGS: &str = "rulings";

/// What is said of a decision.
pub(super) struct Say<'a> {
    pub decision: &'a Decision,
    pub word: Word,
    pub why: &'a str,
    /// The key of whoever says so.
    pub by: &'a str,
    pub at: Timestamp,
}

/// What came of it.
pub(super) struct Said {
    why: Digest,
    pub changed: Changed,
    /// Actions that their platform is told to lift, or to enforce again.
    pub told: usize,
}

impl Say<'_> {
    /// Writes it down in place of what was said before, with all that follows from it.
    pub async fn run(
        &self,
        connection: &mut Connection,
        key: &SubjectKey,
    ) -> Result<Said, StoreError> {
        let &Self { decision, word, why, by, at } = self;
        let id = decision.id.to_string();
        let before: Option<String> =
            sqlx::query_scalar("SELECT ruling FROM rulings WHERE decision = $1")
                .bind(id.as_str())
                .fetch_optional(&mut *connection)
                .await?;
        if before.as_deref() != Some(word.as_str()) {
            let overturned = word == Word::Overturned;
            rates::rule(connection, &decision.source, overturned, at).await?;
        }
        let (why, sealed) = reason::seal(&Seat::of(RULINGS, &id), key, why)?;
        sqlx::query(
            "INSERT INTO rulings (decision, ruling, ruled_by, at, sealed) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (decision) DO UPDATE SET \
             ruling = excluded.ruling, ruled_by = excluded.ruled_by, at = excluded.at, \
             sealed = excluded.sealed",
        )
        .bind(id.as_str())
        .bind(word.as_str())
        .bind(by)
        .bind(at.micros())
        .bind(sealed)
        .execute(&mut *connection)
        .await?;
        let changed = strikes::rule(connection, &id, word, at).await?;
        let told = outbox::rule(connection, key, decision, word, at).await?;
        Ok(Said { why, changed, told })
    }
}

impl Said {
    /// What the audit log says of it.
    pub fn facts(&self, word: Word) -> Json {
        let Self { why, changed, told } = self;
        let standing = changed.strikes + changed.restrictions > 0;
        let mut facts = json!({ "ruling": word, "why": why, "standing": standing, "told": told });
        if changed.cases > 0 {
            facts["case_ended"] = json!(true);
        }
        facts
    }
}

impl Store {
    /// Records what a person says of a decision, in place of what was said before, and has its platform told
    /// where it was told of the decision. `canaries` are the deployments that found something in it as a canary
    /// with a say.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is no such decision, [`StoreError::Erased`] where its subject
    /// was erased; where the database does not answer.
    pub async fn rule(
        &self,
        decision: &Decision,
        word: Word,
        why: &str,
        canaries: &[i64],
        who: &Identity,
    ) -> Result<Ruling, StoreError> {
        let (id, at, ruled_by) = (decision.id.to_string(), Timestamp::now(), who.key.to_string());
        let mut tx = self.inner.writer.begin().await?;
        let key = self.key_of_decision(&mut tx, &id).await?;
        let say = Say { decision, word, why, by: &ruled_by, at };
        let said = say.run(tx.connection()?, &key).await?;
        for deployment in canaries {
            sqlx::query(
                "INSERT INTO ruled_canaries (deployment, decision, overturned, at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (deployment, decision) DO UPDATE SET \
                 overturned = excluded.overturned, at = excluded.at",
            )
            .bind(deployment)
            .bind(id.as_str())
            .bind(i64::from(word == Word::Overturned))
            // A trial that began since is another one.
            .bind(decision.decided_at.micros())
            .execute(tx.connection()?)
            .await?;
        }
        let entry = AuditEntry::new(Some(who), "decision.ruled", id, said.facts(word));
        tx.commit(Leaves::of(entry)?).await?;
        Ok(Ruling { decision: decision.id, ruling: word, why: why.to_owned(), ruled_by, at })
    }

    /// The key of a decision's subject, read where it is used, so that no erasure comes in between.
    pub(super) async fn key_of_decision(
        &self,
        tx: &mut Tx,
        id: &str,
    ) -> Result<SubjectKey, StoreError> {
        let row = sqlx::query(
            "SELECT d.source, d.subject, k.id AS key_id, k.wrapped FROM decisions AS d \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE d.id = $1",
        )
        .bind(id)
        .fetch_optional(tx.connection()?)
        .await?;
        let what = "decision";
        let row = row.ok_or_else(|| StoreError::Absence { what, id: id.to_owned() })?;
        let key = self.inner.keyring.of_row(&row)?;
        key.ok_or_else(|| StoreError::Erased { what, id: id.to_owned() })
    }

    /// What people said of a decision last. Why is empty where its subject was erased.
    ///
    /// # Errors
    /// Where the database does not answer or the row is damaged.
    pub async fn ruling(&self, decision: DecisionId) -> Result<Option<Ruling>, StoreError> {
        let id = decision.to_string();
        let row = sqlx::query(
            "SELECT r.ruling, r.ruled_by, r.at, r.sealed, d.source, d.subject, k.id AS key_id, \
             k.wrapped FROM rulings AS r LEFT JOIN decisions AS d ON d.id = r.decision \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE r.decision = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        open(&self.inner.keyring, decision, &row).map(Some)
    }
}

/// A ruling from its row, with the key of its decision.
pub(super) fn open(
    keyring: &Keyring,
    decision: DecisionId,
    row: &Row,
) -> Result<Ruling, StoreError> {
    let id = decision.to_string();
    let (key, ruling) = (keyring.of_row(row)?, row.try_get::<&str, _>("ruling")?);
    let (seat, sealed) = (Seat::of(RULINGS, &id), row.try_get("sealed")?);
    let why = reason::open(&seat, key.as_ref(), sealed)?;
    Ok(Ruling {
        decision,
        ruling: serde_json::from_value(ruling.into())
            .map_err(|error| sealed::damaged("ruling", &id, &error))?,
        why: why.unwrap_or_default(),
        ruled_by: row.try_get("ruled_by")?,
        at: Timestamp::from_micros(row.try_get("at")?),
    })
}

/// What was sealed of a ruling, byte by byte; `None` where it was erased.
pub(super) fn open_json(
    keyring: &Keyring,
    row: &Row,
    id: &str,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let key = keyring.of_row(row)?;
    reason::open_json(&Seat::of(RULINGS, id), key.as_ref(), sealed)
}
