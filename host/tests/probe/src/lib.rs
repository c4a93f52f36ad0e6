//! Does what a message tells it to: each word is an order, so that tests can provoke every outcome.

use std::cell::Cell;
use std::hint::black_box;

use picket_sdk::prelude::*;
use serde::Deserialize;

/// What it reads.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
    #[input("subject")]
    subject: Option<Text>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What `configure` does: `ok`, `refuse`, `panic` or `loop`.
    configure: String,
    score: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { configure: "ok".to_owned(), score: 0.5 }
    }
}

/// The detector.
pub struct Probe {
    score: f64,
    table: Vec<u64>,
    calls: Cell<u32>,
}

const VERSION: &str = if cfg!(feature = "next") { "1.1.0" } else { "1.0.0" };
const LABEL: &str = if cfg!(feature = "next") { "safety.next" } else { "safety.probe" };

impl Detector for Probe {
    type Inputs = Message;
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest::new("probe", VERSION)
            .summary("Does what a message tells it to.")
            .label("safety.probe")
            .label("safety.next")
            .events("message.*")
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        match settings.configure.as_str() {
            "refuse" => return Err("told to refuse".to_owned()),
            "panic" => panic!("told to panic in configure"),
            "loop" => spin(),
            _ => {}
        }
        Ok(Self { score: settings.score, table: (0..4096).collect(), calls: Cell::new(0) })
    }

    fn evaluate(&self, event: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        self.calls.set(self.calls.get() + 1);
        let content = &message.content;
        let signal = Signal::new(LABEL, self.score).reason("told to");
        let word = content.split_whitespace().next().unwrap_or_default();
        Ok(match word {
            "silent" => Vec::new(),
            "panic" => panic!("told to panic: {}", content.len()),
            "loop" => spin(),
            "recurse" => vec![Signal::new("safety.probe", f64::from(recurse(1)))],
            "memory" => {
                // Asked for and not touched, or time would run out before memory does.
                let hoard: Vec<Vec<u8>> = (0..4096).map(|_| Vec::with_capacity(1 << 20)).collect();
                vec![signal.reason(format!("{}", black_box(hoard).len()))]
            }
            "error" => return Err("told to fail".to_owned()),
            "nan" => vec![Signal::new(LABEL, f64::NAN)],
            "above" => vec![Signal::new(LABEL, 1.5)],
            "negative" => vec![signal.confidence(-0.1)],
            "label" => vec![Signal::new("safety.other", 0.5)],
            "many" => vec![signal; 1_000],
            "flood" => vec![signal.reason("x".repeat(8 << 20))],
            "inverted" => vec![signal.span(Span { input: 0, item: 0, start: 5, end: 2 })],
            "beyond" => vec![signal.span(content.span(0..100_000))],
            "split" => vec![signal.span(content.span(6..7))],
            "whole" => vec![signal.span(content.span(0..content.len()))],
            "quote" => vec![
                signal
                    .reason(format!("it said {}", &**content))
                    .span(content.span(0..content.len())),
            ],
            "entity" => vec![signal.entity("phone", "5550100")],
            "state" => vec![signal.reason(format!(
                "call {} of {}, table {}",
                self.calls.get(),
                event.id,
                self.table.len()
            ))],
            "print" => {
                println!("printed");
                vec![signal]
            }
            "blurt" => {
                println!("{}", content.split_whitespace().nth(1).unwrap_or_default());
                vec![signal]
            }
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(3_600));
                vec![signal]
            }
            "chance" => vec![signal.reason(chance())],
            "nans" => vec![signal.reason(nans())],
            "floats" => vec![floats(signal)],
            "order" => vec![signal.reason(order())],
            "subject" => {
                vec![signal.reason(message.subject.as_deref().unwrap_or("none").to_owned())]
            }
            _ => vec![signal],
        })
    }
}

fn spin() -> ! {
    loop {
        black_box(0);
    }
}

#[allow(unconditional_recursion, reason = "the stack is to run out")]
fn recurse(depth: u32) -> u32 {
    let frame = black_box([depth; 256]);
    black_box(recurse(depth + 1)) + frame[0]
}

/// What a hash map's random keys and the clock give: the same for the same event.
fn chance() -> String {
    use std::hash::{BuildHasher, RandomState};
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{:x} at {:?}", RandomState::new().hash_one(0), now.map(|since| since.as_millis()))
}

/// The bits of nothing that is a number, made in as many ways as there are.
fn nans() -> String {
    let (zero, one, endless) = (black_box(0.0_f64), black_box(1.0_f64), black_box(f64::INFINITY));
    // With a payload, quiet and signalling.
    let [quiet, loud] =
        [0x7ff8_dead_beef_cafe, 0xfff0_0000_0000_0001].map(f64::from_bits).map(black_box);
    let small = black_box(f32::from_bits(0x7fa0_1234));
    let made = [
        zero / black_box(0.0),
        endless - black_box(f64::INFINITY),
        zero * endless,
        (-one).sqrt(),
        quiet + one,
        loud * one,
        loud.floor(),
        f64::from(small),
        f64::from(small + 1.0),
        f64::from(quiet as f32),
        one % zero,
        (-one).ln(),
    ];
    made.map(|nan| format!("{:x}", nan.to_bits())).join(" ")
}

/// Numbers that come out otherwise where sums are reordered or a product is not rounded.
fn floats(signal: Signal) -> Signal {
    let terms: Vec<f64> = (1..2_000).map(|n| black_box(f64::from(n)).recip()).collect();
    let forth: f64 = terms.iter().sum();
    let back: f64 = terms.iter().rev().sum();
    let products = terms.iter().fold(0.1, |sum, term| sum + term * term);
    let angle = black_box(0.7_f64);
    let curved =
        [angle.sin(), angle.exp(), angle.powf(1.0 / 3.0), angle.tanh(), angle.atan2(forth)];
    let bits = curved.map(|number| format!("{:x}", number.to_bits())).join(" ");
    Signal { score: products.fract(), confidence: forth.fract(), ..signal }.reason(format!(
        "{:x} {:x} {bits}",
        forth.to_bits(),
        back.to_bits()
    ))
}

/// In which order a map with keys by chance gives back what it holds.
fn order() -> String {
    let map: std::collections::HashMap<u32, ()> = (0..40).map(|key| (key, ())).collect();
    map.keys().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

picket_sdk::export!(Probe);
