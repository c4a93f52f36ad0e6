//! `picket demo` as a script meets it: the real program, piped.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

const SOURCES: [&str; 2] = ["qwickservices", "fairtradeworker"];

#[test]
fn every_event_of_the_stream_gets_a_plain_line_and_a_verdict_changes() {
    let output = demo(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\u{1b}'), "an escape got through the pipe");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| row.len() > 6 && SOURCES.contains(&row[1]))
        .collect();
    assert_eq!(rows.len(), 818);
    let kinds: HashSet<&str> = rows.iter().map(|row| row[2]).collect();
    assert!(kinds.len() >= 12, "{kinds:?}");
    let times: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert!(times.is_sorted(), "shown in the order in which they were written");
    // The message is judged before the swap, and beside it after.
    let verdicts: Vec<&str> =
        text.lines().filter(|line| line.starts_with("  contact-handle 1.")).collect();
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
    assert_eq!(verdicts[0], verdicts[1]);
    assert!(verdicts[1].contains("1.0.0") && verdicts[1].contains(" allow"), "{verdicts:?}");
    assert!(verdicts[2].contains("1.1.0") && verdicts[2].contains(" nudge"), "{verdicts:?}");
    assert!(text.contains("events, errors: 0\n"), "{text}");
    assert!(text.contains("818 events of 19 types decided in "), "{text}");
}

#[test]
fn json_is_one_object_a_line_and_ends_with_reload_and_summary() {
    let output = demo(&["--json"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let (ends, decisions) = (&lines[lines.len() - 2..], &lines[..lines.len() - 2]);
    assert_eq!(decisions.len(), 818);
    assert!(decisions.iter().all(|line| line["policy"]["digest"].is_string()));
    assert!(decisions.iter().all(|line| line["mode"] == "active"));
    let ids: HashSet<&str> = decisions.iter().filter_map(|line| line["id"].as_str()).collect();
    assert_eq!(ids.len(), decisions.len());

    let reload = &ends[0]["reload"];
    assert_ne!(reload["before"]["action"], reload["after"]["action"], "{reload}");
    assert_ne!(reload["from"], reload["to"]);
    assert_eq!(reload["errors_meanwhile"], 0);
    assert!(reload["after"]["generation"].as_u64() >= reload["generation"].as_u64());

    let summary = &ends[1]["summary"];
    assert_eq!((&summary["decisions"], &summary["errors"]), (&818.into(), &0.into()));
    // What one platform withholds is nobody's business on the other.
    let action = |source: &str| {
        let mut both = summary["policies"]["decisions"].as_array().unwrap().iter();
        both.find(|decision| decision["source"] == source).unwrap()["action"].clone()
    };
    assert_eq!(action("fairtradeworker"), "allow");
    assert_ne!(action("qwickservices"), "allow");
}

#[test]
fn the_help_line_of_the_platform_is_no_contact() {
    let own = "call the QwickServices help line 1-800-555-0199";
    let other = "call me on 1-800-555-0177";
    let output = play(&[&message("a", own), &message("b", other)]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |said: &str| text.lines().find(|line| line.ends_with(said)).unwrap();
    assert!(!line(own).contains("contact.phone"), "{text}");
    assert!(line(other).contains("contact.phone"), "{text}");
}

#[test]
fn a_broken_line_of_ones_own_is_named_and_the_others_are_played() {
    let output = play(&[
        &message("a", "hello there"),
        "{\"specversion\": \"1.0\",",
        "",
        &message("b", "hello \\u001b[31mthere"),
        &message("c", "who is this?").replace("qwickservices", "nowhere"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("line 2: no decision, 400: the body is not JSON"), "{text}");
    assert!(text.contains("line 5: no decision, 422: "), "{text}");
    assert!(text.contains("2 events of 1 type decided in "), "{text}");
    assert!(text.contains("errors: 2"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = demo(&["--events", "no/such/file.ndjson"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no/such/file.ndjson cannot be read"), "{said}");
}

fn demo(arguments: &[&str]) -> Output {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.arg("demo").args(arguments).env_remove("PICKET_LOG");
    picket.output().expect("the program runs")
}

/// With a file of these lines.
fn play(lines: &[&str]) -> Output {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(lines.join("\n").as_bytes()).expect("it can be written");
    demo(&["--events", file.path().to_str().expect("a plain path")])
}

fn message(id: &str, content: &str) -> String {
    format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"qwickservices\",\
         \"type\":\"message.sent\",\"subject\":\"user-1\",\"data\":{{\"content\":\"{content}\",\
         \"thread_id\":\"t\",\"recipient\":\"user-2\"}}}}"
    )
}
