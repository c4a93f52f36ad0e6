//! What one side makes of history, event after event: how accounts stand by its own decisions, what they did by
//! them, and what their signals carried.

use super::SimulateError;
use super::conduct::Conduct;
use super::ledger::Ledger;
use super::past::{Past, Said};
use super::plan::{Plan, Side, Weighing};
use super::remembered::Remembered;
use super::told::ToldSums;
use crate::model::{Account, Signal, Standing};
use crate::policy::Deed;

/// Strikes that a rule hears of at most; see [`Account::strikes`].
const STRIKES_MAX: u32 = 64;

/// How things stand by one side's decisions.
pub(super) struct Course {
    pub ledger: Ledger,
    pub conduct: Conduct,
    /// What signals carried, where its rules ask how many accounts had it.
    pub carried: Remembered,
    pub sums: ToldSums,
}

impl Course {
    /// What the side enforces on an event, which from then on counts.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn decide(
        &mut self,
        plan: &Plan,
        side: &Side,
        weighing: Weighing,
        past: &Past,
    ) -> Result<Said, SimulateError> {
        let (mode, subject, moment) = (past.mode, past.subject, past.moment);
        let standing = self.ledger.standing(mode, subject, moment);
        let judged = match weighing {
            Weighing::Judged(judged) => *judged,
            Weighing::Found(found) => {
                let account = self.account(side, &standing, past);
                let known = plan.known(side, past, &found, &self.carried, &mut self.sums);
                plan.judged(side, past, found, &known, &account)
            }
        };
        if !self.carried.is_for_nothing() {
            self.carried.observe(past, &judged.heard().collect::<Vec<&Signal>>())?;
        }
        let (said, change) = side.enforced(judged, &standing, moment.at);
        if let Some(change) = change {
            self.ledger.add(mode, subject, moment, &change, past.overturned_at);
        }
        if side.policy.reads().risk {
            let deed = Deed {
                score: said.score,
                decided_at: past.decided_at,
                mildest: side.policy.is_mildest(&said.tier),
            };
            self.conduct.add(subject, deed, past.overturned_at)?;
        }
        Ok(said)
    }

    /// How the account of an event stands, as far as that is asked.
    fn account(&self, side: &Side, standing: &Standing, past: &Past) -> Account {
        let (reads, mut account) = (side.policy.reads(), Account::NOBODY);
        if reads.standing {
            account.strikes = standing.strikes.min(STRIKES_MAX);
            account.restrictions = standing.restrictions.iter().map(|own| own.action).collect();
        }
        if reads.risk {
            (account.score, account.trust) =
                self.conduct.risk(&side.policy, past.subject, past.moment);
        }
        account
    }
}
