//! The letters of one word and what disguises leave of them: digits and signs for letters,
//! letters drawn out.

/// Longer words are not in any vocabulary.
const WORD_BYTES_MAX: usize = 24;

/// The letters of a word without its apostrophes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Letters {
    bytes: [u8; WORD_BYTES_MAX],
    len: usize,
}

impl Letters {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Takes the letters of `word`; false where it is too long or of another script.
    pub fn fill(&mut self, word: &[u8]) -> bool {
        for &byte in word.iter().filter(|byte| byte.is_ascii() && **byte != b'\'') {
            if self.len == WORD_BYTES_MAX {
                return false;
            }
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        // A word with letters of another script is none of ours; a curly apostrophe is.
        self.len > 0 && word.iter().all(|byte| byte.is_ascii() || "’".as_bytes().contains(byte))
    }

    /// With letters where digits and signs stand for them, if any do.
    pub fn unleet(&self, one: u8) -> Option<Self> {
        if self.bytes().iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let mut plain = *self;
        plain.bytes[..self.len].iter_mut().for_each(|byte| *byte = letter(*byte, one));
        Some(plain)
    }

    /// With more than `most` of the same letter in a row drawn together to one, if the word has
    /// three in a row somewhere, which no language here writes.
    pub fn undrawn(&self, most: usize) -> Option<Self> {
        if !self.bytes().windows(3).any(|three| three[0] == three[1] && three[1] == three[2]) {
            return None;
        }
        let mut plain = Self::default();
        for run in self.bytes().chunk_by(u8::eq) {
            let keep = if run.len() > most { 1 } else { run.len() };
            plain.bytes[plain.len..plain.len + keep].copy_from_slice(&run[..keep]);
            plain.len += keep;
        }
        Some(plain)
    }
}

/// The letter that a digit or sign stands for; `one` is what `1` is read as.
pub fn letter(byte: u8, one: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' => one,
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' => b't',
        b'8' => b'b',
        b'9' => b'g',
        other => other,
    }
}
