//! Digits as a person would hear them: `555`, `five five five`, `double seven`, `vingt-deux`,
//! `ate for won`, `5o5`, `5️⃣`, over spaces, signs and line breaks.
//!
//! Reads what is there and says how it was written. Whether it is a phone number, a price or a date
//! is for a detector to say.

use std::ops::Range;

mod compose;
mod leet;
mod reader;
#[cfg(test)]
mod tests;
mod words;

/// The numbers of one text, read in one pass.
///
/// ```
/// # use picket_sdk::text::{Folded, numbers::Numbers};
/// let folded = Folded::new("ring oh seven double 0, then five-five 5o1 on Monday");
/// let numbers = Numbers::read(&folded, 5);
/// let run = numbers.runs().next().unwrap();
/// assert_eq!(run.digits(), "070055501");
/// assert_eq!(&folded.as_str()[run.range()], "oh seven double 0, then five-five 5o1");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    digits: String,
    groups: Vec<Group>,
    runs: Vec<Range<u32>>,
}

/// Digits that follow each other with nothing between them that ends a number.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    digits: &'a str,
    groups: &'a [Group],
}

/// One part of a run: figures without a sign between them, or one number said in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    start: u32,
    end: u32,
    first_digit: u32,
    digit_count: u32,
    /// How it was written.
    pub written: Written,
    /// What stands between it and the group before.
    pub gap: Gap,
}

/// How a group was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// `555`, in any script or style.
    Figures,
    /// `five hundred and five`, `double seven`.
    Words,
    /// `ate`, `won`, `oh`.
    Homophone,
    /// `5o5`, `l23`.
    Leet,
}

/// What stands between two groups; of several the one that separates most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// Nothing: `five5`.
    Joined,
    /// White space.
    Space,
    /// Hyphens, with or without white space. A word such as `dash` too.
    Hyphen,
    /// Full stops or middle dots.
    Dot,
    /// Brackets.
    Bracket,
    /// Any other sign or emoji.
    Sign,
    /// A line break.
    Line,
    /// A comma, or a full stop with a space after it.
    Comma,
    /// A slash.
    Slash,
    /// A colon, semicolon, equals, question, exclamation or per cent sign.
    Colon,
    /// A plus sign: what follows begins afresh.
    Plus,
    /// A word such as `then` or `and`.
    Filler,
    /// A currency sign or word.
    Currency,
    /// It is the first group.
    Start,
}

impl Numbers {
    /// Reads a folded text. Runs of fewer than `digits_min` digits are left out.
    pub fn read(text: &super::Folded, digits_min: usize) -> Self {
        reader::Reader::new(text.as_str(), digits_min).read()
    }

    /// The runs, in the order of the text.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        self.runs.iter().map(|run| Run {
            digits: &self.digits,
            groups: &self.groups[run.start as usize..run.end as usize],
        })
    }
}

impl<'a> Run<'a> {
    /// All its digits.
    pub fn digits(&self) -> &'a str {
        let (Some(first), Some(last)) = (self.groups.first(), self.groups.last()) else {
            return "";
        };
        &self.digits[first.first_digit as usize..(last.first_digit + last.digit_count) as usize]
    }

    /// Its groups, in order.
    pub fn groups(&self) -> &'a [Group] {
        self.groups
    }

    /// The digits of one of its groups.
    pub fn group_digits(&self, group: &Group) -> &'a str {
        &self.digits[group.first_digit as usize..(group.first_digit + group.digit_count) as usize]
    }

    /// The bytes of the folded text that it covers.
    pub fn range(&self) -> Range<usize> {
        match (self.groups.first(), self.groups.last()) {
            (Some(first), Some(last)) => first.start as usize..last.end as usize,
            _ => 0..0,
        }
    }

    /// The part of it that these groups make.
    ///
    /// # Panics
    /// Where the range is outside its groups.
    #[must_use]
    pub fn part(&self, groups: Range<usize>) -> Run<'a> {
        Run { digits: self.digits, groups: &self.groups[groups] }
    }
}

impl Group {
    /// The bytes of the folded text that it covers.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many digits it stands for.
    pub fn digit_count(&self) -> usize {
        self.digit_count as usize
    }
}
