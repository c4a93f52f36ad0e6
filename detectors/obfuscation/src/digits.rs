//! Runs of five digits and more that are not written as figures.

use picket_sdk::text::Folded;
use picket_sdk::text::numbers::{Gap, Numbers, Run, Written};

use crate::{Disguise, Kind, SPANS_MAX};

const DIGITS_MIN: usize = 5;
/// A row of single figures is only a disguise where it is as long as a phone number.
const SINGLES_MIN: usize = 7;

/// Adds the numbers of a text that are disguised.
pub(crate) fn find(folded: &Folded, found: &mut Vec<Disguise>) {
    let numbers = Numbers::read(folded, DIGITS_MIN);
    let disguised = numbers.runs().filter_map(|run| {
        let kind = kind(folded, &run)?;
        Some(Disguise { kind, range: run.range() })
    });
    found.extend(disguised.take(SPANS_MAX));
}

fn kind(folded: &Folded, run: &Run<'_>) -> Option<Kind> {
    let disguises = folded.disguises(run.range());
    if disguises.homoglyph > 0 {
        return Some(Kind::Homoglyphs);
    }
    if disguises.invisible > 0 {
        return Some(Kind::Invisible);
    }
    if disguises.fullwidth + disguises.keycap + disguises.stylised >= 3 {
        return (!counts(run)).then_some(Kind::StyledCharacters);
    }
    let groups = run.groups();
    // One digit at a time is dictating; `twenty twenty-five` is talking.
    let spoken =
        groups.iter().filter(|group| matches!(group.written, Written::Words | Written::Homophone));
    let dictated: usize = spoken
        .map(|group| if repeats(run.group_digits(group)) { group.digit_count() } else { 0 })
        .sum();
    let leet = groups.iter().any(|group| group.written == Written::Leet)
        && run.digits().len() >= SINGLES_MIN;
    let singles = groups.iter().all(|group| group.digit_count() == 1 && group.gap != Gap::Filler);
    let spelled = dictated >= DIGITS_MIN || (dictated >= 3 && run.digits().len() >= SINGLES_MIN);
    let row = singles && run.digits().len() >= SINGLES_MIN && groups[0].gap == Gap::Start;
    ((spelled || leet || row) && !counts(run)).then_some(Kind::SpelledDigits)
}

fn repeats(digits: &str) -> bool {
    digits.bytes().all(|digit| digit == digits.as_bytes()[0])
}

/// `one two three four five`, `10 9 8 7`: each is as far from the last as that was from the one before.
fn counts(run: &Run<'_>) -> bool {
    let mut values =
        run.groups().iter().map(|group| run.group_digits(group).parse::<i64>().unwrap_or(0));
    let (Some(first), Some(second)) = (values.next(), values.next()) else { return false };
    let step = second - first;
    step != 0
        && values.try_fold(second, |last, value| (value - last == step).then_some(value)).is_some()
}
