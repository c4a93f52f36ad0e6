//! When something begins, and what is wrong with how that is written.

use proptest::prelude::*;

use super::*;
use crate::policy::Policy;

const DOCUMENT: &str = r#"name = "market"
source = "market"
events = ["message.*"]
on_error = "review"
merge = "max"
[weights]
"contact.phone" = 1
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.645
action = "cooldown"
for_h = 24
[enforcement]
"#;

fn onset(jitter_minutes: u32, hours: Option<(u32, u32)>, offset_minutes: i32) -> Onset {
    Onset { jitter_minutes, hours, offset_minutes }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn what_begins_later_begins_in_the_hours_of_its_clock() {
    let day = Some((8 * 60, 20 * 60));
    let night = Some((22 * 60, 6 * 60));
    for (hours, offset, asked, begins) in [
        (day, 0, "2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"),
        (day, 0, "2026-03-01T07:59:59.999Z", "2026-03-01T08:00:00Z"),
        (day, 0, "2026-03-01T19:59:59.999Z", "2026-03-01T19:59:59.999Z"),
        (day, 0, "2026-03-01T20:00:00Z", "2026-03-02T08:00:00Z"),
        (day, -180, "2026-03-01T10:30:00Z", "2026-03-01T11:00:00Z"),
        (day, -180, "2026-03-01T22:30:00Z", "2026-03-01T22:30:00Z"),
        (day, 330, "2026-03-01T14:30:00Z", "2026-03-02T02:30:00Z"),
        (night, 0, "2026-03-01T23:10:00Z", "2026-03-01T23:10:00Z"),
        (night, 0, "2026-03-01T05:59:00Z", "2026-03-01T05:59:00Z"),
        (night, 0, "2026-03-01T06:00:00Z", "2026-03-01T22:00:00Z"),
        (None, 0, "2026-03-01T03:00:00Z", "2026-03-01T03:00:00Z"),
    ] {
        let onset = onset(0, hours, offset);
        assert_eq!(
            onset.after(at(asked), Draw(u64::MAX)),
            at(begins),
            "{asked} {hours:?} {offset}"
        );
    }
}

#[test]
fn the_clock_of_the_jitter_runs_in_those_hours_alone() {
    // The longest wait, of three hours.
    let onset = onset(180, Some((8 * 60, 10 * 60)), 0);
    let longest = |asked| onset.after(at(asked), Draw(u64::MAX));
    assert_eq!(longest("2026-03-01T08:30:00Z"), at("2026-03-02T09:30:00Z"));
    assert_eq!(longest("2026-03-01T12:00:00Z"), at("2026-03-03T09:00:00Z"));
    assert_eq!(onset.after(at("2026-03-01T12:00:00Z"), Draw(0)), at("2026-03-02T08:00:00Z"));
}

#[test]
fn a_decision_draws_the_same_each_time_and_decisions_draw_all_there_is() {
    let ids: Vec<DecisionId> = (0..2_000).map(|_| DecisionId::new()).collect();
    let onset = onset(60, None, 0);
    let now = at("2026-03-01T00:00:00Z");
    let wait = |id| (onset.after(now, Draw::of(id)).millis() - now.millis()) / MINUTE_MS;
    let waits: Vec<i64> = ids.iter().map(|id| wait(*id)).collect();
    assert_eq!(waits, ids.iter().map(|id| wait(*id)).collect::<Vec<_>>());
    // Each tenth of the hour has some 200 of them.
    for tenth in 0..10 {
        let count = waits.iter().filter(|wait| **wait / 6 == tenth).count();
        assert!((120..=280).contains(&count), "{count} in tenth {tenth}");
    }
}

proptest! {
    #[test]
    fn it_never_begins_before_it_is_asked_nor_out_of_hours(
        asked in 0_i64..4_000_000_000_000,
        (from, to) in (0_u32..1_440, 0_u32..1_440).prop_filter("some", |(from, to)| from != to),
        jitter in 0_u32..=JITTER_MINUTES_MAX,
        offset in -1_080_i32..=1_080,
        draw in any::<u64>(),
    ) {
        let onset = onset(jitter, Some((from, to)), offset);
        let asked = Timestamp::from_micros(asked * 1_000);
        let begins = onset.after(asked, Draw(draw));
        prop_assert!(begins >= asked);
        let of_day = (begins.millis() + i64::from(offset) * MINUTE_MS).rem_euclid(DAY_MS) / MINUTE_MS;
        let (from, to) = (i64::from(from), i64::from(to));
        let open = if from < to { (from..to).contains(&of_day) } else { of_day >= from || of_day < to };
        prop_assert!(open, "{begins} is not in {from}..{to}");
    }
}

#[test]
fn each_mistake_has_its_code_its_place_and_its_mend() {
    let compiled = |written: &str| Policy::compile_again(&format!("{DOCUMENT}{written}"));
    let good = compiled(
        "jitter_minutes = 90\nhours = { from = \"08:00\", to = \"20:00\" }\noffset = \"-03:00\"",
    );
    let expected = onset(90, Some((480, 1_200)), -180);
    assert_eq!(good.unwrap().policy.onset(), Some(&expected));
    assert_eq!(expected.to_string(), "up to 90 min later, between 08:00 and 20:00 at -03:00");
    assert_eq!(
        onset(0, Some((480, 1_200)), 0).to_string(),
        "as soon as it may, between 08:00 and 20:00 UTC"
    );
    for (written, code, line, message, hint) in [
        ("", "P015", 17, "nothing begins later", "write `jitter_minutes`, or `hours`"),
        ("jitter_minutes = 0", "P007", 18, "cannot be 0", "from 1 to 1440"),
        ("jitter_minutes = 1441", "P007", 18, "cannot be 1441", "from 1 to 1440"),
        ("jitter = 5", "P002", 18, "no key `jitter`", "jitter_minutes"),
        ("hours = { from = \"08:00\" }", "P004", 18, "must have the key `to`", "such as `hours"),
        (
            "hours = { from = \"8\", to = \"20:00\" }",
            "P009",
            18,
            "`8` is no time of day",
            "such as 08:00",
        ),
        (
            "hours = { from = \"08:00\", to = \"08:00\" }",
            "P015",
            18,
            "end when they begin",
            "leave `hours` out",
        ),
        (
            "jitter_minutes = 5\noffset = \"Z\"",
            "P015",
            19,
            "`offset` without `hours`",
            "by which clock",
        ),
        (
            "hours = { from = \"08:00\", to = \"09:00\" }\noffset = \"3\"",
            "P009",
            19,
            "no offset from UTC",
            "-03:00",
        ),
    ] {
        let faults = compiled(written).unwrap_err();
        let found = faults.iter().find(|fault| fault.message.contains(message));
        let Some(fault) = found else { panic!("{written}: {faults:?}") };
        assert_eq!((fault.code, fault.line), (code, line), "{written}: {}", fault.message);
        let said = fault.hint.as_deref().unwrap_or_default();
        assert!(said.contains(hint), "{written}: {said}");
    }
}
