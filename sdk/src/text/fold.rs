//! Folding: what a reader sees, in lower-case ASCII where it can be.
//!
//! Disguises are undone, accents and case taken off, emoji kept. Every folded byte remembers which
//! bytes as sent it came from, because evidence must point into the text as it was sent.

use std::ops::Range;

mod builder;
mod character;
mod tables;
#[cfg(test)]
mod tests;
mod word;

use builder::Builder;

/// A text folded for matching that remembers where each byte came from.
///
/// ```
/// # use picket_sdk::text::Folded;
/// let folded = Folded::new("Café ５５５\u{200b}01");
/// assert_eq!(folded.as_str(), "cafe 55501");
/// assert_eq!(folded.sent(5..10), 6..20);
/// assert_eq!(folded.disguises(5..10).fullwidth, 3);
/// assert_eq!(folded.disguises(5..10).invisible, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Folded {
    text: String,
    sent_len: usize,
    /// Invariant: in the order of both texts and without a gap. Empty where every byte maps to the
    /// byte at its own place, which is so for all plain ASCII.
    pieces: Vec<Piece>,
}

/// A run of characters that were folded in the same way: each of `from` bytes became `to` bytes.
#[derive(Debug, Clone, Copy)]
struct Piece {
    folded: u32,
    sent: u32,
    from: u8,
    /// 0 where the characters were taken out.
    to: u8,
    kind: Kind,
}

/// Why a character changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is what was sent, but for case.
    Copied,
    /// Changed as a reader would not notice: an accent, a typographic quote.
    Plain,
    Invisible,
    Fullwidth,
    Homoglyph,
    Keycap,
    Stylised,
    Digit,
}

/// Which disguises folding undid, each counted in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disguises {
    /// Characters that cannot be seen, such as U+200B, between ones that can. Joiners inside emoji
    /// and marks of right-to-left or Indic text are not counted.
    pub invisible: u32,
    /// Full-width letters and digits.
    pub fullwidth: u32,
    /// Letters of another script that stand for a Latin letter or a digit in a mixed word.
    pub homoglyph: u32,
    /// Keycap emoji.
    pub keycap: u32,
    /// Mathematical, circled, superscript, small-capital, flag and struck-through letters and digits.
    pub stylised: u32,
    /// Decimal digits of another script, such as Arabic-Indic ones: ordinary in that language.
    pub foreign_digit: u32,
}

impl Disguises {
    /// All of them, but for the digits of another script.
    pub fn total(&self) -> u32 {
        self.invisible + self.fullwidth + self.homoglyph + self.keycap + self.stylised
    }

    fn add(&mut self, kind: Kind, characters: u32) {
        match kind {
            Kind::Copied | Kind::Plain => {}
            Kind::Invisible => self.invisible += characters,
            Kind::Fullwidth => self.fullwidth += characters,
            Kind::Homoglyph => self.homoglyph += characters,
            Kind::Keycap => self.keycap += characters,
            Kind::Stylised => self.stylised += characters,
            Kind::Digit => self.foreign_digit += characters,
        }
    }
}

impl Folded {
    /// Folds a text as it was sent. Linear in its length; plain ASCII takes one pass and one
    /// allocation. Of a text beyond 4 GiB nothing is read.
    pub fn new(sent: &str) -> Self {
        let sent = if u32::try_from(sent.len()).is_ok() { sent } else { "" };
        // Without an early exit the compiler looks at many bytes at once.
        if !sent.bytes().fold(false, |found, byte| found | !is_plain(byte)) {
            return Self {
                text: sent.to_ascii_lowercase(),
                sent_len: sent.len(),
                pieces: Vec::new(),
            };
        }
        Builder::new(sent).fold()
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether folding changed nothing but case: then it also undid no disguise.
    pub fn is_plain(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The bytes as sent that a range of the folded text came from. It covers whole characters;
    /// what was taken out inside the range is covered too, at its ends it is not.
    pub fn sent(&self, folded: Range<usize>) -> Range<usize> {
        let (start, end) = self.snap(folded);
        if self.pieces.is_empty() {
            return start..end;
        }
        let first = self.sent_at(start).start;
        if start == end { first..first } else { first..self.sent_at(end - 1).end }
    }

    /// What folding undid in a range of the folded text.
    pub fn disguises(&self, folded: Range<usize>) -> Disguises {
        let mut found = Disguises::default();
        let (start, end) = self.snap(folded);
        if self.pieces.is_empty() || start == end {
            return found;
        }
        for index in self.piece_of(start)..self.pieces.len() {
            let piece = self.pieces[index];
            let (from, to) = (piece.folded as usize, self.folded_end(index));
            if from >= end {
                break;
            }
            let characters = match piece.to {
                0 if from <= start => 0,
                0 => (self.sent_end(index) - piece.sent as usize) / usize::from(piece.from),
                width => (to.min(end) - from.max(start)).div_ceil(usize::from(width)),
            };
            found.add(piece.kind, u32::try_from(characters).unwrap_or(u32::MAX));
        }
        found
    }

    /// A range inside the folded text, widened to whole characters.
    fn snap(&self, range: Range<usize>) -> (usize, usize) {
        let (mut start, mut end) =
            (range.start.min(self.text.len()), range.end.min(self.text.len()));
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        (start, end.max(start))
    }

    /// The bytes as sent of the character that holds folded byte `at`.
    fn sent_at(&self, at: usize) -> Range<usize> {
        if self.pieces.is_empty() {
            return at..at + 1;
        }
        let index = self.piece_of(at);
        let piece = self.pieces[index];
        let (from, to) = (usize::from(piece.from), usize::from(piece.to));
        let Some(nth) = (at - piece.folded as usize).checked_div(to) else {
            // Only at the very end can a character that was taken out be the last piece.
            return self.sent_len..self.sent_len;
        };
        let start = piece.sent as usize + nth * from;
        if start >= self.sent_end(index) {
            return self.sent_len..self.sent_len;
        }
        start..start + from
    }

    /// The last piece that starts at or before folded byte `at`: the one that holds it.
    fn piece_of(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.folded as usize <= at).saturating_sub(1)
    }

    fn folded_end(&self, index: usize) -> usize {
        self.pieces.get(index + 1).map_or(self.text.len(), |next| next.folded as usize)
    }

    fn sent_end(&self, index: usize) -> usize {
        self.pieces.get(index + 1).map_or(self.sent_len, |next| next.sent as usize)
    }
}

/// Printable ASCII and line breaks.
const fn is_plain(byte: u8) -> bool {
    (byte >= b' ' && byte < 0x7F) || matches!(byte, b'\t' | b'\n' | b'\r')
}
