//! When what is asked of an account begins: not at the moment of the violation, where a policy says so, for
//! whoever is answered at once learns what gave them away. Pure: the chance in it is drawn from the id of
//! the decision, which nobody knows before it is made, so a replay draws the same.
//!
//! What is asked of a message or a thread holds at once, always.

use std::fmt;

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::{WrittenEnforcement, WrittenHours};
use super::words::quote;
use crate::model::notice::{minutes_of_day, offset_minutes};
use crate::model::{DecisionId, Digest, Timestamp};

/// A day.
const JITTER_MINUTES_MAX: u32 = 24 * 60;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// When what is asked of accounts begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onset {
    /// At most how much later, in minutes of the hours below.
    pub jitter_minutes: u32,
    /// The hours of a day, in minutes since midnight, in which it begins; the second is not among them.
    /// `None`: all.
    pub hours: Option<(u32, u32)>,
    /// By how many minutes the clock of those hours is ahead of UTC.
    pub offset_minutes: i32,
}

/// A number that nobody knows before the decision is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draw(u64);

impl Draw {
    pub fn of(decision: DecisionId) -> Self {
        let digest = Digest::of(format!("picket onset {decision}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Self(u64::from_be_bytes(first))
    }

    /// As a whole number from 0 to `most`, each as likely.
    fn up_to(self, most: i64) -> i64 {
        let most = u128::from(most.unsigned_abs());
        i64::try_from((u128::from(self.0) * (most + 1)) >> 64).unwrap_or(0)
    }
}

impl Onset {
    /// When what is asked at a moment begins.
    pub(super) fn after(&self, at: Timestamp, draw: Draw) -> Timestamp {
        let wait = draw.up_to(i64::from(self.jitter_minutes) * MINUTE_MS);
        let Some((from, to)) = self.hours else { return at.plus_millis(wait) };
        let (from, to) = (i64::from(from) * MINUTE_MS, i64::from(to) * MINUTE_MS);
        let open = (to - from).rem_euclid(DAY_MS);
        let local = at.millis() + i64::from(self.offset_minutes) * MINUTE_MS;
        // Since they last began.
        let since = (local - from).rem_euclid(DAY_MS);
        let (begun, into) = match since < open {
            true => (at.plus_millis(-since), since),
            false => (at.plus_millis(DAY_MS - since), 0),
        };
        // The clock of the wait runs in these hours alone.
        let into = into + wait;
        begun.plus_millis(into / open * DAY_MS + into % open)
    }
}

impl fmt::Display for Onset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.jitter_minutes {
            0 => write!(f, "as soon as it may")?,
            minutes => write!(f, "up to {minutes} min later")?,
        }
        let Some((from, to)) = self.hours else { return Ok(()) };
        let clock = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        write!(f, ", between {} and {}", clock(from), clock(to))?;
        match self.offset_minutes {
            0 => f.write_str(" UTC"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, " at {sign}{}", clock(offset.unsigned_abs()))
            }
        }
    }
}

/// When it begins, if nothing is wrong with that.
pub(super) fn check(
    written: &Spanned<WrittenEnforcement<'_>>,
    report: &mut Report<'_>,
) -> Option<Onset> {
    let WrittenEnforcement { jitter_minutes, hours, offset } = written.get_ref();
    if jitter_minutes.is_none() && hours.is_none() {
        let hint =
            "write `jitter_minutes`, or `hours`; without `enforcement` everything begins at once";
        report.error(code::EMPTY, written.span(), "nothing begins later", hint.to_owned());
        return None;
    }
    let jitter = jitter_minutes.as_ref().map_or(Some(0), |minutes| check_jitter(minutes, report));
    let hours = match hours {
        Some(hours) => check_hours(hours, report).map(Some),
        None => Some(None),
    };
    let offset = match offset {
        Some(offset) => check_offset(offset, hours == Some(None), report),
        None => Some(0),
    };
    Some(Onset { jitter_minutes: jitter?, hours: hours?, offset_minutes: offset? })
}

fn check_jitter(written: &Spanned<u32>, report: &mut Report<'_>) -> Option<u32> {
    let minutes = *written.get_ref();
    if (1..=JITTER_MINUTES_MAX).contains(&minutes) {
        return Some(minutes);
    }
    let message = format!("`jitter_minutes` cannot be {minutes}");
    let hint = format!("write whole minutes, from 1 to {JITTER_MINUTES_MAX}");
    report.error(code::BAD_NUMBER, written.span(), message, hint);
    None
}

fn check_hours(written: &Spanned<WrittenHours<'_>>, report: &mut Report<'_>) -> Option<(u32, u32)> {
    let WrittenHours { from, to } = written.get_ref();
    let from = from.as_ref().and_then(|from| of_day(from, report));
    let to = to.as_ref().and_then(|to| of_day(to, report));
    let (from, to) = (from?, to?);
    if from == to {
        let hint = "leave `hours` out where it may begin at any hour".to_owned();
        report.error(code::EMPTY, written.span(), "`hours` end when they begin", hint);
        return None;
    }
    Some((from, to))
}

/// Minutes since midnight.
fn of_day(written: &Spanned<&str>, report: &mut Report<'_>) -> Option<u32> {
    let minutes = minutes_of_day(written.get_ref());
    if minutes.is_none() {
        let message = format!("{} is no time of day", quote(written.get_ref()));
        let hint = "write hours and minutes, such as 08:00".to_owned();
        report.error(code::MALFORMED, written.span(), message, hint);
    }
    minutes
}

fn check_offset(written: &Spanned<&str>, alone: bool, report: &mut Report<'_>) -> Option<i32> {
    if alone {
        let hint =
            "it says by which clock `hours` are meant: write them, or leave it out".to_owned();
        report.error(code::EMPTY, written.span(), "`offset` without `hours`", hint);
        return None;
    }
    let offset = offset_minutes(written.get_ref());
    if offset.is_none() {
        let message = format!("{} is no offset from UTC", quote(written.get_ref()));
        let hint = "write it as in -03:00, or Z for UTC".to_owned();
        report.error(code::MALFORMED, written.span(), message, hint);
    }
    offset
}

#[cfg(test)]
mod tests;
