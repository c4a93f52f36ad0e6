//! Prints how long one evaluation takes, natively. It checks nothing: take the ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use obfuscation::{Obfuscation, Texts};
use picket_sdk::NoSettings;
use picket_sdk::{Detector, Event, Inputs, Value};

fn main() {
    let detector = Obfuscation::configure(NoSettings {}).expect("the default settings are valid");
    let prose = "Hello, the kitchen tap has been dripping since Monday, can you look at it? ";
    report(
        &detector,
        "66 ASCII characters, innocent",
        "can you come on Tuesday at 3 to look at the tap, budget is $120.50",
    );
    report(
        &detector,
        "66 ASCII characters, disguised",
        "add me on w h a t s a p p or t3legram, two oh six five five five!!",
    );
    report(&detector, "1,000 characters, innocent", &prose.repeat(14)[..1_000]);
    for piece in [
        "5",
        "5 ",
        "555 ",
        "5550142, ",
        "206 555 0142 x ",
        "five ",
        "ate for ",
        "call ",
        "a\u{200b}",
        "a\u{430}",
        "é",
        "w h a t s a p ",
        "a (at) ",
        "Привет, мир ",
    ] {
        let text: String = piece.chars().cycle().take(10_000).collect();
        report(&detector, &format!("10,000 characters of {piece:?}"), &text);
    }
}

/// The best of several rounds: the machine is shared.
fn report(detector: &Obfuscation, name: &str, text: &str) {
    let event = Event { id: "bench".into(), kind: "message.sent".into(), time_ms: 0 };
    let texts = Texts::read(vec![Value::Text(text.into()), Value::Absent, Value::Absent])
        .expect("every input is optional");
    let rounds = (200_000 / text.len().max(1)).max(20);
    let round = |_| {
        let start = Instant::now();
        for _ in 0..rounds {
            let _ = black_box(detector.evaluate(&event, black_box(&texts)));
        }
        start.elapsed() / u32::try_from(rounds).unwrap_or(u32::MAX)
    };
    let best = (0..5).map(round).min().unwrap_or(Duration::ZERO);
    println!("{best:>12.2?}  {name}");
}
