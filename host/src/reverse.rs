//! Overturning all that a version of a detector or of a policy caused: what that would be, and doing it step by
//! step, until it is done, whoever restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::ruling::Word;
use crate::model::{
    Action, Cause, CauseKind, Decision, DecisionId, Identity, Mode, Outgoing, Restriction,
    Reversal, ReversalPreview, Reversed, Scope, ScopedAction, Timestamp, Wrong,
};
use crate::replay::Replayer;
use crate::store::{ReversalStep, Store, StoreError};

/// Decisions that one step overturns, give or take: they share a transaction, for which events wait.
const STEP: usize = 50;
/// Decisions that one step looks at.
const LOOKED_MAX: u64 = 1_000;
/// Decisions that a preview looks at.
const PREVIEW_MAX: u64 = 5_000;
/// How often it looks for what another server was asked for.
const LOOK: Duration = Duration::from_secs(1);
/// A reversal begins so long after the last moment that it is about: what was being decided then is written.
const SETTLED_MS: i64 = 2_000;
/// Between two steps, so that events are not held up by a long row of them.
const BREATH: Duration = Duration::from_millis(20);

/// Reverses what is asked for. One per process.
pub struct Reverser {
    store: Store,
    replayer: Arc<Replayer>,
    asked: Notify,
}

impl Reverser {
    pub fn new(store: Store, replayer: Arc<Replayer>) -> Self {
        Self { store, replayer, asked: Notify::new() }
    }

    /// What a reversal would do. Nothing is changed.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn preview(&self, wrong: &Wrong) -> Result<ReversalPreview, StoreError> {
        let (mut preview, now) = (ReversalPreview::default(), Timestamp::now());
        let (mut subjects, mut actions) = (BTreeSet::new(), BTreeMap::new());
        let mut cases = BTreeSet::new();
        let mut from = DecisionId::from_time(wrong.since);
        loop {
            let ReversalStep { due, reached, seen, unclear } = self.look(wrong, from).await?;
            let Some(reached) = reached else { break };
            from = reached;
            preview.seen += seen;
            preview.unclear += unclear;
            let ids: Vec<DecisionId> = due.iter().map(|decision| decision.id).collect();
            let ruled: BTreeSet<DecisionId> =
                self.store.ruled_on(&ids).await?.into_iter().collect();
            let mut told = BTreeMap::<_, u64>::new();
            for action in self.store.told_of(&ids).await? {
                *told.entry(action).or_default() += 1;
            }
            preview.ruled += ruled.len() as u64;
            for decision in due.into_iter().filter(|decision| !ruled.contains(&decision.id)) {
                preview.told += Outgoing::of(&decision, &BTreeSet::new())
                    .iter()
                    .filter(|own| own.ruled(Word::Overturned, 1, now).is_some())
                    .filter_map(|own| told.get(&(decision.id, own.scope)))
                    .sum::<u64>();
                preview.overturned += 1;
                let Effects { enforced, strike, .. } = effects(&decision);
                preview.strikes += u64::from(strike);
                preview.restrictions += u64::from(enforced.iter().any(restricts));
                let strongest = enforced.iter().map(|own| own.action).max();
                *actions.entry(strongest.unwrap_or(decision.action)).or_default() += 1;
                cases.extend(decision.case_id);
                subjects.insert(decision.subject);
            }
            if preview.seen >= PREVIEW_MAX {
                preview.more = true;
                break;
            }
        }
        preview.subjects = subjects.len() as u64;
        preview.cases = cases.len() as u64;
        let reversed = actions.into_iter().rev();
        preview.actions =
            reversed.map(|(action, decisions)| Reversed { action, decisions }).collect();
        Ok(preview)
    }

    /// Has all of it overturned; it goes on by itself.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn begin(
        &self,
        wrong: &Wrong,
        why: &str,
        who: &Identity,
    ) -> Result<Reversal, StoreError> {
        let reversal = self.store.begin_reversal(wrong, why, who).await?;
        self.asked.notify_one();
        Ok(reversal)
    }

    /// Does what is asked for until told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let stepped = self.step_each().await.unwrap_or_else(|error| {
                tracing::error!("reversals could not go on: {error}");
                false
            });
            let pause = if stepped { BREATH } else { LOOK };
            tokio::select! {
                () = self.asked.notified(), if pause == LOOK => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes each reversal that is under way a step further, and hinders none by another that cannot go on.
    /// Returns whether any of them could.
    async fn step_each(&self) -> Result<bool, StoreError> {
        let settled = Timestamp::now().plus_millis(-SETTLED_MS);
        let mut stepped = false;
        for (reversal, from) in self.store.reversals_under_way().await? {
            if reversal.wrong.until > settled {
                continue;
            }
            match self.step(&reversal, from).await {
                Ok(()) => stepped = true,
                Err(error) => {
                    tracing::error!(reversal = reversal.id, "it could not go on: {error}");
                }
            }
        }
        Ok(stepped)
    }

    async fn step(&self, reversal: &Reversal, from: DecisionId) -> Result<(), StoreError> {
        let step = self.look(&reversal.wrong, from).await?;
        let stepped = self.store.step_reversal(reversal, from, &step).await?;
        if stepped.is_some() && step.reached.is_none() {
            tracing::info!(reversal = reversal.id, cause = %reversal.wrong.cause, "reversed");
        }
        Ok(())
    }

    /// Looks at the next decisions after one, until there is enough for a step.
    async fn look(&self, wrong: &Wrong, from: DecisionId) -> Result<ReversalStep, StoreError> {
        let mut step = ReversalStep::default();
        while step.due.len() < STEP && step.seen < LOOKED_MAX {
            let ids = self.store.effective(wrong, step.reached.unwrap_or(from), STEP).await?;
            let Some(last) = ids.last() else { break };
            step.reached = Some(*last);
            step.seen += ids.len() as u64;
            self.look_at(wrong, ids, &mut step).await?;
        }
        Ok(step)
    }

    async fn look_at(
        &self,
        wrong: &Wrong,
        ids: Vec<DecisionId>,
        step: &mut ReversalStep,
    ) -> Result<(), StoreError> {
        for id in ids {
            let replayable = match self.store.replayable(id).await {
                Ok(Some(replayable)) => replayable,
                Ok(None) | Err(StoreError::Erased { .. }) => continue,
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!("a reversal leaves it as it is: {error}");
                    step.unclear += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Cause { kind, name, version } = &wrong.cause;
            let decision = &replayable.document.decision;
            let due = match kind {
                CauseKind::Policy => {
                    let policy = &decision.policy;
                    Ok(policy.name == *name && policy.version.to_string() == *version)
                }
                CauseKind::Detector => self.replayer.is_due_to(&replayable, name, version).await?,
            };
            let Effects { enforced, strike, case } = effects(decision);
            match due {
                Ok(true) if strike || case || !enforced.is_empty() => {
                    step.due.push(replayable.document.decision);
                }
                Ok(_) => {}
                Err(_) => step.unclear += 1,
            }
        }
        Ok(())
    }
}

/// What a decision brought about, or would have in active mode.
struct Effects {
    /// What is in force since an earlier decision it did not bring about.
    enforced: Vec<ScopedAction>,
    strike: bool,
    /// Whether it is in a case.
    case: bool,
}

fn effects(decision: &Decision) -> Effects {
    let (actions, strike, case) = match (&decision.would, decision.mode) {
        (Some(would), Mode::Shadow) => {
            (&would.actions, would.strike.is_some(), would.case.is_some())
        }
        _ => (&decision.actions, decision.strike.is_some(), decision.case_id.is_some()),
    };
    let own = |own: &&ScopedAction| own.action != Action::Allow && own.in_force_since.is_none();
    Effects { enforced: actions.iter().filter(own).cloned().collect(), strike, case }
}

fn restricts(own: &ScopedAction) -> bool {
    own.scope == Scope::Account && Restriction::restricts(own.action)
}
