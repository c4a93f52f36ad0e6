//! The golden cases, and texts that are meant to do harm.

use obfuscation::Obfuscation;
use picket_sdk::harness::Harness;
use serde_json::json;

fn harness() -> Harness<Obfuscation> {
    Harness::new().expect("the default settings")
}

#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[test]
fn one_signal_tells_of_all_disguises_of_an_event() {
    let report = harness().event(&json!({
        "type": "profile.updated",
        "data": {"description": "find me on t3legram", "text": "or wh\u{430}tsapp, two oh six five five five"}
    }));
    assert_eq!(report.signals.len(), 1);
    assert_eq!(report.quotes(), ["t3legram", "wh\u{430}tsapp,", "two oh six five five five"]);
    assert!(report.signals[0].score > 0.9);
}

#[test]
fn hostile_texts_end_in_time() {
    let harness = harness();
    for unit in [
        "\u{200b}",
        "a\u{200b}",
        "a\u{430} ",
        "w h a t s a p ",
        "w.",
        "five ",
        "5 ",
        "a(at)",
        "(at) ",
        "(",
        "@",
        "$",
        "🇼",
        "p@",
        "𝓽",
    ] {
        for length in [10_000, 100_000] {
            let text = unit.repeat(length / unit.chars().count());
            let start = std::time::Instant::now();
            let report = harness.text(&text);
            assert!(report.signals.iter().all(|signal| signal.spans.len() <= 16), "{unit:?}");
            // Thousands of times what it takes: this finds what is not linear, not what is slow.
            assert!(start.elapsed().as_secs() < 5, "{unit:?} x {length}");
        }
    }
}
