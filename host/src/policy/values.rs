//! Values of a document: each read as one type, or reported as another. `what` is what a message
//! calls the value.

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::{Report, code};
use super::words::quote;
use crate::model::{Score, Timestamp};

pub(super) fn text<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<&'t str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        _ => wrong_type(what, "a string", value, None, report),
    }
}

pub(super) fn texts<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<Spanned<&'t str>>> {
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(what, "a list of strings", value, None, report);
    };
    let item = |item: &'t Spanned<DeValue<'t>>| {
        let text = text(&format!("an item of {what}"), item, report)?;
        Some(Spanned::new(item.span(), text))
    };
    Some(items.iter().filter_map(item).collect())
}

/// A number in 0..=1 with at most six places, read as decimal text so that nothing is rounded.
pub(super) fn score(
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<Score> {
    let number = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return wrong_type(what, "a number", value, None, report),
    };
    match millionths(number) {
        Ok(score) => Some(score),
        Err(hint) => {
            let message = format!("{what} cannot be {}", quote(number));
            report.error(code::BAD_NUMBER, value.span(), message, hint.to_owned());
            None
        }
    }
}

pub(super) fn boolean(
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(is) => Some(*is),
        _ => wrong_type(what, "`true` or `false`", value, None, report),
    }
}

/// A whole number from 0.
pub(super) fn whole(
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<u32> {
    let DeValue::Integer(number) = value.get_ref() else {
        return wrong_type(what, "an integer", value, None, report);
    };
    let read = u32::from_str_radix(number.as_str(), number.radix()).ok();
    if read.is_none() {
        let message = format!("{what} cannot be {}", quote(number.as_str()));
        let hint = "write a whole number that is not negative".to_owned();
        report.error(code::BAD_NUMBER, value.span(), message, hint);
    }
    read
}

/// Ten years.
const HOURS_MAX: u32 = 87_660;

/// How long something holds, in whole hours.
pub(super) fn hours(
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<u32> {
    let number = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        _ => return wrong_type(what, "a whole number of hours", value, None, report),
    };
    let hours = number.parse().ok().filter(|hours| (1..=HOURS_MAX).contains(hours));
    if hours.is_none() {
        let message = format!("{what} cannot be {}", quote(number));
        let hint = format!("write whole hours from 1 to {HOURS_MAX}");
        report.error(code::BAD_NUMBER, value.span(), message, hint);
    }
    hours
}

/// A point in time: RFC 3339 with an offset, in quotes or without.
pub(super) fn time(
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<Timestamp> {
    let written = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        _ => return wrong_type(what, "a time", value, None, report),
    };
    let time = Timestamp::parse(&written).ok();
    if time.is_none() {
        let message = format!("{what} cannot be {}", quote(&written));
        let hint = "write a time with its offset, such as 2026-12-31T00:00:00Z".to_owned();
        report.error(code::MALFORMED, value.span(), message, hint);
    }
    time
}

/// A decimal as whole millionths, or what to write instead.
fn millionths(number: &str) -> Result<Score, &'static str> {
    const RANGE: &str = "write a number from 0 to 1";
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let (whole, places) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    if !whole.bytes().chain(places.bytes()).all(|b| b.is_ascii_digit()) {
        return Err("write a plain decimal such as 0.395");
    }
    if number.starts_with('-') {
        return Err(RANGE);
    }
    if places.len() > 6 {
        return Err("write at most 6 places: scores are whole millionths");
    }
    let parse = |digits: &str| digits.parse::<u32>().map_err(|_| RANGE);
    let millionths = parse(whole)?.checked_mul(1_000_000).ok_or(RANGE)?;
    let millionths = millionths.checked_add(parse(&format!("{places:0<6}"))?).ok_or(RANGE)?;
    Score::from_millionths(millionths).ok_or(RANGE)
}

/// Reports a value of another type than is wanted.
pub(super) fn wrong_type<T>(
    what: &str,
    wanted: &str,
    value: &Spanned<DeValue<'_>>,
    hint: Option<String>,
    report: &mut Report<'_>,
) -> Option<T> {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a decimal",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    let message = format!("{what} must be {wanted}, not {found}");
    report.error(code::WRONG_TYPE, value.span(), message, hint);
    None
}
