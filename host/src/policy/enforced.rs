//! What a tier or a rule has enforced: an action, where, for how long. Nothing that lasts happens to an
//! account without a person.

use serde::Serialize;
use toml::Spanned;

use super::diagnostic::{Report, code};
use super::strikes::hours_after;
use super::words::word;
use crate::model::{Action, Restriction, Scope, ScopedAction, Timestamp};

/// An action of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Enforced {
    pub action: Action,
    pub scope: Scope,
    /// Hours from the decision; `None` where it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_h: Option<u32>,
}

impl Enforced {
    /// As it is enforced from this time on.
    pub fn from(self, at: Timestamp) -> ScopedAction {
        let expires_at = self.for_h.map(|hours| hours_after(at, hours));
        ScopedAction { expires_at, ..ScopedAction::lasting(self.action, self.scope) }
    }

    /// Why a person has to look at it, if so.
    fn needs_a_person(self) -> Option<&'static str> {
        match (self.action, self.scope, self.for_h) {
            (Action::SuspensionCandidate, ..) => Some("only a person may suspend an account"),
            (action, Scope::Account, None) if Restriction::restricts(action) => {
                Some("it does not end by itself")
            }
            _ => None,
        }
    }
}

/// What was written of it.
pub(super) struct Written<'a, 't> {
    pub action: Option<&'a Spanned<&'t str>>,
    pub scope: Option<&'a Spanned<&'t str>>,
    /// Whether `for_h` is there, readable or not.
    pub ends: bool,
    pub for_h: Option<&'a Spanned<u32>>,
    /// Whether a person looks.
    pub review: bool,
}

/// The action, `Some(None)` where none is written. With `prove` one that needs a person and has none is
/// an error.
pub(super) fn check(
    written: &Written<'_, '_>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Option<Enforced>> {
    let Some(at) = written.action else {
        let beside = [written.scope.map(Spanned::span), written.for_h.map(Spanned::span)];
        for (key, span) in ["scope", "for_h"].iter().zip(beside) {
            if let Some(span) = span {
                let hint = "write the `action` that it is about".to_owned();
                report.error(code::IDLE_RULE, span, format!("`{key}` without an `action`"), hint);
            }
        }
        return Some(None);
    };
    let action = word(Some(at), "action", Action::ALL, Action::as_str, report);
    let scope = match written.scope {
        Some(_) => word(written.scope, "scope", Scope::ALL, Scope::as_str, report),
        None => action.map(Action::usual_scope),
    };
    let for_h = written.for_h.map(|hours| *hours.get_ref());
    let enforced = Enforced { action: action?, scope: scope?, for_h };
    if for_h.is_some() != written.ends {
        // What could not be read was reported.
        return None;
    }
    if let Some(why) = enforced.needs_a_person().filter(|_| prove && !written.review) {
        let message = format!("`{}` of an account without a person: {why}", enforced.action);
        let hint = match enforced.action {
            Action::SuspensionCandidate => "add `review = true`",
            _ => "add `review = true`, or the hours that it lasts: `for_h = 72`",
        };
        report.error(code::PERMANENT, at.span(), message, hint.to_owned());
    }
    Some(Some(enforced))
}
