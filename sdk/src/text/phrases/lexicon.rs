//! The vocabulary as one hash table: word or phrase -> class. Built once, only read afterwards.

/// The class of a word: an index into the names, below 128 so that a set of them is a `u128`.
pub type Class = u8;

/// A word that the vocabulary does not know.
pub const OTHER: Class = 0;
/// A number in digits.
pub const NUMBER: Class = 1;
/// The end of a sentence.
pub const STOP: Class = 2;
/// The end of a clause: a comma, a colon, a bracket, a new line.
pub const COMMA: Class = 3;
/// Words that say nothing for any rule ("the", "please"); the reader drops them.
pub const QUIET: Class = 4;

const RESERVED: [&str; 5] = ["other", "number", "stop", "comma", "quiet"];

/// What the table knows of one hash.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    hash: u64,
    /// The class, where the words so far are an entry of their own.
    pub class: Option<Class>,
    /// Whether a longer phrase starts with the words so far.
    pub continues: bool,
    /// Whether the word is found in pieces too: `whats app`, `ven mo`.
    pub splits: bool,
}

/// Words and phrases with their classes.
#[derive(Debug)]
pub struct Lexicon {
    names: Vec<&'static str>,
    entries: Vec<Entry>,
    slots: Vec<u16>,
}

impl Default for Lexicon {
    fn default() -> Self {
        Self { names: RESERVED.to_vec(), entries: Vec::new(), slots: vec![EMPTY; 512] }
    }
}

const EMPTY: u16 = u16::MAX;

/// The hash of no bytes: FNV-1a with 64 bits, which grows by a byte at a time.
pub const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash of `bytes` after what `hash` has seen.
pub fn extend(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Lexicon {
    /// Adds the words of a class, separated by commas. `~` before a name means that it is also
    /// found in pieces and with one letter missing, doubled or swapped with its neighbour.
    ///
    /// # Errors
    /// A word that has another class already, or too many classes.
    pub fn add(&mut self, class: &'static str, words: &'static str) -> Result<(), String> {
        let known = self.names.iter().position(|name| *name == class);
        let index = known.unwrap_or_else(|| {
            self.names.push(class);
            self.names.len() - 1
        });
        let class = Class::try_from(index)
            .ok()
            .filter(|class| *class < 128)
            .ok_or("more than 128 classes")?;
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let name = word.strip_prefix('~');
            self.insert(name.unwrap_or(word), class)?;
            if let Some(name) = name {
                self.entry(extend(SEED, name.as_bytes())).splits = true;
                for slip in slips(name) {
                    self.entry(extend(SEED, &slip)).class.get_or_insert(class);
                }
            }
        }
        Ok(())
    }

    /// The table as it is searched.
    #[must_use]
    pub fn finish(mut self) -> Self {
        self.entries.shrink_to_fit();
        self
    }

    /// The class of that name.
    pub fn class(&self, name: &str) -> Option<Class> {
        self.names
            .iter()
            .position(|known| *known == name)
            .and_then(|index| Class::try_from(index).ok())
    }

    /// What is known of the words with this hash.
    pub fn get(&self, hash: u64) -> Option<&Entry> {
        let index = self.slots[self.slot(hash)];
        (index != EMPTY).then(|| &self.entries[usize::from(index)])
    }

    fn insert(&mut self, phrase: &str, class: Class) -> Result<(), String> {
        for (space, _) in phrase.match_indices(' ') {
            self.entry(extend(SEED, &phrase.as_bytes()[..space])).continues = true;
        }
        let known = *self.entry(extend(SEED, phrase.as_bytes())).class.get_or_insert(class);
        if known == class {
            return Ok(());
        }
        let [known, class] = [known, class].map(|class| self.names[usize::from(class)]);
        Err(format!("`{phrase}` is in class `{known}` and in class `{class}`"))
    }

    fn entry(&mut self, hash: u64) -> &mut Entry {
        if self.entries.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.slot(hash);
        if self.slots[slot] == EMPTY {
            self.slots[slot] =
                u16::try_from(self.entries.len()).expect("a vocabulary is some thousand words");
            self.entries.push(Entry { hash, ..Entry::default() });
        }
        &mut self.entries[usize::from(self.slots[slot])]
    }

    fn grow(&mut self) {
        self.slots = vec![EMPTY; self.slots.len() * 2];
        for index in 0..self.entries.len() {
            let slot = self.slot(self.entries[index].hash);
            self.slots[slot] = u16::try_from(index).expect("checked when it was added");
        }
    }

    /// Where `hash` is, or the free place where it belongs. The table is at most half full.
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        #[allow(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
        let mut slot = (hash ^ (hash >> 32)) as usize & mask;
        while self.slots[slot] != EMPTY && self.entries[usize::from(self.slots[slot])].hash != hash
        {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

/// The name as it comes from hurried or evasive fingers. The first letter stays: without it too many
/// names turn into words (`elle`).
fn slips(name: &str) -> Vec<Vec<u8>> {
    let name = name.as_bytes();
    let mut slips = Vec::new();
    for at in 1..name.len() {
        slips.push([&name[..at], &name[at + 1..]].concat());
        slips.push([&name[..=at], &name[at..]].concat());
        let mut swapped = name.to_vec();
        swapped.swap(at - 1, at);
        slips.push(swapped);
    }
    slips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(lexicon: &Lexicon, words: &str) -> Option<Class> {
        lexicon.get(extend(SEED, words.as_bytes())).and_then(|entry| entry.class)
    }

    #[test]
    fn names_are_found_with_a_slip_and_words_are_not() {
        let mut lexicon = Lexicon::default();
        lexicon.add("name", "~zelle, cash").unwrap();
        let name = lexicon.class("name");
        for slip in ["zelle", "zlle", "zellle", "zlele"] {
            assert_eq!(class(&lexicon, slip), name, "{slip}");
        }
        for word in ["elle", "cas", "cassh"] {
            assert_eq!(class(&lexicon, word), None, "{word}");
        }
    }

    #[test]
    fn a_word_has_one_class() {
        let mut lexicon = Lexicon::default();
        lexicon.add("one", "call, call it a day").unwrap();
        assert_eq!(
            lexicon.add("two", "call"),
            Err("`call` is in class `one` and in class `two`".to_owned())
        );
        assert!(lexicon.get(extend(SEED, b"call it")).unwrap().continues);
    }
}
