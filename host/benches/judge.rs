//! What it costs to judge an event by 12 findings and 30 rules, beside the same policy without rules and
//! with rules that each go to the end of what a condition may cost. The works run in turn in one process;
//! take the ratios. Never fails on a time.
//!
//! `cargo bench -p picket --bench judge`, or `cargo test -p picket --bench judge` without optimisation.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use picket::model::{Event, EventBounds, Finding, Outcome, Signal, Stage, Timestamp};
use picket::policy::{Facts, Known, Policy};
use serde_json::json;

const RULES: usize = 30;
const FINDINGS: usize = 12;
const ROUNDS: usize = 400;
/// Judged within one measurement: the clock takes its time as well.
const EACH: u32 = 20;

const LABELS: [&str; 8] = [
    "contact.phone",
    "contact.email",
    "contact.handle",
    "contact.link",
    "contact.intent",
    "evasion.obfuscation",
    "payment.circumvention",
    "safety.threat",
];

/// Conditions as platforms have them, in turn.
const CONDITIONS: [&str; 6] = [
    "evidence('safety.threat') >= 0.3 || evidence('safety.harassment') >= 0.3",
    "event.type == 'contract.signed' && has(event.data.amount_cents) && event.data.amount_cents > 1000000",
    "has(event.data.account_age_days) && event.data.account_age_days < 7 && score >= 0.395",
    "signals.exists(s, s.label == 'contact.phone' && s.score * s.confidence > 0.8)",
    "tier in ['medium', 'high'] && event.data.content.contains('zelle')",
    "lists.watched && !degraded && event.time.getHours() < 5",
];

/// Goes on until it is out of steps.
const ENDLESS: &str = "[1,2,3,4,5,6,7,8].all(a, [1,2,3,4,5,6,7,8].all(b, \
     [1,2,3,4,5,6,7,8].all(c, [1,2,3,4,5,6,7,8].all(d, a + b + c + d > 0))))";

fn main() {
    let event = event();
    let facts = Facts::at(event.time);
    let (few, none) = (findings(FINDINGS), findings(0));
    let bare = policy(0, |_| String::new());
    let ruled = policy(RULES, |at| CONDITIONS[at % CONDITIONS.len()].to_owned());
    let endless = policy(RULES, |_| ENDLESS.to_owned());
    let fired = ruled.judge(&event, &facts, &few).rules().count();
    println!(
        "{FINDINGS} findings, {RULES} rules of which {fired} fire; microseconds, median of {ROUNDS}"
    );
    let works: [(&str, &Policy, &[Finding], u32); 4] = [
        ("no rules", &bare, &few, EACH),
        ("30 rules", &ruled, &few, EACH),
        ("30 rules, no findings", &ruled, &none, EACH),
        ("30 rules out of steps", &endless, &few, 1),
    ];
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for ((_, policy, findings, each), times) in works.iter().zip(&mut times) {
            let begun = Instant::now();
            for _ in 0..*each {
                black_box(policy.judge(black_box(&event), &facts, black_box(findings)));
            }
            times.push(begun.elapsed() / *each);
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    for ((name, ..), median) in works.iter().zip(medians) {
        println!("{name:>24} {median:>9.2} {:>8.1} x", median / medians[0]);
    }
    let begun = Instant::now();
    black_box(policy(RULES, |at| CONDITIONS[at % CONDITIONS.len()].to_owned()));
    println!("{:>24} {:>9.0}", "compiling it", begun.elapsed().as_secs_f64() * 1e6);
}

fn event() -> Event {
    let envelope = json!({
        "specversion": "1.0", "id": "e", "source": "market", "type": "message.sent",
        "subject": "user-17", "time": "2026-09-01T09:00:00Z",
        "data": {
            "content": "Could you ring me about the deck? I am around after five, any day but Friday.",
            "thread_id": "t-1", "recipient": "user-18", "account_age_days": 3,
        },
    });
    let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
    let now = Timestamp::parse("2027-01-01T00:00:00Z").expect("a time");
    Event::parse(envelope, &bounds, now).expect("a valid event")
}

/// One finding of each detector, each with one signal.
fn findings(count: usize) -> Vec<Finding> {
    let one = |at: usize| Finding {
        stage: Some(Stage::Active),
        outcome: Outcome::Ok,
        error: None,
        signals: vec![Signal {
            detector: format!("detector-{at:02}"),
            version: None,
            label: LABELS[at % LABELS.len()].to_owned(),
            score: 0.5 + at as f64 / 100.0,
            confidence: 0.9,
            reason: "something was found that a person may want to look at".to_owned(),
            spans: Vec::new(),
            entities: Vec::new(),
            counted: false,
        }],
        ..Finding::absent(&format!("detector-{at:02}"))
    };
    (0..count).map(one).collect()
}

fn policy(rules: usize, when: impl Fn(usize) -> String) -> Policy {
    let mut text = String::from(
        r#"
        name = "market"
        source = "market"
        events = ["*"]
        on_error = "allow"
        merge = "noisy-or"
        [[tiers]]
        name = "low"
        from = 0.0
        action = "allow"
        [[tiers]]
        name = "medium"
        from = 0.395
        action = "nudge"
        [[tiers]]
        name = "high"
        from = 0.645
        action = "soft_block"
        [[lists]]
        name = "watched"
        kind = "deny"
        field = "subject"
        entries = [{ value = "user-1" }, { value = "user-17", until = "2030-01-01T00:00:00Z" }]
        "#,
    );
    for at in 0..rules {
        let _ = write!(
            text,
            "[[rules]]\nname = \"r{at}\"\nwhen = \"\"\"{}\"\"\"\ntag = \"t{at}\"\n",
            when(at)
        );
    }
    text += "[weights]\n";
    for (at, label) in LABELS.iter().enumerate() {
        let _ = writeln!(text, "\"{label}\" = 0.{at}5");
    }
    Policy::compile(&text, &Known::default()).expect("it compiles").policy
}
