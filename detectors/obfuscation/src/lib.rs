//! Finds contacts, app names and payment words that are deliberately disguised.
//!
//! Only what has no honest use counts: look-alike letters in mixed words, characters that cannot be
//! seen inside words, numbers spelled out, names pulled apart. A number or an app name written as
//! everybody writes it is not this detector's business, nor are emoji, accents and other scripts.

use std::ops::Range;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;

mod characters;
mod digits;
mod marks;
mod names;

const LABEL: &str = "evasion.obfuscation";
const SPANS_MAX: usize = 16;

/// The texts that a person writes to another.
#[derive(Inputs)]
pub struct Texts {
    #[input("data.content")]
    content: Option<Text>,
    #[input("data.description")]
    description: Option<Text>,
    #[input("data.text")]
    text: Option<Text>,
}

/// The detector.
pub struct Obfuscation {
    names: names::Names,
}

/// One disguise that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Disguise {
    kind: Kind,
    /// The bytes of the folded text.
    range: Range<usize>,
}

/// How something was disguised, least telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    SpelledDigits,
    PulledApart,
    Leet,
    SpelledMarks,
    StyledCharacters,
    Invisible,
    Homoglyphs,
}

impl Kind {
    fn score(self) -> f64 {
        match self {
            Self::SpelledDigits => 0.65,
            Self::PulledApart | Self::Leet => 0.75,
            Self::SpelledMarks => 0.8,
            Self::StyledCharacters => 0.82,
            Self::Invisible => 0.85,
            Self::Homoglyphs => 0.9,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::SpelledDigits => {
                "digits written out in words, look-alike letters or one at a time"
            }
            Self::PulledApart => "the name of an app or a way to pay with its letters pulled apart",
            Self::Leet => "the name of an app or a way to pay with figures for letters",
            Self::SpelledMarks => "the marks of an address written out in words or brackets",
            Self::StyledCharacters => {
                "a name or a number in full-width, keycap or decorated characters"
            }
            Self::Invisible => "characters that cannot be seen inside words or numbers",
            Self::Homoglyphs => "letters of another script that look like Latin ones",
        }
    }
}

impl Detector for Obfuscation {
    type Inputs = Texts;
    type Settings = NoSettings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!()
            .label(LABEL)
            .events("message.*")
            .events("job.posted")
            .events("profile.updated")
            .events("review.posted")
    }

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self { names: names::Names::new()? })
    }

    fn evaluate(&self, _: &Event, texts: &Texts) -> Result<Vec<Signal>, String> {
        let mut strongest = None;
        let mut spans = Vec::new();
        for text in [&texts.content, &texts.description, &texts.text].into_iter().flatten() {
            let folded = Folded::new(text);
            let mut found = self.read(text, &folded);
            strongest = strongest.max(found.iter().map(|disguise| disguise.kind).max());
            keep_longest(&mut found);
            spans.extend(found.into_iter().map(|disguise| text.span(folded.sent(disguise.range))));
        }
        spans.truncate(SPANS_MAX);
        Ok(strongest.map(|kind| signal(kind, spans)).into_iter().collect())
    }
}

picket_sdk::export!(Obfuscation);

impl Obfuscation {
    fn read(&self, sent: &str, folded: &Folded) -> Vec<Disguise> {
        let mut found = Vec::new();
        characters::find(sent, folded, &mut found);
        digits::find(folded, &mut found);
        marks::find(folded, &mut found);
        self.names.find(folded, &mut found);
        found
    }
}

/// Several disguises make it surer that none is an accident.
fn signal(kind: Kind, spans: Vec<Span>) -> Signal {
    let more = spans.len().saturating_sub(1).min(3);
    #[allow(clippy::cast_precision_loss, reason = "at most 3")]
    let score = (kind.score() + 0.03 * more as f64).min(0.98);
    Signal::new(LABEL, score).confidence(score).reason(kind.reason()).spans(spans)
}

/// Sorts, and drops what lies inside or across what came before it.
fn keep_longest(found: &mut Vec<Disguise>) {
    found.sort_by_key(|disguise| (disguise.range.start, std::cmp::Reverse(disguise.range.end)));
    let mut end = 0;
    found.retain(|disguise| {
        let keep = disguise.range.start >= end;
        end = end.max(disguise.range.end);
        keep
    });
}
