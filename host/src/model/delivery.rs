//! What leaves: the actions that a platform is told to perform, and what came of telling it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alert::AlertNews;
use super::notice::Notice;
use super::ruling::Word;
use super::{
    Action, Decision, DecisionId, Digest, Event, Mode, PolicyRef, Scope, ScopedAction, Timestamp,
    Wants,
};

mod id;

pub use id::DeliveryId;

/// What is sent: an action of one decision on one scope, or that it is lifted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outgoing {
    pub id: DeliveryId,
    pub kind: OutgoingKind,
    pub source: String,
    /// The name of the destination; left out where it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub destination: String,
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
    /// When it begins, where that is later than the decision: it is not sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Timestamp>,
    /// Why, in a sentence for the platform's people.
    pub reason: String,
    /// Text for the end user.
    pub message: Option<String>,
    pub policy: PolicyRef,
    /// Whom a notice is for; left out where it is posted to the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// What an alert says; left out where it is about a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertNews>,
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
            destination: String::new(),
            subject: decision.subject.clone(),
            event_id: decision.event_id.clone(),
            decision_id: decision.id,
            decided_at: decision.decided_at,
            ruled_at: None,
            mode: decision.mode,
            action: own.action,
            scope: own.scope,
            expires_at: own.expires_at,
            begins_at: own.begins_at,
            reason: decision.reason.clone(),
            message: match own.begins_at {
                Some(_) => decision.message_later.clone(),
                None => decision.message.clone(),
            },
            policy: decision.policy.clone(),
            notice: None,
            alert: None,
        });
        outgoing.collect()
    }

    /// What one destination is told of a decision about this event.
    pub fn to(decision: &Decision, event: &Event, wants: &Wants) -> Vec<Self> {
        let told = Self::of(decision, &wants.actions);
        let told = match &wants.notices {
            None => told,
            Some(wanted) => wanted.tell(decision, event, told),
        };
        let named = told.into_iter().map(|one| Self {
            id: one.id.to(&wants.name),
            destination: wants.name.clone(),
            ..one
        });
        named.collect()
    }

    /// What a destination is told of an alert; `None` where nothing says to whom.
    pub fn of_alert(news: &AlertNews, wants: &Wants) -> Option<Self> {
        let notice = match &wants.notices {
            None => None,
            Some(notices) => Some(notices.of_alert(news)?),
        };
        Some(Self {
            id: DeliveryId::of_alert(news.id, news.resolved).to(&wants.name),
            kind: OutgoingKind::Alert,
            source: news.source.clone(),
            destination: wants.name.clone(),
            subject: String::new(),
            event_id: String::new(),
            decision_id: news.id,
            decided_at: news.at,
            ruled_at: None,
            mode: Mode::Active,
            action: Action::Allow,
            scope: Scope::Account,
            expires_at: None,
            begins_at: None,
            reason: news.rule.clone(),
            message: Some(news.text.clone()),
            policy: PolicyRef { name: news.rule.clone(), version: 0, digest: Digest::of(b"") },
            notice,
            alert: Some(news.clone()),
        })
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
        if self.notice.as_ref().is_some_and(|notice| !notice.lifts) {
            return None;
        }
        let lasts = self.expires_at.is_none_or(|end| end > at);
        // A platform knows the text. A person who is told anew has to read it.
        let again = self.notice.is_some() && kind == OutgoingKind::Action;
        lasts.then(|| Self {
            id: DeliveryId::of_word(self.decision_id, self.scope, word).to(&self.destination),
            kind,
            ruled_at: Some(at),
            begins_at: self.begins_at.filter(|begins| kind == OutgoingKind::Action && *begins > at),
            reason: reason.to_owned(),
            message: self.message.clone().filter(|_| again),
            ..self.clone()
        })
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

/// What is posted of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlertHook {
    /// `alert.raised` or `alert.resolved`.
    #[serde(rename = "type")]
    #[schema(example = "alert.raised")]
    pub kind: &'static str,
    pub timestamp: Timestamp,
    /// The id of what is sent.
    pub id: DeliveryId,
    pub alert: AlertNews,
}

impl AlertHook {
    /// Of what is about an alert.
    pub fn of(outgoing: &Outgoing) -> Option<Self> {
        let alert = outgoing.alert.clone()?;
        let kind = if alert.resolved { "alert.resolved" } else { "alert.raised" };
        Some(Self { kind, timestamp: alert.at, id: outgoing.id.clone(), alert })
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
    /// Something that somebody is to know of an event.
    Notice,
    /// That an alert was raised, or is resolved.
    Alert,
}

impl OutgoingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Lift => "lift",
            Self::Notice => "notice",
            Self::Alert => "alert",
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
    /// There is nothing left to send: its subject was erased before it was delivered, or people overturned
    /// the decision before what it asked began.
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
    /// The name of the destination; empty where it has none.
    pub destination: String,
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

#[cfg(test)]
mod tests;
