//! What is held on a subject, in pages, for the person who asks.

use std::collections::HashMap;

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::decisions::{self, Document};
use super::dialect::Row;
use super::subject_key::SubjectKeyId;
use super::{PAGE_ROWS_MAX, Store, StoreError, events, rulings, sealed, trials};
use crate::model::{
    AuditEntry, DecisionId, Delivery, HeldEvent, HeldKey, HeldLedgers, HeldSubject, Identity, Mode,
    Timestamp, TrialDifference,
};

/// Where a page of the events of a subject ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldAfter {
    /// `decisions.seq`.
    decided: i64,
    step: Step,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Decided,
    Accepted(Option<DecisionId>),
    /// What was decided since the first step, so that none slips through between them.
    DecidedMeanwhile,
}

impl Store {
    /// What is held on a subject besides its events. Says so in the audit log, for it is the beginning of
    /// an export.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn held_subject(
        &self,
        source: &str,
        subject: &str,
        who: &Identity,
    ) -> Result<HeldSubject, StoreError> {
        let name = self.inner.keyring.names.subject(subject).to_string();
        let key = sqlx::query(
            "SELECT id, created_at FROM subject_keys \
             WHERE source = $1 AND subject = $2 AND id <> $3",
        )
        .bind(source)
        .bind(name.as_str())
        .bind(SubjectKeyId::NONE.to_string())
        .fetch_optional(self.readers())
        .await?;
        let erased_at: Vec<i64> = sqlx::query_scalar(
            "SELECT erased_at FROM erasures WHERE source = $1 AND subject = $2 ORDER BY number",
        )
        .bind(source)
        .bind(name.as_str())
        .fetch_all(self.readers())
        .await?;
        let key = key.map(|row| held_key(&row)).transpose()?;
        let facts = json!({ "source": source });
        let entry = AuditEntry::new(Some(who), "subject.exported", name.as_str(), facts);
        self.inner.writer.begin().await?.commit(Leaves::of(entry)?).await?;
        let now = Timestamp::now();
        Ok(HeldSubject {
            source: source.to_owned(),
            subject: subject.to_owned(),
            holds: self.holds_of(source, &name).await?,
            strikes: HeldLedgers {
                active: self.strikes(source, subject, Mode::Active, now, usize::MAX).await?,
                shadow: self.strikes(source, subject, Mode::Shadow, now, usize::MAX).await?,
            },
            restrictions: HeldLedgers {
                active: self.restrictions(source, subject, Mode::Active).await?,
                shadow: self.restrictions(source, subject, Mode::Shadow).await?,
            },
            cases: self.cases_of(source, &name).await?,
            name,
            key,
            erased_at: erased_at.into_iter().map(Timestamp::from_micros).collect(),
        })
    }

    /// A page of the events of a subject, and where the next one begins if there is one: first what is
    /// decided, then what is accepted, each oldest first. What is decided while somebody reads is there
    /// twice, the second time with its decision.
    ///
    /// # Errors
    /// Where the database does not answer or something is damaged.
    pub async fn held_events(
        &self,
        source: &str,
        subject: &str,
        after: HeldAfter,
        limit: usize,
    ) -> Result<(Vec<HeldEvent>, Option<HeldAfter>), StoreError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        if let Step::Accepted(from) = after.step {
            let (events, next) = self.held_accepted(source, subject, from, limit).await?;
            let step = next.map_or(Step::DecidedMeanwhile, |next| Step::Accepted(Some(next)));
            return Ok((events, Some(HeldAfter { step, ..after })));
        }
        let (events, decided, more) =
            self.held_decided(source, subject, after.decided, limit).await?;
        let step = match (more, after.step) {
            (true, step) => Some(step),
            (false, Step::Decided) => Some(Step::Accepted(None)),
            (false, _) => None,
        };
        Ok((events, step.map(|step| HeldAfter { decided, step })))
    }

    /// With the last that was read, and whether there may be more.
    async fn held_decided(
        &self,
        source: &str,
        subject: &str,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<HeldEvent>, i64, bool), StoreError> {
        let name = self.inner.keyring.names.subject(subject).to_string();
        let rows = sqlx::query(
            "SELECT d.seq, d.id AS decision_id, d.source, d.subject, d.sealed AS decision, \
             e.event_id, e.sealed AS event, e.received_at, k.id AS key_id, k.wrapped, \
             r.ruling, r.ruled_by, r.at, r.sealed FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             LEFT JOIN rulings AS r ON r.decision = d.id \
             WHERE d.subject = $1 AND (d.source = $2) IS TRUE AND -d.seq < -$3 \
             ORDER BY -d.seq DESC LIMIT $4",
        )
        .bind(name.as_str())
        .bind(source)
        .bind(after)
        .bind(limit as i64)
        .fetch_all(self.readers())
        .await?;
        let last = rows.last().map(|row| row.try_get("seq")).transpose()?.unwrap_or(after);
        let mut differences = self.held_differences(source, subject, &name, after, last).await?;
        let mut policies =
            self.held_policy_differences(source, subject, &name, after, last).await?;
        let ids = rows.iter().map(|row| row.try_get("decision_id"));
        let ids: Vec<&str> = ids.collect::<Result<_, _>>()?;
        let mut deliveries = self.held_deliveries(&ids).await?;
        let mut held = Vec::with_capacity(rows.len());
        for row in &rows {
            // Erased since the page was read: then it is no longer held.
            let Some(mut one) = self.held_event(row)? else { continue };
            let id = one.decision_id.to_string();
            one.differences = differences.remove(&id).unwrap_or_default();
            one.policy_differences = policies.remove(&id).unwrap_or_default();
            one.deliveries = deliveries.remove(&id).unwrap_or_default();
            held.push(one);
        }
        Ok((held, last, rows.len() == limit))
    }

    /// With the last that was read, where there may be more.
    async fn held_accepted(
        &self,
        source: &str,
        subject: &str,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<(Vec<HeldEvent>, Option<DecisionId>), StoreError> {
        let name = self.inner.keyring.names.subject(subject).to_string();
        let rows = sqlx::query(
            "SELECT e.decision_id, e.source, e.subject, e.event_id, e.sealed, e.received_at, \
             k.id AS key_id, k.wrapped FROM events AS e \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE e.subject = $1 AND (e.source = $2) IS TRUE AND e.state = 0 \
             AND e.decision_id > $3 ORDER BY e.decision_id LIMIT $4",
        )
        .bind(name)
        .bind(source)
        .bind(after.map(|after| after.to_string()).unwrap_or_default())
        .bind(limit as i64)
        .fetch_all(self.readers())
        .await?;
        let mut held = Vec::with_capacity(rows.len());
        let mut last = None;
        for row in &rows {
            let id = decision_id(row)?;
            last = Some(id);
            let event = match events::open(&self.inner.keyring, row, row.try_get("sealed")?) {
                Err(StoreError::Erased { .. }) => continue,
                event => event?.0,
            };
            held.push(HeldEvent {
                received_at: Timestamp::from_micros(row.try_get("received_at")?),
                decision_id: id,
                event,
                decision: None,
                made_from: serde_json::Value::Null,
                ruling: None,
                differences: Vec::new(),
                policy_differences: Vec::new(),
                deliveries: Vec::new(),
            });
        }
        Ok((held, last.filter(|_| rows.len() == limit)))
    }

    fn held_event(&self, row: &Row) -> Result<Option<HeldEvent>, StoreError> {
        let (keyring, id) = (&self.inner.keyring, decision_id(row)?);
        let event = match events::open(keyring, row, row.try_get("event")?) {
            Err(StoreError::Erased { .. }) => return Ok(None),
            event => event?.0,
        };
        let sealed = row.try_get("decision")?;
        let document = decisions::document(keyring, row, &id.to_string(), sealed)?;
        let Some((Document { decision, replay, .. }, _)) = document else { return Ok(None) };
        let ruled: Option<&str> = row.try_get("ruling")?;
        let ruling = ruled.map(|_| rulings::open(keyring, id, row)).transpose()?;
        Ok(Some(HeldEvent {
            received_at: Timestamp::from_micros(row.try_get("received_at")?),
            decision_id: id,
            event,
            decision: Some(decision),
            made_from: replay,
            ruling,
            differences: Vec::new(),
            policy_differences: Vec::new(),
            deliveries: Vec::new(),
        }))
    }

    /// By decision: what differs in those of a page.
    async fn held_differences(
        &self,
        source: &str,
        subject: &str,
        name: &str,
        after: i64,
        last: i64,
    ) -> Result<HashMap<String, Vec<TrialDifference>>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.deployment, t.decision, t.direction, t.without, t.with_it, t.at \
             FROM trial_differences AS t JOIN decisions AS d ON d.id = t.decision \
             WHERE t.subject = $1 AND (d.source = $2) IS TRUE AND (d.seq > $3) IS TRUE \
             AND (d.seq <= $4) IS TRUE",
        )
        .bind(name)
        .bind(source)
        .bind(after)
        .bind(last)
        .fetch_all(self.readers())
        .await?;
        let mut differences: HashMap<String, Vec<TrialDifference>> = HashMap::new();
        for row in &rows {
            let difference = trials::open(row.try_get("deployment")?, row, subject.to_owned())?;
            differences.entry(difference.decision.clone()).or_default().push(difference);
        }
        Ok(differences)
    }

    /// By decision: what its platform was told to do.
    async fn held_deliveries(
        &self,
        decisions: &[&str],
    ) -> Result<HashMap<String, Vec<Delivery>>, StoreError> {
        let mut deliveries: HashMap<String, Vec<Delivery>> = HashMap::new();
        for one in self.deliveries_of(decisions).await? {
            deliveries.entry(one.decision_id.to_string()).or_default().push(one);
        }
        Ok(deliveries)
    }
}

fn held_key(row: &Row) -> Result<HeldKey, StoreError> {
    let created_at = Timestamp::from_micros(row.try_get("created_at")?);
    Ok(HeldKey { id: row.try_get("id")?, created_at })
}

fn decision_id(row: &Row) -> Result<DecisionId, StoreError> {
    let id: &str = row.try_get("decision_id")?;
    id.parse().map_err(|error: String| sealed::damaged("event", id, &error))
}
