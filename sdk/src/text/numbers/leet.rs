//! Words that hold digits which are not written as digits: `5o5`, `fivefivefive`.

use super::words::{Meaning, meaning};

/// Whether a word of letters and figures is a number in which letters stand for figures. A letter at
/// the end is more often a unit (`10l`), and one at the start a name (`b12`), unless the word goes on
/// after a hyphen or a dot.
pub(super) fn is_leet(word: &[u8], digits: usize, goes_on: bool) -> bool {
    let letters = word.len() - digits;
    let inside = |at: usize| goes_on || (at > 0 && at + 1 < word.len());
    letters <= digits.max(1) + 1
        && word.iter().enumerate().all(|(at, &byte)| match byte {
            b'0'..=b'9' | b'o' => true,
            b'i' | b'l' => goes_on || at + 1 < word.len(),
            _ => leet(byte).is_some() && digits >= 2 && letters <= digits && inside(at),
        })
}

/// The figure that a letter looks like.
pub(super) const fn leet(letter: u8) -> Option<u8> {
    Some(match letter {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        b'z' => b'2',
        b'e' => b'3',
        b'a' => b'4',
        b's' => b'5',
        b't' => b'7',
        b'b' => b'8',
        b'g' => b'9',
        _ => return None,
    })
}

/// Cuts `fivefivefive` into words for digits: how many, and in `parts` where each starts and the last
/// one ends. Each letter is looked at a few times at most.
pub(super) fn split_words(word: &[u8], parts: &mut [usize; 17]) -> Option<usize> {
    if !(6..=64).contains(&word.len()) {
        return None;
    }
    let (mut at, mut count) = (0, 0);
    while at < word.len() {
        let length = (3..=6.min(word.len() - at)).rev().find(|length| {
            matches!(
                meaning(&word[at..at + length]),
                Some(Meaning::Digit(_) | Meaning::Quatre | Meaning::Repeat(_))
            )
        })?;
        at += length;
        count += 1;
        *parts.get_mut(count)? = at;
    }
    Some(count)
}
