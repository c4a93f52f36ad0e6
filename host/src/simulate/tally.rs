//! Counting: events in the order in which they came, each escalated with how its subject stands by then.
//!
//! What is kept does not grow with the events but with days, tiers, labels, kinds of flips, and accounts:
//! of each of these 17 bytes and what the course of each side has of it.

mod flags;
mod side;

use std::collections::{BTreeMap, HashMap};

use super::conduct::Conduct;
use super::course::Course;
use super::ledger::Ledger;
use super::origin::PassedOver;
use super::past::{Part, Past, Said, Speaker, Subject};
use super::plan::{Before, DetectorSaid, Plan, Side, Weighed, Weighing};
use super::remembered::Remembered;
use super::report::{
    Against, BINS, Bin, Bound, Day, DecidedBy, DetectorLine, Example, FORMAT, FlipKind, Flips,
    HistorySaid, LabelLine, OriginSaid, Pair, PassedOverSums, PolicySaid, Report, RuleLine,
    SpokenLine,
};
use super::told::ToldSums;
use super::{SimulateError, day, tiers};
use crate::features::Observer;
use crate::model::{Action, Direction, Finding, Outcome, PolicyRef, Signal, Timestamp};
use crate::policy::{Deed, Policy};
use crate::store::PastStanding;

use flags::Flags;
use side::SideTally;

/// What was counted so far.
pub(super) struct Tally {
    origin: OriginSaid,
    events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    passed_over: PassedOverSums,
    course_before: Course,
    course_after: Course,
    /// Events that lie before and were remembered.
    remembered: u64,
    decided_by: BTreeMap<(String, u32), DecidedBy>,
    before: SideTally,
    after: SideTally,
    scores: Vec<Bin>,
    actions: BTreeMap<(Action, Action), u64>,
    flips: Flips,
    kinds: BTreeMap<(u8, Action, Action), FlipKind>,
    subjects: HashMap<Subject, Flags>,
    labels: BTreeMap<String, LabelLine>,
    rules: BTreeMap<String, RuleLine>,
    spoken: SpokenLine,
    /// Runs of each detector: how many, of which found something, of which failed.
    detectors: Vec<(DetectorSaid, [u64; 3])>,
}

impl Tally {
    /// `bounds_before` are the tiers of what the candidate is held against.
    pub fn new(
        plan: &Plan,
        origin: OriginSaid,
        bounds_before: Vec<Bound>,
        observer: &Observer,
    ) -> Self {
        let course = |side: Option<&Side>| Course {
            ledger: Ledger::new(plan.window_days()),
            conduct: Conduct::default(),
            carried: Remembered::new(side.map_or_else(Vec::new, Side::carried), observer.clone()),
            sums: ToldSums::default(),
        };
        let side_before = match &plan.before {
            Before::Policy(side) => Some(side),
            Before::Nothing | Before::Decided => None,
        };
        let detectors = plan.detectors.iter().map(|runner| (runner.said.clone(), [0; 3]));
        Self {
            origin,
            events: 0,
            first: None,
            last: None,
            passed_over: PassedOverSums::default(),
            course_before: course(side_before),
            course_after: course(Some(&plan.after)),
            remembered: 0,
            decided_by: BTreeMap::new(),
            before: SideTally::new(bounds_before),
            after: SideTally::new(tiers(&plan.after.policy)),
            scores: vec![Bin::default(); BINS],
            actions: BTreeMap::new(),
            flips: Flips::default(),
            kinds: BTreeMap::new(),
            subjects: HashMap::new(),
            labels: BTreeMap::new(),
            rules: BTreeMap::new(),
            spoken: SpokenLine::default(),
            detectors: detectors.collect(),
        }
    }

    /// Takes in what counted before it all began.
    pub fn begin(&mut self, standing: &PastStanding) {
        self.course_after.ledger.begin(standing);
    }

    /// Takes in what an account did before it all began.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn did(
        &mut self,
        subject: Subject,
        deed: Deed,
        overturned_at: Option<Timestamp>,
    ) -> Result<(), SimulateError> {
        self.course_after.conduct.add(subject, deed, overturned_at)
    }

    pub fn pass_over(&mut self, why: PassedOver) {
        let sums = &mut self.passed_over;
        *match why {
            PassedOver::OtherSource => &mut sums.other_source,
            PassedOver::OtherType => &mut sums.other_type,
            PassedOver::Repeated => &mut sums.repeated,
            PassedOver::Erased => &mut sums.erased,
            PassedOver::NotSampled => &mut sums.not_sampled,
        } += 1;
    }

    /// Takes in an event, with at most so many examples of each kind of flip.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn take(
        &mut self,
        plan: &Plan,
        weighed: Weighed,
        examples: usize,
    ) -> Result<(), SimulateError> {
        let Weighed { mut past, before, after, runs } = weighed;
        let after = match (past.part, after) {
            (Part::Before, Weighing::Found(found)) => {
                self.remembered += 1;
                let heard: Vec<&Signal> = found.iter().flat_map(Finding::heard).collect();
                return self.course_after.carried.observe(&past, &heard);
            }
            (_, after) => after,
        };
        let before = match (&plan.before, before, past.was.take()) {
            (Before::Policy(side), Some(weighing), _) => {
                Some(self.course_before.decide(plan, side, weighing, &past)?)
            }
            (Before::Decided, _, Some((said, policy))) => {
                if past.part == Part::Judged {
                    self.decided(policy);
                }
                Some(said)
            }
            _ => None,
        };
        let after = self.course_after.decide(plan, &plan.after, after, &past)?;
        if past.part == Part::Unjudged {
            self.pass_over(PassedOver::OtherType);
            return Ok(());
        }
        for ((_, sums), run) in self.detectors.iter_mut().zip(runs) {
            let Some(run) = run else { continue };
            let each = [true, run.found, run.outcome != Outcome::Ok];
            sums.iter_mut().zip(each).for_each(|(sum, counts)| *sum += u64::from(counts));
        }
        self.events += 1;
        let time = past.event.time;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        self.speak(&past);
        self.count(&past, before.as_ref(), &after);
        if let Some(before) = before {
            self.compare(&past, before, after, examples);
        }
        Ok(())
    }

    fn decided(&mut self, policy: PolicyRef) {
        let PolicyRef { name, version, digest } = policy;
        let one = DecidedBy { name: name.clone(), version, digest, events: 0 };
        self.decided_by.entry((name, version)).or_insert(one).events += 1;
    }

    fn speak(&mut self, past: &Past) {
        let Some(spoken) = past.spoken else { return };
        *match spoken.by {
            Speaker::Label => &mut self.spoken.labels,
            Speaker::Ruling => &mut self.spoken.rulings,
        } += 1;
        *match spoken.violation {
            true => &mut self.spoken.violations,
            false => &mut self.spoken.clean,
        } += 1;
    }

    fn count(&mut self, past: &Past, before: Option<&Said>, after: &Said) {
        let (time, violation) = (past.event.time, past.spoken.map(|spoken| spoken.violation));
        let flags = self.subjects.entry(past.subject).or_default();
        if let Some(before) = before {
            self.before.count(before, time, violation);
            self.scores[bin(before)].before += 1;
            for label in &before.labels {
                line(&mut self.labels, label).before += 1;
            }
            for rule in &before.rules {
                rule_line(&mut self.rules, rule).before += 1;
            }
            flags.set(Flags::STRUCK_BEFORE, before.strike.is_some());
            flags.set(Flags::RESTRICTED_BEFORE, before.restriction.is_some());
        }
        self.after.count(after, time, violation);
        self.scores[bin(after)].after += 1;
        for label in &after.labels {
            let line = line(&mut self.labels, label);
            line.after += 1;
            line.violations += u64::from(violation == Some(true));
            line.clean += u64::from(violation == Some(false));
        }
        for rule in &after.rules {
            rule_line(&mut self.rules, rule).after += 1;
        }
        flags.set(Flags::STRUCK_AFTER, after.strike.is_some());
        flags.set(Flags::RESTRICTED_AFTER, after.restriction.is_some());
    }

    fn compare(&mut self, past: &Past, before: Said, after: Said, examples: usize) {
        *self.actions.entry((before.action, after.action)).or_default() += 1;
        let Some(direction) = direction(&before, &after) else {
            self.flips.rescored += u64::from(before.score != after.score);
            return;
        };
        let flags = self.subjects.entry(past.subject).or_default();
        let rank = match direction {
            Direction::Stricter => {
                self.flips.stricter += 1;
                flags.set(Flags::STRICTER, true);
                0
            }
            Direction::Milder => {
                self.flips.milder += 1;
                flags.set(Flags::MILDER, true);
                1
            }
            Direction::Retiered => {
                self.flips.retiered += 1;
                2
            }
        };
        let same = (before.score, &before.tier) == (after.score, &after.tier);
        self.flips.same_score += u64::from(same);
        let kind = self.kinds.entry((rank, before.action, after.action)).or_insert(FlipKind {
            direction,
            before: before.action,
            after: after.action,
            events: 0,
            violations: 0,
            clean: 0,
            examples: Vec::new(),
        });
        let violation = past.spoken.map(|spoken| spoken.violation);
        kind.events += 1;
        kind.violations += u64::from(violation == Some(true));
        kind.clean += u64::from(violation == Some(false));
        if kind.examples.len() < examples {
            kind.examples.push(Example {
                id: past.shown.clone(),
                kind: past.event.kind.clone(),
                time: past.event.time,
                subject: past.subject.to_string(),
                violation,
                before,
                after,
            });
        }
    }

    pub fn report(self, plan: &Plan, told: ToldSums) -> Report {
        let compared = !matches!(plan.before, Before::Nothing);
        let against = match &plan.before {
            Before::Nothing => Against::Nothing,
            Before::Decided => {
                Against::Decided { policies: self.decided_by.into_values().collect() }
            }
            Before::Policy(side) => Against::Policy(policy_said(&side.policy)),
        };
        let (before, mut days_before) = self.before.ended();
        let (after, mut days_after) = self.after.ended();
        let mut numbers: Vec<i64> = days_before.keys().chain(days_after.keys()).copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let days = numbers.into_iter().map(|number| Day {
            day: day(number),
            before: days_before.remove(&number).unwrap_or_default(),
            after: days_after.remove(&number).unwrap_or_default(),
        });
        let actions = self.actions.into_iter();
        let detectors = self.detectors.into_iter().map(|(detector, [runs, found, failed])| {
            DetectorLine { detector, runs, found, failed }
        });
        Report {
            format: FORMAT,
            candidate: policy_said(&plan.after.policy),
            detectors: detectors.collect(),
            against,
            history: HistorySaid {
                origin: self.origin,
                events: self.events,
                first: self.first,
                last: self.last,
                passed_over: self.passed_over,
                remembered: self.remembered,
            },
            told: told.and(self.course_after.sums),
            before: compared.then_some(before),
            after,
            scores: self.scores,
            days: days.collect(),
            actions: actions
                .map(|((before, after), events)| Pair { before, after, events })
                .collect(),
            flips: Flips { kinds: self.kinds.into_values().collect(), ..self.flips },
            subjects: Flags::sums(self.subjects.values()),
            labels: self.labels.into_values().collect(),
            rules: self.rules.into_values().collect(),
            spoken: self.spoken,
        }
    }
}

/// Which way what is said now differs; see [`crate::policy::Verdict::direction_to`].
fn direction(before: &Said, after: &Said) -> Option<Direction> {
    use std::cmp::Ordering;
    match after.action.cmp(&before.action) {
        Ordering::Greater => Some(Direction::Stricter),
        Ordering::Less => Some(Direction::Milder),
        Ordering::Equal if looked_at(before) != looked_at(after) => Some(Direction::Retiered),
        Ordering::Equal => None,
    }
}

fn looked_at(said: &Said) -> (&str, bool, Option<&str>) {
    (&said.tier, said.review, said.case.as_deref())
}

fn bin(said: &Said) -> usize {
    let width = 1_000_000 / BINS;
    (said.score.millionths() as usize / width).min(BINS - 1)
}

fn line<'l>(labels: &'l mut BTreeMap<String, LabelLine>, label: &str) -> &'l mut LabelLine {
    let new =
        || LabelLine { label: label.to_owned(), before: 0, after: 0, violations: 0, clean: 0 };
    labels.entry(label.to_owned()).or_insert_with(new)
}

fn rule_line<'l>(rules: &'l mut BTreeMap<String, RuleLine>, rule: &str) -> &'l mut RuleLine {
    let new = || RuleLine { rule: rule.to_owned(), before: 0, after: 0 };
    rules.entry(rule.to_owned()).or_insert_with(new)
}

fn policy_said(policy: &Policy) -> PolicySaid {
    PolicySaid {
        name: policy.name().to_owned(),
        source: policy.source().to_owned(),
        digest: policy.digest(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Subjects;
    use super::*;

    #[test]
    fn subjects_are_told_by_their_flags() {
        let flags = |set: &[u8]| {
            let mut flags = Flags::default();
            set.iter().for_each(|flag| flags.set(*flag, true));
            flags
        };
        let all = [
            flags(&[]),
            flags(&[Flags::RESTRICTED_AFTER, Flags::STRICTER]),
            flags(&[Flags::RESTRICTED_BEFORE, Flags::RESTRICTED_AFTER]),
            flags(&[Flags::RESTRICTED_BEFORE, Flags::MILDER]),
        ];
        let sums = Flags::sums(all.iter());
        let said = (sums.seen, sums.restricted_before, sums.restricted_after);
        assert_eq!(said, (4, 2, 2));
        assert_eq!((sums.newly_restricted, sums.spared), (1, 1));
        assert_eq!((sums.stricter, sums.milder), (1, 1));
        assert_eq!(sums, Subjects { seen: 4, ..sums });
    }
}
