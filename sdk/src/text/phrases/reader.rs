//! From folded text to tokens: word boundaries, phrases, and the disguises that folding leaves
//! (digits for letters, letters spelled out one by one, a name in two pieces, drawn-out letters).

use super::letters::{Letters, letter};
use super::lexicon::{COMMA, Class, Entry, Lexicon, NUMBER, OTHER, QUIET, SEED, STOP, extend};
use super::pieces::{Piece, pieces};

/// One word, phrase or mark and where it is in the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub class: Class,
    pub start: usize,
    pub end: usize,
}

/// Reads `text` into tokens. Words that say nothing are dropped.
pub fn read(lexicon: &Lexicon, text: &str) -> Vec<Token> {
    let pieces = pieces(text);
    let mut reader = Reader {
        lexicon,
        text: text.as_bytes(),
        tokens: Vec::with_capacity(pieces.len()),
        numbers: 0,
    };
    let mut at = 0;
    while at < pieces.len() {
        at += reader.take(&pieces[at..]);
    }
    reader.tokens
}

struct Reader<'a> {
    lexicon: &'a Lexicon,
    text: &'a [u8],
    tokens: Vec<Token>,
    /// How many pieces at the front are known to be single digits rather than a word spelled out.
    numbers: usize,
}

impl Reader<'_> {
    /// Reads one token at the front of `pieces` and says how many pieces it took.
    fn take(&mut self, pieces: &[Piece]) -> usize {
        let first = pieces[0];
        if !first.is_word {
            self.mark(first);
            return 1;
        }
        if self.numbers > 0 {
            self.numbers -= 1;
        } else {
            let (length, digits) = spelled(pieces, self.text);
            if length >= 3 && digits * 2 < length {
                self.spelled(&pieces[..length]);
                return length;
            }
            self.numbers = length.saturating_sub(1);
        }
        let word = self.word(first);
        let (phrase, name) = (self.longest(word, pieces), self.in_pieces(word, pieces));
        if let Some((class, taken)) = phrase.into_iter().chain(name).max_by_key(|(_, taken)| *taken)
        {
            self.push(class, first.start, pieces[taken - 1].end);
            return taken;
        }
        self.push(word.class, first.start, first.end);
        1
    }

    fn push(&mut self, class: Class, start: usize, end: usize) {
        if class != QUIET {
            self.tokens.push(Token { class, start, end });
        }
    }

    /// Punctuation ends a clause or a sentence; an emoji may be a word; the rest is dropped.
    fn mark(&mut self, piece: Piece) {
        let mark = &self.text[piece.start..piece.end];
        let class = match mark {
            b"." | b"!" | b"?" | b";" => Some(STOP),
            b"," | b":" | b"(" | b")" | b"\n" => Some(COMMA),
            _ => self.lexicon.get(extend(SEED, mark)).and_then(|entry| entry.class),
        };
        if let Some(class) = class {
            self.push(class, piece.start, piece.end);
        }
    }

    /// The word itself: as it is written, else with letters for digits, else without drawn-out
    /// letters.
    fn word(&self, piece: Piece) -> Word {
        let mut letters = Letters::default();
        if !letters.fill(&self.text[piece.start..piece.end]) {
            return Word { hash: SEED, class: OTHER, entry: Entry::default() };
        }
        let known = |letters: &Letters| {
            let hash = extend(SEED, letters.bytes());
            self.lexicon.get(hash).map(|entry| Word {
                hash,
                class: entry.class.unwrap_or(OTHER),
                entry: *entry,
            })
        };
        if let Some(word) = known(&letters) {
            return word;
        }
        if letters.bytes().iter().all(u8::is_ascii_digit) {
            return Word { hash: SEED, class: NUMBER, entry: Entry::default() };
        }
        let (as_i, as_l) = (letters.unleet(b'i'), letters.unleet(b'l'));
        // Unknown by itself, a word may still be a piece of a name: `wh4ts app`.
        let hash = extend(SEED, as_i.unwrap_or(letters).bytes());
        let plain = as_i.and_then(|one| known(&one)).or_else(|| as_l.and_then(|one| known(&one)));
        let drawn = || {
            [2, 1].into_iter().find_map(|most| letters.undrawn(most).and_then(|one| known(&one)))
        };
        plain.or_else(drawn).unwrap_or(Word { hash, class: OTHER, entry: Entry::default() })
    }

    /// The longest phrase that starts here, as its class and number of pieces.
    fn longest(&self, word: Word, pieces: &[Piece]) -> Option<(Class, usize)> {
        let (mut hash, mut entry, mut best) = (word.hash, word.entry, None);
        for (taken, piece) in pieces.iter().enumerate().skip(1) {
            if !entry.continues || !piece.is_word {
                break;
            }
            let mut letters = Letters::default();
            if !letters.fill(&self.text[piece.start..piece.end]) {
                break;
            }
            let before = extend(hash, b" ");
            let known = |letters: Letters| {
                let hash = extend(before, letters.bytes());
                self.lexicon.get(hash).map(|entry| (hash, *entry))
            };
            let next = known(letters).or_else(|| letters.unleet(b'i').and_then(known));
            let Some(next) = next else { break };
            (hash, entry) = next;
            best = entry.class.map(|class| (class, taken + 1)).or(best);
        }
        best
    }

    /// A name that someone broke in two or three: `whats app`, `ze lle`.
    fn in_pieces(&self, word: Word, pieces: &[Piece]) -> Option<(Class, usize)> {
        // A number, or a word too long to be looked up, is no piece of a name.
        let (mut hash, mut best) = (Some(word.hash).filter(|hash| *hash != SEED)?, None);
        for (taken, piece) in pieces.iter().enumerate().take(3).skip(1) {
            let mut letters = Letters::default();
            if !piece.is_word || !piece.near || !letters.fill(&self.text[piece.start..piece.end]) {
                break;
            }
            let letters = letters.unleet(b'i').unwrap_or(letters);
            hash = extend(hash, letters.bytes());
            let whole = self.lexicon.get(hash).filter(|entry| entry.splits);
            best = whole.and_then(|entry| entry.class).map(|class| (class, taken + 1)).or(best);
        }
        best
    }

    /// Letters one by one: the longest words that they spell, from the left.
    fn spelled(&mut self, pieces: &[Piece]) {
        let mut at = 0;
        while at < pieces.len() {
            let mut hash = SEED;
            let mut best = None;
            for (length, piece) in pieces[at..].iter().enumerate().take(12) {
                hash = extend(hash, &[letter(self.text[piece.start], b'i')]);
                let class = self.lexicon.get(hash).and_then(|entry| entry.class);
                best = class.map(|class| (class, length + 1)).or(best);
            }
            let digit = self.text[pieces[at].start].is_ascii_digit();
            let (class, taken) = best.unwrap_or((if digit { NUMBER } else { OTHER }, 1));
            self.push(class, pieces[at].start, pieces[at + taken - 1].end);
            at += taken;
        }
    }
}

/// A word that was looked up.
#[derive(Debug, Clone, Copy)]
struct Word {
    hash: u64,
    class: Class,
    entry: Entry,
}

/// How many single letters and digits in a row stand at the front, and how many of them are digits.
/// A longer run is read in parts.
fn spelled(pieces: &[Piece], text: &[u8]) -> (usize, usize) {
    let run =
        pieces.iter().take(40).take_while(|piece| piece.is_word && piece.end - piece.start == 1);
    run.fold((0, 0), |(length, digits), piece| {
        (length + 1, digits + usize::from(text[piece.start].is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_classes(text: &str) -> Vec<(&'static str, &str)> {
        let mut lexicon = Lexicon::default();
        for (class, words) in [
            ("name", "~whatsapp, ~zelle"),
            ("cash", "cash"),
            ("call", "call, 📞"),
            ("me", "me, m"),
            ("not", "dont"),
            ("idiom", "call it a day"),
        ] {
            lexicon.add(class, words).unwrap();
        }
        let names = [
            "other", "number", "stop", "comma", "quiet", "name", "cash", "call", "me", "not",
            "idiom",
        ];
        let tokens = read(&lexicon.finish(), text);
        tokens
            .iter()
            .map(|token| (names[usize::from(token.class)], &text[token.start..token.end]))
            .collect()
    }

    #[test]
    fn disguised_words_are_read() {
        for (text, class) in [
            ("whatsapp", "name"),
            ("whats app", "name"),
            ("what-sapp", "name"),
            ("wh4tsapp", "name"),
            ("wh4ts app", "name"),
            ("w h a t s a p p", "name"),
            ("z.e.l.l.e", "name"),
            ("ze11e", "name"),
            ("z3lle", "name"),
            ("ca$h", "cash"),
            ("caaaash", "cash"),
            ("don't", "not"),
            ("don’t", "not"),
            ("call it a day", "idiom"),
        ] {
            assert_eq!(read_classes(text), [(class, text)], "{text}");
        }
    }

    #[test]
    fn words_are_parted() {
        assert_eq!(read_classes("m'call"), [("me", "m"), ("call", "call")]);
        assert_eq!(read_classes("call.me."), [("call", "call"), ("me", "me"), ("stop", ".")]);
        assert_eq!(read_classes("c a l l m e"), [("call", "c a l l"), ("me", "m e")]);
        assert_eq!(
            read_classes("📞 me, 50"),
            [("call", "📞"), ("me", "me"), ("comma", ","), ("number", "50")]
        );
        assert_eq!(read_classes("50 zelle"), [("number", "50"), ("name", "zelle")]);
        assert_eq!(read_classes("1 2 3 zelle").last(), Some(&("name", "zelle")));
        assert_eq!(read_classes("$50 – привет"), [("number", "50"), ("other", "привет")]);
    }
}
