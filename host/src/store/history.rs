//! The record, opened to be read and nothing else: what a simulation walks over. There is no connection here
//! that could write, so that whoever has this cannot touch what is live.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Row as _};

use super::dialect::{Address, Pool, Row};
use super::keyring::Keyring;
use super::names::SubjectName;
use super::{Document, Options, PAGE_ROWS_MAX, Span, StoreError};
use super::{decisions, events, host_key, migrate, sealed, strikes};
use crate::model::ruling::Word;
use crate::model::{DecisionId, Event, Mode, Restriction, Score, Stage, Timestamp};

/// The record, to be read.
#[derive(Debug)]
pub struct History {
    readers: Pool,
    keyring: Keyring,
}

/// A decision with its event, as it lies in the record. Opened by [`History::open_row`], which takes some
/// 50 µs: on whichever thread has the time.
pub struct PastRow(Row);

/// A decision of the past, its event, and what people said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastDecision {
    pub document: Document,
    pub event: Event,
    pub received_at: Timestamp,
    /// What the record calls the subject.
    pub subject: [u8; 16],
    /// The last word of people, and when it was said.
    pub ruled: Option<(Word, Timestamp)>,
}

/// A policy that decided once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPolicy {
    pub version: u32,
    pub text: String,
}

/// What a decision added to how its subject stands, as far as it may still count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastStanding {
    /// What the record calls the subject.
    pub subject: [u8; 16],
    pub ledger: Mode,
    pub what: Counts,
    /// When people took it back.
    pub ended_at: Option<Timestamp>,
}

/// What of a decision the risk of its account follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastConduct {
    pub decision: DecisionId,
    /// What the record calls the subject; `None` where it was erased.
    pub subject: Option<[u8; 16]>,
    pub score: Score,
    pub decided_at: Timestamp,
    pub tier: String,
    /// The last word of people, and when it was said.
    pub ruled: Option<(Word, Timestamp)>,
}

/// What counts against a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// A strike, until this moment.
    Strike(Timestamp),
    Restriction(Restriction),
}

impl History {
    /// Opens a record that is there and of this release.
    ///
    /// # Errors
    /// As [`super::Store::open`] where it may not migrate.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let address = Address::parse(options)?;
        address.prepare(false)?;
        let connected = address.reader().await;
        let mut connection = connected.map_err(|error| StoreError::unopened(&address, error))?;
        let missing = migrate::missing(&mut connection).await;
        let looked = match missing {
            Ok(missing) if missing.is_empty() => {
                host_key::look(&mut connection, &options.host_key).await
            }
            Ok(missing) => {
                let names = missing.iter().map(|migration| migration.title.to_owned()).collect();
                Err(StoreError::Pending { names })
            }
            Err(error) => Err(error),
        };
        connection.close().await?;
        looked?;
        Ok(Self { readers: address.readers(options), keyring: Keyring::new(&options.host_key) })
    }

    /// Ends the connections.
    pub async fn close(&self) {
        self.readers.close().await;
    }

    /// The text of the policy that decides for a source now, and its number.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn active_policy(&self, source: &str) -> Result<Option<PastPolicy>, StoreError> {
        let row = sqlx::query(
            "SELECT p.name, p.version, p.text FROM policy_deployments AS d \
             JOIN policies AS p ON p.digest = d.digest \
             WHERE d.source = $1 AND d.stage = $2 ORDER BY d.id DESC LIMIT 1",
        )
        .bind(source)
        .bind(Stage::Active.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(past_policy).transpose()
    }

    /// Every policy that there was for a source, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policies(&self, source: &str) -> Result<Vec<PastPolicy>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, version, text FROM policies WHERE source = $1 ORDER BY name, version",
        )
        .bind(source)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(past_policy).collect()
    }

    /// The names of all detectors that the record knows.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn detectors(&self) -> Result<BTreeSet<String>, StoreError> {
        let names: Vec<String> = sqlx::query_scalar("SELECT DISTINCT name FROM detector_versions")
            .fetch_all(&self.readers)
            .await?;
        Ok(names.into_iter().collect())
    }

    /// How many decisions there are in a span, erased ones included.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn count(&self, span: &Span) -> Result<u64, StoreError> {
        super::search::count(&self.readers, span).await
    }

    /// The oldest decisions of a span, at most [`PAGE_ROWS_MAX`], in the order in which they were begun.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn page(&self, span: &Span) -> Result<Vec<PastRow>, StoreError> {
        let text = format!(
            "SELECT d.id AS decision_id, d.source, d.subject, d.sealed AS decision, e.event_id, \
             e.sealed AS event, e.received_at, k.id AS key_id, k.wrapped, r.ruling, \
             r.at AS ruled_at FROM (SELECT d.id, d.source, d.subject, d.event_id, d.sealed \
             FROM {} ORDER BY d.id LIMIT {PAGE_ROWS_MAX}) AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             LEFT JOIN rulings AS r ON r.decision = d.id ORDER BY d.id",
            super::search::within(span)
        );
        Ok(self.rows(text, span).await?.into_iter().map(PastRow).collect())
    }

    /// What accounts did by the oldest decisions of a span, at most [`PAGE_ROWS_MAX`], in the order in which they were
    /// begun. Nothing sealed is opened.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn conduct(&self, span: &Span) -> Result<Vec<PastConduct>, StoreError> {
        let text = format!(
            "SELECT d.id AS decision_id, d.subject, d.score, d.decided_at, d.tier, r.ruling, \
             r.at AS ruled_at FROM (SELECT d.id, d.subject, d.score, d.decided_at, d.tier \
             FROM {} ORDER BY d.id LIMIT {PAGE_ROWS_MAX}) AS d \
             LEFT JOIN rulings AS r ON r.decision = d.id ORDER BY d.id",
            super::search::within(span)
        );
        self.rows(text, span).await?.iter().map(past_conduct).collect()
    }

    /// The rows of a statement about the decisions that lie [within](super::search::within) a span.
    async fn rows(&self, text: String, span: &Span) -> Result<Vec<Row>, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(text));
        query = query.bind(span.after.to_string()).bind(span.before.to_string());
        if let Some(source) = &span.source {
            query = query.bind(source.as_str());
        }
        Ok(query.fetch_all(&self.readers).await?)
    }

    /// Opens what is sealed in a row; `None` where its subject was erased.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn open_row(&self, PastRow(row): &PastRow) -> Result<Option<PastDecision>, StoreError> {
        let id: &str = row.try_get("decision_id")?;
        let event = match events::open(&self.keyring, row, row.try_get("event")?) {
            Err(StoreError::Erased { .. }) => return Ok(None),
            opened => opened?.0,
        };
        let sealed = row.try_get("decision")?;
        let Some((document, _)) = decisions::document(&self.keyring, row, id, sealed)? else {
            return Ok(None);
        };
        Ok(Some(PastDecision {
            document,
            event,
            received_at: Timestamp::from_micros(row.try_get("received_at")?),
            subject: PastRow::named(row)?,
            ruled: ruled(row, id)?,
        }))
    }

    /// What decisions before `before` added to how subjects of a source stand, as far as it may count at
    /// `alive_at` or later.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn standing_before(
        &self,
        source: &str,
        before: DecisionId,
        alive_at: Timestamp,
    ) -> Result<Vec<PastStanding>, StoreError> {
        strikes::before(&self.readers, source, before, alive_at).await
    }
}

impl PastRow {
    /// The id of the decision.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn id(&self) -> Result<DecisionId, StoreError> {
        let id: &str = self.0.try_get("decision_id")?;
        id.parse().map_err(|error: String| sealed::damaged("the id of a decision", id, &error))
    }

    /// What the record calls the subject; `None` where it was erased.
    ///
    /// # Errors
    /// Where the database gave something else.
    pub fn subject(&self) -> Result<Option<[u8; 16]>, StoreError> {
        let name: &str = self.0.try_get("subject")?;
        Ok(name.parse().ok().map(SubjectName::bytes))
    }

    fn named(row: &Row) -> Result<[u8; 16], StoreError> {
        let name: &str = row.try_get("subject")?;
        let named: Result<SubjectName, String> = name.parse();
        named.map(SubjectName::bytes).map_err(|error| sealed::damaged("subject", name, &error))
    }
}

/// The last word of people on a decision.
fn ruled(row: &Row, id: &str) -> Result<Option<(Word, Timestamp)>, StoreError> {
    let Some(ruling) = row.try_get::<Option<&str>, _>("ruling")? else { return Ok(None) };
    let word = serde_json::from_value(ruling.into());
    let word = word.map_err(|error| sealed::damaged("ruling", id, &error))?;
    Ok(Some((word, Timestamp::from_micros(row.try_get("ruled_at")?))))
}

fn past_conduct(row: &Row) -> Result<PastConduct, StoreError> {
    let (id, subject): (&str, &str) = (row.try_get("decision_id")?, row.try_get("subject")?);
    let score: i64 = row.try_get("score")?;
    Ok(PastConduct {
        decision: id
            .parse()
            .map_err(|error: String| sealed::damaged("the id of a decision", id, &error))?,
        subject: subject.parse().ok().map(SubjectName::bytes),
        score: u32::try_from(score).ok().and_then(Score::from_millionths).unwrap_or(Score::ONE),
        decided_at: Timestamp::from_micros(row.try_get("decided_at")?),
        tier: row.try_get("tier")?,
        ruled: ruled(row, id)?,
    })
}

fn past_policy(row: &Row) -> Result<PastPolicy, StoreError> {
    let version = super::policies::version_of(row.try_get("name")?, row.try_get("version")?)?;
    Ok(PastPolicy { version, text: row.try_get("text")? })
}
