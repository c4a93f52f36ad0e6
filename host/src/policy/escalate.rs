//! Escalating: what a verdict asks, and how its subject stands, make what is enforced. Pure and total, for
//! it runs inside the commit, where the standing is read, and again in a replay.
//!
//! Invariant: only a violation now gives a strike, and a worse tier is never answered more mildly for it:
//! at each scope the most severe of what tier, strike and restrictions in force ask holds.

#[cfg(test)]
mod tests;

use super::Policy;
use super::judge::Verdict;
use super::onset::Draw;
use super::strikes::{hours_after, told};
use super::texts::{Said, Wording};
use crate::model::{
    Action, CaseChange, DecisionId, Restriction, Scope, ScopedAction, Standing, StandingChange,
    Strike, Template, Timestamp,
};

/// What of a verdict escalates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// At most one per scope, sorted by scope.
    pub actions: Vec<ScopedAction>,
    /// Whether it counts as a violation.
    pub violation: bool,
    /// Whether what is in force has a say: not where the account is exempt, nor about events that the
    /// policy does not judge.
    pub restricts: bool,
    /// The matter of the case that it belongs to.
    pub case: Option<String>,
    /// What its text for the end user is made of.
    pub wording: Wording,
    /// The chance in when it begins.
    pub draw: Draw,
}

/// What is enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// At most one per scope, sorted by scope.
    pub actions: Vec<ScopedAction>,
    /// What the decision adds to the standing of its subject, if anything.
    pub change: Option<StandingChange>,
    /// Whether a person has to look, because no machine may go on.
    pub review: bool,
    /// What it adds to the reason of the verdict.
    pub reason: Option<String>,
    /// The end user's text: that of the strike, where its action is the most severe and has one. Of what begins
    /// later it says nothing.
    pub message: Option<String>,
    /// What the end user is told when that begins.
    pub later: Option<String>,
}

impl Verdict {
    /// What of it escalates in this decision.
    pub fn asked(&self, id: DecisionId) -> Asked {
        Asked {
            actions: self.actions.clone(),
            violation: self.violation,
            restricts: self.judged && !self.exempt,
            case: self.case.clone(),
            wording: self.wording(),
            draw: Draw::of(id),
        }
    }
}

impl Policy {
    /// What is enforced at a moment, to which `standing` belongs.
    pub fn escalate(&self, asked: &Asked, standing: &Standing, at: Timestamp) -> Escalation {
        let mut actions = asked.actions.clone();
        let (mut strike, mut reason, mut review) = (None, None, false);
        let Wording { language, text, tier, reason: why } = &asked.wording;
        let text = text.as_ref();
        let mut severest = text;
        if let Some(strikes) = self.strikes().filter(|_| asked.violation) {
            let number = standing.strikes.saturating_add(1);
            strike = Some(Strike { number, expires_at: strikes.expiry(at) });
            let step = strikes.step(number);
            let days = strikes.window_days;
            let asks = told(step.action, step.for_h);
            review = step.action == Action::SuspensionCandidate;
            reason = Some(format!("; strike {number} within {days} days asks for {asks}"));
            if let Some(own) = &step.message
                && actions.iter().all(|own| own.action < step.action)
            {
                severest = Some(own.in_language(language.as_ref()));
            }
            let expires_at = step.for_h.map(|hours| hours_after(at, hours));
            let lasting = ScopedAction::lasting(step.action, Scope::Account);
            demand(&mut actions, ScopedAction { expires_at, ..lasting });
        }
        let begins_at = self.begins_at(asked.draw, standing, at);
        let account = actions.iter_mut().find(|own| own.scope == Scope::Account);
        let account = account.filter(|own| own.action > Action::Allow);
        let mut later = false;
        if let (Some(own), Some(begins_at)) = (account, begins_at) {
            put_off(own, at, begins_at);
            later = true;
            let begins = format!("; it begins at {}", begins_at.to_minute());
            reason = Some(reason.unwrap_or_default() + &begins);
        }
        let account = actions.iter().find(|own| own.scope == Scope::Account);
        let restriction =
            account.filter(|own| Restriction::restricts(own.action)).map(|own| Restriction {
                action: own.action,
                since: own.begins_at.unwrap_or(at),
                expires_at: own.expires_at,
            });
        let in_force = standing.restrictions.iter().filter(|own| own.is_in_force(at));
        for own in in_force.filter(|_| asked.restricts) {
            demand(&mut actions, own.as_action());
        }
        let count = strike.as_ref().map_or(0, |strike: &Strike| strike.number);
        let said = |text: &Template, actions: &[ScopedAction], escalated: &str| {
            let reason = [why.as_str(), escalated].concat();
            Said { actions, count, tier, reason: &reason }.in_words(text)
        };
        let escalated = reason.as_deref().unwrap_or_default();
        let whole = severest.map(|text| said(text, &actions, escalated));
        let (message, later) = if later {
            let now: Vec<ScopedAction> =
                actions.iter().filter(|own| own.begins_at.is_none()).cloned().collect();
            let holds = now.iter().any(|own| own.action > Action::Allow);
            (text.filter(|_| holds).map(|text| said(text, &now, "")), whole)
        } else {
            (whole, None)
        };
        let opens = |matter: &String| CaseChange { matter: matter.clone(), joins: standing.case };
        let case = asked.case.as_ref().map(opens);
        let adds = strike.is_some() || restriction.is_some() || case.is_some();
        let change = adds.then_some(StandingChange { at, strike, restriction, case });
        Escalation { actions, change, review, reason, message, later }
    }

    /// When what is newly asked of the account begins, where that is later. Whom something restricts already
    /// is not kept waiting: there is nothing that they would learn.
    fn begins_at(&self, draw: Draw, standing: &Standing, at: Timestamp) -> Option<Timestamp> {
        let restricted = standing.restrictions.iter().any(|own| own.is_in_force(at));
        let begins_at = self.onset().filter(|_| !restricted)?.after(at, draw);
        (begins_at > at).then_some(begins_at)
    }
}

/// Has an action begin later, and last as long as it would have.
fn put_off(own: &mut ScopedAction, at: Timestamp, begins_at: Timestamp) {
    let later = begins_at.micros() - at.micros();
    own.begins_at = Some(begins_at);
    own.expires_at =
        own.expires_at.map(|end| Timestamp::from_micros(end.micros().saturating_add(later)));
}

/// Adds an action; at each scope the more severe stays, of equal ones the one that ends later, of those
/// the one that is new.
pub(super) fn demand(actions: &mut Vec<ScopedAction>, own: ScopedAction) {
    match actions.binary_search_by_key(&own.scope, |scoped| scoped.scope) {
        Ok(at) if weight(&own) > weight(&actions[at]) => actions[at] = own,
        Ok(_) => {}
        Err(at) => actions.insert(at, own),
    }
}

/// By what the more severe of two is the greater.
fn weight(own: &ScopedAction) -> (Action, i64, bool) {
    let end = own.expires_at.map_or(i64::MAX, Timestamp::micros);
    (own.action, end, own.in_force_since.is_none())
}
