//! Trials: sums of what versions in shadow and canary would have changed, and the decisions behind
//! them. They are written with the decisions themselves, so they cannot disagree.

use std::collections::BTreeMap;

use sqlx::{Arguments as _, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{self, Connection, Row};
use super::keyring::Keyring;
use super::rows::Insert;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, decisions, sealed};
use crate::model::{Direction, Stage, Timestamp, Trial, TrialDifference, TrialRun};

/// Differing decisions that are kept for one trial; the sums go on.
pub const DIFFERENCES_MAX: i64 = 10_000;

static INSERT: Insert = Insert::new(
    "INSERT INTO trial_differences (deployment, decision, subject, direction, without, with_it, at)",
    7,
    "ON CONFLICT (deployment, decision) DO NOTHING",
);

/// What a batch adds to one trial.
#[derive(Default)]
struct Sums {
    events: i64,
    counted: i64,
    failures: i64,
    fired: i64,
    micros: i64,
    micros_max: i64,
    stricter: i64,
    milder: i64,
    retiered: i64,
    reviews_added: i64,
    reviews_spared: i64,
}

impl Sums {
    fn add(&mut self, run: &TrialRun) {
        self.events += 1;
        self.counted += i64::from(run.counted);
        self.failures += i64::from(run.failed);
        self.fired += i64::from(run.fired);
        let micros = i64::try_from(run.micros).unwrap_or(i64::MAX);
        self.micros = self.micros.saturating_add(micros);
        self.micros_max = self.micros_max.max(micros);
        let Some(difference) = run.difference else { return };
        match difference.direction {
            Direction::Stricter => self.stricter += 1,
            Direction::Milder => self.milder += 1,
            Direction::Retiered => self.retiered += 1,
        }
        match difference.reviews {
            (false, true) => self.reviews_added += 1,
            (true, false) => self.reviews_spared += 1,
            _ => {}
        }
    }
}

/// Adds what these entries say about versions on trial: one statement for each trial, and one for
/// all decisions that differ.
pub(super) async fn add(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let mut trials: BTreeMap<(i64, &'static str), Sums> = BTreeMap::new();
    for run in entries.iter().flat_map(|entry| &entry.trials.detectors) {
        trials.entry((run.deployment, run.stage.as_str())).or_default().add(run);
    }
    let mut full = Vec::new();
    for (&(deployment, stage), sums) in &trials {
        let differences: Option<i64> = sqlx::query_scalar(
            "UPDATE trials SET events = events + $3, counted = counted + $4, \
             failures = failures + $5, fired = fired + $6, micros = micros + $7, \
             micros_max = CASE WHEN micros_max < $8 THEN $8 ELSE micros_max END, \
             stricter = stricter + $9, milder = milder + $10, retiered = retiered + $11, \
             reviews_added = reviews_added + $12, reviews_spared = reviews_spared + $13 \
             WHERE deployment = $1 AND stage = $2 RETURNING stricter + milder + retiered",
        )
        .bind(deployment)
        .bind(stage)
        .bind(sums.events)
        .bind(sums.counted)
        .bind(sums.failures)
        .bind(sums.fired)
        .bind(sums.micros)
        .bind(sums.micros_max)
        .bind(sums.stricter)
        .bind(sums.milder)
        .bind(sums.retiered)
        .bind(sums.reviews_added)
        .bind(sums.reviews_spared)
        .fetch_optional(&mut *connection)
        .await?;
        if differences.is_none_or(|differences| differences > DIFFERENCES_MAX) {
            full.push(deployment);
        }
    }
    let differing: Vec<(&SealedEntry, &TrialRun)> = entries
        .iter()
        .flat_map(|entry| entry.trials.detectors.iter().map(move |run| (*entry, run)))
        .filter(|(_, run)| run.difference.is_some() && !full.contains(&run.deployment))
        .collect();
    INSERT
        .run(connection, &differing, |arguments, (entry, run)| {
            let difference = run.difference.ok_or("only what differs is written")?;
            arguments.add(run.deployment)?;
            arguments.add(entry.decision_id())?;
            arguments.add(entry.event.subject.as_str())?;
            arguments.add(difference.direction.as_str())?;
            arguments.add(difference.without.as_str())?;
            arguments.add(difference.with.as_str())?;
            arguments.add(entry.event.received_at)
        })
        .await?;
    Ok(())
}

/// Begins a trial anew: what was counted before was another one.
pub(super) async fn begin(tx: &mut Tx, deployment: i64, stage: Stage) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO trials (deployment, stage, since, events, counted, failures, fired, micros, \
         micros_max, stricter, milder, retiered, reviews_added, reviews_spared) \
         VALUES ($1, $2, $3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) \
         ON CONFLICT (deployment, stage) DO UPDATE SET since = excluded.since, events = 0, \
         counted = 0, failures = 0, fired = 0, micros = 0, micros_max = 0, stricter = 0, \
         milder = 0, retiered = 0, reviews_added = 0, reviews_spared = 0",
    )
    .bind(deployment)
    .bind(stage.as_str())
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    sqlx::query("DELETE FROM trial_differences WHERE deployment = $1")
        .bind(deployment)
        .execute(tx.connection()?)
        .await?;
    Ok(())
}

impl Store {
    /// The trials of a deployment: at most one in shadow and one in canary, the latest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn trials(&self, deployment: i64) -> Result<Vec<Trial>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.stage, t.since, t.events, t.counted, t.failures, t.fired, t.micros, \
             t.micros_max, t.stricter, t.milder, t.retiered, t.reviews_added, t.reviews_spared, \
             count(r.decision) AS ruled, \
             CAST(coalesce(sum(r.overturned), 0) AS BIGINT) AS overturned FROM trials AS t LEFT JOIN ruled_canaries AS r ON r.deployment = t.deployment \
             AND t.stage = 'canary' AND r.at >= t.since WHERE t.deployment = $1 \
             GROUP BY t.deployment, t.stage ORDER BY t.since DESC",
        )
        .bind(deployment)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| trial(deployment, row)).collect()
    }

    /// The newest decisions that differ, at most `limit` of the kept [`DIFFERENCES_MAX`].
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn trial_differences(
        &self,
        deployment: i64,
        limit: usize,
    ) -> Result<Vec<TrialDifference>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.decision, t.direction, t.without, t.with_it, t.at, d.source, d.subject, \
             d.sealed, k.id AS key_id, k.wrapped FROM trial_differences AS t \
             LEFT JOIN decisions AS d ON d.id = t.decision \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE t.deployment = $1 ORDER BY t.decision DESC LIMIT $2",
        )
        .bind(deployment)
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| difference(&self.inner.keyring, deployment, row)).collect()
    }

    /// How many subjects the kept differences are about.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn trial_subjects(&self, deployment: i64) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(DISTINCT subject) AS subjects FROM trial_differences \
             WHERE deployment = $1",
        )
        .bind(deployment)
        .fetch_one(self.readers())
        .await?;
        Ok(dialect::unsigned(&row, "subjects")?)
    }
}

fn trial(deployment: i64, row: &Row) -> Result<Trial, StoreError> {
    let number = |column| dialect::unsigned(row, column);
    Ok(Trial {
        stage: word(deployment, row, "stage")?,
        since: Timestamp::from_micros(row.try_get("since")?),
        events: number("events")?,
        counted: number("counted")?,
        failures: number("failures")?,
        fired: number("fired")?,
        micros: number("micros")?,
        micros_max: number("micros_max")?,
        stricter: number("stricter")?,
        milder: number("milder")?,
        retiered: number("retiered")?,
        reviews_added: number("reviews_added")?,
        reviews_spared: number("reviews_spared")?,
        ruled: number("ruled")?,
        overturned: number("overturned")?,
    })
}

/// The subject is in the decision alone, for here is only its name in the record.
fn difference(
    keyring: &Keyring,
    deployment: i64,
    row: &Row,
) -> Result<TrialDifference, StoreError> {
    let id: String = row.try_get("decision")?;
    let decision = match row.try_get("sealed")? {
        Some(sealed) => decisions::open(keyring, row, &id, sealed)?,
        None => None,
    };
    let subject = decision.map(|decision| decision.subject).unwrap_or_default();
    open(deployment, row, subject)
}

/// A difference from its row, with the name of its subject.
pub(super) fn open(
    deployment: i64,
    row: &Row,
    subject: String,
) -> Result<TrialDifference, StoreError> {
    Ok(TrialDifference {
        decision: row.try_get("decision")?,
        subject,
        direction: word(deployment, row, "direction")?,
        without: word(deployment, row, "without")?,
        with: word(deployment, row, "with_it")?,
        at: Timestamp::from_micros(row.try_get("at")?),
    })
}

/// A word of the model as it is stored.
pub(super) fn word<T: serde::de::DeserializeOwned>(
    deployment: i64,
    row: &Row,
    column: &str,
) -> Result<T, StoreError> {
    let text: &str = row.try_get(column)?;
    serde_json::from_value(text.into())
        .map_err(|error| sealed::damaged("trial", &deployment.to_string(), &error))
}
