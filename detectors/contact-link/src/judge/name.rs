//! Telling a host from a sentence by how its labels were written.

use picket_sdk::text::Folded;

use super::path;
use crate::endings::{Ending, is_registry};
use crate::host::Label;
use crate::read::Dot;

/// A name of this length on a line of its own is one.
const ALONE_MIN: usize = 5;
/// Letters before a number that make a name of it: "harbour24".
const NUMBERED_MIN: usize = 4;

/// A text, folded and as sent: only the latter has capitals.
pub struct Names<'a> {
    pub folded: &'a Folded,
    pub sent: &'a str,
}

impl<'a> Names<'a> {
    /// A label as folded.
    pub fn of(&self, label: &Label) -> &'a str {
        self.folded.as_str().get(label.range.clone()).unwrap_or_default()
    }

    /// The labels before the one that starts a new sentence: "done.See", "Denver.CO".
    pub fn before_sentence<'l>(&self, labels: &'l [Label]) -> &'l [Label] {
        if labels.len() > 2 && labels.last().is_some_and(|label| label.ending > Ending::Wordy) {
            // A long name that ends well is one: else "own.com.Evil.io" would pass for "own.com".
            return labels;
        }
        let starts = |pair: &[Label]| {
            let common = matches!(self.of(&pair[1]), "com" | "net" | "org");
            let plain = pair[1].dot == Dot::Plain && !common;
            plain && self.capitals(&pair[1]) > self.capitals(&pair[0])
        };
        let cut = labels.windows(2).position(starts).map_or(labels.len(), |at| at + 1);
        &labels[..cut]
    }

    /// 2 for capitals throughout, 1 for one at the start, 0 for none.
    pub fn capitals(&self, label: &Label) -> u8 {
        let sent = self.sent_bytes(label);
        let first = sent.first().is_some_and(u8::is_ascii_uppercase);
        let all = sent.len() > 1 && sent.iter().all(u8::is_ascii_uppercase);
        u8::from(first) + u8::from(all)
    }

    /// Whether a name says by itself that it is one: capitals inside it, a number at its end, a
    /// registry such as "com.my", or a line of its own.
    pub fn are_telling(&self, labels: &[Label]) -> bool {
        let [.., name, last] = labels else { return false };
        let humps = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
        let camel = self.sent_bytes(name).windows(2).any(humps);
        let name = self.of(name);
        let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
        let numbered = digits > 0 && name.len() - digits >= NUMBERED_MIN;
        let registry = labels.len() > 2 && is_registry(name);
        let text = self.folded.as_str();
        let before = text.get(..labels[0].range.start).unwrap_or_default().trim_end_matches(' ');
        let opens = before.is_empty() || before.ends_with('\n');
        let alone = opens && name.len() >= ALONE_MIN && path::ends_line(text, last.range.end);
        camel || numbered || registry || alone
    }

    fn sent_bytes(&self, label: &Label) -> &'a [u8] {
        self.sent.get(self.folded.sent(label.range.clone())).unwrap_or_default().as_bytes()
    }
}
