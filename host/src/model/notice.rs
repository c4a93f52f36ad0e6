//! Notices: what people are told in words, and whom of them. How they are written out and sent is the business
//! of their channel.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::alert::AlertNews;
use super::event::Field;
use super::{
    Action, Decision, DeliveryId, Event, Language, Mode, Outgoing, OutgoingKind, PolicyRef, Scope,
    TypePattern,
};

/// Bytes of an address or a number.
const TO_BYTES_MAX: usize = 320;
/// Minutes that a place is away from UTC at most, by the zones there are and were.
const OFFSET_MINUTES_MAX: i64 = 18 * 60;

/// Whom a notice is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// The address or the number, as the event or the configuration has it.
    pub to: String,
    /// What they read, where the event says so.
    #[schema(value_type = Option<String>)]
    pub language: Option<Language>,
    /// Minutes by which their clock is ahead of UTC, where the event says so.
    pub offset_minutes: Option<i32>,
    /// The type of the event.
    pub event_type: String,
    /// Whether they are told when it is lifted.
    pub lifts: bool,
}

impl Notice {
    /// Whether something may be sent to this, as far as every channel would have it.
    pub fn is_whom(to: &str) -> bool {
        (1..=TO_BYTES_MAX).contains(&to.len()) && !to.contains(char::is_control)
    }
}

/// Where an address comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// Always this one.
    Fixed(String),
    /// The dotted path into the event.
    Field(String),
}

/// What one destination tells people of, and how it finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    pub to: Recipient,
    pub language_field: Option<String>,
    pub offset_field: Option<String>,
    /// Whether it tells of decisions that enforce something; `Some(true)` where its text is that of the
    /// decision, so that without one there is nothing to tell.
    pub actions: Option<bool>,
    /// Whether it tells of actions that are lifted.
    pub lifts: bool,
    /// The types of events of which it tells by themselves.
    pub events: Vec<TypePattern>,
}

impl Notices {
    /// Of what is told of a decision (`asked`), the notices: of what is enforced one, of the most severe
    /// action, for the others are read in the same text; and one of the event itself, where that is wanted.
    /// Nothing in shadow mode, and nothing where the event does not say to whom.
    pub fn tell(&self, decision: &Decision, event: &Event, asked: Vec<Outgoing>) -> Vec<Outgoing> {
        if decision.mode != Mode::Active {
            return Vec::new();
        }
        let says = |one: &Outgoing| {
            self.actions.is_some_and(|needs_text| !needs_text || one.message.is_some())
        };
        let strongest = |asked: Vec<Outgoing>| {
            asked.into_iter().max_by_key(|one| (one.action, one.scope)).filter(says)
        };
        // What begins later is told then, and what holds now is not kept waiting for it.
        let (later, now): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|one| one.begins_at.is_some());
        let enforced: Vec<Outgoing> = strongest(now).into_iter().chain(strongest(later)).collect();
        let wanted = self.events.iter().any(|pattern| pattern.matches(&event.kind));
        let of_event = wanted.then(|| of_event(decision));
        if enforced.is_empty() && of_event.is_none() {
            return Vec::new();
        }
        let Some(notice) = self.notice(event) else { return Vec::new() };
        let all = enforced.into_iter().chain(of_event);
        all.map(|one| Outgoing { notice: Some(notice.clone()), ..one }).collect()
    }

    /// Who is told of an alert: nobody where the address is that of an event.
    pub fn of_alert(&self, news: &AlertNews) -> Option<Notice> {
        let Recipient::Fixed(to) = &self.to else { return None };
        let kind = if news.resolved { "alert.resolved" } else { "alert.raised" };
        Some(Notice {
            to: to.clone(),
            language: None,
            offset_minutes: None,
            event_type: kind.to_owned(),
            lifts: false,
        })
    }

    fn notice(&self, event: &Event) -> Option<Notice> {
        let to = match &self.to {
            Recipient::Fixed(to) => to.as_str(),
            Recipient::Field(path) => text(event, path)?.trim(),
        };
        if !Notice::is_whom(to) {
            return None;
        }
        let language = self.language_field.as_deref().and_then(|path| text(event, path));
        let offset = self.offset_field.as_deref().and_then(|path| event.field(path));
        Some(Notice {
            to: to.to_owned(),
            language: language.and_then(|text| text.parse().ok()),
            offset_minutes: offset.and_then(|field| match field {
                Field::Attribute(text) => offset_minutes(text),
                Field::Json(Json::String(text)) => offset_minutes(text),
                Field::Json(json) => within(json.as_i64()?),
            }),
            event_type: event.kind.clone(),
            lifts: self.lifts,
        })
    }
}

fn of_event(decision: &Decision) -> Outgoing {
    let PolicyRef { name, version, digest } = &decision.policy;
    // What begins later is not told of yet.
    let now = decision.actions.iter().filter(|own| own.begins_at.is_none());
    let strongest = now.map(|own| (own.action, own.scope)).max();
    let (action, scope) = strongest.unwrap_or((Action::Allow, Scope::Message));
    Outgoing {
        id: DeliveryId::of_notice(decision.id),
        kind: OutgoingKind::Notice,
        source: decision.source.clone(),
        destination: String::new(),
        subject: decision.subject.clone(),
        event_id: decision.event_id.clone(),
        decision_id: decision.id,
        decided_at: decision.decided_at,
        ruled_at: None,
        mode: decision.mode,
        action,
        scope,
        expires_at: None,
        begins_at: None,
        reason: decision.reason.clone(),
        message: decision.message.clone(),
        policy: PolicyRef { name: name.clone(), version: *version, digest: *digest },
        notice: None,
        alert: None,
    }
}

fn text<'a>(event: &'a Event, path: &str) -> Option<&'a str> {
    match event.field(path)? {
        Field::Attribute(text) => Some(text),
        Field::Json(json) => json.as_str(),
    }
}

/// How far `+05:30`, `-08`, `Z` or `+0530` is ahead of UTC, in minutes.
pub fn offset_minutes(text: &str) -> Option<i32> {
    let text = text.trim();
    if ["Z", "z", "UTC"].contains(&text) {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits = digits.replacen(':', "", 1);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    if minutes > 59 {
        return None;
    }
    within(sign * (hours * 60 + minutes))
}

/// Minutes since midnight of a time of day: `08:30`.
pub fn minutes_of_day(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

fn within(minutes: i64) -> Option<i32> {
    let known = minutes.abs() <= OFFSET_MINUTES_MAX;
    known.then(|| i32::try_from(minutes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_people_write_them() {
        for (text, minutes) in [
            ("Z", Some(0)),
            ("+00:00", Some(0)),
            ("+05:30", Some(330)),
            ("-0800", Some(-480)),
            ("-08", Some(-480)),
            ("+14:00", Some(840)),
            ("+19:00", None),
            ("+5", None),
            ("05:30", None),
            ("+05:60", None),
            ("+é5", None),
            ("", None),
        ] {
            assert_eq!(offset_minutes(text), minutes, "{text}");
        }
    }
}
