//! The part of an address after the at sign.

use super::Writing;
use crate::anchors::Provider;
use crate::read::{self, Dot};
use crate::words::{GENERIC, GLUED, WORDY};

const LABELS_MAX: usize = 6;

/// The part after the at sign.
pub struct Domain {
    pub end: usize,
    pub value: String,
    pub writing: Writing,
    /// The name is that of a provider, so nothing else is meant.
    pub provider: bool,
    /// An ending was written.
    pub ended: bool,
}

/// The domain of a provider that is named at `at`.
pub fn provider(text: &str, at: usize, next: Option<&Provider>) -> Option<Domain> {
    let next = next.filter(|next| next.range.start == at)?;
    let (end, ending) = ending(text, next.range.end)?;
    let writing = match &ending {
        Some((_, writing)) => *writing,
        None => Writing::Incomplete,
    };
    let value = match &ending {
        Some((ending, _)) => format!("{}.{ending}", next.domain.split('.').next()?),
        None => next.domain.to_owned(),
    };
    Some(Domain { end, value, writing, provider: true, ended: ending.is_some() })
}

/// What follows the name of a provider: where it ends, and the ending with how it was written.
/// `None` where the name goes on, as in "gmailer": then it is not the provider.
pub fn ending(text: &str, at: usize) -> Option<(usize, Option<(String, Writing)>)> {
    let bytes = text.as_bytes();
    let glued = read::run(bytes, at, 12, |byte| byte.is_ascii_alphanumeric());
    if glued > at {
        let known = GLUED.iter().find(|(name, _)| text.get(at..glued) == Some(name))?;
        return Some((glued, Some((known.1.to_owned(), Writing::Incomplete))));
    }
    let bare = read::skip(bytes, at);
    let comma =
        bytes.get(at) == Some(&b',') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
    let read = read::dot(text, at).or_else(|| comma.then_some((at + 1, Dot::Worded)));
    let (next, dot) = read.unwrap_or((bare, Dot::Worded));
    let spoken = read.is_some();
    let Some((label, end)) = read::label(text, next) else { return Some((at, None)) };
    let known = match dot {
        Dot::Plain => is_ending(&label) || WORDY.contains(&&*label),
        Dot::Worded if spoken => is_ending(&label) || WORDY.contains(&&*label),
        _ if spoken => is_ending(&label),
        _ => label == "com",
    };
    if !known {
        return Some((at, None));
    }
    let writing = match dot {
        Dot::Plain => Writing::Plain,
        Dot::Spaced => Writing::Spaced,
        Dot::Worded if spoken && !comma => Writing::Worded,
        Dot::Worded => Writing::Incomplete,
    };
    // "com.br", "co dot uk"
    let country = read::dot(text, end)
        .filter(|(_, second)| label.starts_with("co") && *second == dot && dot != Dot::Spaced)
        .and_then(|(next, _)| read::label(text, next))
        .filter(|(second, _)| second.len() == 2 && is_ending(second));
    Some(match country {
        Some((second, end)) => (end, Some((format!("{label}.{second}"), writing))),
        None => (end, Some((label.into_owned(), writing))),
    })
}

fn is_ending(label: &str) -> bool {
    let country = label.len() == 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    GENERIC.contains(&label) || (country && !WORDY.contains(&label))
}

/// Any other domain. `tight` is an unspaced `@`: then an ending need not be known.
pub fn generic(text: &str, at: usize, tight: bool) -> Option<Domain> {
    let (first, mut end) = read::label(text, at)?;
    // Most anchors end here, before anything is copied.
    read::dot(text, end)?;
    let mut value = first.into_owned();
    let mut best = None;
    let mut writing = Writing::Plain;
    for _ in 0..LABELS_MAX {
        let Some((next, dot)) = read::dot(text, end) else { break };
        // Past a complete domain only the same dots go on: after a space the next sentence starts.
        if best.is_some() && dot == Dot::Spaced {
            break;
        }
        let Some((label, label_end)) = read::label(text, next) else { break };
        end = label_end;
        value.push('.');
        value.push_str(&label);
        writing = writing.max(match dot {
            Dot::Plain => Writing::Plain,
            Dot::Spaced => Writing::Spaced,
            Dot::Worded => Writing::Worded,
        });
        let wordy = WORDY.contains(&&*label);
        let known =
            is_ending(&label) || (wordy && dot != Dot::Spaced && (tight || dot == Dot::Worded));
        let strange = tight && dot == Dot::Plain && best.is_none() && label.len() >= 2;
        if known {
            best = Some((end, value.len(), writing, true));
        } else if strange && label.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            // An ending that we do not know, unless a known one follows.
            best = Some((end, value.len(), writing, false));
        }
        if dot == Dot::Spaced && known {
            break;
        }
    }
    let (end, length, writing, _) = best?;
    value.truncate(length);
    Some(Domain { end, value, writing, provider: false, ended: true })
}
