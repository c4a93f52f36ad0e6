//! How a subject stands with a source: how many strikes count, and which restrictions are in force. Both
//! follow from decisions and end by themselves; people may end them earlier.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, CaseChange, DecisionId, Scope, ScopedAction, Timestamp};

/// A violation that a decision counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Strike {
    /// Which of those that counted then, from 1.
    pub number: u32,
    /// From this moment on it counts no more.
    pub expires_at: Timestamp,
}

/// An account-level action that lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restriction {
    pub action: Action,
    pub since: Timestamp,
    /// From this moment on it is no more. `null`: until a person lifts it.
    pub expires_at: Option<Timestamp>,
}

/// What counts against a subject at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// Strikes that count.
    pub strikes: u32,
    /// Of each action the one that ends last, from mild to severe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<Restriction>,
    /// The case that is open about the matter that the policy asks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<DecisionId>,
}

/// What one decision adds to it: at least one of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingChange {
    pub at: Timestamp,
    pub strike: Option<Strike>,
    pub restriction: Option<Restriction>,
    pub case: Option<CaseChange>,
}

impl Restriction {
    /// Whether an action restricts the account on which it is.
    pub fn restricts(action: Action) -> bool {
        action >= Action::Cooldown
    }

    /// All that do.
    pub fn actions() -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(|action| Self::restricts(*action))
    }

    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > at)
    }

    /// As an action of a later decision.
    pub fn as_action(&self) -> ScopedAction {
        ScopedAction {
            action: self.action,
            scope: Scope::Account,
            expires_at: self.expires_at,
            begins_at: None,
            in_force_since: Some(self.since),
        }
    }
}

impl Standing {
    pub fn is_clean(&self) -> bool {
        self.strikes == 0 && self.restrictions.is_empty() && self.case.is_none()
    }

    /// Takes in what a decision adds, as far as it counts at this moment.
    pub fn add(&mut self, change: &StandingChange, at: Timestamp) {
        if change.strike.as_ref().is_some_and(|strike| strike.expires_at > at) {
            self.strikes = self.strikes.saturating_add(1);
        }
        let in_force = |new: &&Restriction| new.since <= at && new.is_in_force(at);
        let Some(new) = change.restriction.as_ref().filter(in_force) else {
            return;
        };
        let end = |one: &Restriction| one.expires_at.map_or(i64::MAX, Timestamp::micros);
        match self.restrictions.binary_search_by_key(&new.action, |own| own.action) {
            Ok(place) if end(&self.restrictions[place]) >= end(new) => {}
            Ok(place) => self.restrictions[place] = new.clone(),
            Err(place) => self.restrictions.insert(place, new.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restriction(action: Action, since: i64, until: Option<i64>) -> Restriction {
        let at = Timestamp::from_micros;
        Restriction { action, since: at(since), expires_at: until.map(at) }
    }

    #[test]
    fn of_each_action_the_one_that_ends_last_stays() {
        let mut standing = Standing::default();
        let add = |standing: &mut Standing, one: Restriction| {
            let at = Timestamp::from_micros(50);
            let restriction = Some(one);
            standing.add(&StandingChange { at, strike: None, restriction, case: None }, at);
        };
        add(&mut standing, restriction(Action::Restriction, 1, Some(100)));
        add(&mut standing, restriction(Action::Cooldown, 2, Some(80)));
        add(&mut standing, restriction(Action::Cooldown, 3, Some(70)));
        add(&mut standing, restriction(Action::Cooldown, 4, Some(50)));
        let ends = |standing: &Standing| {
            let end = |one: &Restriction| (one.action, one.expires_at.map(Timestamp::micros));
            standing.restrictions.iter().map(end).collect::<Vec<_>>()
        };
        let both = [(Action::Cooldown, Some(80)), (Action::Restriction, Some(100))];
        assert_eq!(ends(&standing), both);
        add(&mut standing, restriction(Action::Cooldown, 5, None));
        assert_eq!(ends(&standing), [(Action::Cooldown, None), both[1]]);
    }

    #[test]
    fn a_strike_counts_until_the_moment_at_which_it_expires() {
        let strike = Strike { number: 1, expires_at: Timestamp::from_micros(100) };
        let at = Timestamp::from_micros(0);
        let change = StandingChange { at, strike: Some(strike), restriction: None, case: None };
        for (at, counts) in [(99, 1), (100, 0), (101, 0)] {
            let mut standing = Standing::default();
            standing.add(&change, Timestamp::from_micros(at));
            assert_eq!(standing.strikes, counts, "at {at}");
        }
    }
}
