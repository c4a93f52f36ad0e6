//! Strikes as a policy writes them: which tiers give one, how long it counts, and what the first, the
//! second and so on lead to. Counting them is `escalate`'s.

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::{WrittenStep, WrittenStrikes};
use super::texts::{self, Languages, Texts};
use super::tiers::Tier;
use super::words::{quote, suggest, word};
use crate::model::{Action, Restriction, Timestamp};

/// Steps that one policy may have.
const STEPS_MAX: usize = 16;
/// Ten years.
const WINDOW_DAYS_MAX: u32 = 3_660;

const MILLIS_PER_HOUR: i64 = 3_600_000;

/// How violations add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strikes {
    /// The names of the tiers that give one, as written.
    pub tiers: Vec<String>,
    /// How long one counts, in days: at exactly that age it does not any more.
    pub window_days: u32,
    /// What the first, the second and so on lead to; the last one holds for all that follow. Never
    /// empty, and never milder than the one before.
    pub steps: Vec<StrikeStep>,
}

/// What one more strike leads to, for the whole account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrikeStep {
    pub action: Action,
    /// Hours that it lasts; `None` where it does not end by itself.
    pub for_h: Option<u32>,
    /// Text for the end user, where it is the most severe.
    pub message: Option<Texts>,
}

impl Strikes {
    /// What a strike of this number leads to.
    pub fn step(&self, number: u32) -> &StrikeStep {
        let place = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        // Invariant: there is at least one.
        &self.steps[place.min(self.steps.len().saturating_sub(1))]
    }

    /// When a strike counts no more that is given at this moment.
    pub(super) fn expiry(&self, at: Timestamp) -> Timestamp {
        hours_after(at, self.window_days.saturating_mul(24))
    }
}

pub(super) fn hours_after(at: Timestamp, hours: u32) -> Timestamp {
    at.plus_millis(i64::from(hours) * MILLIS_PER_HOUR)
}

/// The strikes, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<WrittenStrikes<'_>>,
    tiers: Option<&[Tier]>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Strikes> {
    let WrittenStrikes { tiers: names, window_days, steps } = written.get_ref();
    let names = names.as_ref().and_then(|names| check_tiers(names, tiers, report));
    let window = window_days.as_ref().and_then(|days| check_window(days, report));
    let steps = steps.as_ref().and_then(|steps| check_steps(steps, languages, prove, report));
    Some(Strikes { tiers: names?, window_days: window?, steps: steps? })
}

fn check_tiers(
    names: &Spanned<Vec<Spanned<&str>>>,
    tiers: Option<&[Tier]>,
    report: &mut Report<'_>,
) -> Option<Vec<String>> {
    if names.get_ref().is_empty() {
        let hint = "leave `strikes` out where nothing gives one".to_owned();
        report.error(code::EMPTY, names.span(), "no tier gives a strike", hint);
    }
    let mut seen: Vec<&str> = Vec::new();
    for name in names.get_ref() {
        let word = *name.get_ref();
        if seen.contains(&word) {
            let message = format!("{} is there twice", quote(word));
            report.error(code::DUPLICATE, name.span(), message, "remove one of them".to_owned());
        }
        seen.push(word);
        let Some(tiers) = tiers else { continue };
        if !tiers.iter().any(|tier| tier.name == word) {
            let known: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
            let message = format!("the policy has no tier {}", quote(word));
            report.error(code::UNKNOWN_WORD, name.span(), message, suggest(word, &known));
        } else if tiers.first().is_some_and(|first| first.name == word) {
            let message = format!("{} is the tier of a score of 0", quote(word));
            let hint = "a clean event is no violation: let a strike begin at a higher tier";
            report.error(code::STRIKES, name.span(), message, hint.to_owned());
        }
    }
    (!seen.is_empty()).then(|| seen.into_iter().map(str::to_owned).collect())
}

fn check_steps(
    written: &Spanned<Vec<WrittenStep<'_>>>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Vec<StrikeStep>> {
    let steps = written.get_ref();
    if steps.is_empty() {
        let hint = "begin with a `[[strikes.steps]]` for the first strike".to_owned();
        report.error(code::EMPTY, written.span(), "strikes lead to nothing", hint);
    }
    if let Some(beyond) = steps.get(STEPS_MAX) {
        let message = format!("{} steps; {STEPS_MAX} are allowed", steps.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    let checked: Vec<Option<StrikeStep>> =
        steps.iter().map(|step| check_step(step, languages, prove, report)).collect();
    for (written, pair) in steps.windows(2).zip(checked.windows(2)) {
        let ([_, WrittenStep { action: Some(at), .. }], [Some(below), Some(step)]) =
            (written, pair)
        else {
            continue;
        };
        let shorter = match (below.for_h, step.for_h) {
            _ if step.action != below.action => false,
            (None, Some(_)) => true,
            (Some(below), Some(hours)) => hours < below,
            _ => false,
        };
        if step.action < below.action || shorter {
            let message = format!(
                "{} is milder than {} of the step before",
                told(step.action, step.for_h),
                told(below.action, below.for_h)
            );
            let hint = "one more strike is never answered more mildly".to_owned();
            report.error(code::STRIKES, at.span(), message, hint);
        }
    }
    let checked: Option<Vec<StrikeStep>> = checked.into_iter().collect();
    checked.filter(|steps| !steps.is_empty())
}

fn check_step(
    written: &WrittenStep<'_>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<StrikeStep> {
    let action = word(written.action.as_ref(), "action", Action::ALL, Action::as_str, report);
    let for_h = written.for_h.as_ref().map(|hours| *hours.get_ref());
    if let (Some(action), Some(at)) = (action, &written.action)
        && Restriction::restricts(action)
        && !written.says_how_long
    {
        let message = format!("`{action}` has no end");
        let hint = "say how long it lasts, such as `for_h = 24`: an account is restricted for good \
            by people alone";
        report.error(code::STRIKES, at.span(), message, hint.to_owned());
    }
    let message = match &written.message {
        Some(message) => texts::check(message, languages, prove, report).map(Some),
        None => Some(None),
    };
    let unreadable = written.says_how_long && for_h.is_none();
    (!unreadable).then_some(StrikeStep { action: action?, for_h, message: message? })
}

fn check_window(written: &Spanned<u32>, report: &mut Report<'_>) -> Option<u32> {
    let days = *written.get_ref();
    if (1..=WINDOW_DAYS_MAX).contains(&days) {
        return Some(days);
    }
    let message = format!("`window_days` cannot be {days}");
    let hint = format!("write whole days, from 1 to {WINDOW_DAYS_MAX}");
    report.error(code::BAD_NUMBER, written.span(), message, hint);
    None
}

pub(super) fn told(action: Action, for_h: Option<u32>) -> String {
    match for_h {
        Some(hours) => format!("{action} for {hours} h"),
        None => action.to_string(),
    }
}
