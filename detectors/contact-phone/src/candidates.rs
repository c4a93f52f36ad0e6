//! Cuts runs of digits into what may each be one phone number.

use std::ops::Range;

use picket_sdk::text::Folded;
use picket_sdk::text::numbers::{Gap, Group, Numbers, Run};

use crate::shape::{Shape, shape};
use crate::verdict::{Verdict, judge};

/// More than any honest message holds; a text of decoys must not buy processor time.
const JUDGED_MAX: usize = 400;

/// The phone numbers of a text, at most `most`.
pub fn find(folded: &Folded, most: usize) -> Vec<Verdict> {
    let numbers = Numbers::read(folded, 7);
    let mut search = Search { folded, most, judged: 0, found: Vec::new() };
    for run in numbers.runs() {
        search.run(&run);
        if search.is_over() {
            break;
        }
    }
    search.found.truncate(most);
    search.found
}

struct Search<'a> {
    folded: &'a Folded,
    most: usize,
    judged: usize,
    found: Vec<Verdict>,
}

/// What ends a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// What follows may belong to it.
    Weak,
    /// What follows does not.
    Hard,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.found.len() >= self.most || self.judged >= JUDGED_MAX
    }

    /// Judges the parts of a run one by one, and together those that are no number alone.
    fn run(&mut self, run: &Run<'_>) {
        let groups = run.groups();
        let mut waiting = 0..0;
        let mut start = 0;
        while start < groups.len() && !self.is_over() {
            let skipped = dated(run, start);
            if skipped > 0 {
                self.joined(run, &mut waiting);
                start += skipped;
                continue;
            }
            let (end, how) = part(run, start);
            if self.part(run, start..end) {
                self.joined(run, &mut waiting);
            } else {
                if waiting.is_empty() || run.part(waiting.start..end).digits().len() > 15 {
                    self.joined(run, &mut waiting);
                    waiting = start..end;
                }
                waiting.end = end;
            }
            if how == End::Hard {
                self.joined(run, &mut waiting);
            }
            start = end;
        }
        self.joined(run, &mut waiting);
    }

    /// Judges the parts that wait as one number.
    fn joined(&mut self, run: &Run<'_>, waiting: &mut Range<usize>) {
        let range = std::mem::take(waiting);
        if range.len() > 1 && part(run, range.start).0 < range.end {
            self.judge(run.part(range), true);
        }
    }

    /// Judges one part; where it is no number, without a first or last group that may be something
    /// else, such as the hour in `by 5 415-555-0123`.
    fn part(&mut self, run: &Run<'_>, range: Range<usize>) -> bool {
        let whole = run.part(range.clone());
        let digits = whole.digits().len();
        if digits < 7 {
            return false;
        }
        if digits > 15 {
            return self.windows(&whole);
        }
        if self.judge(whole, false) {
            return true;
        }
        let short = |group: &Group| group.digit_count() <= 4;
        let groups = whole.groups();
        let first = usize::from(groups.len() > 1 && short(&groups[0]));
        let last = groups.len() - usize::from(groups.len() > 2 && short(&groups[groups.len() - 1]));
        [(first, groups.len()), (0, last), (first, last)]
            .into_iter()
            .filter(|&(from, to)| (from, to) != (0, groups.len()) && from < to)
            .any(|(from, to)| self.sure(whole.part(from..to)))
    }

    /// Looks for well-grouped numbers in more digits than one number has.
    fn windows(&mut self, run: &Run<'_>) -> bool {
        let groups = run.groups();
        if let Some(half) = halves(run) {
            let first = self.judge(run.part(0..half), false);
            return self.judge(run.part(half..groups.len()), false) || first;
        }
        if groups.len() == 1 || groups.iter().all(|group| group.digit_count() == 1) {
            return false;
        }
        let (mut at, mut any) = (0, false);
        while at < groups.len() && !self.is_over() {
            let fits = |&length: &usize| at + length <= groups.len();
            let length = [4, 3, 5, 2, 1]
                .into_iter()
                .filter(fits)
                .find(|&length| self.sure(run.part(at..at + length)));
            any |= length.is_some();
            at += length.unwrap_or(1);
        }
        any
    }

    /// Judges a run that was cut out of a longer one: only what is grouped as a phone number counts.
    fn sure(&mut self, run: Run<'_>) -> bool {
        let plus = self.folded.as_str()[..run.range().start].ends_with('+');
        let wanted = if run.groups().len() == 1 { Shape::Plan } else { Shape::Grouped };
        (9..=15).contains(&run.digits().len())
            && shape(&run, plus) >= wanted
            && self.judge(run, false)
    }

    fn judge(&mut self, run: Run<'_>, scattered: bool) -> bool {
        if self.is_over() {
            return false;
        }
        self.judged += 1;
        let verdict = judge(self.folded, run, scattered);
        let found = verdict.is_some();
        self.found.extend(verdict);
        found
    }
}

/// Two numbers of the same length, each said digit by digit one after the other.
fn halves(run: &Run<'_>) -> Option<usize> {
    let groups = run.groups();
    let half = groups.len() / 2;
    let singles = groups.iter().all(|group| group.digit_count() == 1);
    (singles && groups.len() % 2 == 0 && (9..=11).contains(&half)).then_some(half)
}

/// One past the last group of the part that starts at `start`, and what ends it.
fn part(run: &Run<'_>, start: usize) -> (usize, End) {
    let groups = run.groups();
    for (at, pair) in groups[start..].windows(2).enumerate() {
        let [before, next] = pair else { break };
        // Said one after the other, or one digit at a time: a comma or a line break is only a pause.
        let paced = [before, next].iter().all(|group| group.digit_count() == 1 || is_spoken(group));
        match next.gap {
            Gap::Plus => return (start + at + 1, End::Hard),
            _ if paced => {}
            Gap::Comma if is_spoken(before) => {}
            Gap::Colon => return (start + at + 1, End::Hard),
            Gap::Comma | Gap::Slash | Gap::Line | Gap::Filler | Gap::Currency => {
                return (start + at + 1, End::Weak);
            }
            _ => {}
        }
    }
    (groups.len(), End::Hard)
}

fn is_spoken(group: &Group) -> bool {
    use picket_sdk::text::numbers::Written;
    matches!(group.written, Written::Words | Written::Homophone)
}

/// How many groups from `start` are a date or a time of day: 0 where they are none.
fn dated(run: &Run<'_>, start: usize) -> usize {
    let groups = &run.groups()[start..];
    let value = |at: usize| run.group_digits(&groups[at]).parse::<u32>().unwrap_or(u32::MAX);
    let length = |at: usize| groups[at].digit_count();
    if groups.len() > 1
        && groups[1].gap == Gap::Colon
        && length(0) <= 2
        && length(1) == 2
        && value(0) < 25
        && value(1) < 60
    {
        return 2;
    }
    let [_, second, third, ..] = groups else { return 0 };
    if second.gap != third.gap || !matches!(second.gap, Gap::Hyphen | Gap::Dot | Gap::Slash) {
        return 0;
    }
    let day = |at: usize| length(at) <= 2 && (1..=31).contains(&value(at));
    let year = |at: usize| matches!(value(at), 1900..=2099);
    // `12/05/24` too, but not the start of `06.12.34.56.78`.
    let short_year = || {
        length(2) == 2
            && value(0).min(value(1)) <= 12
            && groups.get(3).is_none_or(|next| next.gap != third.gap)
    };
    let dated = (year(0) && day(1) && day(2)) || (day(0) && day(1) && (year(2) || short_year()));
    if dated { 3 } else { 0 }
}
