//! The golden cases, the settings, and texts that are meant to do harm.

use contact_phone::ContactPhone;
use picket_sdk::harness::Harness;
use serde_json::json;

fn harness() -> Harness<ContactPhone> {
    Harness::new().expect("the default settings")
}

#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[test]
fn every_disguise_of_one_number_is_the_same_entity() {
    let harness = harness();
    let written = [
        "206-555-0142",
        "+1 (206) 555-0142",
        "call 1 206 555 0142",
        "two oh six triple five zero one four two",
        "２０６ ５５５ ０１４２",
        "2️⃣0️⃣6️⃣5️⃣5️⃣5️⃣0️⃣1️⃣4️⃣2️⃣",
        "$2065550142",
        "206\n555\n0142",
    ];
    for text in written {
        let report = harness.text(text);
        let entities: Vec<_> = report.signals.iter().flat_map(|signal| &signal.entities).collect();
        assert!(
            entities.len() == 1 && entities[0].kind == "phone" && entities[0].value == "2065550142",
            "{text}: {entities:?}"
        );
    }
}

#[test]
fn a_reason_never_quotes_the_number() {
    let report = harness().text("call 206-555-0142 or two oh six five five five oh one four three");
    assert_eq!(report.signals.len(), 2);
    assert!(
        report.signals.iter().all(|signal| !signal.reason.contains(|c: char| c.is_ascii_digit()))
    );
}

#[test]
fn own_numbers_are_never_reported() {
    let harness = Harness::<ContactPhone>::with_settings(
        &json!({"own_numbers": ["+1 206 555 0142", "0161 496 0123"]}),
    )
    .expect("valid settings");
    for own in [
        "call 206-555-0142",
        "+1 206 555 0142",
        "two oh six triple five oh one four two",
        "+44 161 496 0123",
    ] {
        assert!(harness.text(own).is_silent(), "{own}");
    }
    assert_eq!(harness.text("206-555-0142 or 206-555-0143").quotes(), ["206-555-0143"]);
    assert!(Harness::<ContactPhone>::with_settings(&json!({"own_numbers": ["123"]})).is_err());
    assert!(Harness::<ContactPhone>::with_settings(&json!({"own_number": []})).is_err());
}

#[test]
fn other_events_are_read_too() {
    let report = harness().event(&json!({
        "type": "job.posted",
        "data": {"description": "Paint a fence. Call 206-555-0142."}
    }));
    assert_eq!(report.quotes(), ["206-555-0142"]);
    assert!(harness().event(&json!({"type": "job.posted", "data": {}})).is_silent());
}

#[test]
fn at_most_sixteen_numbers_are_reported() {
    let text: String = (0..100).map(|n| format!("call 206-555-{:04}\n", 100 + n * 37)).collect();
    assert_eq!(harness().text(&text).signals.len(), 16);
}

#[test]
fn hostile_texts_end_in_time() {
    let harness = harness();
    let units = [
        "5",
        "5 ",
        "55 ",
        "5550142 ",
        "206 555 0142 ",
        "206-555-014",
        "\u{200b}",
        "5\u{200b}",
        "five ",
        "ate ",
        "double ",
        "five for ",
        "$",
        "$5",
        "5,",
        "5\n",
        "(",
        "+",
        "call ",
        "invoice 2065550142 ",
        "5x",
        "٥",
        "🇼",
        "2️⃣",
        "а5",
        "o",
        "5o5 ",
        "12/05/2024 ",
        "10:30 ",
        "fivefive",
        "quatre vingt ",
        "hundred ",
    ];
    for unit in units {
        for length in [10_000, 100_000] {
            let text = unit.repeat(length / unit.chars().count());
            let start = std::time::Instant::now();
            harness.text(&text);
            // Thousands of times what it takes: this finds what is not linear, not what is slow.
            assert!(start.elapsed().as_secs() < 5, "{unit:?} x {length}");
        }
    }
}
