//! What a detector may ask to be told: a field of the event, whether it is on a list, and what its past
//! says. Declared in the manifest; checked there.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Digest, TypePattern};

/// One input that a detector wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Input {
    /// A field of the event, by dotted path.
    Field {
        path: String,
    },
    /// Whether the event is on this list of the policy that speaks for its source.
    List {
        name: String,
    },
    Feature(Feature),
    Recent(Recent),
}

/// A number about the earlier events of the same source in which the same thing stands at `by`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub function: Function,
    /// The field that is added up or told apart. Of the other functions: only events that have it count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Whose past: a dotted path such as `subject` or `data.thread_id`.
    pub by: String,
    /// How far back from the moment of the event.
    #[schema(minimum = 1, maximum = 7776000)]
    pub window_s: u64,
    /// Types of the events that count; none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub events: Vec<TypePattern>,
}

/// The last texts of a field in the subject's own earlier events of the same source in which the same thing
/// stands at `by`, oldest first: at most 256 KiB, without the oldest where there are more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recent {
    pub path: String,
    /// Whose past: a dotted path such as `subject` or `data.thread_id`.
    pub by: String,
    /// How many at most.
    #[schema(minimum = 1, maximum = 20)]
    pub last: u32,
    /// How far back from the moment of the event.
    #[schema(minimum = 1, maximum = 7776000)]
    pub window_s: u64,
    /// Types of the events that count; none named: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub events: Vec<TypePattern>,
}

/// What a feature says of earlier events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    Count,
    Sum,
    Mean,
    Distinct,
    FirstSeen,
    LastSeen,
}

/// An input that the record keeps observations for, and how it calls it: the same whoever declares it for
/// this source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub id: DefinitionId,
    /// Whose events are looked at.
    pub source: String,
    /// A feature or recent values.
    pub input: Input,
}

/// The first half of the SHA-256 of a definition's source and input, as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DefinitionId(pub [u8; 16]);

/// Whose past an input is about, and which of it.
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Only events that have it.
    pub of: Option<&'a str>,
    pub by: &'a str,
    pub window_s: u64,
    pub events: &'a [TypePattern],
}

/// Ninety days.
const WINDOW_S_MAX: u64 = 90 * 24 * 3_600;
const LAST_MAX: u32 = 20;
const PATH_BYTES_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 64;
const PATTERNS_MAX: usize = 16;

/// What stands before a label where a past is about what signals carry.
const ENTITIES: &str = "entities.";

impl Function {
    pub const ALL: [Self; 6] =
        [Self::Count, Self::Sum, Self::Mean, Self::Distinct, Self::FirstSeen, Self::LastSeen];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Distinct => "distinct",
            Self::FirstSeen => "first_seen",
            Self::LastSeen => "last_seen",
        }
    }

    fn needs_field(self) -> bool {
        matches!(self, Self::Sum | Self::Mean | Self::Distinct)
    }
}

impl Feature {
    /// How many accounts had what signals of this label carry: a past that only policies ask about, for what
    /// signals carry is known when the detectors are done.
    pub fn accounts(label: &str, days: u32) -> Self {
        Self {
            function: Function::Distinct,
            of: Some("subject".to_owned()),
            by: format!("{ENTITIES}{label}"),
            window_s: u64::from(days) * 24 * 3_600,
            events: Vec::new(),
        }
    }
}

impl Input {
    /// The kinds, as they are written.
    pub const KINDS: [&str; 4] = ["field", "list", "feature", "recent"];

    /// # Errors
    /// What is wrong with it and how to mend it.
    pub fn check(&self) -> Result<(), String> {
        for path in self.paths() {
            if path.is_empty() || path.len() > PATH_BYTES_MAX || path.split('.').any(str::is_empty)
            {
                return Err(format!("`{path}` is not a path into the event such as data.content"));
            }
        }
        if self.entities().is_some() {
            return Err(format!(
                "`{self}` is about what signals carry, which is known when the detectors are done: a rule of a policy asks for it by `accounts(...)`"
            ));
        }
        if let Self::List { name } = self
            && !is_list(name)
        {
            return Err(format!("`{name}` is not the name of a list such as known_phones"));
        }
        if let Self::Feature(Feature { function, of: None, .. }) = self
            && function.needs_field()
        {
            return Err(format!(
                "`{self}` wants to know of what: name the field in `of`, such as data.amount"
            ));
        }
        if let Self::Recent(Recent { last, .. }) = self
            && !(1..=LAST_MAX).contains(last)
        {
            return Err(format!("`{self}` asks for {last} values; 1 to {LAST_MAX} are given"));
        }
        let Some(Past { window_s, events, .. }) = self.past() else { return Ok(()) };
        if !(1..=WINDOW_S_MAX).contains(&window_s) {
            return Err(format!(
                "`{self}` looks back {window_s} seconds; 1 to {WINDOW_S_MAX} are possible"
            ));
        }
        if events.len() > PATTERNS_MAX {
            return Err(format!(
                "`{self}` names {} event types; {PATTERNS_MAX} are possible",
                events.len()
            ));
        }
        Ok(())
    }

    /// The fields of events that it is read from.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Field { path } => vec![path],
            Self::List { .. } => Vec::new(),
            Self::Feature(Feature { of, by, .. }) => {
                of.iter().chain([by]).map(String::as_str).collect()
            }
            Self::Recent(Recent { path, by, .. }) => vec![path, by],
        }
    }

    /// The label of the signals whose entities it is about; `None` where it is about a field.
    pub fn entities(&self) -> Option<&str> {
        self.past()?.by.strip_prefix(ENTITIES)
    }

    /// With all that tells it apart from others: `count by subject over 60 s of message.*`.
    pub fn in_full(&self) -> String {
        let Some(Past { window_s, events, .. }) = self.past() else { return self.to_string() };
        let types: Vec<&str> = events.iter().map(TypePattern::as_str).collect();
        let of = if types.is_empty() { String::new() } else { format!(" of {}", types.join(",")) };
        let last = match self {
            Self::Recent(Recent { last, .. }) => format!(", the last {last}"),
            _ => String::new(),
        };
        format!("{self} over {window_s} s{of}{last}")
    }

    /// Whose past it is about; `None` where it is about none.
    pub fn past(&self) -> Option<Past<'_>> {
        match self {
            Self::Field { .. } | Self::List { .. } => None,
            Self::Feature(Feature { of, by, window_s, events, .. }) => {
                Some(Past { of: of.as_deref(), by, window_s: *window_s, events })
            }
            Self::Recent(Recent { path, by, window_s, events, .. }) => {
                Some(Past { of: Some(path), by, window_s: *window_s, events })
            }
        }
    }
}

impl Past<'_> {
    /// Types of the events that count.
    pub fn types(self) -> Vec<TypePattern> {
        match self.events {
            [] => vec![TypePattern::every()],
            some => some.to_vec(),
        }
    }
}

impl Definition {
    /// `None` where the record keeps nothing for such an input.
    pub fn of(source: &str, input: &Input) -> Option<Self> {
        input.past()?;
        let json = serde_json::to_vec(&(source, input)).expect("it holds only texts and numbers");
        let mut id = [0; 16];
        id.copy_from_slice(&Digest::of(&json).as_bytes()[..16]);
        Some(Self { id: DefinitionId(id), source: source.to_owned(), input: input.clone() })
    }

    pub fn past(&self) -> Past<'_> {
        self.input.past().expect("a definition is of an input about the past")
    }
}

/// As grants and golden cases name it: `data.content`, `lists.known_phones`,
/// `distinct data.recipient_id by subject`, `recent data.content by subject`.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { path } => f.write_str(path),
            Self::List { name } => write!(f, "lists.{name}"),
            Self::Feature(Feature { function, of: Some(of), by, .. }) => {
                write!(f, "{} {of} by {by}", function.as_str())
            }
            Self::Feature(Feature { function, of: None, by, .. }) => {
                write!(f, "{} by {by}", function.as_str())
            }
            Self::Recent(Recent { path, by, .. }) => write!(f, "recent {path} by {by}"),
        }
    }
}

/// As policies name their lists: lower-case words joined by `_`.
fn is_list(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('_').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_are_called_by_what_they_say() {
        let cases = [
            (json!({"kind": "field", "path": "data.content"}), "data.content"),
            (json!({"kind": "list", "name": "known_phones"}), "lists.known_phones"),
            (
                json!({"kind": "feature", "function": "count", "by": "subject", "window_s": 60}),
                "count by subject",
            ),
            (
                json!({"kind": "feature", "function": "first_seen", "of": "data.payout",
                       "by": "data.payout", "window_s": 60, "events": ["payout.*"]}),
                "first_seen data.payout by data.payout",
            ),
            (
                json!({"kind": "recent", "path": "data.content", "by": "data.thread_id", "last": 5,
                       "window_s": 60}),
                "recent data.content by data.thread_id",
            ),
        ];
        for (json, called) in cases {
            let input: Input = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(input.check(), Ok(()));
            assert_eq!(input.to_string(), called);
            assert_eq!(serde_json::to_value(&input).unwrap(), json);
        }
    }

    #[test]
    fn a_definition_is_the_same_wherever_it_is_declared() {
        let of = |window_s: u64| {
            let json = json!({"window_s": window_s, "by": "subject", "function": "count",
                              "kind": "feature"});
            let input = serde_json::from_value(json).unwrap();
            ["a", "b"].map(|source| Definition::of(source, &input).unwrap().id)
        };
        assert_eq!(of(60), of(60));
        let [a, b] = of(60);
        assert_ne!(a, b, "of each source its own");
        assert_ne!(of(60), of(61));
        assert_eq!(Definition::of("a", &Input::List { name: "a".into() }), None);
    }
}
