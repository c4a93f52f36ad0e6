//! Prints how long one evaluation takes, natively. It checks nothing: take the ratios.

use std::hint::black_box;
use std::time::{Duration, Instant};

use contact_intent::{ContactIntent, Message};
use picket_sdk::{Detector, Event, Inputs, NoSettings, Value};

fn main() {
    let start = Instant::now();
    let detector = ContactIntent::configure(NoSettings {}).expect("the vocabulary is consistent");
    println!("{:>12.2?}  configure", start.elapsed());
    let prose = "Hello, the kitchen tap has been dripping since Monday, can you look at it? ";
    let short = "can you come on Tuesday at 3 to look at the tap, budget is $120.50";
    report(&detector, "66 ASCII characters, innocent", short);
    report(&detector, "66 characters that propose", PROPOSAL);
    report(&detector, "1,000 characters, innocent", &prose.repeat(14)[..1_000]);
    for piece in HARD {
        let text: String = piece.chars().cycle().take(10_000).collect();
        report(&detector, &format!("10,000 characters of {piece:?}"), &text);
    }
}

const PROPOSAL: &str = "hey can you text me on whatsapp tonight, my number is on the truck";

/// Made of what the reader looks ahead for, and of what the rules start with.
const HARD: [&str; 16] = [
    ".",
    "a ",
    "1 ",
    "a 1 ",
    "'",
    "é ",
    "aaa ",
    "call ",
    "call me ",
    "your ",
    "can i give you my ",
    "on the app ",
    "no dont call me ",
    "whats app ",
    "w h a t s ",
    "call me on whatsapp not here, give your number ",
];

/// The best of several rounds: the machine is shared.
fn report(detector: &ContactIntent, name: &str, text: &str) {
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
