//! Tiers: which scores get which action. Together they cover 0..=1 without gap or overlap, and a
//! higher score is never answered more mildly.

use std::collections::HashMap;

use serde::Serialize;
use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::WrittenTier;
use super::enforced::{self, Enforced};
use super::texts::{self, Languages, Texts};
use super::words::{name, quote};
use crate::model::{Action, Score};

/// Tiers that one policy may have.
const TIERS_MAX: usize = 32;

/// A band of scores: from its lower bound to that of the next tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// Lower-case words joined by `-`.
    pub name: String,
    /// The least score of the tier.
    pub from: Score,
    #[serde(flatten)]
    pub enforced: Enforced,
    /// Whether a person looks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub review: bool,
    /// Text for the end user.
    pub message: Option<Texts>,
}

/// The tiers, if nothing is wrong with them. `prove` that what lasts has a person.
pub(super) fn check(
    written: &Spanned<Vec<WrittenTier<'_>>>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Vec<Tier>> {
    let tiers = written.get_ref();
    if tiers.is_empty() {
        let hint = "begin with a `[[tiers]]` from 0.0".to_owned();
        report.error(code::EMPTY, written.span(), "a policy needs at least one tier", hint);
    }
    if let Some(beyond) = tiers.get(TIERS_MAX) {
        let message = format!("{} tiers; {TIERS_MAX} are allowed", tiers.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    check_names(tiers, report);
    check_bounds(tiers, report);
    let enforced: Vec<Option<Enforced>> =
        tiers.iter().map(|tier| check_enforced(tier, prove, report)).collect();
    let actions: Vec<Option<Action>> =
        enforced.iter().map(|enforced| Some((*enforced)?.action)).collect();
    check_severity(tiers, &actions, report);
    let checked: Vec<Option<Tier>> = (tiers.iter().zip(enforced))
        .map(|(tier, enforced)| check_one(tier, enforced, languages, prove, report))
        .collect();
    checked.into_iter().collect()
}

fn check_enforced(
    tier: &WrittenTier<'_>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Enforced> {
    let written = enforced::Written {
        action: Some(tier.action.as_ref()?),
        scope: tier.scope.as_ref(),
        ends: tier.ends,
        for_h: tier.for_h.as_ref(),
        review: is_reviewed(tier),
    };
    enforced::check(&written, prove, report)?
}

fn is_reviewed(tier: &WrittenTier<'_>) -> bool {
    tier.review.as_ref().is_some_and(|review| *review.get_ref())
}

fn check_one(
    written: &WrittenTier<'_>,
    enforced: Option<Enforced>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Tier> {
    let name = name(written.name.as_ref(), "a tier", report);
    let message = match &written.message {
        Some(message) => texts::check(message, languages, prove, report).map(Some),
        None => Some(None),
    };
    Some(Tier {
        name: name?,
        from: *written.from.as_ref()?.get_ref(),
        enforced: enforced?,
        review: is_reviewed(written),
        message: message?,
    })
}

fn check_names(tiers: &[WrittenTier<'_>], report: &mut Report<'_>) {
    let mut seen = HashMap::new();
    for name in tiers.iter().filter_map(|tier| tier.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            let line = report.line(first);
            let message = format!("the tier {} is already on line {line}", quote(name.get_ref()));
            let hint = "a tier is known by its name: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
}

fn check_bounds(tiers: &[WrittenTier<'_>], report: &mut Report<'_>) {
    if let Some(from) = tiers.first().and_then(|tier| tier.from.as_ref())
        && *from.get_ref() != Score::ZERO
    {
        let message = format!("the first tier starts at {}, so lower scores have none", from);
        let hint = "let it start at 0: `from = 0.0`".to_owned();
        report.error(code::TIER_START, from.span(), message, hint);
    }
    for (at, tier) in tiers.iter().enumerate() {
        let next = tiers.get(at + 1);
        let Some(from) = &tier.from else { continue };
        if let Some(next_from) = next.and_then(|next| next.from.as_ref())
            && next_from.get_ref() <= from.get_ref()
        {
            let line = report.line(from.span().start);
            let message = format!(
                "the tier starts at {next_from}, the one before it at {from} (line {line})"
            );
            let hint = "order the tiers by `from`, each above the one before".to_owned();
            report.error(code::TIER_ORDER, next_from.span(), message, hint);
        }
        if let Some(to) = &tier.to {
            check_end(from, to, next, report);
        }
    }
}

/// Checks an upper bound, which need not be written, against the tier above.
fn check_end(
    from: &Spanned<Score>,
    to: &Spanned<Score>,
    next: Option<&WrittenTier<'_>>,
    report: &mut Report<'_>,
) {
    let hint = || "leave `to` out: a tier ends where the next one starts".to_owned();
    if to.get_ref() <= from.get_ref() {
        let line = report.line(from.span().start);
        let message = format!("the tier ends at {to}, not above its `from` {from} (line {line})");
        return report.error(code::TIER_ORDER, to.span(), message, hint());
    }
    let (start, place) = match next {
        None => (Score::ONE, "nothing follows".to_owned()),
        Some(WrittenTier { from: Some(next), .. }) => {
            let line = report.line(next.span().start);
            (*next.get_ref(), format!("the next starts at {next} (line {line})"))
        }
        Some(_) => return,
    };
    let (code, what) = match to.get_ref().cmp(&start) {
        std::cmp::Ordering::Less => (code::TIER_GAP, "a gap"),
        std::cmp::Ordering::Greater => (code::TIER_OVERLAP, "an overlap"),
        std::cmp::Ordering::Equal => return,
    };
    let line = report.line(to.span().start);
    let message = format!("{what}: the tier ends at {to} (line {line}) and {place}");
    report.error(code, to.span(), message, hint());
}

fn check_severity(tiers: &[WrittenTier<'_>], actions: &[Option<Action>], report: &mut Report<'_>) {
    for (written, pair) in tiers.windows(2).zip(actions.windows(2)) {
        if let ([_, WrittenTier { action: Some(at), .. }], [Some(below), Some(action)]) =
            (written, pair)
            && action < below
        {
            let message = format!("`{action}` is milder than `{below}` of the tier below");
            let all = Action::ALL.map(Action::as_str).join(", ");
            let hint =
                format!("a higher score is never answered more mildly; from mild to severe: {all}");
            report.error(code::TIER_MILDER, at.span(), message, hint);
        }
    }
}
