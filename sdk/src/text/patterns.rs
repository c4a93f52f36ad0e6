//! Several regular expressions at once, in linear time, in tables that searching never writes to.

use std::ops::Range;

use regex_automata::dfa::regex::Regex;
use regex_automata::dfa::{StartKind, dense};
use regex_automata::util::syntax;

/// Patterns compiled to dense automata: build them in `configure`, where the host snapshots them.
/// A search reads the tables and writes nothing, so a fresh instance dirties no page for it.
#[derive(Debug)]
pub struct Patterns {
    regex: Regex,
}

/// Where a pattern matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Index of the pattern, as given to [`Patterns::new`].
    pub pattern: usize,
    /// The bytes of the searched text.
    pub range: Range<usize>,
}

impl Patterns {
    /// Compiles `patterns` in the syntax of the `regex` crate, without Unicode classes: they are
    /// meant for folded text. Where two match at the same place the earlier pattern wins.
    ///
    /// # Errors
    /// A pattern that does not parse, or tables of more than 4 MiB.
    pub fn new<P: AsRef<str>>(patterns: &[P]) -> Result<Self, String> {
        let regex = Regex::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .dense(
                // No search asks for a match at the very start only: half the tables are for that.
                dense::Config::new()
                    .start_kind(StartKind::Unanchored)
                    .dfa_size_limit(Some(4 << 20))
                    .determinize_size_limit(Some(64 << 20)),
            )
            .thompson(regex_automata::nfa::thompson::Config::new().utf8(false))
            .build_many(patterns)
            .map_err(|error| error.to_string())?;
        Ok(Self { regex })
    }

    /// The matches in `text`, leftmost first, none overlapping another.
    pub fn find_iter<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Found> + 'a {
        self.regex
            .find_iter(text)
            .map(|found| Found { pattern: found.pattern().as_usize(), range: found.range() })
    }

    /// Whether any pattern matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}
