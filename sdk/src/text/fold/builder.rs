//! The pass over a text that is not plain ASCII.

use super::character::{Reading, read};
use super::tables::FLAGS;
use super::word::{Verdict, judge};
use super::{Folded, Kind, Piece, is_plain};

pub(super) struct Builder<'a> {
    sent: &'a str,
    at: usize,
    text: String,
    pieces: Vec<Piece>,
    verdict: Verdict,
    /// Whether the text is written in Latin letters, once it was asked.
    latin_prose: Option<bool>,
    regional: RegionalRun,
}

/// A run of flag halves.
#[derive(Default)]
struct RegionalRun {
    /// One past its last byte.
    end: usize,
    /// It is made of whole flags.
    flags: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(sent: &'a str) -> Self {
        Self {
            sent,
            at: 0,
            // No character folds to more bytes than it was sent in.
            text: String::with_capacity(sent.len()),
            pieces: Vec::with_capacity(16),
            verdict: Verdict::default(),
            latin_prose: None,
            regional: RegionalRun::default(),
        }
    }

    pub(super) fn fold(mut self) -> Folded {
        while let Some(c) = self.copy_plain() {
            self.character(c);
        }
        Folded { text: self.text, sent_len: self.sent.len(), pieces: self.pieces }
    }

    /// Copies plain ASCII in lower case up to the next other character, which it returns.
    fn copy_plain(&mut self) -> Option<char> {
        let rest = &self.sent[self.at..];
        let length = rest.bytes().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        if length > 0 {
            self.piece(Kind::Copied, 1, 1);
            let start = self.text.len();
            self.text.push_str(&rest[..length]);
            self.text[start..].make_ascii_lowercase();
            self.at += length;
        }
        rest[length..].chars().next()
    }

    fn character(&mut self, c: char) {
        match read(c) {
            Reading::Same => self.copy(c),
            Reading::Lower(lower) => self.letter(c, lower),
            Reading::Byte(byte, kind) => self.byte(c, byte, kind),
            Reading::Bytes(bytes, kind) => {
                self.piece(kind, c.len_utf8(), bytes.len());
                self.text.push_str(bytes);
                self.at += c.len_utf8();
            }
            Reading::Foreign(twin, lower) => self.foreign(c, twin, lower),
            Reading::Hidden => self.hidden(),
            Reading::Mark { overlay } => {
                self.mark(c, if overlay { Kind::Stylised } else { Kind::Plain })
            }
            Reading::Box => self.mark(c, Kind::Keycap),
            Reading::Regional(letter) => self.regional(c, letter),
            Reading::Ordinal(byte)
                if self.text.ends_with(|last: char| last.is_ascii_alphabetic()) =>
            {
                self.byte(c, byte, Kind::Plain);
            }
            Reading::Ordinal(_) => self.copy(c),
        }
    }

    fn copy(&mut self, c: char) {
        self.letter(c, c);
    }

    fn letter(&mut self, c: char, lower: char) {
        if c.len_utf8() == lower.len_utf8() {
            self.piece(Kind::Copied, 1, 1);
        } else {
            self.piece(Kind::Plain, c.len_utf8(), lower.len_utf8());
        }
        self.text.push(lower);
        self.at += c.len_utf8();
    }

    fn byte(&mut self, c: char, byte: u8, kind: Kind) {
        self.piece(kind, c.len_utf8(), 1);
        self.text.push(char::from(byte));
        self.at += c.len_utf8();
    }

    fn foreign(&mut self, c: char, twin: Option<u8>, lower: char) {
        if twin.is_some() && self.at >= self.verdict.end {
            self.verdict = judge(self.sent, self.at, &mut self.latin_prose);
        }
        match twin {
            Some(twin) if self.verdict.latin => self.byte(c, twin, Kind::Homoglyph),
            _ => self.letter(c, lower),
        }
    }

    /// Takes out a run of characters that cannot be seen. They count as a disguise where both
    /// neighbours can be seen and belong to no script or emoji that needs such characters.
    fn hidden(&mut self) {
        let rest = &self.sent[self.at..];
        let hidden = |c: char| (!c.is_ascii() || !is_plain(c as u8)) && read(c) == Reading::Hidden;
        let length = rest.find(|c: char| !hidden(c)).unwrap_or(rest.len());
        let (run, after) = (&rest[..length], rest[length..].chars().next());
        if run == "\u{FE0F}" && after == Some('\u{20E3}') {
            // The middle of a keycap: the box covers it.
            return self.mark('\u{20E3}', Kind::Keycap);
        }
        let before = self.text.chars().next_back();
        if run == "\u{200D}" && before.is_some_and(is_pictorial) && after.is_some_and(is_pictorial)
        {
            return self.copy('\u{200D}');
        }
        let between = before.is_some_and(is_solid) && after.is_some_and(is_solid);
        let on_letter = before.is_some_and(char::is_alphanumeric);
        for c in run.chars() {
            let counts = match c {
                // These reverse what is read, wherever they stand.
                '\u{202D}' | '\u{202E}' => true,
                // These choose how a symbol is drawn; on a letter they do nothing.
                '\u{FE00}'..='\u{FE0F}' => between && on_letter,
                _ => between,
            };
            self.piece(if counts { Kind::Invisible } else { Kind::Plain }, c.len_utf8(), 0);
            self.at += c.len_utf8();
        }
    }

    /// A mark on the character before it: part of that character where this is a bare ASCII one.
    fn mark(&mut self, c: char, kind: Kind) {
        let end = self.at
            + c.len_utf8()
            + if self.sent[self.at..].starts_with(c) { 0 } else { '\u{FE0F}'.len_utf8() };
        let bare = self.text.bytes().next_back().is_some_and(|byte| byte.is_ascii_graphic());
        let last = self.pieces.last().copied();
        match last {
            Some(last) if bare && last.kind == Kind::Copied => {
                self.text.truncate(self.text.len() - 1);
                if last.folded as usize == self.text.len() {
                    self.pieces.pop();
                }
                let base = self.sent.as_bytes()[self.at - 1];
                let from = end - (self.at - 1);
                self.at -= 1;
                self.piece(kind, from, 1);
                self.text.push(char::from(base.to_ascii_lowercase()));
            }
            // A mark of a script that is not folded, such as the breve of a decomposed Cyrillic letter.
            _ if kind == Kind::Plain && !bare => return self.copy(c),
            _ => self.piece(kind, end - self.at, 0),
        }
        self.at = end;
    }

    /// One half of a flag: kept where its run is made of whole flags, else a letter.
    fn regional(&mut self, c: char, letter: u8) {
        if self.at >= self.regional.end {
            self.regional = self.regional_run();
        }
        if self.regional.flags { self.copy(c) } else { self.byte(c, b'a' + letter, Kind::Stylised) }
    }

    /// The run of flag halves that starts here.
    fn regional_run(&self) -> RegionalRun {
        let mut run = RegionalRun { end: self.at, flags: true };
        let mut first = None;
        for c in self.sent[self.at..].chars() {
            let Some(Reading::Regional(letter)) = (!c.is_ascii()).then(|| read(c)) else { break };
            run.end += c.len_utf8();
            first = match first {
                None => Some(letter),
                Some(first) => {
                    run.flags &= FLAGS[usize::from(first)] >> letter & 1 == 1;
                    None
                }
            };
        }
        run.flags &= first.is_none();
        run
    }

    /// Says that what is pushed next was folded so; extends the last piece where it is alike.
    fn piece(&mut self, kind: Kind, from: usize, to: usize) {
        let (from, to) = (from.min(255) as u8, to as u8);
        if self
            .pieces
            .last()
            .is_some_and(|last| (last.kind, last.from, last.to) == (kind, from, to))
        {
            return;
        }
        // `Folded::new` refuses texts whose length does not fit 32 bits.
        self.pieces.push(Piece {
            folded: self.text.len() as u32,
            sent: self.at as u32,
            from,
            to,
            kind,
        });
    }
}

/// Can be seen, is no space, and needs no joiner or direction mark beside it.
fn is_solid(c: char) -> bool {
    match c as u32 {
        0..=0x7F => c.is_ascii_graphic(),
        // Hebrew to Tibetan, Myanmar, Khmer, Mongolian: joiners and direction marks are spelling.
        0x590..=0x109F | 0x1780..=0x18AF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFE => false,
        _ => !c.is_whitespace() && !is_pictorial(c),
    }
}

fn is_pictorial(c: char) -> bool {
    matches!(c as u32, 0x2190..=0x245F | 0x2500..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299 | 0x1F000..=0x1FAFF)
}
