//! How subjects stand in a simulation: strikes and restrictions as a server would have counted them, in
//! memory.
//!
//! Of each account that ever violated something there is kept: 16 bytes for a strike and some 40 for a
//! restriction, until they can count no more. Of the others nothing. Invariant: what is counted is what a
//! server counts on the same events, unless one came after another of its account that happened two windows
//! later.

use std::collections::HashMap;

use super::past::{Moment, Subject};
use crate::model::{Mode, Restriction, Standing, StandingChange, Timestamp};
use crate::store::{Counts, PastStanding};

/// The strikes and restrictions of all accounts.
#[derive(Debug)]
pub(super) struct Ledger {
    accounts: HashMap<(Mode, Subject), Account>,
    /// How long a strike counts, in milliseconds. What ended so long before something happened is let go of.
    window_ms: i64,
}

#[derive(Debug, Default)]
struct Account {
    strikes: Vec<Entry<Timestamp>>,
    restrictions: Vec<Entry<Restriction>>,
}

/// What counts, until people take it back.
#[derive(Debug)]
struct Entry<T> {
    what: T,
    ended_at: Option<Timestamp>,
}

impl<T> Entry<T> {
    /// Whether it was not taken back by then.
    fn stands(&self, at: Timestamp) -> bool {
        self.ended_at.is_none_or(|end| end > at)
    }
}

impl Ledger {
    pub fn new(window_days: u32) -> Self {
        Self { accounts: HashMap::new(), window_ms: i64::from(window_days) * 24 * 3_600_000 }
    }

    /// Takes in what counted before.
    pub fn begin(&mut self, before: &PastStanding) {
        let PastStanding { subject, ledger, ref what, ended_at } = *before;
        let account = self.accounts.entry((ledger, Subject(subject))).or_default();
        match what.clone() {
            Counts::Strike(what) => account.strikes.push(Entry { what, ended_at }),
            Counts::Restriction(what) => account.restrictions.push(Entry { what, ended_at }),
        }
    }

    /// How a subject stands at a moment.
    pub fn standing(&self, mode: Mode, subject: Subject, moment: Moment) -> Standing {
        let Some(account) = self.accounts.get(&(mode, subject)) else {
            return Standing::default();
        };
        let Moment { at, received_at } = moment;
        let counts = account.strikes.iter().filter(|own| own.what > at && own.stands(received_at));
        let mut standing = Standing {
            strikes: u32::try_from(counts.count()).unwrap_or(u32::MAX),
            ..Standing::default()
        };
        for own in account.restrictions.iter().filter(|own| own.stands(received_at)) {
            let restriction = Some(own.what.clone());
            standing.add(&StandingChange { at, strike: None, restriction }, at);
        }
        standing
    }

    /// Takes in what a decision adds, until people took that back.
    pub fn add(
        &mut self,
        mode: Mode,
        subject: Subject,
        moment: Moment,
        change: &StandingChange,
        ended_at: Option<Timestamp>,
    ) {
        let account = self.accounts.entry((mode, subject)).or_default();
        let dead = moment.at.plus_millis(-self.window_ms);
        account.strikes.retain(|own| own.what > dead);
        account.restrictions.retain(|own| own.what.is_in_force(dead));
        if let Some(strike) = &change.strike {
            account.strikes.push(Entry { what: strike.expires_at, ended_at });
        }
        if let Some(restriction) = &change.restriction {
            account.restrictions.push(Entry { what: restriction.clone(), ended_at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Strike};

    const DAY_MS: i64 = 24 * 3_600_000;
    const ACTIVE: Mode = Mode::Active;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(0).plus_millis(number * DAY_MS)
    }

    fn moment(number: i64) -> Moment {
        Moment { at: day(number), received_at: day(number) }
    }

    fn change(at: i64) -> StandingChange {
        let since = day(at);
        let strike = Some(Strike { number: 1, expires_at: day(at + 30) });
        let expires_at = Some(day(at + 2));
        let restriction = Some(Restriction { action: Action::Cooldown, since, expires_at });
        StandingChange { at: since, strike, restriction }
    }

    #[test]
    fn strikes_end_at_their_moment_and_those_of_others_do_not_count() {
        let (mut ledger, who) = (Ledger::new(30), Subject([1; 16]));
        ledger.add(ACTIVE, who, moment(0), &change(0), None);
        ledger.add(ACTIVE, who, moment(5), &change(5), None);
        let strikes = |mode, who, at| ledger.standing(mode, who, moment(at)).strikes;
        assert_eq!([29, 30, 34, 35].map(|at| strikes(ACTIVE, who, at)), [2, 1, 1, 0]);
        assert_eq!(strikes(Mode::Shadow, who, 1), 0, "each mode has a ledger of its own");
        assert_eq!(strikes(ACTIVE, Subject([2; 16]), 1), 0);
        // What comes late is answered as of when it happened.
        let late = Moment { at: day(1), received_at: day(33) };
        let standing = ledger.standing(ACTIVE, who, late);
        assert_eq!(standing.strikes, 2);
        assert_eq!(standing.restrictions.len(), 1, "{standing:?}");
        assert_eq!(standing.restrictions[0].since, day(0), "and by no restriction that came later");
    }

    #[test]
    fn what_people_took_back_counts_until_then() {
        let (mut ledger, who) = (Ledger::new(30), Subject([1; 16]));
        ledger.add(ACTIVE, who, moment(0), &change(0), Some(day(1)));
        assert_eq!(ledger.standing(ACTIVE, who, moment(0)).strikes, 1);
        assert!(ledger.standing(ACTIVE, who, moment(1)).is_clean());
    }

    #[test]
    fn what_can_count_no_more_is_not_kept() {
        let (mut ledger, who) = (Ledger::new(30), Subject([1; 16]));
        for at in 0..365 {
            ledger.add(ACTIVE, who, moment(at), &change(at), None);
        }
        let account = &ledger.accounts[&(ACTIVE, who)];
        assert_eq!((account.strikes.len(), account.restrictions.len()), (60, 32));
    }
}
