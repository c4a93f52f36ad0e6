//! Alerts that rules of a policy ask for: raised in the transaction of the decision that asks, counted by those
//! that ask after it, and resolved when none has for a while. In all else they are like those of rates.

use std::collections::BTreeMap;

use super::super::decisions::SealedEntry;
use super::super::dialect::Connection;
use super::super::{PAGE_ROWS_MAX, Store, StoreError, audit::Leaf};
use super::{AlertRow, News, alert, columns, count};
use crate::model::{Timestamp, Wants};

/// What the alerts are called that rules of a policy ask for.
const KIND: &str = "rule.alert";
/// Before the name in `alerts.rule`, so that a rule of the configuration may have the same.
const OF_POLICY: &str = "policy:";
/// How long no decision has asked for it before one is resolved.
const CALM_MILLIS: i64 = 3_600_000;

const CALM: &str = columns!(
    "WHERE a.rule > 'policy:' AND a.rule < 'policy;' AND a.resolved_at IS NULL \
     AND a.at <= $1 AND coalesce(c.last_at, a.at) <= $1 LIMIT $2"
);

/// Raises the alerts that these decisions ask for, or counts those once more that are open. Their lines for the
/// audit log.
pub(in crate::store) async fn raise(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<Vec<Leaf>, StoreError> {
    let mut asked = BTreeMap::new();
    for row in entries.iter().filter_map(|entry| entry.decision.as_ref()) {
        for alert in &row.decision.alerts {
            asked.entry((row.decision.source.as_str(), alert.as_str())).or_insert(row);
        }
    }
    let (mut leaves, at) = (Vec::new(), Timestamp::now());
    for ((source, name), row) in asked {
        let rule = format!("{OF_POLICY}{name}");
        let told: Vec<&Wants> = row.wants.as_deref().unwrap_or_default().iter().collect();
        let policy = &row.decision.policy;
        let text = format!(
            "{source}: the policy {} asks for `{name}`, first by the decision {}",
            policy.name, row.decision.id
        );
        let news = News { rule: &rule, kind: KIND, name, source, text, told: &told, at };
        match news.open(connection).await? {
            Some(leaf) => leaves.push(leaf),
            None => count(connection, &rule, source, at).await?,
        }
    }
    Ok(leaves)
}

impl Store {
    /// The open alerts for which no decision has asked for an hour.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn calm_alerts(&self, now: Timestamp) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(CALM)
            .bind(now.plus_millis(-CALM_MILLIS).micros())
            .bind(PAGE_ROWS_MAX as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(alert).collect()
    }

    /// Resolves one of these, and has destinations told. Whether it was still as calm.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn resolve_alert(
        &self,
        calm: &AlertRow,
        told: &[&Wants],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let source = calm.source.as_deref().unwrap_or_default();
        let name = calm.object.as_str();
        let rule = format!("{OF_POLICY}{name}");
        let text = format!("{source}: no decision has asked for `{name}` for an hour");
        let news = News { rule: &rule, kind: &calm.kind, name, source, text, told, at: now };
        self.resolve(&calm.id, &news, CALM_MILLIS).await
    }
}
