//! Trials of policies: sums of what those in shadow and canary would have decided otherwise, and the
//! decisions behind them. They are written with the decisions themselves, so they cannot disagree.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Arguments as _, AssertSqlSafe, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{self, Arguments, Connection, Row};
use super::keyring::Keyring;
use super::policies::version_of;
use super::rows::Insert;
use super::trials::{DIFFERENCES_MAX, word};
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, decisions, inbox, sealed};
use crate::model::{
    Direction, PolicyDifference, PolicyRef, PolicyRun, PolicyTrial, Said, Score, Stage, Timestamp,
};

static INSERT: Insert = Insert::new(
    "INSERT INTO policy_trial_differences (deployment, decision, subject, direction, \
     without_score, without_tier, without_action, without_review, without_case, with_score, \
     with_tier, with_action, with_review, with_case, at)",
    15,
    "ON CONFLICT (deployment, decision) DO NOTHING",
);

/// What a difference is read from, in a statement that calls the table `t`.
const DIFFERENCE: &str = "t.deployment, t.decision, t.direction, t.without_score, \
    t.without_tier, t.without_action, t.without_review, t.without_case, t.with_score, t.with_tier, \
    t.with_action, t.with_review, t.with_case, t.at";

/// What a batch adds to one trial.
#[derive(Default)]
struct Sums {
    events: i64,
    decided: i64,
    stricter: i64,
    milder: i64,
    retiered: i64,
    reviews: i64,
    reviews_added: i64,
    reviews_spared: i64,
}

impl Sums {
    fn add(&mut self, run: &PolicyRun) {
        self.events += 1;
        self.decided += i64::from(run.decided);
        self.reviews += i64::from(run.review);
        let Some(turn) = &run.difference else { return };
        match turn.direction {
            Direction::Stricter => self.stricter += 1,
            Direction::Milder => self.milder += 1,
            Direction::Retiered => self.retiered += 1,
        }
        self.reviews_added += i64::from(turn.with.review && !turn.without.review);
        self.reviews_spared += i64::from(turn.without.review && !turn.with.review);
    }
}

/// Adds what these entries say about policies on trial: one statement for each trial, and one for all
/// decisions that differ. What was compared with a policy that is active no longer counts no more.
pub(super) async fn add(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let runs = || {
        entries.iter().flat_map(|entry| entry.trials.policies.iter().map(move |run| (*entry, run)))
    };
    let mut trials: BTreeMap<(i64, &'static str, i64), Sums> = BTreeMap::new();
    for (_, run) in runs() {
        trials.entry((run.deployment, run.stage.as_str(), run.against)).or_default().add(run);
    }
    let mut full = Vec::new();
    for (&(deployment, stage, against), sums) in &trials {
        let differences: Option<i64> = sqlx::query_scalar(
            "UPDATE policy_trials SET events = events + $4, decided = decided + $5, \
             stricter = stricter + $6, milder = milder + $7, retiered = retiered + $8, \
             reviews = reviews + $9, reviews_added = reviews_added + $10, \
             reviews_spared = reviews_spared + $11 \
             WHERE deployment = $1 AND stage = $2 AND against = $3 \
             RETURNING stricter + milder + retiered",
        )
        .bind(deployment)
        .bind(stage)
        .bind(against)
        .bind(sums.events)
        .bind(sums.decided)
        .bind(sums.stricter)
        .bind(sums.milder)
        .bind(sums.retiered)
        .bind(sums.reviews)
        .bind(sums.reviews_added)
        .bind(sums.reviews_spared)
        .fetch_optional(&mut *connection)
        .await?;
        if differences.is_none_or(|differences| differences > DIFFERENCES_MAX) {
            full.push((deployment, stage, against));
        }
    }
    let kept = |run: &PolicyRun| !full.contains(&(run.deployment, run.stage.as_str(), run.against));
    let differing: Vec<(&SealedEntry, &PolicyRun)> =
        runs().filter(|(_, run)| run.difference.is_some() && kept(run)).collect();
    INSERT
        .run(connection, &differing, |arguments, (entry, run)| bind(arguments, entry, run))
        .await?;
    Ok(())
}

fn bind(
    arguments: &mut Arguments,
    entry: &SealedEntry,
    run: &PolicyRun,
) -> Result<(), sqlx::error::BoxDynError> {
    let turn = run.difference.as_ref().ok_or("only what differs is written")?;
    arguments.add(run.deployment)?;
    arguments.add(entry.decision_id())?;
    arguments.add(entry.event.subject.as_str())?;
    arguments.add(turn.direction.as_str())?;
    for said in [&turn.without, &turn.with] {
        arguments.add(i64::from(said.score.millionths()))?;
        arguments.add(said.tier.as_str())?;
        arguments.add(said.action.as_str())?;
        arguments.add(i64::from(said.review))?;
        arguments.add(said.case.as_deref())?;
    }
    arguments.add(entry.event.received_at)
}

/// Begins the trial of a version anew, beside the one that is active now: what was counted before was
/// another one.
pub(super) async fn begin(
    tx: &mut Tx,
    source: &str,
    deployment: i64,
    stage: Stage,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO policy_trials (deployment, stage, since, against, events, decided, stricter, \
         milder, retiered, reviews, reviews_added, reviews_spared) \
         VALUES ($1, $2, $3, (SELECT id FROM policy_deployments WHERE source = $4 \
         AND stage = 'active'), 0, 0, 0, 0, 0, 0, 0, 0) \
         ON CONFLICT (deployment, stage) DO UPDATE SET since = excluded.since, \
         against = excluded.against, events = 0, decided = 0, stricter = 0, milder = 0, \
         retiered = 0, reviews = 0, reviews_added = 0, reviews_spared = 0",
    )
    .bind(deployment)
    .bind(stage.as_str())
    .bind(Timestamp::now().micros())
    .bind(source)
    .execute(tx.connection()?)
    .await?;
    sqlx::query("DELETE FROM policy_trial_differences WHERE deployment = $1")
        .bind(deployment)
        .execute(tx.connection()?)
        .await?;
    Ok(())
}

/// Begins every trial of a source anew: another policy is active.
pub(super) async fn begin_all(tx: &mut Tx, source: &str) -> Result<(), StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT id, stage FROM policy_deployments WHERE source = $1 \
         AND stage IN ('canary', 'shadow') ORDER BY id",
    )
    .bind(source)
    .fetch_all(tx.connection()?)
    .await?;
    for (id, stage) in rows {
        begin(tx, source, id, inbox::stage("policy", source, &stage)?).await?;
    }
    Ok(())
}

impl Store {
    /// The trials of a policy's deployment: at most one in shadow and one in canary, the latest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_trials(&self, deployment: i64) -> Result<Vec<PolicyTrial>, StoreError> {
        let rows = sqlx::query(
            "SELECT t.stage, t.since, t.events, t.decided, t.stricter, t.milder, t.retiered, \
             t.reviews, t.reviews_added, t.reviews_spared, p.name, p.version, p.digest \
             FROM policy_trials AS t LEFT JOIN policy_deployments AS a ON a.id = t.against \
             LEFT JOIN policies AS p ON p.digest = a.digest \
             WHERE t.deployment = $1 ORDER BY t.since DESC",
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
    pub async fn policy_differences(
        &self,
        deployment: i64,
        limit: usize,
    ) -> Result<Vec<PolicyDifference>, StoreError> {
        let text = format!(
            "SELECT {DIFFERENCE}, d.source, d.subject, d.sealed, k.id AS key_id, k.wrapped \
             FROM policy_trial_differences AS t LEFT JOIN decisions AS d ON d.id = t.decision \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE t.deployment = $1 ORDER BY t.decision DESC LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(deployment)
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| difference(&self.inner.keyring, row)).collect()
    }

    /// How many subjects the kept differences are about.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_trial_subjects(&self, deployment: i64) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(DISTINCT subject) AS subjects FROM policy_trial_differences \
             WHERE deployment = $1",
        )
        .bind(deployment)
        .fetch_one(self.readers())
        .await?;
        Ok(dialect::unsigned(&row, "subjects")?)
    }

    /// By decision: what differs in those of a page of what is held on a subject.
    pub(super) async fn held_policy_differences(
        &self,
        source: &str,
        subject: &str,
        name: &str,
        after: i64,
        last: i64,
    ) -> Result<HashMap<String, Vec<PolicyDifference>>, StoreError> {
        let text = format!(
            "SELECT {DIFFERENCE} FROM policy_trial_differences AS t \
             JOIN decisions AS d ON d.id = t.decision WHERE t.subject = $1 \
             AND (d.source = $2) IS TRUE AND (d.seq > $3) IS TRUE AND (d.seq <= $4) IS TRUE"
        );
        let rows = sqlx::query(AssertSqlSafe(text))
            .bind(name)
            .bind(source)
            .bind(after)
            .bind(last)
            .fetch_all(self.readers())
            .await?;
        let mut differences: HashMap<String, Vec<PolicyDifference>> = HashMap::new();
        for row in &rows {
            let difference = open(row, subject.to_owned())?;
            differences.entry(difference.decision.clone()).or_default().push(difference);
        }
        Ok(differences)
    }
}

fn trial(deployment: i64, row: &Row) -> Result<PolicyTrial, StoreError> {
    let number = |column| dialect::unsigned(row, column);
    let against: Option<String> = row.try_get("name")?;
    let against = against.map(|name| {
        let digest = inbox::digest("policy", &name, row.try_get("digest")?)?;
        let version = version_of(&name, row.try_get("version")?)?;
        Ok::<_, StoreError>(PolicyRef { name, version, digest })
    });
    Ok(PolicyTrial {
        stage: word(deployment, row, "stage")?,
        since: Timestamp::from_micros(row.try_get("since")?),
        against: against.transpose()?,
        events: number("events")?,
        decided: number("decided")?,
        stricter: number("stricter")?,
        milder: number("milder")?,
        retiered: number("retiered")?,
        reviews: number("reviews")?,
        reviews_added: number("reviews_added")?,
        reviews_spared: number("reviews_spared")?,
    })
}

/// The subject is in the decision alone, for here is only its name in the record.
fn difference(keyring: &Keyring, row: &Row) -> Result<PolicyDifference, StoreError> {
    let id: String = row.try_get("decision")?;
    let decision = match row.try_get("sealed")? {
        Some(sealed) => decisions::open(keyring, row, &id, sealed)?,
        None => None,
    };
    open(row, decision.map(|decision| decision.subject).unwrap_or_default())
}

/// A difference from its row, with the name of its subject.
fn open(row: &Row, subject: String) -> Result<PolicyDifference, StoreError> {
    let deployment = row.try_get("deployment")?;
    let said = |columns: [&str; 5]| {
        let [score, tier, action, review, case] = columns;
        let millionths = u32::try_from(row.try_get::<i64, _>(score)?).ok();
        let score = millionths.and_then(Score::from_millionths);
        let damaged =
            || sealed::damaged("policy trial", &i64::to_string(&deployment), &"a score above 1");
        Ok::<_, StoreError>(Said {
            score: score.ok_or_else(damaged)?,
            tier: row.try_get(tier)?,
            action: word(deployment, row, action)?,
            review: row.try_get::<i64, _>(review)? != 0,
            case: row.try_get(case)?,
        })
    };
    let without =
        ["without_score", "without_tier", "without_action", "without_review", "without_case"];
    let with = ["with_score", "with_tier", "with_action", "with_review", "with_case"];
    Ok(PolicyDifference {
        decision: row.try_get("decision")?,
        subject,
        direction: word(deployment, row, "direction")?,
        without: said(without)?,
        with: said(with)?,
        at: Timestamp::from_micros(row.try_get("at")?),
    })
}
