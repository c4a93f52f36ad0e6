//! Overturning all that a version of a detector or of a policy caused: what that would be, and doing it step by
//! step, until it is done, whoever restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::model::{
    Cause, CauseKind, Decision, DecisionId, Identity, Mode, Restriction, Reversal, ReversalPreview,
    Reversed, Scope, ScopedAction, Wrong,
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
/// Between two steps, so that events are not held up by a long row of them.
const BREATH: Duration = Duration::from_millis(20);

/// Reverses what is asked for. One per process.
pub struct Reverser {
    store: Store,
    replayer: Arc<Replayer>,
    asked: Notify,
}

/// What was looked at of the decisions in question.
struct Looked {
    due: Vec<Decision>,
    step: ReversalStep,
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
        let mut preview = ReversalPreview::default();
        let (mut subjects, mut actions) = (BTreeSet::new(), BTreeMap::new());
        let mut from = DecisionId::from_time(wrong.since);
        loop {
            let Looked { due, step } = self.look(wrong, from).await?;
            let Some(reached) = step.reached else { break };
            from = reached;
            preview.seen += step.seen;
            preview.unclear += step.unclear;
            let ruled: BTreeSet<DecisionId> =
                self.store.ruled_on(&step.due).await?.into_iter().collect();
            preview.ruled += ruled.len() as u64;
            let overturned: Vec<Decision> =
                due.into_iter().filter(|decision| !ruled.contains(&decision.id)).collect();
            let ids: Vec<DecisionId> = overturned.iter().map(|decision| decision.id).collect();
            preview.told += self.store.told_of(&ids).await?;
            for decision in overturned {
                preview.overturned += 1;
                let (enforced, strike) = effects(&decision);
                preview.strikes += u64::from(strike);
                preview.restrictions += u64::from(enforced.iter().any(restricts));
                let strongest = enforced.iter().map(|own| own.action).max();
                *actions.entry(strongest.unwrap_or(decision.action)).or_default() += 1;
                subjects.insert(decision.subject);
            }
            if preview.seen >= PREVIEW_MAX {
                preview.more = true;
                break;
            }
        }
        preview.subjects = subjects.len() as u64;
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
            let pause = match self.step_each().await {
                Ok(true) => BREATH,
                Ok(false) => LOOK,
                Err(error) => {
                    tracing::error!("a reversal could not go on: {error}");
                    LOOK
                }
            };
            tokio::select! {
                () = self.asked.notified(), if pause == LOOK => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Takes each reversal that is under way a step further. Returns whether there was any.
    async fn step_each(&self) -> Result<bool, StoreError> {
        let under_way = self.store.reversals_under_way().await?;
        for (reversal, from) in &under_way {
            let Looked { step, .. } = self.look(&reversal.wrong, *from).await?;
            let stepped = self.store.step_reversal(reversal, *from, &step).await?;
            if stepped.is_some() && step.reached.is_none() {
                tracing::info!(reversal = reversal.id, cause = %reversal.wrong.cause, "reversed");
            }
        }
        Ok(!under_way.is_empty())
    }

    /// Looks at the next decisions after one, until there is enough for a step.
    async fn look(&self, wrong: &Wrong, from: DecisionId) -> Result<Looked, StoreError> {
        let mut looked = Looked { due: Vec::new(), step: ReversalStep::default() };
        while looked.step.due.len() < STEP && looked.step.seen < LOOKED_MAX {
            let after = looked.step.reached.unwrap_or(from);
            let ids = self.store.effective(wrong, after, STEP).await?;
            let Some(last) = ids.last() else { break };
            looked.step.reached = Some(*last);
            looked.step.seen += ids.len() as u64;
            self.look_at(wrong, ids, &mut looked).await?;
        }
        Ok(looked)
    }

    async fn look_at(
        &self,
        wrong: &Wrong,
        ids: Vec<DecisionId>,
        looked: &mut Looked,
    ) -> Result<(), StoreError> {
        for id in ids {
            let replayable = match self.store.replayable(id).await {
                Ok(Some(replayable)) => replayable,
                Ok(None) | Err(StoreError::Erased { .. }) => continue,
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
            let (enforced, strike) = effects(decision);
            match due {
                Ok(true) if strike || !enforced.is_empty() => {
                    looked.step.due.push(id);
                    looked.due.push(replayable.document.decision);
                }
                Ok(_) => {}
                Err(_) => looked.step.unclear += 1,
            }
        }
        Ok(())
    }
}

/// What a decision brought about, or would have in active mode, and whether it gave a strike. What is in force
/// since an earlier one it did not bring about.
fn effects(decision: &Decision) -> (Vec<ScopedAction>, bool) {
    let (actions, strike) = match (&decision.would, decision.mode) {
        (Some(would), Mode::Shadow) => (&would.actions, would.strike.is_some()),
        _ => (&decision.actions, decision.strike.is_some()),
    };
    let allow = crate::model::Action::Allow;
    let own = |own: &&ScopedAction| own.action != allow && own.in_force_since.is_none();
    (actions.iter().filter(own).cloned().collect(), strike)
}

fn restricts(own: &ScopedAction) -> bool {
    own.scope == Scope::Account && Restriction::restricts(own.action)
}
