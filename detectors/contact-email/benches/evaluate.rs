//! Prints how long one evaluation takes, natively. It checks nothing: take the ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use contact_email::{ContactEmail, Message, Settings};
use picket_sdk::{Detector, Event, Inputs, Value};

fn main() {
    let detector =
        ContactEmail::configure(Settings::default()).expect("the default settings are valid");
    let prose = "Hello, the kitchen tap has been dripping since Monday, can you look at it? ";
    let short = "can you come on Tuesday at 3 to look at the tap, budget is $120.50";
    report(&detector, "66 ASCII characters, innocent", short);
    report(
        &detector,
        "with an address",
        "sure, write to john.smith@gmail.com and we sort out the rest then",
    );
    report(&detector, "1,000 characters, innocent", &prose.repeat(14)[..1_000]);
    for piece in [
        "@",
        "a@a.",
        " at ",
        "x at gmail ",
        "g mail ",
        "john88 gmail ",
        "a b c@",
        "moc.liamg@",
        "é",
    ] {
        let text: String = piece.chars().cycle().take(10_000).collect();
        report(&detector, &format!("10,000 characters of {piece:?}"), &text);
    }
}

/// The best of several rounds: the machine is shared.
fn report(detector: &ContactEmail, name: &str, text: &str) {
    let event = Event { id: "bench".into(), kind: "message.sent".into(), time_ms: 0 };
    let message = Message::read(vec![Value::Text(text.into())]).expect("a text is given");
    let rounds = (200_000 / text.len().max(1)).max(20);
    let round = |_| {
        let start = Instant::now();
        for _ in 0..rounds {
            let _ = black_box(detector.evaluate(&event, black_box(&message)));
        }
        start.elapsed() / u32::try_from(rounds).unwrap_or(u32::MAX)
    };
    let best = (0..5).map(round).min().unwrap_or(Duration::ZERO);
    println!("{best:>12.2?}  {name}");
}
