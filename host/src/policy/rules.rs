//! Rules: what follows where a condition holds on what was merged. How those that fire are combined is
//! the business of `judge`.

use std::collections::{BTreeSet, HashMap};

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::{WrittenList, WrittenRule};
use super::enforced::{self, Enforced};
use super::expression::{Asks, Declared, Expression, Origin};
use super::features::NamedFeature;
use super::lists::List;
use super::tiers::Tier;
use super::words::{name, quote, suggest};
use super::{Known, Reads};
use crate::model::{Input, TypePattern};

/// Rules that one policy may have.
const RULES_MAX: usize = 64;

/// Different `accounts(...)` that one policy may ask for: each is some reads of the record.
const ACCOUNTS_MAX: usize = 16;

/// A condition, and what follows where it holds. All rules see the same merged score and tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Lower-case words joined by `-`.
    pub name: String,
    /// The condition as it is written.
    pub when: String,
    /// The score is at least the lower bound of this tier, by its place.
    pub(super) floor: Option<usize>,
    /// The score lies below the next tier after this one, by its place.
    pub(super) ceiling: Option<usize>,
    /// What the decision is marked with.
    pub tag: Option<String>,
    /// What is enforced at least.
    pub action: Option<Enforced>,
    /// What people are told of by an alert.
    pub alert: Option<String>,
    /// The matter of the case that the decision opens or joins.
    pub case: Option<String>,
    /// Whether a person looks.
    pub review: bool,
    pub(super) condition: Expression,
}

/// What the other parts of a document declare.
pub(super) struct Around<'a> {
    pub tiers: Option<&'a [Tier]>,
    /// The lists by their names; `None` where they could not be read.
    pub lists: Option<&'a [List]>,
    /// The features by their names; `None` as above.
    pub features: Option<&'a [NamedFeature]>,
    pub events: &'a [TypePattern],
    /// `None` for a document that has judged before: its labels were known, and what it may do was
    /// proved by the release that took it.
    pub known: Option<&'a Known>,
}

/// The rules, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<Vec<WrittenRule<'_>>>,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<Rule>> {
    let rules = written.get_ref();
    if let Some(beyond) = rules.get(RULES_MAX) {
        let message = format!("{} rules; {RULES_MAX} are allowed", rules.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
        return None;
    }
    let mut seen = HashMap::new();
    for name in rules.iter().filter_map(|rule| rule.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            let line = report.line(first);
            let message = format!("the rule {} is already on line {line}", quote(name.get_ref()));
            let hint = "the trace tells rules by their names: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
    let checked: Vec<Option<Rule>> =
        rules.iter().map(|rule| check_one(rule, around, report)).collect();
    let checked: Vec<Rule> = checked.into_iter().collect::<Option<_>>()?;
    let mut asked: Vec<&Input> = Vec::new();
    for (rule, written) in checked.iter().zip(rules) {
        let new = rule.condition.asks().accounts.iter().filter(|input| !asked.contains(input));
        let new: Vec<&Input> = new.collect();
        asked.extend(new);
        if asked.len() > ACCOUNTS_MAX {
            let message = format!("more than {ACCOUNTS_MAX} different `accounts(...)`");
            let hint = "ask for fewer labels, or within the same days".to_owned();
            report.error(code::TOO_LARGE, written.at.clone(), message, hint);
            return None;
        }
    }
    Some(checked)
}

/// Every label that a rule names, sorted.
pub(super) fn labels(rules: &[Rule]) -> Vec<String> {
    let labels = rules.iter().flat_map(|rule| rule.condition.labels().iter().cloned());
    labels.collect::<BTreeSet<String>>().into_iter().collect()
}

/// What rules with these features ask about the past, each once, and what about the account.
pub(super) fn asked(rules: &[Rule], features: &[NamedFeature]) -> (Vec<Input>, Reads) {
    let (mut asked, mut reads): (Vec<Input>, _) = (Vec::new(), Reads::default());
    let each = rules.iter().map(|rule| rule.condition.asks());
    for Asks { features: named, accounts, reads: own } in each {
        reads = reads.and(*own);
        let named = features.iter().filter(|feature| named.contains(&feature.name));
        for input in named.map(|feature| &feature.input).chain(accounts) {
            if !asked.contains(input) {
                asked.push(input.clone());
            }
        }
    }
    (asked, reads)
}

/// Warns of lists that no rule asks for.
pub(super) fn warn_of_unused_lists(
    written: &[WrittenList<'_>],
    rules: &[Rule],
    report: &mut Report<'_>,
) {
    for (place, list) in written.iter().enumerate() {
        let used = rules.iter().any(|rule| rule.condition.lists().contains(&place));
        if let Some(name) = list.name.as_ref().filter(|_| !used) {
            let message = format!("no rule asks for the list {}", quote(name.get_ref()));
            let hint = format!("write `lists.{}` into the `when` of a rule", name.get_ref());
            report.warning(code::LIST_UNUSED, name.span(), message, hint);
        }
    }
}

fn check_one(
    written: &WrittenRule<'_>,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> Option<Rule> {
    let name = name(written.name.as_ref(), "a rule", report);
    let condition = written.when.as_ref().and_then(|when| check_when(when, around, report));
    if !written.does_something {
        let message = "nothing follows from the rule";
        let hint = "write at least one of `floor`, `ceiling`, `tag`, `action`, `alert`, `case` and `review = true`";
        report.error(code::IDLE_RULE, written.at.clone(), message, hint.to_owned());
    }
    let floor = tier(written.floor.as_ref(), "floor", around, report);
    let ceiling = tier(written.ceiling.as_ref(), "ceiling", around, report);
    if let (Some(Some(floor)), Some(Some(ceiling)), Some(at)) = (floor, ceiling, &written.ceiling)
        && ceiling < floor
    {
        let message = "the ceiling of the rule lies below its floor";
        let hint = "a floor wins over a ceiling, so this one does nothing: leave it out".to_owned();
        report.error(code::IDLE_RULE, at.span(), message, hint);
    }
    let tag = match &written.tag {
        Some(_) => super::words::name(written.tag.as_ref(), "a tag", report).map(Some),
        None => Some(None),
    };
    let alert = match &written.alert {
        Some(_) => super::words::name(written.alert.as_ref(), "an alert", report).map(Some),
        None => Some(None),
    };
    let case = match &written.case {
        Some(_) => super::words::name(written.case.as_ref(), "a case", report).map(Some),
        None => Some(None),
    };
    let review = written.review.as_ref().is_some_and(|review| *review.get_ref());
    let enforced = enforced::Written {
        action: written.action.as_ref(),
        scope: written.scope.as_ref(),
        ends: written.ends,
        for_h: written.for_h.as_ref(),
        review: review || written.case.is_some(),
    };
    let action = enforced::check(&enforced, around.known.is_some(), report);
    Some(Rule {
        name: name?,
        when: written.when.as_ref().map(|when| (*when.get_ref()).to_owned())?,
        floor: floor?,
        ceiling: ceiling?,
        tag: tag?,
        action: action?,
        alert: alert?,
        case: case?,
        review,
        condition: condition?,
    })
}

fn check_when(
    when: &Spanned<&str>,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> Option<Expression> {
    let declared = Declared {
        tiers: around.tiers.map(|tiers| tiers.iter().map(|tier| &*tier.name).collect()),
        lists: around.lists.map(|lists| lists.iter().map(|list| &*list.name).collect()),
        features: around.features,
        events: around.events,
        known: around.known,
    };
    let mut faults = Vec::new();
    let condition = Expression::read(when.get_ref(), &declared, &mut faults);
    if !faults.is_empty() {
        let origin = Origin::of(report.text(), when.span(), when.get_ref());
        for fault in faults {
            let place = origin.place(fault.at);
            match fault.is_error {
                true => report.error(fault.code, place, fault.message, fault.hint),
                false => report.warning(fault.code, place, fault.message, fault.hint),
            }
        }
    }
    condition
}

/// The place of a tier that is a bound, `Some(None)` where none is written.
fn tier(
    written: Option<&Spanned<&str>>,
    key: &str,
    around: &Around<'_>,
    report: &mut Report<'_>,
) -> Option<Option<usize>> {
    let Some(written) = written else { return Some(None) };
    // Tiers that could not be read were reported.
    let tiers = around.tiers?;
    let Some(place) = tiers.iter().position(|tier| tier.name == *written.get_ref()) else {
        let names: Vec<&str> = tiers.iter().map(|tier| &*tier.name).collect();
        let message = format!("`{key}` cannot be {}", quote(written.get_ref()));
        let hint = suggest(written.get_ref(), &names);
        report.error(code::UNKNOWN_WORD, written.span(), message, hint);
        return None;
    };
    let idle = match key {
        "floor" => (place == 0).then_some("every score reaches the first tier"),
        _ => (place + 1 == tiers.len()).then_some("no score lies above the last tier"),
    };
    if let Some(why) = idle {
        let hint = format!("leave it out: {why}");
        report.error(code::IDLE_RULE, written.span(), format!("the {key} does nothing"), hint);
        return None;
    }
    Some(Some(place))
}
