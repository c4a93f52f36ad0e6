//! What an account's conduct makes of it: for people to look at, and for rules that ask. Pure.

use super::Policy;
use crate::model::profile::{Conduct, Risk};
use crate::model::{Score, Timestamp};

/// Decisions of an account that its risk follows from, the newest ones.
pub const CONDUCT_MAX: usize = 1_000;
/// A score is worth half after this.
const HALF_LIFE_MICROS: i64 = 30 * 24 * 3_600 * 1_000_000;
/// Events of the mildest tier, in a row, that make half of full trust.
const TRUST_HALF: u32 = 20;

/// What of a decision the risk of its account follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    pub score: Score,
    pub decided_at: Timestamp,
    /// Whether it is of the mildest tier.
    pub mildest: bool,
}

impl Policy {
    /// The risk of an account at a moment by what it did last, newest first.
    pub fn risk(&self, conduct: &[Conduct], now: Timestamp) -> Risk {
        let deeds = conduct.iter().filter(|one| !one.overturned).map(|one| Deed {
            score: one.score,
            decided_at: one.decided_at,
            mildest: self.is_mildest(&one.tier),
        });
        self.risk_of(deeds, now)
    }

    /// Whether a tier is the mildest one.
    pub fn is_mildest(&self, tier: &str) -> bool {
        self.tiers()[0].name == tier
    }

    /// The risk of an account at a moment by those of its last deeds that nobody overturned, newest first.
    pub fn risk_of(&self, deeds: impl Iterator<Item = Deed> + Clone, now: Timestamp) -> Risk {
        let worst = deeds.clone().map(|one| faded(one.score, one.decided_at, now)).max();
        let score = worst.unwrap_or(Score::ZERO);
        let clean = deeds.take_while(|one| one.mildest).count();
        let clean = f64::from(u32::try_from(clean).unwrap_or(u32::MAX));
        let trust = Score::from_unit(clean / (clean + f64::from(TRUST_HALF)));
        Risk { score, tier: self.tier_of(score).name.clone(), trust }
    }
}

/// Half of it after each half-life, and in between along a line: that needs no power.
fn faded(score: Score, since: Timestamp, now: Timestamp) -> Score {
    let age = now.micros().saturating_sub(since.micros()).max(0);
    let (halves, rest) = (age / HALF_LIFE_MICROS, age % HALF_LIFE_MICROS);
    let whole = score.millionths().checked_shr(u32::try_from(halves).unwrap_or(u32::MAX));
    let whole = i64::from(whole.unwrap_or(0));
    let left = whole - whole * (rest / 1_000_000) / (2 * (HALF_LIFE_MICROS / 1_000_000));
    u32::try_from(left).ok().and_then(Score::from_millionths).unwrap_or(Score::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, DecisionId, Mode};

    const DAY: i64 = 24 * 3_600 * 1_000_000;

    fn conduct(days_ago: i64, millionths: u32, tier: &str) -> Conduct {
        Conduct {
            decision_id: DecisionId::new(),
            kind: "message.sent".to_owned(),
            decided_at: Timestamp::from_micros(-days_ago * DAY),
            mode: Mode::Active,
            score: Score::from_millionths(millionths).unwrap(),
            tier: tier.to_owned(),
            action: Action::Allow,
            overturned: false,
        }
    }

    fn policy() -> Policy {
        let text = include_str!("../../../examples/policies/qwickservices.toml");
        Policy::compile_again(text).unwrap().policy
    }

    fn risk(conduct: &[Conduct]) -> (u32, String, u32) {
        let risk = policy().risk(conduct, Timestamp::from_micros(0));
        (risk.score.millionths(), risk.tier, risk.trust.millionths())
    }

    #[test]
    fn a_score_fades_to_half_in_thirty_days() {
        for (days, left) in
            [(0, 800_000), (15, 600_000), (30, 400_000), (45, 300_000), (60, 200_000)]
        {
            assert_eq!(risk(&[conduct(days, 800_000, "high")]).0, left, "after {days} days");
        }
        assert_eq!(risk(&[conduct(100_000, 800_000, "high")]).0, 0);
        assert_eq!(risk(&[conduct(0, 800_000, "high")]).1, "high");
        assert_eq!(risk(&[conduct(30, 800_000, "high")]).1, "medium");
    }

    #[test]
    fn trust_grows_with_clean_conduct_and_begins_anew() {
        let clean = |count| vec![conduct(1, 0, "low"); count];
        assert_eq!(risk(&[]), (0, "low".to_owned(), 0));
        assert_eq!(risk(&clean(20)).2, 500_000);
        let mut history = clean(5);
        history.push(conduct(2, 700_000, "high"));
        history.extend(clean(50));
        assert_eq!(risk(&history).2, 200_000);
    }

    #[test]
    fn what_was_overturned_says_nothing_of_the_account() {
        let wrong = Conduct { overturned: true, ..conduct(0, 900_000, "critical") };
        let history = [conduct(0, 0, "low"), wrong, conduct(1, 0, "low")];
        assert_eq!(risk(&history), (0, "low".to_owned(), 90_909));
    }
}
