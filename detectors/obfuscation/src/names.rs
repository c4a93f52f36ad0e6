//! Names of apps and ways to pay, whose letters were pulled apart or swapped for figures.
//!
//! The text is squeezed: separators out, figures and signs as the letters that they look like. A name
//! found in what is left counts where it was not written as everybody writes it.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use picket_sdk::text::Folded;

use crate::{Disguise, Kind, SPANS_MAX};

/// A name, and after how many letters it is often parted by a blank or a hyphen: 0 for never.
const NAMES: &[(&str, usize)] = &[
    ("whatsapp", 5),
    ("telegram", 0),
    ("instagram", 0),
    ("facebook", 4),
    ("messenger", 0),
    ("snapchat", 4),
    ("viber", 0),
    ("discord", 0),
    ("tiktok", 3),
    ("gmail", 0),
    ("hotmail", 3),
    ("yahoo", 0),
    ("icloud", 1),
    ("paypal", 3),
    ("venmo", 0),
    ("zelle", 0),
    ("cashapp", 4),
    ("cash", 0),
    ("bizum", 0),
    ("mercadopago", 7),
    ("revolut", 0),
    ("bitcoin", 3),
    ("crypto", 0),
    ("phone", 0),
    ("number", 0),
    ("email", 1),
    ("wechat", 2),
    ("telefono", 0),
    ("telefone", 0),
    ("efectivo", 0),
    ("dinheiro", 0),
];

/// Between two letters of one name there are at most so many bytes.
const SEPARATOR_MAX: usize = 3;

/// The names as an automaton over squeezed text.
pub(crate) struct Names(AhoCorasick);

/// A text without its separators.
struct Squeezed {
    letters: Vec<u8>,
    /// Where each letter stands in the folded text.
    places: Vec<u32>,
}

impl Names {
    pub(crate) fn new() -> Result<Self, String> {
        let names = NAMES.iter().map(|(name, _)| name.bytes().map(shape).collect::<Vec<u8>>());
        let built = AhoCorasick::builder()
            .kind(Some(aho_corasick::AhoCorasickKind::DFA))
            .match_kind(MatchKind::LeftmostLongest)
            .prefilter(false)
            .build(names);
        built.map(Self).map_err(|error| error.to_string())
    }

    pub(crate) fn find(&self, folded: &Folded, found: &mut Vec<Disguise>) {
        let text = folded.as_str();
        let squeezed = squeeze(text.as_bytes());
        let disguises = self.0.find_iter(&squeezed.letters).filter_map(|name| {
            let places = &squeezed.places[name.range()];
            let range = *places.first()? as usize..*places.last()? as usize + 1;
            let (_, parted) = NAMES[name.pattern().as_usize()];
            let kind = kind(text, places, &range, parted).or_else(|| styled(folded, &range))?;
            Some(Disguise { kind, range })
        });
        found.extend(disguises.take(SPANS_MAX));
    }
}

/// How the name at `places` is disguised; `None` where it is not, or where it is part of more words.
fn kind(text: &str, places: &[u32], range: &Range<usize>, parted: usize) -> Option<Kind> {
    let bytes = text.as_bytes();
    let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    if (range.start > 0 && letter(range.start - 1)) || letter(range.end) {
        return None;
    }
    let mut breaks = 0;
    let mut odd = false;
    for (nth, pair) in places.windows(2).enumerate() {
        let between = &text[pair[0] as usize + 1..pair[1] as usize];
        if between.is_empty() {
            continue;
        }
        // A word that goes on in the next line is hyphenated, not disguised.
        if between.len() > SEPARATOR_MAX
            || between.contains('\n')
            || between.contains([',', ';', '?'])
        {
            return None;
        }
        breaks += 1;
        odd |= nth + 1 != parted && !between.contains(' ');
        odd |= nth + 1 == parted && !matches!(between, " " | "-" | "'" | "’" | "_" | ".");
    }
    let swapped = places.iter().any(|&at| !bytes[at as usize].is_ascii_alphabetic());
    let letters = places.iter().filter(|&&at| bytes[at as usize].is_ascii_alphabetic()).count();
    if swapped && letters * 2 >= places.len() && breaks == 0 {
        return Some(Kind::Leet);
    }
    // `can we chat`, `ca sh`: one blank is a slip; two make three words that were one.
    let apart = breaks >= 2 || odd;
    (apart && (breaks + 1 == places.len() || places.len() > 4)).then_some(Kind::PulledApart)
}

/// A name in characters that were folded from another style.
fn styled(folded: &Folded, range: &Range<usize>) -> Option<Kind> {
    let disguises = folded.disguises(range.clone());
    (disguises.fullwidth + disguises.stylised >= 3).then_some(Kind::StyledCharacters)
}

fn squeeze(text: &[u8]) -> Squeezed {
    let mut squeezed = Squeezed {
        letters: Vec::with_capacity(text.len()),
        places: Vec::with_capacity(text.len()),
    };
    for (at, &byte) in text.iter().enumerate() {
        let sign = matches!(byte, b'@' | b'$' | b'!' | b'|');
        // A sign is a letter only inside a word: `p@ypal`, but not `$50` or `cash!`.
        let inside = || {
            at > 0
                && is_letter(text[at - 1])
                && text.get(at + 1).is_some_and(|&next| is_letter(next))
        };
        if byte.is_ascii_alphanumeric() || (sign && inside()) {
            squeezed.letters.push(shape(byte));
            squeezed.places.push(at as u32);
        }
    }
    squeezed
}

/// Signs follow each other (`p@$$`), so they are neighbours as well.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'$' | b'@')
}

/// One letter for all that look alike: `i`, `l`, `1` and `!` are the same stroke.
const fn shape(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' | b'!' | b'|' | b'i' => b'l',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        b'8' => b'b',
        byte => byte,
    }
}
