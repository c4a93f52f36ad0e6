//! Whom a channel writes to, of what, in which words and when: what e-mail and short messages share.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::model::notice::{minutes_of_day, offset_minutes};
use crate::model::{
    Action, DestinationId, Language, Notice, Notices, Recipient, Template, TypePattern, Wants,
};

/// Texts that one channel may have.
const NOTICES_MAX: usize = 32;
/// Bytes of one text, as it is written.
const TEXT_BYTES_MAX: usize = 8 << 10;
/// A day.
const DIGEST_MINUTES_MAX: u32 = 24 * 60;

/// What a notice may say.
pub const PLACES: [&str; 10] = [
    "message", "action", "scope", "until", "reason", "type", "event", "subject", "source",
    "decision",
];
/// What a notice is about beside the types of events.
pub const ACTION: &str = "action";
pub const LIFT: &str = "lift";
pub const ALERT: &str = "alert";
const WORDS: [&str; 3] = [ACTION, LIFT, ALERT];

/// Whom a channel writes to, of what, in which words and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telling {
    /// What the channel is called; `email` or `sms` unless written. Each of a source has its own.
    #[serde(default)]
    pub name: String,
    /// Where to, for what goes to the same people always.
    pub to: Option<String>,
    /// Where of an event it stands: a dotted path such as `data.email`.
    pub to_field: Option<String>,
    /// The actions that are told of; empty: all of them.
    #[serde(default)]
    pub actions: BTreeSet<Action>,
    /// What those read of whose language there is no text.
    pub default_language: Option<Language>,
    /// Where of an event it stands what the reader's language is.
    pub language_field: Option<String>,
    /// How far the readers' clocks are ahead of UTC, such as `+02:00`, where no event says so.
    pub offset: Option<String>,
    /// Where of an event it stands: such a text, or minutes as a number.
    pub offset_field: Option<String>,
    /// When nothing is sent: what comes then is sent after it.
    pub quiet: Option<Quiet>,
    /// What comes within so many minutes, counted from midnight UTC, is one message for each reader; 0: each
    /// is one of its own.
    #[serde(default)]
    pub digest_minutes: u32,
    /// What is told; empty: of actions and of their being lifted, in the words of the policy.
    #[serde(default)]
    pub notices: Vec<NoticeText>,
}

/// A channel as it is written: its own keys and those of [`Telling`] stand in one table.
pub(super) struct Told<T> {
    pub by: T,
    pub telling: Telling,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Told<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KEYS: [&str; 11] = [
            "name",
            "to",
            "to_field",
            "actions",
            "default_language",
            "language_field",
            "offset",
            "offset_field",
            "quiet",
            "digest_minutes",
            "notices",
        ];
        let table = toml::Table::deserialize(deserializer)?;
        let (telling, by): (toml::Table, toml::Table) =
            table.into_iter().partition(|(key, _)| KEYS.contains(&key.as_str()));
        // Only what is wrong: a table says of no value where it stood.
        let wrong = |error: toml::de::Error| D::Error::custom(error.message());
        Ok(Self { by: by.try_into().map_err(wrong)?, telling: telling.try_into().map_err(wrong)? })
    }
}

/// A part of the day, by the reader's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// `22:00`
    pub from: String,
    /// `07:00`, on the next day where it is earlier.
    pub to: String,
}

/// What is said about one kind of thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeText {
    /// `action`, `lift`, `alert`, or a type of events such as `dispute.opened` or `dispute.*`.
    pub on: String,
    /// Of an e-mail.
    #[serde(default)]
    pub subject: Option<Words>,
    pub body: Words,
}

/// A text, or one for each language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Words {
    One(String),
    Each(BTreeMap<Language, String>),
}

impl Quiet {
    /// From when to when, in minutes since midnight.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn minutes(&self) -> Result<(u32, u32), String> {
        let (Some(from), Some(to)) = (minutes_of_day(&self.from), minutes_of_day(&self.to)) else {
            return Err("`quiet` is written as { from = \"22:00\", to = \"07:00\" }".to_owned());
        };
        match from == to {
            true => Err("`quiet` begins when it ends: leave it out, or write another hour".into()),
            false => Ok((from, to)),
        }
    }
}

impl Words {
    /// Every text with its language; `None` for one that is in no certain one.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&Language>, &str)> {
        let (one, each) = match self {
            Self::One(text) => (Some((None, text.as_str())), None),
            Self::Each(each) => (None, Some(each)),
        };
        let each = each.into_iter().flatten();
        one.into_iter().chain(each.map(|(language, text)| (Some(language), text.as_str())))
    }
}

impl Telling {
    /// The same, with a name where none is written.
    pub(super) fn named(self, usual: &str) -> Self {
        let name = if self.name.is_empty() { usual.to_owned() } else { self.name };
        Self { name, ..self }
    }

    /// What is wrong with it, if something is. No address is quoted. `subjects`: whether its notices have some.
    pub(super) fn check(&self, subjects: bool) -> Result<(), String> {
        if !DestinationId::is_name(&self.name) {
            return Err(
                "`name` is lower-case letters and digits, in words joined by `-`, and begins \
                        with a letter"
                    .to_owned(),
            );
        }
        if self.to.is_some() == self.to_field.is_some() {
            return Err(
                "say where to, and once: `to` is an address, `to_field` where of an event one \
                        stands, such as \"data.email\""
                    .to_owned(),
            );
        }
        let fixed = self.to.as_deref().unwrap_or("-");
        if fixed.trim() != fixed || fixed.is_empty() || !Notice::is_whom(fixed) {
            return Err("`to` is one address, with nothing around it".to_owned());
        }
        let fields = [&self.to_field, &self.language_field, &self.offset_field];
        for field in fields.into_iter().flatten() {
            let good = field == "subject"
                || (field.starts_with("data.") && field.split('.').all(|part| !part.is_empty()));
            if !good {
                return Err(format!("`{field}` is no field: write a path such as `data.email`"));
            }
        }
        if self.offset.as_deref().is_some_and(|offset| offset_minutes(offset).is_none()) {
            return Err("`offset` is written as \"+02:00\"".to_owned());
        }
        if let Some(quiet) = &self.quiet {
            quiet.minutes()?;
        }
        if self.digest_minutes > DIGEST_MINUTES_MAX {
            return Err(format!("`digest_minutes` is at most {DIGEST_MINUTES_MAX}"));
        }
        if self.actions.contains(&Action::Allow) {
            return Err("`actions` names `allow`, which is never told: leave it out".to_owned());
        }
        if self.notices.len() > NOTICES_MAX {
            return Err(format!("`notices` has at most {NOTICES_MAX} entries"));
        }
        self.notices.iter().try_for_each(|notice| self.check_notice(notice, subjects))
    }

    fn check_notice(&self, notice: &NoticeText, subjects: bool) -> Result<(), String> {
        let on = &notice.on;
        let wrong = |problem: String| Err(format!("the notice of `{on}`: {problem}"));
        let known = WORDS.contains(&on.as_str());
        if on == ALERT && self.to.is_none() {
            return wrong("an alert is about no event: write an address, `to`".to_owned());
        }
        if !known && on.parse::<TypePattern>().is_err() {
            return wrong("`on` is `action`, `lift`, `alert` or a type of events".to_owned());
        }
        if self.notices.iter().filter(|other| other.on == *on).count() > 1 {
            return wrong("it is there twice".to_owned());
        }
        if subjects != notice.subject.is_some() {
            return wrong(match subjects {
                true => "it needs a `subject`".to_owned(),
                false => "a short message has no `subject`: leave it out".to_owned(),
            });
        }
        for words in notice.subject.iter().chain([&notice.body]) {
            if let Words::Each(each) = words {
                let Some(own) = &self.default_language else {
                    return wrong("it is in several languages: add `default_language`".to_owned());
                };
                if !each.contains_key(own) {
                    return wrong(format!("it has no text in `{own}`, the `default_language`"));
                }
            }
            for (_, text) in words.iter() {
                if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
                    return wrong(format!("a text has 1 to {TEXT_BYTES_MAX} bytes"));
                }
                if Template::parse(text, &PLACES).is_err() {
                    let places = PLACES.join("}, {");
                    return wrong(format!(
                        "a text has a place that notices do not have: those are {{{places}}}, and \
                         {{{{ stands for a brace"
                    ));
                }
            }
        }
        Ok(())
    }

    /// What of what is decided it wants to hear of.
    pub fn wants(&self) -> Wants {
        let of = |on: &str| self.notices.iter().find(|notice| notice.on == on);
        let needs_text = |notice: &NoticeText| {
            let says = |(_, text): (_, &str)| {
                Template::lenient(text, &PLACES).places().any(|place| place == "message")
            };
            notice.body.iter().any(says)
        };
        let own = self.notices.is_empty();
        let to = match (&self.to, &self.to_field) {
            (Some(to), _) => Recipient::Fixed(to.clone()),
            (None, field) => Recipient::Field(field.clone().unwrap_or_default()),
        };
        Wants {
            name: self.name.clone(),
            actions: self.actions.clone(),
            alerts: of(ALERT).is_some(),
            notices: Some(Notices {
                to,
                language_field: self.language_field.clone(),
                offset_field: self.offset_field.clone(),
                actions: if own { Some(true) } else { of(ACTION).map(needs_text) },
                lifts: own || of(LIFT).is_some(),
                events: self.notices.iter().filter_map(|notice| event_type(&notice.on)).collect(),
            }),
        }
    }
}

/// The pattern, where a notice is about events.
fn event_type(on: &str) -> Option<TypePattern> {
    if WORDS.contains(&on) {
        return None;
    }
    on.parse().ok()
}
