//! Which inputs about the past are declared, and how far each is filled with the events from before it was.
//! Derived, so none of it is audited. What is observed is in `observations`.

use sqlx::Row as _;

use super::dialect::Row;
use super::tx::Tx;
use super::{Store, StoreError, decisions, events, observations, sealed};
use crate::model::{
    Decision, DecisionId, Definition, DefinitionId, Event, Input, Observation, Signal, Timestamp,
};

/// Events that are looked at, and rows that go, in one transaction: others wait for it.
const PAGE: usize = 100;
/// How much longer observations stay than their window is long: an event that comes so late still sees all
/// of it.
const LATE_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// How long after its begin a decision is written at the latest, and how long another server may go on
/// without a definition that is new.
const SETTLED_AFTER_MILLIS: i64 = 10_000;
/// What is looked at again where a definition was there before: for so long a server may not have known it.
const OVERLAP_MILLIS: i64 = 600_000;
/// How long a definition that nobody declares any more is kept, for those who roll back.
const KEPT_MILLIS: i64 = 3_600_000;

/// A definition, and how far it is filled.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureRow {
    pub definition: Definition,
    /// When it was declared, or was no longer.
    pub since: Timestamp,
    /// Events of decisions up to this one are in it.
    pub filled: DecisionId,
    /// Whether there is no gap, so that detectors may be told.
    pub told: bool,
}

impl FeatureRow {
    /// Whether everything from before it was declared is in it, also what was on its way then.
    pub fn is_complete(&self) -> bool {
        self.filled >= DecisionId::from_time(self.since)
    }

    /// Whether what was on its way when it was declared is written by now.
    pub fn is_due(&self) -> bool {
        self.since.plus_millis(SETTLED_AFTER_MILLIS) <= Timestamp::now()
    }

    /// How much of what was there before is in it, in 0..=1.
    pub fn share(&self) -> f64 {
        if self.is_complete() {
            return 1.0;
        }
        let from = kept_from(&self.definition, self.since).micros();
        let (filled, since) = (self.filled.begun_at().micros(), self.since.micros());
        #[allow(clippy::cast_precision_loss, reason = "it is shown")]
        let share = (filled - from) as f64 / (since - from).max(1) as f64;
        share.clamp(0.0, 1.0)
    }
}

/// Nothing before this is looked at.
fn kept_from(definition: &Definition, now: Timestamp) -> Timestamp {
    let window = i64::try_from(definition.past().window_s).unwrap_or(i64::MAX);
    let kept = window.saturating_mul(1_000_000).saturating_add(LATE_MICROS);
    Timestamp::from_micros(now.micros().saturating_sub(kept))
}

impl Store {
    /// Every definition of the record.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn features(&self) -> Result<Vec<FeatureRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT definition, source, input, since, filled, told FROM features \
             ORDER BY definition",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(feature).collect()
    }

    /// Brings the definitions up to those that are declared in the set of this generation. Those that are
    /// `met` for the first time by this server are filled, at least with what came since it knew all that was
    /// declared for the last time, and with what came lately. What nobody declares any more is told to nobody,
    /// and dropped after a while, unless another set is live by now or `partial` says that this is none.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn declare_features(
        &self,
        declared: &[&Definition],
        met: &[DefinitionId],
        knew_all: Timestamp,
        generation: u64,
        partial: bool,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let now = Timestamp::now();
        for definition in declared.iter().filter(|it| met.contains(&it.id)) {
            let from = DecisionId::from_time(kept_from(definition, now));
            let lately = now.plus_millis(-OVERLAP_MILLIS).min(knew_all);
            let input = serde_json::to_string(&definition.input).map_err(|error| {
                StoreError::Unstorable { what: "a feature", detail: error.to_string() }
            })?;
            sqlx::query(
                "INSERT INTO features (definition, source, input, since, filled, told) \
                 VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT (definition) DO UPDATE SET \
                 since = excluded.since, \
                 filled = CASE WHEN features.filled < $5 THEN $5 \
                 WHEN features.filled < $6 THEN features.filled ELSE $6 END",
            )
            .bind(definition.id.0.to_vec())
            .bind(&definition.source)
            .bind(input)
            .bind(now.micros())
            .bind(from.to_string())
            .bind(DecisionId::from_time(lately).max(from).to_string())
            .execute(tx.connection()?)
            .await?;
        }
        let number: i64 = sqlx::query_scalar("SELECT number FROM generation WHERE id = 1")
            .fetch_one(tx.connection()?)
            .await?;
        if u64::try_from(number) == Ok(generation) && !partial {
            let rows =
                sqlx::query("SELECT definition FROM features").fetch_all(tx.connection()?).await?;
            for row in &rows {
                let id = definition_id(row)?;
                if declared.iter().all(|definition| definition.id != id) {
                    undeclared(&mut tx, id, now).await?;
                }
            }
        }
        tx.commit_exempt("features").await
    }

    /// Notes that of these, which are filled and declared, nothing is missing up to a moment ago, so that a
    /// start need not look at it again.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn keep_up_features(&self, filled: &[DefinitionId]) -> Result<(), StoreError> {
        let lately = DecisionId::from_time(Timestamp::now().plus_millis(-OVERLAP_MILLIS));
        let mut tx = self.inner.writer.begin().await?;
        for id in filled {
            sqlx::query(
                "UPDATE features SET filled = $1 WHERE definition = $2 AND filled < $1 AND told = 1",
            )
            .bind(lately.to_string())
            .bind(id.0.to_vec())
            .execute(tx.connection()?)
            .await?;
        }
        tx.commit_exempt("features").await
    }

    /// Fills definitions with one page of the events that are kept, each with those of decisions after the one
    /// beside it; `observe` says what one adds, also by the signals that had a say in it. Returns the last of
    /// these decisions; `None` where there is no more, so that there is no gap either. Nothing else is written
    /// meanwhile, so nobody who is erased comes in.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn fill_features(
        &self,
        rows: &[(&FeatureRow, DecisionId)],
        observe: impl Fn(&Definition, &Event, &[&Signal], Timestamp) -> Vec<Observation>,
    ) -> Result<Option<DecisionId>, StoreError> {
        let Some(after) = rows.iter().map(|(_, after)| *after).min() else { return Ok(None) };
        let mut tx = self.inner.writer.begin().await?;
        let page = sqlx::query(
            "SELECT d.id, d.sealed AS decision, e.decision_id, e.event_id, e.source, e.subject, \
             e.time, e.received_at, e.sealed, k.id AS key_id, k.wrapped FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE d.id > $1 ORDER BY d.id LIMIT $2",
        )
        .bind(after.to_string())
        .bind(PAGE as i64)
        .fetch_all(tx.connection()?)
        .await?;
        let mut observed: Vec<(&str, Observation)> = Vec::new();
        let mut last = after;
        for event in &page {
            let id: &str = event.try_get("id")?;
            last = id.parse().map_err(|error: String| sealed::damaged("decision", id, &error))?;
            let source: &str = event.try_get("source")?;
            let wanted: Vec<&Definition> = rows
                .iter()
                .filter(|(row, after)| row.definition.source == source && *after < last)
                .map(|(row, _)| &row.definition)
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let (time, received_at): (i64, i64) =
                (event.try_get("time")?, event.try_get("received_at")?);
            let at = Timestamp::from_micros(time.min(received_at));
            match self.observable(event, id, &wanted) {
                Ok((event, decision)) => {
                    let heard: Vec<&Signal> = decision.iter().flat_map(Decision::heard).collect();
                    let adds = wanted.iter().flat_map(|it| observe(it, &event, &heard, at));
                    observed.extend(adds.map(|it| (id, it)));
                }
                Err(StoreError::Erased { .. } | StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let borrowed: Vec<(&str, &Observation)> =
            observed.iter().map(|(id, observation)| (*id, observation)).collect();
        observations::write(tx.connection()?, &borrowed).await?;
        let more = page.len() == PAGE;
        // Of what began a moment ago not all is written: that is looked at once more.
        let settled = DecisionId::from_time(Timestamp::now().plus_millis(-SETTLED_AFTER_MILLIS));
        let filled = if more { last.min(settled) } else { settled };
        for (row, _) in rows {
            sqlx::query(
                "UPDATE features SET filled = $1, told = CASE WHEN $2 = 1 THEN 1 ELSE told END \
                 WHERE definition = $3 AND since = $4",
            )
            .bind(filled.max(row.filled).to_string())
            .bind(i64::from(!more))
            .bind(row.definition.id.0.to_vec())
            .bind(row.since.micros())
            .execute(tx.connection()?)
            .await?;
        }
        tx.commit_exempt("observations").await?;
        Ok(more.then_some(last))
    }

    /// An event, and where a definition is about what signals carry what was decided about it.
    fn observable(
        &self,
        row: &Row,
        id: &str,
        wanted: &[&Definition],
    ) -> Result<(Event, Option<Decision>), StoreError> {
        let keyring = &self.inner.keyring;
        let (event, _) = events::open(keyring, row, row.try_get("sealed")?)?;
        if wanted.iter().all(|it| it.input.entities().is_none()) {
            return Ok((event, None));
        }
        match decisions::open(keyring, row, id, row.try_get("decision")?) {
            // The event is there all the same.
            Err(StoreError::Damaged { .. }) => Ok((event, None)),
            decision => Ok((event, decision?)),
        }
    }

    /// Drops some of the observations that nothing looks at any more: those beyond their window, and those
    /// of no definition. Returns how many; where that is 0, none is left.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn trim_features(&self, declared: &[&Definition]) -> Result<u64, StoreError> {
        let now = Timestamp::now();
        let mut gone = 0;
        for row in self.features().await? {
            let before = kept_from(&row.definition, now);
            gone += self.drop_observations(row.definition.id, before, false).await?;
        }
        for id in self.observed_definitions().await? {
            if declared.iter().all(|definition| definition.id != id) {
                gone += self.drop_observations(id, Timestamp::from_micros(i64::MAX), true).await?;
            }
        }
        Ok(gone)
    }

    /// Drops a page of a definition's observations from before a time; with `orphans`, only where the
    /// definition is not there.
    async fn drop_observations(
        &self,
        id: DefinitionId,
        before: Timestamp,
        orphans: bool,
    ) -> Result<u64, StoreError> {
        let found = sqlx::query(
            "SELECT 1 FROM observations AS b WHERE b.definition = $1 AND b.at < $2 LIMIT 1",
        )
        .bind(id.0.to_vec())
        .bind(before.micros())
        .fetch_optional(self.readers())
        .await?;
        if found.is_none() {
            return Ok(0);
        }
        let mut tx = self.inner.writer.begin().await?;
        if orphans && is_there(&mut tx, id).await? {
            tx.roll_back().await;
            return Ok(0);
        }
        let done = sqlx::query(
            "DELETE FROM observations WHERE (definition, entity, at, decision) IN \
             (SELECT b.definition, b.entity, b.at, b.decision FROM observations AS b \
             WHERE b.definition = $1 AND b.at < $2 ORDER BY b.at LIMIT $3)",
        )
        .bind(id.0.to_vec())
        .bind(before.micros())
        .bind(PAGE as i64)
        .execute(tx.connection()?)
        .await?;
        tx.commit_exempt("observations").await?;
        Ok(done.rows_affected())
    }

    /// Every definition that has an observation, by stepping through the index from one to the next.
    async fn observed_definitions(&self) -> Result<Vec<DefinitionId>, StoreError> {
        let mut ids: Vec<DefinitionId> = Vec::new();
        loop {
            let after = ids.last().map_or_else(Vec::new, |id| id.0.to_vec());
            let row = sqlx::query(
                "SELECT b.definition FROM observations AS b WHERE b.definition > $1 \
                 ORDER BY b.definition LIMIT 1",
            )
            .bind(after)
            .fetch_optional(self.readers())
            .await?;
            match row {
                Some(row) => ids.push(definition_id(&row)?),
                None => return Ok(ids),
            }
        }
    }
}

/// What nobody declares any more: events from now on are not observed, so it has a gap.
async fn undeclared(tx: &mut Tx, id: DefinitionId, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE features SET told = 0, since = $1 WHERE definition = $2 AND told = 1")
        .bind(now.micros())
        .bind(id.0.to_vec())
        .execute(tx.connection()?)
        .await?;
    sqlx::query("DELETE FROM features WHERE definition = $1 AND since < $2")
        .bind(id.0.to_vec())
        .bind(now.plus_millis(-KEPT_MILLIS).micros())
        .execute(tx.connection()?)
        .await?;
    Ok(())
}

async fn is_there(tx: &mut Tx, id: DefinitionId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT since FROM features WHERE definition = $1")
        .bind(id.0.to_vec())
        .fetch_optional(tx.connection()?)
        .await?;
    Ok(row.is_some())
}

fn definition_id(row: &Row) -> Result<DefinitionId, StoreError> {
    let bytes: &[u8] = row.try_get("definition")?;
    let id = bytes.try_into();
    id.map(DefinitionId).map_err(|error| sealed::damaged("feature", &hex::encode(bytes), &error))
}

fn feature(row: &Row) -> Result<FeatureRow, StoreError> {
    let id = definition_id(row)?;
    let damaged =
        |error: &dyn std::fmt::Display| sealed::damaged("feature", &hex::encode(id.0), error);
    let input: Input = serde_json::from_str(row.try_get("input")?).map_err(|it| damaged(&it))?;
    if input.past().is_none() {
        return Err(damaged(&"it is about no past"));
    }
    let filled: &str = row.try_get("filled")?;
    Ok(FeatureRow {
        definition: Definition { id, source: row.try_get("source")?, input },
        since: Timestamp::from_micros(row.try_get("since")?),
        filled: filled.parse().map_err(|error: String| damaged(&error))?,
        told: row.try_get::<i64, _>("told")? == 1,
    })
}
