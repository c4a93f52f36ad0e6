//! Whether one run of digits is a phone number that is being given, and how surely.

use std::ops::Range;

use picket_sdk::text::Folded;
use picket_sdk::text::numbers::{Gap, Group, Run, Written};

use crate::context::{Context, Near};
use crate::shape::{Shape, canonical, in_plan, is_singles, shape, spelled};

/// A phone number that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// In 0..=1.
    pub score: f64,
    /// In 0..=1.
    pub confidence: f64,
    /// For a reviewer; never quotes the number.
    pub reason: &'static str,
    /// The bytes of the folded text.
    pub range: Range<usize>,
    /// The digits, the same for every way to write them.
    pub digits: String,
}

/// What a run looks like before its context is read.
struct Candidate<'a> {
    run: Run<'a>,
    shape: Shape,
    disguised: bool,
    spelled: usize,
    /// Its parts stand on several lines, or have commas or words between.
    scattered: bool,
    context: Context,
}

/// Judges a run of 7 to 15 digits. `scattered` says that its parts alone were no number.
pub fn judge(folded: &Folded, run: Run<'_>, scattered: bool) -> Option<Verdict> {
    if !(7..=15).contains(&run.digits().len()) {
        return None;
    }
    let range = run.range();
    let context = Context::of(folded.as_str(), range.clone());
    let spelled = spelled(&run);
    let leet = run.groups().iter().any(|group| group.written == Written::Leet);
    let candidate = Candidate {
        run,
        shape: shape(&run, context.plus),
        disguised: spelled >= 3 || leet || folded.disguises(range.clone()).total() > 0,
        spelled,
        scattered,
        context,
    };
    let (score, reason) = candidate.score()?;
    let widened = widen(folded.as_str(), range);
    let confidence = (score + 0.05_f64).min(0.98);
    Some(Verdict { score, confidence, reason, range: widened, digits: digits(&run) })
}

impl Candidate<'_> {
    fn score(&self) -> Option<(f64, &'static str)> {
        let Context { contact, reference, money, unit, glued, .. } = self.context;
        let tampered = self.disguised && self.spelled < 3;
        if unit || (glued && !tampered) {
            return None;
        }
        let other = reference == Near::Touching && contact != Near::Touching;
        if other && !(tampered && self.shape >= Shape::Plan) {
            return None;
        }
        if money || self.run.groups().iter().any(|group| group.gap == Gap::Currency) {
            return self.as_money();
        }
        if self.shape == Shape::Other {
            return None;
        }
        if self.scattered {
            return self.as_scattered();
        }
        if self.spelled >= 3 {
            return self.as_spelled();
        }
        if is_singles(&self.run) {
            return self.as_singles();
        }
        if self.disguised && (self.shape >= Shape::Plan || contact != Near::No) {
            return Some((0.93, "a phone number in disguised characters"));
        }
        self.as_figures()
    }

    fn as_figures(&self) -> Option<(f64, &'static str)> {
        let Context { contact, reference, .. } = self.context;
        let bare = self.run.groups().len() == 1;
        match (self.shape, contact) {
            (Shape::International, Near::No) => {
                Some((0.92, "a phone number with an international prefix"))
            }
            (Shape::International, _) => {
                Some((0.98, "a phone number with an international prefix, given as a contact"))
            }
            (Shape::Grouped, Near::No) => Some((0.88, "digits grouped as a phone number")),
            (Shape::Grouped, _) => {
                Some((0.97, "digits grouped as a phone number, given as a contact"))
            }
            (Shape::Plan, Near::No) if reference == Near::No && (bare || self.is_tidy()) => {
                Some((0.72, "digits that make a phone number of a national plan"))
            }
            (Shape::Plan, near) if near > Near::No && (near >= reference) => {
                Some((0.93, "digits of a national plan, given as a phone number"))
            }
            (Shape::Count, Near::Touching) if self.run.digits().len() <= 13 => {
                Some((0.80, "as many digits as a phone number has, given as one"))
            }
            (Shape::Count, Near::Clause) if reference == Near::No && self.is_likely_local() => {
                Some((0.66, "as many digits as a phone number has, near a word about calling"))
            }
            _ => None,
        }
    }

    /// One or two digits at a time, or in three parts at most: not a list of quantities.
    fn is_tidy(&self) -> bool {
        let groups = self.run.groups();
        groups.iter().skip(1).all(|group| group.gap <= Gap::Line) && groups.len() <= 3
            || groups
                .iter()
                .skip(1)
                .all(|group| group.gap == Gap::Space && group.digit_count() <= 3)
    }

    /// Seven digits or more in one piece, or split as local numbers are, and no round sum.
    fn is_likely_local(&self) -> bool {
        let digits = self.run.digits();
        let split = match self.run.groups() {
            [_] => true,
            [first, second] => {
                let tight =
                    matches!(second.gap, Gap::Hyphen | Gap::Dot | Gap::Space | Gap::Bracket);
                tight
                    && matches!(
                        (first.digit_count(), second.digit_count()),
                        (3, 4) | (4, 4) | (5, 4)
                    )
            }
            groups => {
                groups.len() <= 5 && groups.iter().skip(1).all(|group| group.gap <= Gap::Line)
            }
        };
        split && digits.len() <= 12 && !digits.ends_with("00")
    }

    fn as_spelled(&self) -> Option<(f64, &'static str)> {
        let groups = self.run.groups();
        // One digit at a time, `triple five` included.
        let single = |group: &&Group| {
            let digits = self.run.group_digits(group).as_bytes();
            digits.len() < 5 && digits.iter().all(|digit| *digit == digits[0])
        };
        let singles = groups.iter().filter(single).count();
        let contact = self.context.contact != Near::No;
        let dictated = singles * 2 >= groups.len() || in_plan(self.run.digits()) || contact;
        dictated
            .then_some((if contact { 0.96 } else { 0.9 }, "a phone number spelled out in words"))
    }

    fn as_singles(&self) -> Option<(f64, &'static str)> {
        let digits = self.run.digits().len();
        let plan = in_plan(self.run.digits()) && digits >= 10;
        let listed =
            self.run.groups().iter().any(|group| matches!(group.gap, Gap::Slash | Gap::Filler));
        let contact = self.context.contact;
        if contact != Near::No && !listed {
            return Some((0.95, "a phone number written digit by digit"));
        }
        (plan && !listed).then_some((0.85, "a phone number written digit by digit"))
    }

    /// No tradesman asks a thousand million: a price of so many digits is a phone number.
    fn as_money(&self) -> Option<(f64, &'static str)> {
        let digits = self.run.digits();
        let contact = self.context.contact != Near::No;
        let padded = self
            .run
            .groups()
            .iter()
            .skip(1)
            .any(|group| self.run.group_digits(group).starts_with('0'));
        let priced_parts =
            self.run.groups().iter().filter(|group| group.gap == Gap::Currency).count() > 0;
        let cents = self
            .run
            .groups()
            .last()
            .is_some_and(|last| last.digit_count() == 2 && last.gap == Gap::Dot);
        let plan = digits.len() >= 10 && in_plan(digits);
        let told = if priced_parts { padded || contact } else { !cents || contact };
        (plan && told).then_some((0.85, "a phone number disguised as a price"))
    }

    fn as_scattered(&self) -> Option<(f64, &'static str)> {
        let groups = self.run.groups();
        let lengths = |wanted: &[usize]| {
            groups.len() == wanted.len()
                && groups.iter().zip(wanted).all(|(group, &length)| group.digit_count() == length)
        };
        let usual = [
            &[3, 3, 4][..],
            &[2, 2, 2, 2, 2],
            &[1, 3, 3, 4],
            &[3, 3, 3],
            &[3, 2, 2, 2],
            &[3, 7],
            &[6, 4],
            &[5, 6],
        ];
        let usual = usual.iter().any(|wanted| lengths(wanted))
            || (groups.len() <= 3 && self.context.contact > Near::No);
        let lines = groups.iter().skip(1).all(|group| group.gap <= Gap::Line);
        let slashed =
            groups.iter().skip(1).all(|group| group.gap == Gap::Slash) && groups.len() == 5;
        let told = lines || slashed || self.context.contact != Near::No;
        let planned = in_plan(self.run.digits()) || self.disguised;
        (usual && told && planned).then_some((0.84, "a phone number split into parts"))
    }
}

/// The range with the plus sign and brackets that belong to the number.
fn widen(text: &str, range: Range<usize>) -> Range<usize> {
    let start =
        text[..range.start].trim_end_matches('(').trim_end_matches('+').trim_end_matches('(').len();
    start..range.end
}

/// The canonical digits; the trunk zero of `+44 (0)20` is left out.
fn digits(run: &Run<'_>) -> String {
    let groups = run.groups();
    let trunk = |at: usize, group: &Group| {
        (1..=2).contains(&at)
            && group.gap == Gap::Bracket
            && run.group_digits(group) == "0"
            && groups.len() > at + 1
    };
    if !groups.iter().enumerate().any(|(at, group)| trunk(at, group)) {
        return canonical(run.digits()).to_owned();
    }
    let kept = groups.iter().enumerate().filter(|(at, group)| !trunk(*at, group));
    let all: String = kept.map(|(_, group)| run.group_digits(group)).collect();
    canonical(&all).to_owned()
}
