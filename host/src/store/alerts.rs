//! Alerts: what somebody should look at. What happened once is told once; of a rule and a source one is open,
//! until its rate is back, or (`asked`) until no decision asks for it any more.

pub(super) mod asked;

use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;

use super::audit::{Leaf, Leaves};
use super::dialect::{Connection, Row};
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, outbox, sealed};
use crate::model::alert::AlertNews;
use crate::model::{
    AlertRule, AlertState, AuditEntry, DecisionId, Identity, Outgoing, Timestamp, Wants,
};

/// Alerts that are kept; the oldest go first. What they tell of is in the audit log for ever.
const ALERTS_MAX: i64 = 10_000;
const MINUTE_MILLIS: i64 = 60_000;
/// How often one that stays is counted again.
const AGAIN_MICROS: i64 = MINUTE_MILLIS * 1_000;

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.at, a.kind, a.object, a.text, a.source, a.resolved_at, \
             a.acknowledged_at, a.acknowledged_by, a.why, c.count, c.last_at FROM alerts AS a \
             LEFT JOIN alert_counts AS c ON c.alert = a.id ",
            $rest
        )
    };
}
use columns;

const PAGE: &str = columns!("WHERE a.id < coalesce($1, '~') ORDER BY a.id DESC LIMIT $2");
const ONE: &str = columns!("WHERE a.id = $1");
const OPEN: &str = columns!("WHERE a.rule = $1 AND a.source = $2 AND a.resolved_at IS NULL");
/// Of a rule and a source, once in a minute at most: another server may have counted it meanwhile.
const COUNT: &str = "INSERT INTO alert_counts (alert, count, last_at) \
    SELECT a.id, 2, $3 FROM alerts AS a \
    WHERE a.rule = $1 AND a.source = $2 AND a.resolved_at IS NULL AND a.at <= $4 \
    ON CONFLICT (alert) DO UPDATE SET count = alert_counts.count + 1, last_at = excluded.last_at \
    WHERE alert_counts.last_at <= $4";
/// Where it was not found so since.
const RESOLVE: &str = "UPDATE alerts SET resolved_at = $1 \
    WHERE id = $2 AND resolved_at IS NULL AND at <= $3 AND NOT EXISTS \
    (SELECT 1 FROM alert_counts AS c WHERE c.alert = alerts.id AND c.last_at > $3)";
const FORGET: &str = "DELETE FROM alerts WHERE id <= \
    (SELECT id FROM alerts ORDER BY id DESC LIMIT 1 OFFSET $1) RETURNING id";

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Ascends with time.
    pub id: String,
    pub at: Timestamp,
    /// Such as `detector.quarantined`.
    pub kind: String,
    /// What it is about, such as `contact-phone 1.2.0`, or the rule.
    pub object: String,
    pub text: String,
    /// Of which source; `None` where it tells of what happened once.
    pub source: Option<String>,
    /// How often it was found so, at most once a minute.
    pub count: u64,
    /// When it was found so last.
    pub last_at: Timestamp,
    /// When the rate was back, or no decision asked for it any more.
    pub resolved_at: Option<Timestamp>,
    pub acknowledged: Option<Acknowledged>,
}

/// That somebody has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub at: Timestamp,
    /// The id of their key.
    pub by: String,
    pub why: String,
}

/// An alert of a rule and a source, which is news.
struct News<'a> {
    /// The rule, as the table knows it: that of a policy by another name than one of the configuration.
    rule: &'a str,
    kind: &'a str,
    /// What people call it.
    name: &'a str,
    source: &'a str,
    text: String,
    /// Who is told, of those that want to hear of alerts.
    told: &'a [&'a Wants],
    at: Timestamp,
}

/// What a rule found of one source.
#[derive(Debug)]
pub struct Found<'a> {
    pub rule: &'a AlertRule,
    pub source: &'a str,
    /// Why an alert is to be open; `None`: none is.
    pub breach: Option<&'a str>,
    /// Who is told where that is news.
    pub told: &'a [&'a Wants],
    pub at: Timestamp,
}

impl AlertRow {
    pub fn state(&self) -> AlertState {
        match (self.resolved_at, &self.acknowledged) {
            (Some(_), _) => AlertState::Resolved,
            (None, Some(_)) => AlertState::Acknowledged,
            (None, None) => AlertState::Open,
        }
    }
}

impl Store {
    /// The newest alerts first, before this id where one is given.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn alerts(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(PAGE)
            .bind(before)
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(alert).collect()
    }

    /// One of this id.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        let row = sqlx::query(ONE).bind(id).fetch_optional(self.readers()).await?;
        row.as_ref().map(alert).transpose()
    }

    /// Writes down that somebody has seen an alert, and why it is no matter or what is done.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is none, [`StoreError::Seen`] where it was acknowledged or is
    /// resolved.
    pub async fn acknowledge_alert(
        &self,
        id: &str,
        why: &str,
        who: &Identity,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let done = sqlx::query(
            "UPDATE alerts SET acknowledged_at = $1, acknowledged_by = $2, why = $3 \
             WHERE id = $4 AND acknowledged_at IS NULL AND resolved_at IS NULL",
        )
        .bind(Timestamp::now().micros())
        .bind(who.key.to_string())
        .bind(why)
        .bind(id)
        .execute(tx.connection()?)
        .await?;
        if done.rows_affected() == 0 {
            let known = sqlx::query("SELECT id FROM alerts WHERE id = $1").bind(id);
            let known = known.fetch_optional(tx.connection()?).await?.is_some();
            tx.roll_back().await;
            let id = id.to_owned();
            return Err(match known {
                true => StoreError::Seen { id },
                false => StoreError::Absence { what: "alert", id },
            });
        }
        let entry = AuditEntry::new(Some(who), "alert.acknowledged", id, json!({ "why": why }));
        tx.commit(Leaves::of(entry)?).await
    }

    /// Brings the alert of a rule and source to what was found: raises it, counts it once more, resolves it.
    /// Whether one was raised or resolved.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find_alert(&self, found: &Found<'_>) -> Result<bool, StoreError> {
        let row = sqlx::query(OPEN)
            .bind(found.rule.name.as_str())
            .bind(found.source)
            .fetch_optional(self.readers())
            .await?;
        match (row.as_ref().map(alert).transpose()?, found.breach) {
            (None, None) => Ok(false),
            (None, Some(why)) => self.open_alert(found, why).await,
            (Some(open), Some(_)) => {
                if found.at.micros() - open.last_at.micros() >= AGAIN_MICROS {
                    let mut tx = self.inner.writer.begin().await?;
                    count(tx.connection()?, &found.rule.name, found.source, found.at).await?;
                    tx.commit_exempt("alert_counts").await?;
                }
                Ok(false)
            }
            (Some(open), None) => {
                let calm_millis = i64::from(found.rule.calm_minutes()) * MINUTE_MILLIS;
                if open.last_at > found.at.plus_millis(-calm_millis) {
                    return Ok(false);
                }
                let text = format!("{} is as usual again", found.source);
                self.resolve(&open.id, &found.news(text), calm_millis).await
            }
        }
    }

    async fn open_alert(&self, found: &Found<'_>, why: &str) -> Result<bool, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let news = found.news(format!("{}: {why}", found.source));
        // Another server may have been first.
        let leaf = news.open(tx.connection()?).await?;
        let Some(leaves) = Leaves::from_vec(leaf.into_iter().collect()) else {
            tx.roll_back().await;
            return Ok(false);
        };
        tx.commit(leaves).await?;
        Ok(true)
    }

    /// Resolves an alert that was not found so for so long. Whether it was this that did it.
    async fn resolve(
        &self,
        id: &str,
        news: &News<'_>,
        calm_millis: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        // It may have been found so again, or resolved, since it was read.
        let done = sqlx::query(RESOLVE)
            .bind(news.at.micros())
            .bind(id)
            .bind(news.at.plus_millis(-calm_millis).micros())
            .execute(tx.connection()?)
            .await?;
        if done.rows_affected() == 0 {
            tx.roll_back().await;
            return Ok(false);
        }
        news.tell(tx.connection()?, id, true).await?;
        let facts = json!({ "rule": news.name, "source": news.source });
        tx.commit(Leaves::of(AuditEntry::new(None, "alert.resolved", id, facts))?).await?;
        Ok(true)
    }
}

impl Found<'_> {
    fn news(&self, text: String) -> News<'_> {
        let &Self { rule, source, told, at, .. } = self;
        let (name, kind) = (rule.name.as_str(), rule.watch.kind());
        News { rule: name, kind, name, source, text, told, at }
    }
}

impl News<'_> {
    /// Opens it, where none of its rule and source is open, and has destinations told. Its line for the audit
    /// log.
    async fn open(&self, connection: &mut Connection) -> Result<Option<Leaf>, StoreError> {
        let id = Uuid::now_v7().to_string();
        let new = sqlx::query(
            "INSERT INTO alerts (id, at, kind, object, text, rule, source) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(id.as_str())
        .bind(self.at.micros())
        .bind(self.kind)
        .bind(self.name)
        .bind(self.text.as_str())
        .bind(self.rule)
        .bind(self.source)
        .execute(&mut *connection)
        .await?;
        if new.rows_affected() == 0 {
            return Ok(None);
        }
        forget_oldest(connection).await?;
        self.tell(connection, &id, false).await?;
        let facts = json!({ "kind": self.kind, "rule": self.name, "source": self.source });
        Leaf::of(AuditEntry::new(None, "alert.raised", id, facts)).map(Some)
    }

    /// Writes what destinations are told of it into the outbox.
    async fn tell(
        &self,
        connection: &mut Connection,
        id: &str,
        resolved: bool,
    ) -> Result<(), StoreError> {
        let id: DecisionId = id.parse().map_err(|_| sealed::damaged("alert", id, &"no UUID"))?;
        let news = AlertNews {
            id,
            kind: self.kind.to_owned(),
            rule: self.name.to_owned(),
            source: self.source.to_owned(),
            text: self.text.clone(),
            at: self.at,
            resolved,
        };
        let told = self.told.iter().filter(|wants| wants.alerts);
        let told: Vec<Outgoing> =
            told.filter_map(|wants| Outgoing::of_alert(&news, wants)).collect();
        outbox::tell(connection, self.source, &told).await
    }
}

/// Counts the open alert of a rule and a source once more, where it was not within a minute.
async fn count(
    connection: &mut Connection,
    rule: &str,
    source: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(COUNT)
        .bind(rule)
        .bind(source)
        .bind(at.micros())
        .bind(at.micros() - AGAIN_MICROS)
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes an alert in the transaction of what it tells of.
pub(super) async fn raise(
    tx: &mut Tx,
    kind: &str,
    object: &str,
    text: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO alerts (id, at, kind, object, text) VALUES ($1, $2, $3, $4, $5)")
        .bind(Uuid::now_v7().to_string())
        .bind(Timestamp::now().micros())
        .bind(kind)
        .bind(object)
        .bind(text)
        .execute(tx.connection()?)
        .await?;
    forget_oldest(tx.connection()?).await
}

/// Forgets those beyond [`ALERTS_MAX`], with what was told of them.
async fn forget_oldest(connection: &mut Connection) -> Result<(), StoreError> {
    let rows = sqlx::query(FORGET).bind(ALERTS_MAX).fetch_all(&mut *connection).await?;
    let gone: Vec<&str> = rows.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
    if gone.is_empty() {
        return Ok(());
    }
    for id in &gone {
        let text = "DELETE FROM alert_counts WHERE alert = $1";
        sqlx::query(text).bind(*id).execute(&mut *connection).await?;
    }
    outbox::remove(connection, &gone).await
}

fn alert(row: &Row) -> Result<AlertRow, StoreError> {
    let time = |column: &str| {
        let micros: Result<Option<i64>, _> = row.try_get(column);
        micros.map(|micros| micros.map(Timestamp::from_micros))
    };
    let at = Timestamp::from_micros(row.try_get("at")?);
    let by: Option<String> = row.try_get("acknowledged_by")?;
    let why: Option<String> = row.try_get("why")?;
    let count: Option<i64> = row.try_get("count")?;
    let acknowledged = time("acknowledged_at")?.map(|at| Acknowledged {
        at,
        by: by.unwrap_or_default(),
        why: why.unwrap_or_default(),
    });
    Ok(AlertRow {
        id: row.try_get("id")?,
        at,
        kind: row.try_get("kind")?,
        object: row.try_get("object")?,
        text: row.try_get("text")?,
        source: row.try_get("source")?,
        count: count.map_or(1, i64::unsigned_abs),
        last_at: time("last_at")?.unwrap_or(at),
        resolved_at: time("resolved_at")?,
        acknowledged,
    })
}
