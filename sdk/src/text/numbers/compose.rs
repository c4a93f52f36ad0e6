//! How the words of one number join: `cinquante` and `cinq`, `eight hundred` and `five`, `double` and
//! `seven`; and where a run ends.

use super::reader::{Open, Reader};
use super::{Gap, Group, Written};

/// A run ends with homophones only where so many groups came before.
const GROUPS_BEFORE_TAIL: usize = 4;

impl Reader<'_> {
    /// Adds a number from 0 to 99 said in words, to the last group where that waits for it.
    pub(super) fn value(&mut self, start: usize, end: usize, value: u8, open: Open) {
        let close = self.gap <= Gap::Hyphen || (self.gap == Gap::Filler && self.fillers == 1);
        let joins = self.reading()
            && close
            && self.repeat.is_none()
            && match self.open {
                Open::No | Open::Quatre | Open::Hundred => false,
                Open::Digit => (1..=9).contains(&value),
                Open::Dix => (7..=9).contains(&value),
                Open::Score => (1..=19).contains(&value),
                Open::Hundreds => value >= 10 || (value > 0 && self.gap == Gap::Filler),
                Open::Cents => value > 0,
            };
        if joins {
            let open = match (self.open, value) {
                (Open::Score, 10) => Open::Dix,
                (Open::Hundreds | Open::Cents, _) if open != Open::Hundred => open,
                _ => Open::No,
            };
            return self.replace(end, value, open);
        }
        let figures = [b'0' + value / 10, b'0' + value % 10];
        let from = usize::from(value < 10);
        self.push(start, end, figures.into_iter().skip(from), Written::Words, true);
        self.open = open;
    }

    /// Adds `value` to the last group, whose end moves to `end`.
    pub(super) fn replace(&mut self, end: usize, value: u8, open: Open) {
        let Some(group) = self.out.groups.last_mut() else { return };
        let first = group.first_digit as usize;
        let old = self.out.digits[first..]
            .bytes()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        // `quatre-vingt` is the one case where the value is not added but takes the place.
        let new = if self.open == Open::Quatre { u32::from(value) } else { old + u32::from(value) };
        self.out.digits.truncate(first);
        self.out.digits.push_str(&new.to_string());
        group.end = end as u32;
        group.digit_count = (self.out.digits.len() - first) as u32;
        self.open = open;
        self.reset_gap();
    }

    pub(super) fn hundred(&mut self, end: usize, french: bool) {
        let waits = matches!(self.open, Open::Hundred | Open::Quatre) && self.repeat.is_none();
        if !waits || self.gap > Gap::Hyphen || !self.reading() {
            return self.finish();
        }
        self.out.digits.push_str("00");
        if let Some(group) = self.out.groups.last_mut() {
            group.end = end as u32;
            group.digit_count += 2;
        }
        self.open = if french { Open::Cents } else { Open::Hundreds };
        self.reset_gap();
    }

    pub(super) fn push(
        &mut self,
        start: usize,
        end: usize,
        digits: impl Iterator<Item = u8> + Clone,
        written: Written,
        sure: bool,
    ) {
        if sure
            && self.sure == self.run
            && self.out.groups.len() == self.run + 1
            && !self.starts_with_oh()
        {
            // `I ate five`: one homophone by itself before the first digit is only a word.
            self.run += 1;
            self.reset_gap();
        }
        let first_digit = self.out.digits.len();
        let (times, start, written) = match self.repeat.take() {
            // `double five`; but `double 55` is 55.
            Some((times, from)) if digits.clone().count() == 1 => (times, from, Written::Words),
            _ => (1, start, written),
        };
        for digit in digits {
            for _ in 0..times {
                self.out.digits.push(char::from(digit));
            }
        }
        let gap = match (self.reading(), self.gap) {
            (false, _) => Gap::Start,
            (true, Gap::Start) => Gap::Joined,
            (true, gap) => gap,
        };
        self.out.groups.push(Group {
            start: start as u32,
            end: end as u32,
            first_digit: first_digit as u32,
            digit_count: (self.out.digits.len() - first_digit) as u32,
            written,
            gap,
        });
        self.open = Open::No;
        if sure {
            self.sure = self.out.groups.len();
            self.preposition = false;
        }
        self.reset_gap();
    }

    pub(super) fn reset_gap(&mut self) {
        self.gap = Gap::Start;
        self.fillers = 0;
    }

    pub(super) fn reading(&self) -> bool {
        self.out.groups.len() > self.run
    }

    /// Whether the last group was said in words.
    pub(super) fn after_words(&self) -> bool {
        self.reading()
            && self.out.groups.last().is_some_and(|last| last.written != Written::Figures)
    }

    pub(super) fn last_end(&self) -> usize {
        self.out.groups.last().map_or(0, |last| last.end as usize)
    }

    /// Ends the run: drops what waited in vain, keeps the rest where it is long enough.
    pub(super) fn finish(&mut self) {
        self.repeat = None;
        self.open = Open::No;
        self.reset_gap();
        if !self.reading() {
            return;
        }
        self.drop_tail();
        self.preposition = false;
        let groups = &self.out.groups[self.run..];
        let count: usize = groups.iter().map(Group::digit_count).sum();
        if count >= self.digits_min.max(1) {
            self.out.runs.push(self.run as u32..self.out.groups.len() as u32);
        } else {
            self.out.groups.truncate(self.run);
        }
        let kept =
            self.out.groups.last().map_or(0, |last| (last.first_digit + last.digit_count) as usize);
        self.out.digits.truncate(kept);
        self.run = self.out.groups.len();
        self.sure = self.run;
    }

    /// Takes off the end of the run what waited in vain for a sure digit. After enough digits
    /// homophones may end it (`ate for won`), but not words that as well begin what follows.
    pub(super) fn drop_tail(&mut self) {
        if self.sure < self.run + GROUPS_BEFORE_TAIL {
            return self.out.groups.truncate(self.sure.max(self.run));
        }
        let word = |group: &Group| &self.text[group.start as usize..group.end as usize];
        let mut end = self.out.groups.len();
        while end > self.sure && matches!(word(&self.out.groups[end - 1]), b"to" | b"for" | b"fore")
        {
            end -= 1;
        }
        if end == self.sure + 1 && matches!(word(&self.out.groups[end - 1]), b"too" | b"free") {
            end -= 1;
        }
        self.out.groups.truncate(end);
    }
}
