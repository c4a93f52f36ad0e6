//! Which digits and groupings telephone numbers have. Sources: ITU-T E.164 and E.123, and the
//! national plans of the places where the four languages are spoken.

use picket_sdk::text::numbers::{Gap, Run, Written};

/// How much digits look like a phone number by themselves, least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// They are something else: a date, a sum, years, a count.
    Other,
    /// The right number of digits and no more.
    Count,
    /// A number of a national plan, written as one or grouped oddly.
    Plan,
    /// Grouped as phone numbers are.
    Grouped,
    /// With an international prefix.
    International,
}

/// Groups of at most 15 digits, as shapes are made of.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    lengths: [u8; 15],
    count: usize,
}

impl Lengths {
    fn of(run: &Run<'_>) -> Option<Self> {
        let mut found = Self::default();
        for group in run.groups() {
            *found.lengths.get_mut(found.count)? = u8::try_from(group.digit_count()).ok()?;
            found.count += 1;
        }
        Some(found)
    }

    fn as_slice(&self) -> &[u8] {
        &self.lengths[..self.count]
    }
}

/// The shape of `run`, which has 7 to 15 digits; `plus` says that a plus sign stands before it.
pub fn shape(run: &Run<'_>, plus: bool) -> Shape {
    let digits = run.digits();
    let Some(lengths) = Lengths::of(run) else { return Shape::Other };
    let lengths = lengths.as_slice();
    if plus && digits.len() >= 8 && !digits.starts_with('0') {
        return Shape::International;
    }
    if is_date(digits, lengths)
        || is_years(run)
        || is_progression(run)
        || is_sum(run, lengths)
        || is_address(run, lengths)
    {
        return Shape::Other;
    }
    let abroad = digits.strip_prefix("00").or_else(|| digits.strip_prefix("011"));
    if abroad.is_some_and(|rest| (10..=13).contains(&rest.len()) && !rest.starts_with('0')) {
        return Shape::International;
    }
    if is_grouped(digits, lengths, run) {
        Shape::Grouped
    } else if in_plan(digits) && lengths != [5, 4] {
        // Five and four are an American postcode.
        Shape::Plan
    } else {
        Shape::Count
    }
}

/// Whether the digits are a whole number of a national plan.
pub fn in_plan(digits: &str) -> bool {
    let d = digits.as_bytes();
    match d.len() {
        9 => matches!(d[0], b'6' | b'7'),
        10 => is_north_american(d) || (d[0] == b'0' && d[1] != b'0'),
        11 => {
            (d[0] == b'1' && is_north_american(&d[1..]))
                || (d[0] == b'0' && b"12378".contains(&d[1]))
                || (d[0] != b'0' && d[1] != b'0' && d[2] == b'9')
                || (matches!(&d[..2], b"33" | b"34") && matches!(d[2], b'6' | b'7'))
        }
        12 => digits.starts_with("447") || digits.starts_with("3519") || is_mexican(d),
        13 => digits.starts_with("55") && d[4] == b'9',
        _ => false,
    }
}

fn is_mexican(d: &[u8]) -> bool {
    d.starts_with(b"52") && d[2] >= b'2' && d[5] >= b'2'
}

/// Ten digits of the North American plan: neither area nor exchange starts with 0 or 1. The area
/// 555, which nobody has, is what people make numbers up with.
fn is_north_american(d: &[u8]) -> bool {
    let rounded = d.ends_with(b"00000");
    d.len() == 10
        && d[0] >= b'2'
        && (d[3] >= b'2' || d.starts_with(b"555"))
        && &d[1..3] != b"11"
        && !rounded
}

fn is_grouped(digits: &str, lengths: &[u8], run: &Run<'_>) -> bool {
    let d = digits.as_bytes();
    let gaps = || run.groups().iter().skip(1).map(|group| group.gap);
    if gaps().any(|gap| gap > Gap::Line && gap != Gap::Slash) {
        return false;
    }
    let bracket = gaps().any(|gap| gap == Gap::Bracket);
    let tight = gaps().all(|gap| matches!(gap, Gap::Hyphen | Gap::Dot | Gap::Bracket));
    let spaced = gaps().all(|gap| gap == Gap::Space);
    let slashed = gaps().any(|gap| gap == Gap::Slash);
    let trunk = d[0] == b'0' && d[1] != b'0';
    match lengths {
        [2, 2, 2, 2, 2] => trunk,
        _ if slashed => false,
        [3, 3, 4] => is_north_american(d) || tight || trunk,
        [1, 3, 3, 4] => d[0] == b'1' && (is_north_american(&d[1..]) || tight),
        [3, 7] | [6, 4] => is_north_american(d),
        [3, 3, 3] => matches!(d[0], b'6' | b'7' | b'9') && !(spaced && digits.ends_with("000")),
        [3, 2, 2, 2] => matches!(d[0], b'6'..=b'9'),
        [2, 5, 4] | [2, 4, 4] => bracket || trunk || (lengths[1] == 5 && d[2] == b'9'),
        [3, 5, 4] => d[0] == b'0' && d[3] == b'9',
        [5, 6]
        | [5, 3, 3]
        | [4, 3, 4]
        | [3, 4, 4]
        | [4, 7]
        | [3, 8]
        | [4, 3, 3]
        | [2, 8]
        | [2, 4, 2, 2] => trunk,
        // A second part that starts with 0 cannot be the end of a range.
        [3, 4] => {
            d[0] >= b'2'
                && gaps().all(|gap| gap == Gap::Hyphen || gap == Gap::Dot)
                && (d[3] == b'0' || &d[..3] == b"555")
        }
        _ => false,
    }
}

/// Eight digits that are a day: `20240512`, `12 05 2024`.
fn is_date(digits: &str, lengths: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| digits[range].parse::<u32>().unwrap_or(0);
    let year = |at: usize| matches!(number(at..at + 4), 1900..=2099);
    let day = |at: usize| {
        let (one, other) = (number(at..at + 2), number(at + 2..at + 4));
        (1..=31).contains(&one) && (1..=31).contains(&other) && one.min(other) <= 12
    };
    digits.len() == 8
        && matches!(lengths, [8] | [4, 2, 2] | [2, 2, 4])
        && ((year(0) && day(4)) || (day(0) && year(4)))
}

/// `2019-2023`, `1990 2000 2010`.
fn is_years(run: &Run<'_>) -> bool {
    run.groups().iter().all(|group| matches!(run.group_digits(group).parse(), Ok(1900..=2099)))
}

/// Counting, or one digit over and over: `1 2 3 4 5 6 7`, `5 10 15 20 25`, `0000000`.
fn is_progression(run: &Run<'_>) -> bool {
    let constant = |mut values: &mut dyn Iterator<Item = i64>| {
        let Some(mut last) = values.next() else { return false };
        let mut step = None;
        for value in &mut values {
            if step.is_some_and(|step| step != value - last) {
                return false;
            }
            step = Some(value - last);
            last = value;
        }
        step.is_some_and(|step| step.abs() < 100)
    };
    let groups = run.groups();
    if groups.len() > 3
        && constant(&mut groups.iter().map(|group| run.group_digits(group).parse().unwrap_or(0)))
    {
        return true;
    }
    let mut digits = run.digits().bytes().map(|digit| i64::from(digit - b'0'));
    (groups.len() == 1 || groups.iter().all(|group| group.digit_count() == 1))
        && constant(&mut digits)
}

/// `1,234,567`, `1.234.567,89`, `1 234 567`, `40.416775`.
fn is_sum(run: &Run<'_>, lengths: &[u8]) -> bool {
    let gap = |at: usize| run.groups()[at].gap;
    if lengths.len() == 2 && gap(1) == Gap::Dot && lengths[0] <= 4 && lengths != [3, 4] {
        return true;
    }
    let [first, rest @ ..] = lengths else { return false };
    let separator = match run.groups() {
        [_, second, ..] => second.gap,
        _ => return false,
    };
    let thousands = rest.iter().take_while(|&&length| length == 3).count();
    let cents = &rest[thousands..];
    *first <= 3
        && thousands > 0
        && (cents.is_empty() || (matches!(cents, [1 | 2]) && gap(lengths.len() - 1) != separator))
        && (1..=thousands).all(|at| gap(at) == separator)
        && run.digits().as_bytes()[0] != b'0'
        && match separator {
            Gap::Comma => true,
            // Nine digits are a phone number in Spain, and no price that anybody pays.
            Gap::Dot | Gap::Space => !(*first == 3 && cents.is_empty()),
            _ => false,
        }
}

/// Four numbers from 0 to 255 with dots between: a computer's address.
fn is_address(run: &Run<'_>, lengths: &[u8]) -> bool {
    let groups = run.groups();
    lengths.len() == 4
        && groups[1..].iter().all(|group| group.gap == Gap::Dot)
        && groups
            .iter()
            .all(|group| run.group_digits(group).parse::<u32>().is_ok_and(|part| part < 256))
}

/// How many of its digits are spelled, or heard in another word.
pub fn spelled(run: &Run<'_>) -> usize {
    let words = run
        .groups()
        .iter()
        .filter(|group| matches!(group.written, Written::Words | Written::Homophone));
    words.map(picket_sdk::text::numbers::Group::digit_count).sum()
}

/// Whether it is written one digit at a time.
pub fn is_singles(run: &Run<'_>) -> bool {
    run.groups().len() > 1 && run.groups().iter().all(|group| group.digit_count() == 1)
}

/// The same for every way to write a number: without the prefix that only says how to dial it.
pub fn canonical(digits: &str) -> &str {
    let abroad = digits.strip_prefix("00").or_else(|| digits.strip_prefix("011"));
    let digits = abroad.filter(|rest| rest.len() >= 10).unwrap_or(digits);
    match digits.strip_prefix('1') {
        Some(rest) if is_north_american(rest.as_bytes()) => rest,
        _ => digits,
    }
}
