//! History from the record: what was decided about the events of a source in a span of time, in the order in
//! which it was begun.

use std::sync::Arc;

use serde::Deserialize;

use super::file::NO_KEY;
use super::labels::Labels;
use super::origin::{Opener, Origin, Raw};
use super::past::{Moment, Part, Past, Said, Speaker, Spoken, Subject};
use super::plan::Plan;
use super::remembered::Remembered;
use super::report::{Bound, OriginSaid};
use super::tally::Tally;
use super::told::Teller;
use super::{SimulateError, Simulation, tiers};
use crate::features::Observer;
use crate::model::ruling::Word;
use crate::model::{Action, Decision, DecisionId, Finding, Known, Timestamp};
use crate::policy::{Deed, Policy, Step};
use crate::store::{History, PastConduct, PastDecision, PastPolicy, Span};

/// A stretch of the record.
pub struct Stretch {
    history: Arc<History>,
    span: Span,
    pub(super) decisions: u64,
    pub(super) seen: u64,
    ended: bool,
}

/// The part of a decision's basis that is wanted here.
#[derive(Deserialize)]
struct MadeFrom {
    trace: Vec<Step>,
    #[serde(default)]
    known: Known,
}

impl Stretch {
    /// The next rows; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Raw>>, SimulateError> {
        if self.ended {
            return Ok(None);
        }
        let rows = self.history.page(&self.span).await?;
        match rows.last() {
            Some(last) => self.span.after = last.id()?,
            None => {
                self.ended = true;
                return Ok(None);
            }
        }
        self.seen += rows.len() as u64;
        Ok(Some(rows.into_iter().map(Raw::Row).collect()))
    }
}

impl Simulation {
    /// Of the decisions about a source that were begun since `since` and before `until`. `policies` are those
    /// that the source ever had. What was before `since` counts as it is recorded: for what is declared about the past
    /// the events are read that lie as far back as that looks, and a day more, for one may have come late.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn of_record(
        history: Arc<History>,
        (source, since, until): (&str, Timestamp, Timestamp),
        policies: Vec<Arc<Policy>>,
        plan: Plan,
        labels: Labels,
        share: f64,
    ) -> Result<Self, SimulateError> {
        let begins = DecisionId::from_time(since);
        let looked_back_to = plan.looks_back(since);
        let span = Span {
            source: Some(source.to_owned()),
            after: looked_back_to.map_or(begins, DecisionId::from_time),
            before: DecisionId::from_time(until),
        };
        let decisions = history.count(&span).await?;
        let said =
            OriginSaid::Record { source: source.to_owned(), since, until, share, looked_back_to };
        let observer = Observer::new(&NO_KEY);
        let teller = Teller::new(Remembered::new(plan.definitions(), observer.clone()));
        let mut tally = Tally::new(&plan, said, bounds(&policies), &observer);
        let alive_at = since.plus_millis(-i64::from(plan.window_days()) * 24 * 3_600_000);
        for standing in history.standing_before(source, begins, alive_at).await? {
            tally.begin(&standing);
        }
        if plan.after.policy.reads().risk {
            did(&history, source, begins, &plan, &mut tally).await?;
        }
        let mut heard = policies;
        heard.push(Arc::clone(&plan.after.policy));
        let opener = Opener {
            history: Some(Arc::clone(&history)),
            labels,
            heard,
            remembers: plan.remembers(),
            begins: Some(begins),
            share,
        };
        let stretch = Stretch { history, span, decisions, seen: 0, ended: false };
        let origin = Origin::Record(stretch);
        Ok(Self { origin, opener: opener.into(), plan: plan.into(), teller, tally })
    }
}

/// Takes in what accounts did before.
async fn did(
    history: &History,
    source: &str,
    begins: DecisionId,
    plan: &Plan,
    tally: &mut Tally,
) -> Result<(), SimulateError> {
    let after = DecisionId::from_time(Timestamp::from_micros(0));
    let mut span = Span { source: Some(source.to_owned()), after, before: begins };
    loop {
        let page = history.conduct(&span).await?;
        let Some(last) = page.last() else { return Ok(()) };
        span.after = last.decision;
        for PastConduct { subject, score, decided_at, tier, ruled, .. } in page {
            let Some(subject) = subject else { continue };
            let mildest = plan.after.policy.is_mildest(&tier);
            let deed = Deed { score, decided_at, mildest };
            tally.did(Subject(subject), deed, overturned_at(ruled))?;
        }
    }
}

/// When people overturned a decision, whose last word this is.
fn overturned_at(ruled: Option<(Word, Timestamp)>) -> Option<Timestamp> {
    ruled.filter(|(word, _)| *word == Word::Overturned).map(|(_, at)| at)
}

/// The policies of the past that still compile. One that does not only leaves its tiers without bounds.
pub fn policies(texts: &[PastPolicy]) -> Vec<Arc<Policy>> {
    let compiled = texts.iter().filter_map(|past| Policy::compile_again(&past.text).ok());
    compiled.map(|compiled| Arc::new(compiled.policy)).collect()
}

/// Where the tiers of the past begin: of each name where the last policy that has it says.
fn bounds(policies: &[Arc<Policy>]) -> Vec<Bound> {
    let mut bounds: Vec<Bound> = Vec::new();
    for bound in policies.iter().rev().flat_map(|policy| tiers(policy)) {
        if bounds.iter().all(|own| own.name != bound.name) {
            bounds.push(bound);
        }
    }
    bounds.sort_by_key(|bound| bound.from);
    bounds
}

/// What is simulated of a decision.
pub(super) fn past(stored: PastDecision) -> Result<Past, SimulateError> {
    let PastDecision { document, event, received_at, subject, ruled } = stored;
    let decision = document.decision;
    let made_from: MadeFrom = serde_json::from_value(document.replay).map_err(|error| {
        let place = format!("decision {}", decision.id);
        let detail = format!("what it was made from does not read back: {error}");
        SimulateError::Input { place, detail }
    })?;
    let said = Said::of(&decision, &made_from.trace);
    Ok(Past {
        shown: decision.id.to_string(),
        decision: decision.id,
        part: Part::Judged,
        subject: Subject(subject),
        mode: decision.mode,
        moment: Moment { at: event.time.min(received_at), received_at },
        decided_at: decision.decided_at,
        findings: found(&decision),
        known: made_from.known,
        spoken: ruled.map(|(word, _)| spoken(word, &said)),
        was: Some((said, decision.policy)),
        overturned_at: overturned_at(ruled),
        event,
    })
}

/// What people say of an event who say that its decision was right, or wrong.
fn spoken(word: Word, said: &Said) -> Spoken {
    let answered = said.action > Action::Allow;
    let violation = match word {
        Word::Upheld => answered,
        Word::Overturned => !answered,
    };
    Spoken { violation, by: Speaker::Ruling }
}

/// The findings of a decision, each with its signals.
fn found(decision: &Decision) -> Vec<Finding> {
    let mut findings = decision.findings.clone();
    for signal in &decision.signals {
        if let Some(finding) = findings.iter_mut().find(|finding| finding.gave(signal)) {
            finding.signals.push(signal.clone());
        }
    }
    findings
}
