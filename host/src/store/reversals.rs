//! Reversals: what is asked for, and the steps in which it is done. A step is written together with how far it
//! has come, so whoever takes it up next, after a restart or on another server, does nothing twice.

use serde_json::json;
use sqlx::{Arguments as _, Row as _};
use uuid::Uuid;

use super::audit::{Leaf, Leaves};
use super::dialect::{Row, unsigned};
use super::rows::Insert;
use super::rulings::Say;
use super::{PAGE_ROWS_MAX, Store, StoreError, outbox, sealed};
use crate::model::ruling::Word;
use crate::model::{
    AuditEntry, Cause, CauseKind, Decision, DecisionId, Identity, Reversal, ReversalSums, Scope,
    Timestamp, Wrong,
};

const COLUMNS: &str = "id, source, cause, name, version, since, until, why, asked_by, asked_at, reached, seen, \
    overturned, strikes, restrictions, cases, told, ruled, unclear, ended_at";
/// Decisions that have an effect, or would have had one; the ids drive.
pub(super) const EFFECTIVE: &str = "SELECT d.id FROM decisions AS d WHERE d.id > $1 AND d.id < $2 \
    AND (d.source = $3) IS TRUE AND (d.action <> 'allow' OR d.mode = 'shadow' OR EXISTS \
    (SELECT 1 FROM case_decisions AS c WHERE c.decision = d.id)) IS TRUE ORDER BY d.id LIMIT $4";
/// Of these decisions those on which people have ruled.
static RULED: Insert = Insert::new(
    "WITH wanted (decision) AS (",
    1,
    ") SELECT r.decision FROM wanted AS w JOIN rulings AS r ON r.decision = w.decision",
);
/// The actions of these decisions of which somebody was told, for each who was and would be told that they are
/// lifted.
static TOLD: Insert = Insert::new(
    "WITH wanted (decision) AS (",
    1,
    ") SELECT o.decision, o.scope FROM wanted AS w CROSS JOIN outbox AS o \
     WHERE o.id > w.decision || '.' AND o.id < w.decision || '/' AND o.undone_by <> 'nothing' \
     GROUP BY o.decision, o.scope, o.destination",
);

/// Some of the decisions that a reversal looks at.
#[derive(Debug, Clone, Default)]
pub struct ReversalStep {
    /// Those that are due to what was wrong.
    pub due: Vec<Decision>,
    /// The last one that was looked at.
    pub reached: Option<DecisionId>,
    pub seen: u64,
    pub unclear: u64,
}

impl Store {
    /// Records that somebody wants all this overturned.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn begin_reversal(
        &self,
        wrong: &Wrong,
        why: &str,
        who: &Identity,
    ) -> Result<Reversal, StoreError> {
        let reversal = Reversal {
            id: Uuid::now_v7().to_string(),
            wrong: wrong.clone(),
            why: why.to_owned(),
            asked_by: who.key.to_string(),
            asked_at: Timestamp::now(),
            ended_at: None,
            done: ReversalSums::default(),
        };
        let Wrong { source, cause, since, until } = wrong;
        let mut tx = self.inner.writer.begin().await?;
        sqlx::query(
            "INSERT INTO reversals (id, source, cause, name, version, since, until, why, asked_by, asked_at, \
             reached) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(reversal.id.as_str())
        .bind(source.as_str())
        .bind(cause.kind.as_str())
        .bind(cause.name.as_str())
        .bind(cause.version.as_str())
        .bind(since.micros())
        .bind(until.micros())
        .bind(why)
        .bind(reversal.asked_by.as_str())
        .bind(reversal.asked_at.micros())
        .bind(DecisionId::from_time(*since).to_string())
        .execute(tx.connection()?)
        .await?;
        let facts = json!({
            "source": source, "cause": cause, "since": since, "until": until, "why": why,
        });
        let entry = AuditEntry::new(Some(who), "reversal.begun", &reversal.id, facts);
        tx.commit(Leaves::of(entry)?).await?;
        Ok(reversal)
    }

    /// The newest reversals, of one source where it is named.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn reversals(
        &self,
        source: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Reversal>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM reversals WHERE ($1 = '' OR source = $1) ORDER BY id DESC LIMIT $2"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(source.unwrap_or_default())
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| reversal(row).map(|(reversal, _)| reversal)).collect()
    }

    /// # Errors
    /// Where the database does not answer.
    pub async fn reversal(&self, id: &str) -> Result<Option<Reversal>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM reversals WHERE id = $1");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(self.readers()).await?;
        row.as_ref().map(|row| reversal(row).map(|(reversal, _)| reversal)).transpose()
    }

    /// The reversals that are under way, oldest first, each with the last decision that it looked at.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn reversals_under_way(&self) -> Result<Vec<(Reversal, DecisionId)>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM reversals WHERE ended_at IS NULL ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(self.readers()).await?;
        rows.iter().map(reversal).collect()
    }

    /// The next decisions that a reversal has to look at, in the order of their ids.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn effective(
        &self,
        wrong: &Wrong,
        after: DecisionId,
        limit: usize,
    ) -> Result<Vec<DecisionId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(EFFECTIVE)
            .bind(after.to_string())
            .bind(DecisionId::from_time(wrong.until).to_string())
            .bind(wrong.source.as_str())
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        ids.iter().map(|id| decision_id(id)).collect()
    }

    /// Of some decisions those on which people have ruled.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn ruled_on(&self, decisions: &[DecisionId]) -> Result<Vec<DecisionId>, StoreError> {
        let rows =
            RULED.read(self.readers(), decisions, |arguments, id| arguments.add(id.to_string()));
        rows.await?.iter().map(|row| decision_id(row.try_get("decision")?)).collect()
    }

    /// The actions of some decisions of which their platform or a person was told, or is about to be, by their
    /// scopes: each as often as somebody would be told that it is lifted.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn told_of(
        &self,
        decisions: &[DecisionId],
    ) -> Result<Vec<(DecisionId, Scope)>, StoreError> {
        let rows =
            TOLD.read(self.readers(), decisions, |arguments, id| arguments.add(id.to_string()));
        let told = |row: &Row| {
            let id = row.try_get("decision")?;
            Ok((decision_id(id)?, outbox::read(id, row.try_get("scope")?)?))
        };
        rows.await?.iter().map(told).collect()
    }

    /// Writes a step of a reversal that had come as far as `from`: overturns what is due, but for what people
    /// have ruled on. `None` where somebody else was quicker, and nothing was written.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn step_reversal(
        &self,
        reversal: &Reversal,
        from: DecisionId,
        step: &ReversalStep,
    ) -> Result<Option<ReversalSums>, StoreError> {
        let at = Timestamp::now();
        let mut tx = self.inner.writer.begin().await?;
        let mut sums =
            ReversalSums { seen: step.seen, unclear: step.unclear, ..ReversalSums::default() };
        let mut leaves = Vec::with_capacity(step.due.len() + 1);
        for due in &step.due {
            let id = due.id.to_string();
            let ruled: Option<i64> =
                sqlx::query_scalar("SELECT 1 FROM rulings WHERE decision = $1")
                    .bind(id.as_str())
                    .fetch_optional(tx.connection()?)
                    .await?;
            if ruled.is_some() {
                sums.ruled += 1;
                continue;
            }
            let key = match self.key_of_decision(&mut tx, &id).await {
                Ok(key) => key,
                // Whoever it was about was erased meanwhile, and what counted with them.
                Err(StoreError::Erased { .. } | StoreError::Absence { .. }) => continue,
                Err(error) => return Err(error),
            };
            let word = Word::Overturned;
            let (why, by) = (reversal.why.as_str(), reversal.asked_by.as_str());
            let say = Say { decision: due, word, why, by, at };
            let said = say.run(tx.connection()?, &key).await?;
            sums.overturned += 1;
            sums.strikes += said.changed.strikes;
            sums.restrictions += said.changed.restrictions;
            sums.cases += said.changed.cases;
            sums.told += said.told as u64;
            let mut facts = said.facts(word);
            facts["reversal"] = json!(reversal.id);
            leaves.push(Leaf::of(AuditEntry::new(None, "decision.ruled", id, facts))?);
        }
        let ended = step.reached.is_none().then_some(at);
        let reached = step.reached.unwrap_or(from);
        let done = sqlx::query(
            "UPDATE reversals SET reached = $1, ended_at = $2, seen = seen + $3, overturned = overturned + $4, \
             strikes = strikes + $5, restrictions = restrictions + $6, told = told + $7, ruled = ruled + $8, \
             unclear = unclear + $9, cases = cases + $12 \
             WHERE id = $10 AND reached = $11 AND ended_at IS NULL",
        )
        .bind(reached.to_string())
        .bind(ended.map(Timestamp::micros))
        .bind(sums.seen as i64)
        .bind(sums.overturned as i64)
        .bind(sums.strikes as i64)
        .bind(sums.restrictions as i64)
        .bind(sums.told as i64)
        .bind(sums.ruled as i64)
        .bind(sums.unclear as i64)
        .bind(reversal.id.as_str())
        .bind(from.to_string())
        .bind(sums.cases as i64)
        .execute(tx.connection()?)
        .await?;
        if done.rows_affected() == 0 {
            // The transaction is dropped, and what was written with it.
            return Ok(None);
        }
        let what = if ended.is_some() { "reversal.ended" } else { "reversal.went_on" };
        let facts = json!({ "reached": reached, "step": sums });
        leaves.push(Leaf::of(AuditEntry::new(None, what, &reversal.id, facts))?);
        tx.commit(Leaves::from_vec(leaves).expect("one was just added")).await?;
        Ok(Some(sums))
    }
}

fn decision_id(text: &str) -> Result<DecisionId, StoreError> {
    text.parse().map_err(|error: String| sealed::damaged("the id of a decision", text, &error))
}

fn reversal(row: &Row) -> Result<(Reversal, DecisionId), StoreError> {
    let id: String = row.try_get("id")?;
    let at = |column: &str| row.try_get::<i64, _>(column).map(Timestamp::from_micros);
    let count = |column: &str| unsigned(row, column);
    let kind: CauseKind = row
        .try_get::<&str, _>("cause")?
        .parse()
        .map_err(|error: String| sealed::damaged("reversal", &id, &error))?;
    let cause = Cause { kind, name: row.try_get("name")?, version: row.try_get("version")? };
    let done = ReversalSums {
        seen: count("seen")?,
        overturned: count("overturned")?,
        strikes: count("strikes")?,
        restrictions: count("restrictions")?,
        cases: count("cases")?,
        told: count("told")?,
        ruled: count("ruled")?,
        unclear: count("unclear")?,
    };
    let (since, until) = (at("since")?, at("until")?);
    let reached = decision_id(row.try_get("reached")?)?;
    let reversal = Reversal {
        id,
        wrong: Wrong { source: row.try_get("source")?, cause, since, until },
        why: row.try_get("why")?,
        asked_by: row.try_get("asked_by")?,
        asked_at: at("asked_at")?,
        ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp::from_micros),
        done,
    };
    Ok((reversal, reached))
}
