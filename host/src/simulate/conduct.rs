//! What accounts did, as far as a policy's rules ask about it ([`crate::policy::Policy::risk`]): of each account its
//! last decisions, 32 bytes for each.

use std::collections::{HashMap, VecDeque};

use super::SimulateError;
use super::past::{Moment, Subject};
use crate::model::{Score, Timestamp};
use crate::policy::{CONDUCT_MAX, Deed, Policy};

/// Decisions of all accounts that are remembered at once; some 500 MB.
const DEEDS_MAX: usize = 16_000_000;

/// The last decisions of each account.
#[derive(Default)]
pub(super) struct Conduct {
    accounts: HashMap<Subject, VecDeque<Entry>>,
    deeds: usize,
}

struct Entry {
    deed: Deed,
    /// When people overturned it: then it says nothing of the account any more.
    overturned_at: Option<Timestamp>,
}

impl Conduct {
    /// Takes in a decision, after all that were made before.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn add(
        &mut self,
        subject: Subject,
        deed: Deed,
        overturned_at: Option<Timestamp>,
    ) -> Result<(), SimulateError> {
        let account = self.accounts.entry(subject).or_default();
        account.push_back(Entry { deed, overturned_at });
        self.deeds += 1;
        if account.len() > CONDUCT_MAX {
            account.pop_front();
            self.deeds -= 1;
        }
        match self.deeds > DEEDS_MAX {
            true => {
                Err(SimulateError::TooMuch { most: "subject.score and subject.trust".to_owned() })
            }
            false => Ok(()),
        }
    }

    /// The risk of an account, and its trust, at a moment.
    pub fn risk(&self, policy: &Policy, subject: Subject, moment: Moment) -> (Score, Score) {
        let account = self.accounts.get(&subject).into_iter().flatten().rev();
        let stands = |entry: &&Entry| {
            entry.overturned_at.is_none_or(|overturned| overturned > moment.received_at)
        };
        let deeds = account.filter(stands).map(|entry| entry.deed);
        let risk = policy.risk_of(deeds, moment.at);
        (risk.score, risk.trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let text = include_str!("../../../examples/policies/qwickservices.toml");
        Policy::compile_again(text).unwrap().policy
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn the_last_thousand_count_and_what_was_overturned_until_then() {
        let (mut conduct, policy, who) = (Conduct::default(), policy(), Subject([1; 16]));
        let mut add = |second: i64, millionths: u32, overturned_at| {
            let score = Score::from_millionths(millionths).unwrap();
            let deed = Deed { score, decided_at: at(second), mildest: millionths == 0 };
            conduct.add(who, deed, overturned_at).unwrap();
        };
        add(0, 900_000, Some(at(5)));
        (1..=20).for_each(|second| add(second, 0, None));
        let risk = |conduct: &Conduct, received: i64| {
            let moment = Moment { at: at(20), received_at: at(received) };
            let (score, trust) = conduct.risk(&policy, who, moment);
            (score.millionths(), trust.millionths())
        };
        assert_eq!(risk(&conduct, 4), (899_997, 500_000));
        assert_eq!(risk(&conduct, 5), (0, 500_000), "people took it back");
        let deed = Deed { score: Score::ONE, decided_at: at(20), mildest: false };
        conduct.add(who, deed, None).unwrap();
        assert_eq!(risk(&conduct, 5), (1_000_000, 0));
        let clean = Deed { score: Score::ZERO, decided_at: at(20), mildest: true };
        (1..CONDUCT_MAX).for_each(|_| conduct.add(who, clean, None).unwrap());
        assert_eq!(risk(&conduct, 5).0, 1_000_000, "it is the last of the thousand");
        conduct.add(who, clean, None).unwrap();
        assert_eq!(risk(&conduct, 5), (0, 980_392));
        assert_eq!(conduct.deeds, CONDUCT_MAX);
    }
}
