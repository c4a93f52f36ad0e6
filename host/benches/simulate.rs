//! How many events a simulation goes through in a second on one core, and how much memory it takes: the
//! program as people run it, on a file and on a record. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench simulate -- --events 100000 [--keep DIR]`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use picket::app::App;
use picket::config::Config;
use picket::model::{Event, Timestamp};
use serde_json::{Value, json};

const TEXTS: [&str; 12] = [
    "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?",
    "Thanks, that works for us. See you then!",
    "Could you bring the ladder again? The gutter is on the north side",
    "The invoice 20260901 says 4 hours, we agreed on 3",
    "Yes, both rooms and the hallway, two coats",
    "Perfect, thank you",
    "Do you also do tiles? Around 20 square metres",
    "Call me on 415-555-0142 and we arrange the rest",
    "write to dana at example dot com, or find me on the ghost app",
    "four one five, five five five, zero one four two",
    "Pode fechar por fora? Transferência bancária direto",
    "https://example.com/pay?id=17 is where you can see the photos",
];
const POLICY: &str = include_str!("../../examples/policies/qwickservices.toml");
const MINUTE_MS: i64 = 60_000;

fn main() {
    let events =
        argument("--events").map_or(10_000, |it| it.parse().expect("--events wants a number"));
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let dir = argument("--keep").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&dir).expect("a folder");
    let draft = POLICY.replace("\"contact.link\" = 0.60", "\"contact.link\" = 0.70");
    let draft = draft.replace("\"contact.handle\" = 0.80", "\"contact.handle\" = 0.55");
    assert_ne!(draft, POLICY, "the draft is another policy");
    write(&dir.join("draft.toml"), &draft);
    write(&dir.join("active.toml"), POLICY);
    let begun = Timestamp::now().plus_millis(-30 * 24 * 60 * MINUTE_MS);
    let (mut file, mut labels) = (String::new(), "source,id,violation\n".to_owned());
    for number in 0..events {
        writeln!(file, "{}", envelope(number, events, begun)).expect("there is memory");
        // Somebody looked at one in twenty, and was not always of the same mind.
        if number % 20 == 3 {
            let violation = text_of(number) >= 7 && number % 60 != 3;
            writeln!(labels, "qwickservices,e-{number},{violation}").expect("there is memory");
        }
    }
    write(&dir.join("events.ndjson"), &file);
    write(&dir.join("labels.csv"), &labels);
    let of_file =
        ["--policy", "draft.toml", "--against", "active.toml", "--events", "events.ndjson"];
    run(
        &dir,
        "a file, evaluated",
        &[&of_file[..], &["--labels", "labels.csv", "--out", "of-file"]].concat(),
    );
    decide(&dir, events, begun);
    let of_record = ["--policy", "draft.toml", "--since", "1d", "--labels", "labels.csv"];
    run(&dir, "the record, judged again", &[&of_record[..], &["--out", "of-record"]].concat());
}

/// What follows a name on the command line; whatever else cargo says is of no concern.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// Most say nothing of note.
fn text_of(number: usize) -> usize {
    match number.wrapping_mul(2_654_435_761) % 100 {
        draw if draw < 90 => draw % 7,
        draw => 7 + draw % 5,
    }
}

fn envelope(number: usize, events: usize, begun: Timestamp) -> Value {
    let share = number as i64 * 30 * 24 * 60 * MINUTE_MS / events.max(1) as i64;
    json!({
        "specversion": "1.0", "id": format!("e-{number}"), "type": "message.sent",
        "source": "qwickservices", "subject": format!("user-{}", number.wrapping_mul(7_919) % 9_973),
        "time": begun.plus_millis(share),
        "data": {"content": format!("{} {number}", TEXTS[text_of(number)])},
    })
}

/// Runs the program and prints what it says of itself, and its greatest memory.
fn run(dir: &Path, what: &str, args: &[&str]) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_picket"))
        .current_dir(dir)
        .env("PICKET_DATA_DIR", dir.join("data"))
        .arg("simulate")
        .args(args)
        .stdout(Stdio::inherit())
        .spawn()
        .expect("picket runs");
    let status = format!("/proc/{}/status", child.id());
    let mut most = String::new();
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it can be waited for") {
            break ended;
        }
        let now = fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = now.lines().find(|line| line.starts_with("VmHWM:")) {
            most = line.trim_start_matches("VmHWM:").trim().to_owned();
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{what}: {ended}");
    println!("{what}: at most {most} of memory\n");
}

/// Has a server decide the events, and stops it.
fn decide(dir: &Path, events: usize, begun: Timestamp) {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.join("data"),
        detectors_dir: dir.join("detectors"),
        policies_dir: dir.join("policies"),
        watch: false,
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let app = App::start(config).await.expect("Picket starts");
        let bounds = app.config.event_bounds();
        let numbers: Vec<usize> = (0..events).collect();
        for numbers in numbers.chunks(64) {
            let submitted = numbers.iter().map(|number| {
                let event = envelope(*number, events, begun);
                let event = Event::parse(event, &bounds, Timestamp::now());
                app.ingest.submit(event.expect("the event is valid"))
            });
            for submitted in futures::future::join_all(submitted).await {
                submitted.expect("it is decided");
            }
        }
        app.stop().await;
    });
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
}
