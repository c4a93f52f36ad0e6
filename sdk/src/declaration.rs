//! Declarations: what a detector asks to be told, as the manifest has it. `#[derive(Inputs)]` writes them.

use std::fmt;

use serde::Serialize;

/// One input that a detector wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum InputDeclaration {
    /// A field of the event.
    Field {
        /// A dotted path into the event, such as `data.content` or `subject`.
        path: String,
    },
    /// Whether the event is on a list of the policy that decides about it; absent where that has none of
    /// this name.
    List {
        /// As the policy names it, such as `known_phones`.
        name: String,
    },
    /// A number about earlier events of the same source with the same value at `by`.
    Feature {
        /// What it says of them.
        function: Function,
        /// The field that is added up or told apart; of the others: only events that have it count.
        #[serde(skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// A dotted path, such as `subject` or `data.thread_id`.
        by: String,
        /// How far back from the event, in seconds: 1 to 7,776,000 (90 days).
        window_s: u64,
        /// Types of the events that count, such as `message.*`; none: all.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        events: Vec<String>,
    },
    /// The last texts of a field in the subject's own earlier events of the same source with the same value
    /// at `by`: at most 256 KiB, without the oldest where there are more.
    Recent {
        /// A dotted path, such as `data.content`.
        path: String,
        /// A dotted path, such as `subject` or `data.thread_id`.
        by: String,
        /// How many at most: 1 to 20.
        last: u32,
        /// How far back from the event, in seconds: 1 to 7,776,000 (90 days).
        window_s: u64,
        /// Types of the events that count, such as `message.*`; none: all.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        events: Vec<String>,
    },
}

/// What a feature says of earlier events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// How many there are, up to 10,000: an integer.
    Count,
    /// The sum of a field's numbers.
    Sum,
    /// Their mean; absent where there are none.
    Mean,
    /// How many different values a field has: an integer.
    Distinct,
    /// When the first one happened, in milliseconds since 1970; absent where there is none.
    FirstSeen,
    /// When the last one happened, in milliseconds since 1970; absent where there is none.
    LastSeen,
}

impl Function {
    fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Distinct => "distinct",
            Self::FirstSeen => "first_seen",
            Self::LastSeen => "last_seen",
        }
    }
}

impl InputDeclaration {
    /// With all that tells it apart from others: `count by subject over 60 s of message.*`.
    pub(crate) fn in_full(&self) -> String {
        let (window_s, events, last) = match self {
            Self::Field { .. } | Self::List { .. } => return self.to_string(),
            Self::Feature { window_s, events, .. } => (window_s, events, String::new()),
            Self::Recent { window_s, events, last, .. } => {
                (window_s, events, format!(", the last {last}"))
            }
        };
        let of =
            if events.is_empty() { String::new() } else { format!(" of {}", events.join(",")) };
        format!("{self} over {window_s} s{of}{last}")
    }
}

/// As grants and golden cases name it: `data.content`, `lists.known_phones`,
/// `distinct data.recipient_id by subject`, `recent data.content by subject`.
impl fmt::Display for InputDeclaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { path } => f.write_str(path),
            Self::List { name } => write!(f, "lists.{name}"),
            Self::Feature { function, of: Some(of), by, .. } => {
                write!(f, "{} {of} by {by}", function.as_str())
            }
            Self::Feature { function, of: None, by, .. } => {
                write!(f, "{} by {by}", function.as_str())
            }
            Self::Recent { path, by, .. } => write!(f, "recent {path} by {by}"),
        }
    }
}
