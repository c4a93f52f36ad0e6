//! What it means for people: how well a side meets what they say, and what becomes of accounts.

use super::super::Simulated;
use super::super::report::{Quality, Rate, Sums};
use super::markup::{Cell, number, percent, table, text};
use crate::model::Action;

pub(super) fn quality(done: &Simulated) -> Option<String> {
    let report = &done.result;
    let spoken = &report.spoken;
    if spoken.violations + spoken.clean == 0 {
        return None;
    }
    let mut out = format!(
        "<p>People spoke about {} of {} events: {} by labels, {} by rulings. They call {} a violation and {} none. What \
         nobody spoke about is in none of these numbers, and rulings are of what somebody chose to look at.</p>",
        number(spoken.labels + spoken.rulings),
        number(report.history.events),
        number(spoken.labels),
        number(spoken.rulings),
        number(spoken.violations),
        number(spoken.clean)
    );
    if let Some(before) = &report.before {
        out += &quality_table("Before, from each tier on", &before.quality);
    }
    out += &quality_table(
        "Candidate, from each tier on; in brackets the interval at 95% (Wilson)",
        &report.after.quality,
    );
    Some(out)
}

fn quality_table(caption: &str, lines: &[Quality]) -> String {
    let rate = |rate: Option<Rate>| match rate {
        Some(Rate { value, low, high }) => format!(
            "{} <span class=\"range\">({}–{})</span>",
            percent(value),
            percent(low),
            percent(high)
        ),
        None => "–".to_owned(),
    };
    let rows: Vec<(String, Vec<Cell>)> = lines
        .iter()
        .map(|line| {
            let f1 = line.f1.map_or("–".to_owned(), |f1| format!("{f1:.3}"));
            let cells = vec![
                Cell::Figure(rate(line.precision)),
                Cell::Figure(rate(line.recall)),
                Cell::Figure(f1),
                Cell::Number(line.true_positives),
                Cell::Number(line.false_positives),
                Cell::Number(line.false_negatives),
                Cell::Number(line.true_negatives),
            ];
            (text(&line.tier), cells)
        })
        .collect();
    let head = [
        "From tier",
        "Precision",
        "Recall",
        "F1",
        "Right alarms",
        "False alarms",
        "Missed",
        "Rightly quiet",
    ];
    table(caption, &head, &rows)
}

pub(super) fn accounts(done: &Simulated) -> Option<String> {
    let report = &done.result;
    let (before, after, subjects) = (report.before.as_ref(), &report.after, &report.subjects);
    let mut rows: Vec<(String, Vec<Cell>)> = Vec::new();
    let mut row = |what: String, was: u64, is: u64| {
        let mut cells = Vec::with_capacity(2);
        if before.is_some() {
            cells.push(Cell::Number(was));
        }
        cells.push(Cell::Number(is));
        rows.push((what, cells));
    };
    row("accounts with a strike".to_owned(), subjects.struck_before, subjects.struck_after);
    row("accounts restricted".to_owned(), subjects.restricted_before, subjects.restricted_after);
    row("strikes".to_owned(), before.map_or(0, |it| it.strikes), after.strikes);
    let at = |sums: Option<&Sums>, place: usize| {
        sums.and_then(|sums| sums.strikes_by_number.get(place)).copied().unwrap_or(0)
    };
    let places = after.strikes_by_number.len();
    for place in 0..places {
        let (was, is) = (at(before, place), at(Some(after), place));
        let beyond = if place + 1 == places { " and beyond" } else { "" };
        if was + is > 0 {
            row(format!("strike {}{beyond}", place + 1), was, is);
        }
    }
    let imposed = |sums: Option<&Sums>, action: Action| {
        let line = sums.and_then(|it| it.restrictions.iter().find(|line| line.action == action));
        line.map_or(0, |line| line.imposed)
    };
    for action in Action::ALL {
        let (was, is) = (imposed(before, action), imposed(Some(after), action));
        if was + is > 0 {
            row(format!("{action} imposed on an account"), was, is);
        }
    }
    row(
        "events for a person to look at".to_owned(),
        before.map_or(0, |it| it.reviews),
        after.reviews,
    );
    row("degraded".to_owned(), before.map_or(0, |it| it.degraded), after.degraded);
    let told = match before {
        Some(_) => format!(
            "<p>Of {} accounts {} have an event that is answered more severely, and {} one that is answered more mildly. {} \
             are restricted by the candidate alone, {} were before alone.</p>",
            number(subjects.seen),
            number(subjects.stricter),
            number(subjects.milder),
            number(subjects.newly_restricted),
            number(subjects.spared)
        ),
        None => format!("<p>{} accounts.</p>", number(subjects.seen)),
    };
    let head: &[&str] = match before {
        Some(_) => &["", "Before", "Candidate"],
        None => &["", "Candidate"],
    };
    Some(told + &table("What it means for accounts", head, &rows))
}
