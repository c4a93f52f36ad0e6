//! Golden cases, and texts made to be slow or to break something.

use std::time::{Duration, Instant};

use super::*;

/// Made of what the reader looks ahead for, and of what the rules start with.
const HARD: [&str; 15] = [
    ".",
    "a ",
    "1 ",
    "a 1 ",
    "’",
    "é ",
    "aaa ",
    "📞",
    "call me ",
    "can i give you my ",
    "no dont call me ",
    "whats app ",
    "w h a t s ",
    "on the app ",
    "call me on whatsapp, not here: give your number. ",
];

fn harness() -> Harness<ContactIntent> {
    Harness::new().unwrap()
}

/// `piece` over and over, up to so many characters.
fn text(piece: &str, characters: usize) -> String {
    piece.chars().cycle().take(characters).collect()
}

#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

/// The harness checks spans and scores; a long text gives one signal with few spans all the same.
#[test]
fn long_texts_are_read() {
    let harness = harness();
    for piece in HARD {
        let report = harness.text(&text(piece, 10_000));
        assert!(report.signals.len() <= 1, "{piece}");
        assert!(report.quotes().len() <= 8, "{piece}");
    }
    for strange in
        ["", "'", "’s", "$", "@", "\u{200b}", "\u{fffd}", "a'", "-_-", "\0", "🤙🏽‍", "ß'", "ﬃ"]
    {
        assert!(harness.text(strange).is_silent(), "{strange:?}");
        let report = harness.text(&format!("{strange}call me{strange} {strange} x"));
        assert!(report.quotes().len() <= 1, "{strange:?}");
    }
}

/// Eight times the text takes about eight times as long; a quadratic step would take 64 times.
#[test]
fn time_is_linear() {
    let detector = ContactIntent::configure(NoSettings {}).unwrap();
    let time = |text: &str| {
        let once = || {
            let start = Instant::now();
            detector.phrases.judge(text);
            start.elapsed()
        };
        (0..5).map(|_| once()).min().unwrap_or(Duration::ZERO)
    };
    for piece in HARD {
        let (short, long) = (time(&text(piece, 5_000)), time(&text(piece, 40_000)));
        assert!(
            long < short * 32 + Duration::from_millis(5),
            "{piece:?}: {short:?}, then {long:?}"
        );
    }
}
