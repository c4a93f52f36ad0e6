//! Phrases read like a grammar: words become classes, and rules are sequences of classes.
//!
//! A text is read once into tokens (`reader`), each the class that the vocabulary (`lexicon`) gives
//! its word. A rule (`rules`) is a short sequence of classes with gaps; where one matches, `context`
//! asks whether the sentence takes it back ("please don't", "through the app"). All of it is linear
//! in the text and writes nothing that outlives the call. A detector brings its own words and rules;
//! the small words of English, Spanish, French and Portuguese (`small_words`) are here.

use std::ops::Range;

mod context;
mod letters;
mod lexicon;
mod pieces;
mod reader;
mod rules;
mod small_words;

pub use rules::{Rule, rule};

use context::Context;
use lexicon::Lexicon;
use rules::Grammar;

/// Words of one class each, as `(class, "word, several words, another")`, in folded letters (small
/// ASCII ones without accents). A `~` before a name also finds it in pieces and with one slip of the
/// fingers.
pub type Vocabulary = &'static [(&'static str, &'static str)];

/// At most so many pieces of evidence are reported for one text.
const SPANS_MAX: usize = 8;

/// A vocabulary and a grammar, ready to read texts. Build it in `configure`.
///
/// ```
/// # use picket_sdk::text::Folded;
/// # use picket_sdk::text::phrases::{Phrases, Rule, Vocabulary, rule};
/// const WORDS: Vocabulary = &[("call", "call, ring, phone"), ("kettle", "~kettle, tea pot")];
/// const RULES: &[Rule] =
///     &[rule("a call", 0.6, "call me").not_before("other"), rule("tea", 0.4, "kettle ~2 on_")];
/// let phrases = Phrases::new(&[WORDS], &[("on_", "on|to")], RULES).unwrap();
///
/// let text = Folded::new("Bring the ketle over, then c a l l me!");
/// let verdict = phrases.judge(text.as_str()).unwrap();
/// assert_eq!(verdict.kinds, ["tea", "a call"]);
/// assert_eq!(verdict.score, 1.0 - (1.0 - 0.4) * (1.0 - 0.6));
/// assert_eq!(&text.as_str()[verdict.ranges[1].clone()], "c a l l me");
///
/// for taken_back in ["please don't call me", "call me through the app", "call me Dave"] {
///     assert_eq!(phrases.judge(&taken_back.to_lowercase()), None);
/// }
/// ```
#[derive(Debug)]
pub struct Phrases {
    lexicon: Lexicon,
    grammar: Grammar,
    context: Context,
}

/// What the rules found in one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// How strongly they hold together, in 0..=1.
    pub score: f64,
    /// The kinds of the rules that matched, in the order of the text, each once.
    pub kinds: Vec<&'static str>,
    /// Where, in bytes of the folded text, merged where they touch.
    pub ranges: Vec<Range<usize>>,
}

impl Phrases {
    /// Builds the tables from these words and the small ones of the four languages (classes such as
    /// `me`, `you`, `on`, `not`). `sets` names alternatives that many rules share, as `(name, "a|b")`.
    ///
    /// # Errors
    /// A word in two classes, more than 128 classes, or a rule that names an unknown class, starts
    /// with something that may be missing or is too long.
    pub fn new(
        vocabularies: &[Vocabulary],
        sets: &'static [(&'static str, &'static str)],
        rules: &'static [Rule],
    ) -> Result<Self, String> {
        let mut lexicon = Lexicon::default();
        for (class, words) in small_words::SMALL_WORDS {
            lexicon.add(class, words)?;
        }
        for (class, words) in vocabularies.iter().copied().flatten() {
            lexicon.add(class, words)?;
        }
        let lexicon = lexicon.finish();
        Ok(Self {
            grammar: Grammar::new(&lexicon, sets, rules)?,
            context: Context::new(&lexicon)?,
            lexicon,
        })
    }

    /// Judges a folded text; `None` where no rule holds.
    pub fn judge(&self, text: &str) -> Option<Verdict> {
        let tokens = reader::read(&self.lexicon, text);
        let candidates = self.grammar.candidates(&tokens);
        if candidates.is_empty() {
            return None;
        }
        // Where the last match ended: a negation before it has had its say.
        let mut heard = 0;
        let mut found: Vec<Found> = Vec::new();
        for start in 0..tokens.len() {
            for &rule in &candidates {
                let Some(end) = self.grammar.match_at(rule, &tokens, start) else {
                    continue;
                };
                let Rule { kind, weight, .. } = *self.grammar.rule(rule);
                let again = found
                    .iter()
                    .rev()
                    .take(SPANS_MAX)
                    .any(|one| one.kind == kind && start < one.end);
                let barrier = if heard <= start { heard } else { 0 };
                if again
                    || self.context.refuses(self.grammar.rule(rule), &tokens, start..end, barrier)
                {
                    continue;
                }
                let bytes = tokens[start].start..tokens[end - 1].end;
                found.push(Found { kind, weight, end, bytes });
                heard = end;
            }
        }
        verdict(&found)
    }
}

/// One match that its sentence does not take back.
struct Found {
    kind: &'static str,
    weight: f64,
    /// One past its last token.
    end: usize,
    bytes: Range<usize>,
}

/// Each kind counts once, with its strongest match; kinds add up as independent evidence does,
/// `1 - (1-a)(1-b)...`, so that two hints can make a proposal and no sum passes 1.
fn verdict(found: &[Found]) -> Option<Verdict> {
    let mut kinds: Vec<(&'static str, f64)> = Vec::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for one in found {
        match kinds.iter_mut().find(|(kind, _)| *kind == one.kind) {
            Some((_, weight)) => *weight = weight.max(one.weight),
            None => kinds.push((one.kind, one.weight)),
        }
        // Matches come in the order of their starts, so only the last can touch.
        if let Some(last) = ranges.last_mut().filter(|last| one.bytes.start <= last.end) {
            last.end = last.end.max(one.bytes.end);
        } else if ranges.len() < SPANS_MAX {
            ranges.push(one.bytes.clone());
        }
    }
    if kinds.is_empty() {
        return None;
    }
    Some(Verdict {
        score: 1.0 - kinds.iter().map(|(_, weight)| 1.0 - weight).product::<f64>(),
        kinds: kinds.into_iter().map(|(kind, _)| kind).collect(),
        ranges,
    })
}
