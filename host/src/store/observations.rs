//! Observations: that an event happened, for each input about the past that is declared. Written with the
//! event, so that they never lag, and read by ranges of one index. Definitions are kept in `features`.
//!
//! Nothing here says who or what: entities and values are keyed hashes, texts are where they are sealed.

use sqlx::{Arguments as _, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{Arguments, Connection};
use super::rows::Insert;
use super::tx::Tx;
use super::{Store, StoreError, events, sealed};
use crate::model::{
    DecisionId, DefinitionId, Digest, Event, Function, Observation, Timestamp, Told,
};

/// What one feature looks at: of more events the newest count.
pub const OBSERVATIONS_MAX: i64 = 10_000;

/// Which observations: of one definition and entity, in the order of their moments and decisions.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub definition: DefinitionId,
    pub entity: [u8; 16],
    /// Later than this.
    pub after: Timestamp,
    /// Up to this; of this very moment, those of an earlier decision.
    pub until: Timestamp,
    pub before: DecisionId,
}

/// An event that another one refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct Referred {
    pub decision: DecisionId,
    pub event: Event,
    /// Its document as it was written.
    pub json: Vec<u8>,
}

macro_rules! asked {
    ($columns:literal, $order:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM observations AS b WHERE b.definition = $1 AND b.entity = $2 AND b.at > $3 \
             AND b.at <= $4 AND (b.at < $4 OR b.decision < $5) IS TRUE ORDER BY b.at ",
            $order,
            ", b.decision ",
            $order,
            " LIMIT $6"
        )
    };
}

const COUNT: &str = concat!("SELECT count(*) AS whole FROM (", asked!("b.at", "DESC"), ") AS seen");
const DISTINCT: &str =
    concat!("SELECT count(DISTINCT value) AS whole FROM (", asked!("b.value", "DESC"), ") AS seen");
const SUM: &str =
    concat!("SELECT sum(number) AS number FROM (", asked!("b.number", "DESC"), ") AS seen");
const MEAN: &str =
    concat!("SELECT avg(number) AS number FROM (", asked!("b.number", "DESC"), ") AS seen");
/// How many values there are, and whether one is among them.
const ACCOUNTS: &str = concat!(
    "SELECT count(DISTINCT value) AS whole, count(CASE WHEN value = $7 THEN 1 END) AS own FROM (",
    asked!("b.value", "DESC"),
    ") AS seen"
);
const FIRST: &str = asked!("b.at AS whole", "ASC");
const LAST: &str = asked!("b.at AS whole", "DESC");
/// CROSS JOIN keeps SQLite from beginning with the events.
const RECENT: &str = concat!(
    "SELECT seen.at, e.decision_id, e.event_id, e.source, e.subject, e.sealed, k.id AS key_id, k.wrapped \
     FROM (",
    asked!("b.at, b.decision", "DESC"),
    ") AS seen CROSS JOIN decisions AS d CROSS JOIN events AS e \
     LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
     WHERE d.id = seen.decision AND e.source = d.source AND e.event_id = d.event_id"
);

static INSERT: Insert = Insert::new(
    "INSERT INTO observations (definition, entity, at, decision, personal, value, number)",
    7,
    "ON CONFLICT DO NOTHING",
);

/// Writes what the events of these entries add.
pub(super) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let rows = entries.iter().flat_map(|entry| {
        entry.observations.iter().map(|observation| (entry.decision_id(), observation))
    });
    write(connection, &rows.collect::<Vec<_>>()).await
}

/// Writes observations of decisions; those that are there stay.
pub(super) async fn write(
    connection: &mut Connection,
    rows: &[(&str, &Observation)],
) -> Result<(), StoreError> {
    INSERT.run(connection, rows, bind).await?;
    Ok(())
}

fn bind(
    arguments: &mut Arguments,
    (decision, observation): &(&str, &Observation),
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(observation.definition.0.as_slice())?;
    arguments.add(observation.entity.as_slice())?;
    arguments.add(observation.at.micros())?;
    arguments.add(*decision)?;
    arguments.add(i64::from(observation.personal))?;
    arguments.add(observation.value.map(|value| value.to_vec()))?;
    match observation.number {
        Some(number) => arguments.add(number),
        // sqlx 0.9 takes the null of an f64 for that of an f32 and the other way round, and the type of the
        // first one holds for the prepared statement.
        None => arguments.add(None::<f32>),
    }
}

/// Of a decision whose subject is erased: what is about the subject goes, and of the rest stays that
/// something happened, for the counts of others.
pub(super) async fn erase(tx: &mut Tx, decision: &str, pseudonym: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM observations WHERE decision = $1 AND personal = 1")
        .bind(decision)
        .execute(tx.connection()?)
        .await?;
    // As one for all that were of this subject, so that it is still told apart from others.
    sqlx::query(
        "UPDATE observations SET number = NULL, \
         value = CASE WHEN value IS NULL THEN value ELSE $1 END WHERE decision = $2",
    )
    .bind(Digest::of(pseudonym.as_bytes()).as_bytes()[..16].to_vec())
    .bind(decision)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

impl Store {
    /// What a feature says.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn observed(&self, function: Function, asked: &Asked) -> Result<Told, StoreError> {
        let (text, limit) = match function {
            Function::Count => (COUNT, OBSERVATIONS_MAX),
            Function::Distinct => (DISTINCT, OBSERVATIONS_MAX),
            Function::Sum => (SUM, OBSERVATIONS_MAX),
            Function::Mean => (MEAN, OBSERVATIONS_MAX),
            Function::FirstSeen => (FIRST, 1),
            Function::LastSeen => (LAST, 1),
        };
        let query = sqlx::query(text)
            .bind(asked.definition.0.to_vec())
            .bind(asked.entity.to_vec())
            .bind(asked.after.micros())
            .bind(asked.until.micros())
            .bind(asked.before.to_string())
            .bind(limit);
        let Some(row) = query.fetch_optional(self.readers()).await? else {
            return Ok(Told::Absent);
        };
        Ok(match function {
            Function::Count | Function::Distinct => Told::Integer(row.try_get("whole")?),
            Function::Sum => {
                let sum: Option<f64> = row.try_get("number")?;
                Told::Number(sum.unwrap_or_default())
            }
            Function::Mean => {
                let mean: Option<f64> = row.try_get("number")?;
                mean.map_or(Told::Absent, Told::Number)
            }
            Function::FirstSeen | Function::LastSeen => {
                Told::Integer(Timestamp::from_micros(row.try_get("whole")?).millis())
            }
        })
    }

    /// How many accounts had something, with the one whose value this is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn accounts(&self, asked: &Asked, own: [u8; 16]) -> Result<i64, StoreError> {
        let row = sqlx::query(ACCOUNTS)
            .bind(asked.definition.0.to_vec())
            .bind(asked.entity.to_vec())
            .bind(asked.after.micros())
            .bind(asked.until.micros())
            .bind(asked.before.to_string())
            .bind(OBSERVATIONS_MAX)
            .bind(own.to_vec())
            .fetch_one(self.readers())
            .await?;
        let (whole, seen): (i64, i64) = (row.try_get("whole")?, row.try_get("own")?);
        Ok(whole + i64::from(seen == 0))
    }

    /// The last events that were observed, oldest first, without what is erased or damaged meanwhile.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn recent(&self, asked: &Asked, last: u32) -> Result<Vec<Referred>, StoreError> {
        let rows = sqlx::query(RECENT)
            .bind(asked.definition.0.to_vec())
            .bind(asked.entity.to_vec())
            .bind(asked.after.micros())
            .bind(asked.until.micros())
            .bind(asked.before.to_string())
            .bind(i64::from(last))
            .fetch_all(self.readers())
            .await?;
        let mut recent = Vec::with_capacity(rows.len());
        for row in &rows {
            let at: i64 = row.try_get("at")?;
            match self.referred(row) {
                Ok(referred) => recent.push((at, referred)),
                // Nobody's later events wait for it; the doctor finds it.
                Err(StoreError::Erased { .. } | StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        recent.sort_by_key(|(at, referred)| (*at, referred.decision));
        Ok(recent.into_iter().map(|(_, referred)| referred).collect())
    }

    /// The event of a decision; `None` where it is kept no longer.
    ///
    /// # Errors
    /// [`StoreError::Erased`]; where the database does not answer or the event is damaged.
    pub async fn event_of(&self, decision: DecisionId) -> Result<Option<Referred>, StoreError> {
        let row = sqlx::query(
            "SELECT e.decision_id, e.event_id, e.source, e.subject, e.sealed, k.id AS key_id, \
             k.wrapped FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE d.id = $1",
        )
        .bind(decision.to_string())
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| self.referred(&row)).transpose()
    }

    fn referred(&self, row: &super::dialect::Row) -> Result<Referred, StoreError> {
        let (event, json) = events::open(&self.inner.keyring, row, row.try_get("sealed")?)?;
        let id: &str = row.try_get("decision_id")?;
        let decision = id.parse().map_err(|error: String| sealed::damaged("event", id, &error))?;
        Ok(Referred { decision, event, json })
    }
}
