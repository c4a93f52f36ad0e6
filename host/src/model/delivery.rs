//! What leaves: the actions that a platform is told to perform, and what came of telling it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ruling::Word;
use super::{Action, Decision, DecisionId, Mode, PolicyRef, Scope, ScopedAction, Timestamp};

/// The id of something that leaves. It follows from what it is about, so that whoever gets it twice
/// can tell: of an action it is the decision's id, a point, and the scope. What people say of it later has
/// the same and a number: `….message.1` takes it back, `….message.2` has it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, example = "019926c5-7a90-7e51-b2a4-30f1c51a2f0d.message")]
pub struct DeliveryId(String);

impl DeliveryId {
    pub fn of_action(decision: DecisionId, scope: Scope) -> Self {
        Self(format!("{decision}.{}", scope.as_str()))
    }

    /// The `word`-th that people had to say of an action, from 1.
    pub fn of_word(decision: DecisionId, scope: Scope, word: u32) -> Self {
        Self(format!("{decision}.{}.{word}", scope.as_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not the id of a delivery: <decision>.<scope> or <decision>.<scope>.<number>"
            )
        };
        let (decision, rest) = text.split_once('.').ok_or_else(wrong)?;
        let decision: DecisionId = decision.parse().map_err(|_| wrong())?;
        let (scope, word) = rest.split_once('.').map_or((rest, None), |(a, b)| (a, Some(b)));
        let scope = Scope::ALL.into_iter().find(|known| known.as_str() == scope);
        let scope = scope.ok_or_else(wrong)?;
        let id = match word {
            None => Self::of_action(decision, scope),
            Some(word) => Self::of_word(decision, scope, word.parse().map_err(|_| wrong())?),
        };
        // A number has one form, so an id does.
        (id.0 == text && word != Some("0")).then_some(id).ok_or_else(wrong)
    }
}

/// What is sent: an action of one decision on one scope, or that it is lifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outgoing {
    pub id: DeliveryId,
    pub kind: OutgoingKind,
    pub source: String,
    /// The account that the action is about.
    pub subject: String,
    pub event_id: String,
    pub decision_id: DecisionId,
    pub decided_at: Timestamp,
    /// When people said so; left out where it is the decision itself that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_at: Option<Timestamp>,
    pub mode: Mode,
    /// What is to be enforced, or lifted.
    pub action: Action,
    pub scope: Scope,
    /// `null` where it does not end by itself.
    pub expires_at: Option<Timestamp>,
    /// Why, in a sentence for the platform's people.
    pub reason: String,
    /// Text for the end user.
    pub message: Option<String>,
    pub policy: PolicyRef,
}

impl Outgoing {
    /// What a decision asks its platform to do: an action per scope, none where it allows, where nothing
    /// is enforced, or where it is in force since an earlier decision. Where some actions
    /// are named, those alone.
    pub fn of(decision: &Decision, wanted: &BTreeSet<Action>) -> Vec<Self> {
        let outgoing = asked(decision, wanted).map(|own| Self {
            id: DeliveryId::of_action(decision.id, own.scope),
            kind: OutgoingKind::Action,
            source: decision.source.clone(),
            subject: decision.subject.clone(),
            event_id: decision.event_id.clone(),
            decision_id: decision.id,
            decided_at: decision.decided_at,
            ruled_at: None,
            mode: decision.mode,
            action: own.action,
            scope: own.scope,
            expires_at: own.expires_at,
            reason: decision.reason.clone(),
            message: decision.message.clone(),
            policy: decision.policy.clone(),
        });
        outgoing.collect()
    }

    /// What was said last of what a decision asked for on a scope, but for when and why; `None` where it
    /// asked for nothing there. What was delivered is not kept, and the decision is.
    pub fn last(decision: &Decision, scope: Scope, kind: OutgoingKind) -> Option<Self> {
        let asked = Self::of(decision, &BTreeSet::new()).into_iter();
        asked.filter(|own| own.scope == scope).map(|own| Self { kind, ..own }).next()
    }

    /// What people have to say of it, as their `word`-th, where that is news: a decision that they
    /// overturn is lifted, and enforced again if they think better of it. What has ended by itself is no
    /// matter any more.
    pub fn ruled(&self, ruling: Word, word: u32, at: Timestamp) -> Option<Self> {
        let (kind, reason) = match (self.kind, ruling) {
            (OutgoingKind::Action, Word::Overturned) => {
                (OutgoingKind::Lift, "a person overturned the decision")
            }
            (OutgoingKind::Lift, Word::Upheld) => {
                (OutgoingKind::Action, "a person upheld the decision after all")
            }
            _ => return None,
        };
        let lasts = self.expires_at.is_none_or(|end| end > at);
        lasts.then(|| Self {
            id: DeliveryId::of_word(self.decision_id, self.scope, word),
            kind,
            ruled_at: Some(at),
            reason: reason.to_owned(),
            message: None,
            ..self.clone()
        })
    }

    /// Whether it asks for anything.
    pub fn is_asked(decision: &Decision, wanted: &BTreeSet<Action>) -> bool {
        asked(decision, wanted).next().is_some()
    }
}

/// What is posted, in the form that the Standard Webhooks specification recommends: a type, when it
/// happened, and the rest beside them. It is the same to the byte each time that it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Webhook {
    /// `action.` and the action that is to be enforced, or `lift.` and the one that is to be lifted.
    #[serde(rename = "type")]
    #[schema(example = "action.soft_block")]
    pub kind: String,
    /// When it was decided, or ruled. When it was sent is in the header `webhook-timestamp`.
    pub timestamp: Timestamp,
    #[serde(flatten)]
    pub outgoing: Outgoing,
}

impl From<Outgoing> for Webhook {
    fn from(outgoing: Outgoing) -> Self {
        let kind = format!("{}.{}", outgoing.kind.as_str(), outgoing.action);
        let timestamp = outgoing.ruled_at.unwrap_or(outgoing.decided_at);
        Self { kind, timestamp, outgoing }
    }
}

/// The actions that a platform is to be told of.
fn asked<'a>(
    decision: &'a Decision,
    wanted: &'a BTreeSet<Action>,
) -> impl Iterator<Item = &'a ScopedAction> {
    let enforced = decision.mode == Mode::Active;
    let new = move |own: &&ScopedAction| {
        enforced && own.action != Action::Allow && own.in_force_since.is_none()
    };
    let wanted = |own: &&ScopedAction| wanted.is_empty() || wanted.contains(&own.action);
    decision.actions.iter().filter(new).filter(wanted)
}

/// What kind of thing leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutgoingKind {
    /// Something that the platform is to enforce.
    Action,
    /// Something that the platform is to enforce no longer.
    Lift,
}

impl OutgoingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Lift => "lift",
        }
    }
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is due, or waits for another try or for an earlier one of its subject.
    Pending,
    /// The receiver has said that it has it.
    Delivered,
    /// It was tried as often as it may be, and is kept until somebody has it replayed.
    Dead,
    /// Its subject was erased before it was delivered, and what was to be sent with it.
    Erased,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Erased => "erased",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Pending, Self::Delivered, Self::Dead, Self::Erased];
        let found = known.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a state: pending, delivered, dead or erased"))
    }
}

/// Something that leaves, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    pub id: DeliveryId,
    pub source: String,
    pub decision_id: DecisionId,
    pub kind: OutgoingKind,
    pub action: Action,
    pub scope: Scope,
    pub state: DeliveryState,
    /// Tries since it was written, or last replayed.
    pub attempts: u32,
    pub created_at: Timestamp,
    /// When it is tried next; while a server is at it, until when no other takes it up. `null` where
    /// it has ended, or waits for an earlier one of its subject.
    pub due_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
    /// What was said last when somebody had it tried again. `null` where nobody has, or its subject was
    /// erased.
    pub replayed_why: Option<String>,
}

/// One try to deliver, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// Wall time.
    pub micros: u64,
    /// What went wrong. Nothing of what was sent or answered is in it.
    pub error: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Delivered,
    /// The answer was another one than 2xx.
    Refused,
    /// The answer was 410: the receiver wants no more, and gets no more until somebody says so.
    Gone,
    /// There was no whole answer in time.
    TimedOut,
    /// There was no connection.
    Unreachable,
    /// Its name leads to an address that the destination may not have, so nothing was sent.
    OutOfBounds,
    /// The connection ended before the answer was whole.
    BrokeOff,
    /// What was to be sent cannot be read, so nothing was sent.
    Unreadable,
}

impl AttemptOutcome {
    pub const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Refused,
        Self::Gone,
        Self::TimedOut,
        Self::Unreachable,
        Self::OutOfBounds,
        Self::BrokeOff,
        Self::Unreadable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::OutOfBounds => "out_of_bounds",
            Self::BrokeOff => "broke_off",
            Self::Unreadable => "unreadable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn outgoing(expires_at: Option<i64>) -> Outgoing {
        let (id, at) = (DecisionId::new(), Timestamp::from_micros);
        Outgoing {
            id: DeliveryId::of_action(id, Scope::Account),
            kind: OutgoingKind::Action,
            source: "market".to_owned(),
            subject: "user-1".to_owned(),
            event_id: "e-1".to_owned(),
            decision_id: id,
            decided_at: at(0),
            ruled_at: None,
            mode: Mode::Active,
            action: Action::Cooldown,
            scope: Scope::Account,
            expires_at: expires_at.map(at),
            reason: "a phone number".to_owned(),
            message: Some("Your account is paused.".to_owned()),
            policy: PolicyRef { name: "p".to_owned(), version: 1, digest: Digest::of(b"") },
        }
    }

    #[test]
    fn what_has_ended_by_itself_is_not_lifted_and_what_is_lifted_is_told_without_the_text() {
        let at = Timestamp::from_micros(100);
        for (end, lifts) in [(None, true), (Some(101), true), (Some(100), false), (Some(99), false)]
        {
            let told = outgoing(end);
            assert_eq!(told.ruled(Word::Upheld, 1, at), None);
            let lift = told.ruled(Word::Overturned, 1, at);
            assert_eq!(lift.is_some(), lifts, "{end:?}");
            let Some(lift) = lift else { continue };
            assert_eq!(
                (lift.kind, lift.ruled_at, &lift.message),
                (OutgoingKind::Lift, Some(at), &None)
            );
            assert_eq!(lift.ruled(Word::Overturned, 2, at), None);
            let again = lift.ruled(Word::Upheld, 2, at).map(|again| (again.kind, again.id));
            let id = DeliveryId::of_word(told.decision_id, Scope::Account, 2);
            assert_eq!(again, Some((OutgoingKind::Action, id)));
        }
    }

    #[test]
    fn an_id_follows_from_decision_and_scope_and_reads_back() {
        let decision = DecisionId::new();
        for scope in Scope::ALL {
            let id = DeliveryId::of_action(decision, scope);
            assert_eq!(id, DeliveryId::of_action(decision, scope));
            assert_eq!(id.to_string().parse(), Ok(id));
            let word = DeliveryId::of_word(decision, scope, 12);
            assert_eq!(word.to_string().parse(), Ok(word));
        }
        let faulty = ["planet", "message.", "message.0", "message.01", "message.-1", "message.1.1"];
        let faulty = faulty.map(|rest| format!("{decision}.{rest}"));
        for text in ["", "message", "x.message", "a.b.c"]
            .into_iter()
            .chain(faulty.iter().map(|text| &**text))
        {
            assert!(text.parse::<DeliveryId>().is_err(), "{text}");
        }
    }
}
