//! The bench of whoever writes a policy: the program, folders and files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

const STAGED: &str = include_str!("../../examples/policies/stage-weighted/qwickservices.toml");

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.current_dir(dir).arg("policy").args(args).output().expect("picket runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn good(output: Output) -> String {
    assert!(output.status.success(), "{}\n{}", out(&output), said(&output));
    out(&output)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

/// A folder with the stage-weighted policy and no cases.
fn market() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write(&dir.path().join("market.toml"), STAGED);
    dir
}

const FOUND: &str = r#"{"signals": [{"label": "contact.phone"}, {"label": "contact.email", "score": 0.5},
    {"label": "evasion.obfuscation", "confidence": 0.9}, {"label": "contact.intent", "score": 0.5},
    {"label": "review.fake"}], "missing": ["contact-link"]}"#;

#[test]
fn the_examples_hold_to_their_golden_cases() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = ["policies", "policies/stage-weighted"];
    let report = good(run(&examples, &[&["test", "--json"], &folders[..]].concat()));
    let report: Json = serde_json::from_str(&report).unwrap();
    assert_eq!(report["failed"], serde_json::json!([]));
    assert!(report["cases"].as_u64().unwrap() > 60, "{report}");
}

/// What a row of `FACTS.md` names: a file, and a case or a test of it.
struct Shown {
    file: String,
    name: String,
}

impl Shown {
    fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => self.name == name,
        }
    }
}

/// The facts of the table, each with what shows it.
fn facts(text: &str) -> Vec<(String, Vec<Shown>)> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fact "));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [fact, _, shown] = cells[..] else { panic!("three cells are wanted: {line}") };
        let shown = shown.trim().split("<br>").map(|one| {
            let one = one.strip_prefix('`').and_then(|one| one.strip_suffix('`'));
            let (file, name) = one.and_then(|one| one.split_once(": ")).expect(line);
            Shown { file: file.to_owned(), name: name.to_owned() }
        });
        (fact.trim().to_owned(), shown.collect())
    };
    rows.map(row).collect()
}

fn cases(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let name = |line: &str| {
        let case: Json = serde_json::from_str(line).expect("a case");
        case["name"].as_str().expect("its name").to_owned()
    };
    lines.map(name).collect()
}

/// Whether a file of tests has one of this name: those of both databases are listed where they are made into tests.
fn is_test(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    let mut above = text[..at].lines().rev().take(4);
    let lists = text.split("on_both!(").skip(1).filter_map(|rest| rest.split_once(");"));
    let mut listed = lists.flat_map(|(names, _)| names.split([',', ';', ':', ' ', '\n']));
    above.any(|line| line.contains("test]") || line.contains("::test("))
        || listed.any(|one| one == name)
}

/// What is wrong with the table: what it names and is not there, and cases of the policies that it does not name.
fn wrong(table: &str, policies: &Path, root: &Path) -> Vec<String> {
    let (mut wrong, facts) = (Vec::new(), facts(table));
    for (fact, shown) in &facts {
        for one @ Shown { file, name } in shown {
            let beside = policies.join(file);
            let path = if beside.exists() { beside } else { root.join(file) };
            let is_there = match path.extension().and_then(|end| end.to_str()) {
                Some("jsonl") => cases(&path).iter().any(|case| one.is(case)),
                _ => {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    is_test(&text, name)
                }
            };
            if !is_there {
                wrong.push(format!("{fact}: {file} has no `{name}`"));
            }
        }
    }
    for folder in ["golden", "stage-weighted/golden"] {
        for entry in fs::read_dir(policies.join(folder)).expect("a folder") {
            let file = format!("{folder}/{}", entry.expect("a file").file_name().to_string_lossy());
            for case in cases(&policies.join(&file)) {
                let mut all = facts.iter().flat_map(|(_, shown)| shown);
                if !all.any(|one| one.file == file && one.is(&case)) {
                    wrong.push(format!("{file}: no fact names the case `{case}`"));
                }
            }
        }
    }
    wrong
}

#[test]
fn each_fact_about_the_platforms_is_shown_by_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let policies = root.join("examples/policies");
    let table = fs::read_to_string(policies.join("FACTS.md")).unwrap();
    assert_eq!(wrong(&table, &policies, root), [""; 0]);
    assert!(facts(&table).len() > 50);
    // And it would be told.
    let row = "| a fact | here | `golden/qwickservices.jsonl: a link`<br>`host/tests/policy.rs: none` |\n";
    let told = wrong(row, &policies, root);
    assert_eq!(told[0], "a fact: host/tests/policy.rs has no `none`");
    let orphan = |name: &str| {
        told.contains(&format!("golden/qwickservices.jsonl: no fact names the case `{name}`"))
    };
    assert!(orphan("a handle") && !orphan("a link"));
    // A function that is no test shows nothing.
    let helper = "| a fact | here | `host/tests/policy.rs: facts` |\n";
    assert!(wrong(helper, &policies, root)[0].ends_with("has no `facts`"));
}

#[test]
fn each_step_is_explained() {
    let dir = market();
    let dir = dir.path();
    write(&dir.join("event.json"), r#"{"subject": "user-17", "data": {"content": "hello"}}"#);
    write(&dir.join("found.json"), FOUND);
    let args = ["explain", "market.toml", "event.json", "--findings", "found.json"];
    insta::assert_snapshot!(good(run(dir, &args)));
    let json = good(run(dir, &[&args[..], &["--json"]].concat()));
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["policy"]["merge"], "stage-weighted");
    assert_eq!(json["verdict"]["score"], 0.8);
    assert_eq!(json["verdict"]["trace"].as_array().unwrap().len(), 9);
    assert_eq!(json["verdict"]["trace"][8]["lifted_by"], "rules");
}

#[test]
fn a_policy_with_parts_is_checked_tested_and_printed_as_a_whole() {
    let dir = market();
    let dir = dir.path();
    let (own, tiers) = STAGED.split_at(STAGED.find("[[tiers]]").unwrap());
    write(&dir.join("shared/ladder.toml"), tiers);
    write(&dir.join("market.toml"), &format!("include = [\"shared/ladder.toml\"]\n{own}"));
    assert_eq!(good(run(dir, &["check", "market.toml"])), "market.toml: good\n");
    let whole = good(run(dir, &["check", "market.toml", "--whole"]));
    assert!(whole.contains(tiers.trim()) && !whole.contains("include"), "{whole}");
    write(&dir.join("whole.toml"), &whole);
    let case =
        r#"{"name":"a phone","signals":[{"label":"contact.phone"}],"expect":{"score":0.68}}"#;
    write(&dir.join("golden/market.jsonl"), case);
    assert!(good(run(dir, &["test", "market.toml"])).contains("1 of 1 cases pass"));

    write(&dir.join("shared/ladder.toml"), &tiers.replacen("from", "form", 1));
    let checked = run(dir, &["check", "market.toml"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(said(&checked).contains("--> shared/ladder.toml:"), "{}", said(&checked));
    assert!(said(&checked).contains("did you mean `from`?"), "{}", said(&checked));
    let told: Json =
        serde_json::from_str(&out(&run(dir, &["check", "market.toml", "--json"]))).unwrap();
    assert_eq!(told[0]["part"], "shared/ladder.toml");
    // Parts in a folder below are no policies of the folder.
    write(&dir.join("shared/ladder.toml"), tiers);
    std::fs::remove_file(dir.join("whole.toml")).unwrap();
    good(run(dir, &["test", "."]));
}

#[test]
fn the_shipped_detectors_find_what_is_explained() {
    let dir = market();
    let dir = dir.path();
    write(&dir.join("event.json"), r#"{"data": {"content": "ring me on 206-555-0142"}}"#);
    let shown = good(run(dir, &["explain", "market.toml", "event.json"]));
    for part in ["contact.phone", "contact-phone", "stage, its labels by max", "because  contact"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("not loaded"), "{shown}");
}

#[test]
fn what_differs_is_shown_part_by_part_and_update_takes_it() {
    let dir = market();
    let dir = dir.path();
    let cases = dir.join("golden/market.jsonl");
    let first = r#"{"name":"a phone","signals":[{"label":"contact.phone"}],"expect":{"score":0.7,"tier":"high"}}"#;
    let second = r#"{"name":"a link","signals":[{"label":"contact.link"}],"expect":{}}"#;
    write(&cases, &format!("{first}\n\n{second}\n"));
    let failed = run(dir, &["test"]);
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(
        out(&failed),
        "market.jsonl `a phone`\n    contact.phone 1\n  - score 0.7\n  + score 0.68\n\
         market.jsonl `a link`\n    contact.link 1\n  + score 0.25  tier low  action allow\n\
         0 of 2 cases pass; expected -, decided +\n"
    );
    good(run(dir, &["test", "market.toml", "--update"]));
    assert_eq!(
        fs::read_to_string(&cases).unwrap(),
        first.replace("0.7,", "0.68,")
            + "\n"
            + &second.replace("{}", r#"{"score":0.25,"tier":"low","action":"allow"}"#)
            + "\n"
    );
    assert_eq!(good(run(dir, &["test"])), "2 of 2 cases pass\n");
}

const RULES: &str = r#"
[[rules]]
name = "large"
when = 'has(event.data.amount_cents) && event.data.amount_cents > 500'
floor = "high"
tag = "large"
action = "cooldown"
for_h = 24

[[rules]]
name = "open"
when = "event.data.rush == true"
review = true

[[rules]]
name = "odd"
when = 'has(event.data.odd)'
case = "odd-jobs"
"#;

#[test]
fn rules_are_checked_explained_and_held_to_cases() {
    let dir = market();
    let dir = dir.path();
    write(&dir.join("market.toml"), &(STAGED.to_owned() + RULES));
    let checked = run(dir, &["check", "market.toml"]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert_eq!(out(&checked), "market.toml: good\n");
    let warning = "warning[P104]: nothing is known of `event.data.rush`: the rule fails where an event lacks it";
    assert!(said(&checked).contains(warning), "{}", said(&checked));
    let underlined = "| when = \"event.data.rush == true\"\n    |         ^^^^^^^^^^^^^^^\n";
    assert!(said(&checked).contains(underlined), "{}", said(&checked));
    let json: Json =
        serde_json::from_str(&good(run(dir, &["check", "market.toml", "--json"]))).unwrap();
    assert_eq!((&json[0]["code"], &json[0]["severity"]), (&"P104".into(), &"warning".into()));
    let event = r#"{"subject": "user-17", "time": "2026-03-01T00:00:00Z", "data": {"amount_cents": 501, "odd": 1}}"#;
    write(&dir.join("event.json"), event);
    write(&dir.join("found.json"), r#"{"signals": [{"label": "contact.link"}]}"#);
    let args = ["explain", "market.toml", "event.json", "--findings", "found.json"];
    insta::assert_snapshot!(good(run(dir, &args)));
    let case = r#"{"name": "large", "event": {"data": {"amount_cents": 501, "rush": false}}, "signals": [], "expect": {"tier": "high", "tags": ["large"], "case": "", "rules": ["large"]}}"#;
    let odd = r#"
{"name": "odd", "event": {"data": {"rush": false, "odd": 1}}, "signals": [], "expect": {"review": true, "case": "odd-jobs"}}"#;
    write(&dir.join("golden/market.jsonl"), &(case.to_owned() + odd));
    assert_eq!(
        good(run(dir, &["test"])),
        "warning: market.toml: no case fires the rule `open`: nothing shows what it does\n2 of 2 cases pass\n"
    );
    let json: Json = serde_json::from_str(&good(run(dir, &["test", "--json"]))).unwrap();
    assert_eq!(json["unfired"][0]["rule"], "open");
    write(&dir.join("golden/market.jsonl"), &case.replace(r#"["large"]}}"#, r#"["open"]}}"#));
    let failed = out(&run(dir, &["test"]));
    assert!(failed.contains("  - rules open\n  + rules large\n"), "{failed}");
    write(&dir.join("golden/market.jsonl"), &odd.replace("odd-jobs", "jobs"));
    let failed = out(&run(dir, &["test"]));
    assert!(failed.contains("  - case jobs\n  + case odd-jobs\n"), "{failed}");
    good(run(dir, &["test", "--update"]));
    let updated = fs::read_to_string(dir.join("golden/market.jsonl")).unwrap();
    assert!(updated.contains(r#""case":"odd-jobs""#), "{updated}");
    assert_eq!(json["unfired"].as_array().unwrap().len(), 1, "the others fire");
}

/// When it begins differs from event to event, and how long it lasts does not.
#[test]
fn a_case_says_how_long_what_begins_later_lasts() {
    let dir = market();
    let dir = dir.path();
    let later = "\n[enforcement]\njitter_minutes = 1440\n";
    write(&dir.join("market.toml"), &(STAGED.to_owned() + later + RULES));
    let cases = (0..8).map(|minute| {
        format!(
            r#"{{"name": "{minute}", "event": {{"time": "2026-03-01T00:0{minute}:00Z", "data": {{"amount_cents": 501, "rush": false}}}}, "signals": [], "expect": {{"actions": ["soft_block message", "cooldown account 24 h"], "strike": 1}}}}"#
        )
    });
    write(&dir.join("golden/market.jsonl"), &cases.collect::<Vec<_>>().join("\n"));
    let passed = good(run(dir, &["test"]));
    assert!(passed.ends_with("8 of 8 cases pass\n"), "{passed}");
}

const PAST: &str = r#"
[[features]]
name = "messages_1h"
function = "count"
by = "subject"
window_s = 3600
[[rules]]
name = "busy"
when = "features.messages_1h > 3"
floor = "high"
[[rules]]
name = "shared"
when = 'accounts("contact.phone", 30) >= 3'
alert = "shared-phone"
[[rules]]
name = "struck"
when = "subject.strikes > 1 && subject.score > 0.5"
tag = "struck"
"#;

#[test]
fn a_case_says_what_is_known_of_the_past() {
    let dir = market();
    let dir = dir.path();
    write(&dir.join("market.toml"), &(STAGED.to_owned() + PAST));
    good(run(dir, &["check", "market.toml"]));
    let facts = r#""facts": {"features": {"messages_1h": 4}, "accounts": {"contact.phone": 3}, "subject": {"strikes": 2, "score": 0.7}}"#;
    let cases = format!(
        r#"{{"name": "all", "signals": [], {facts}, "expect": {{"tier": "high", "alerts": ["shared-phone"], "tags": ["struck"], "rules": ["busy", "shared", "struck"]}}}}
{{"name": "nothing before", "signals": [], "expect": {{"tier": "low", "rules": [], "degraded": false}}}}
"#
    );
    write(&dir.join("golden/market.jsonl"), &cases);
    assert_eq!(good(run(dir, &["test"])), "2 of 2 cases pass\n");
    good(run(dir, &["test", "--update"]));
    write(&dir.join("event.json"), r#"{"data": {"content": "hello"}}"#);
    write(&dir.join("found.json"), &format!("{{\"signals\": [], {facts}}}"));
    let args = ["explain", "market.toml", "event.json", "--findings", "found.json"];
    let explained = good(run(dir, &args));
    for says in
        ["alerts   shared-phone", "tags     struck", "floor high", "features.messages_1h > 3"]
    {
        assert!(explained.contains(says), "{says}: {explained}");
    }
    for (wrong, says) in [
        (
            facts.replace("messages_1h", "mesages_1h"),
            "no feature `mesages_1h`: did you mean `messages_1h`?",
        ),
        (facts.replace("4}", "\"four\"}"), "the feature `messages_1h` cannot be \"four\""),
        (facts.replace("contact.phone", "contact.link"), "no rule of the policy"),
    ] {
        write(&dir.join("found.json"), &format!("{{\"signals\": [], {wrong}}}"));
        let failed = run(dir, &args);
        assert!(said(&failed).contains(says), "{says}: {}", said(&failed));
    }
    // Another policy may ask for other things.
    write(&dir.join("draft.toml"), STAGED);
    let diff = ["diff", "market.toml", "draft.toml", "--on", "golden/market.jsonl"];
    let changed = good(run(dir, &diff));
    assert!(changed.contains("2 events, 1 decisions differ: 0 stricter, 1 milder"), "{changed}");
}

#[test]
fn mistakes_around_cases_teach_the_mend() {
    let dir = market();
    let dir = dir.path();
    let fails = |says: &str| {
        let failed = run(dir, &["test"]);
        assert!(said(&failed).contains(says), "{says}: {}", said(&failed));
    };
    fails("no golden cases");
    write(&dir.join("golden/market/one.json"), r#"{"name": "n", "expect": {"tier": "low"}}"#);
    let failed = run(dir, &["test"]);
    assert!(out(&failed).contains("neither `text`, `event` nor `signals`"), "{}", out(&failed));
    write(&dir.join("golden/market/two.jsonl"), "\n{\"name\": \"n\", \"expect\": {\"teir\": 1}}\n");
    fails("two.jsonl:2: unknown field `teir`");
    let wrong =
        r#"{"name": "n", "signals": [{"label": "contact.link", "score": 85}], "expect": {}}"#;
    write(&dir.join("golden/market/two.jsonl"), wrong);
    fails("two.jsonl:1: 85 is not from 0 to 1");
    fs::remove_file(dir.join("golden/market/two.jsonl")).unwrap();
    write(&dir.join("golden/other.jsonl"), "");
    fails("other.jsonl: cases of no policy: ./other.toml is not there");
    fs::remove_file(dir.join("golden/other.jsonl")).unwrap();
    write(&dir.join("market.toml"), &STAGED.replace("share = 0.80", "shrae = 0.80"));
    fails("did you mean `share`?");
}

#[test]
fn what_another_policy_changes_is_counted_with_examples() {
    let dir = market();
    let dir = dir.path();
    let draft = STAGED.replace("\"contact.link\" = 0.50", "\"contact.link\" = 0.85");
    let draft = draft.replace("\"contact.email\" = 0.80", "\"contact.email\" = 0.75");
    write(&dir.join("draft.toml"), &draft);
    write(
        &dir.join("events.jsonl"),
        r#"{"name": "link", "event": {"id": "e1", "data": {}}, "signals": [{"label": "contact.link"}], "expect": {}}
{"name": "link", "event": {"id": "e2", "data": {}}, "signals": [{"label": "contact.link"}], "expect": {}}
{"name": "email", "event": {"id": "e3", "data": {}}, "signals": [{"label": "contact.email"}], "expect": {}}
{"name": "email", "signals": [{"label": "contact.email", "score": 0.5}], "expect": {}}

{"name": "same", "signals": [{"label": "contact.phone"}], "expect": {}}
{"name": "none", "event": {"type": "login.failed", "data": {}}, "signals": [], "expect": {}}
{"name": "elsewhere", "event": {"source": "elsewhere", "data": {}}, "signals": [{"label": "contact.link"}], "expect": {}}
{"source": "elsewhere", "data": {"content": "call 206-555-0142"}}
"#,
    );
    let args = ["diff", "market.toml", "draft.toml", "--on", "events.jsonl"];
    insta::assert_snapshot!(good(run(dir, &args)));
    let json = good(run(dir, &[&args[..], &["--json", "--examples", "1"]].concat()));
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["stricter"], &json["milder"]), (&2.into(), &1.into()), "{json}");
    assert_eq!(json["changed"][0]["examples"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["changed"][0]["examples"][0]["event"], "e1", "{json}");
    let broken = run(dir, &["diff", "market.toml", "draft.toml", "--on", "market.toml"]);
    assert!(said(&broken).contains("market.toml:1:"), "{}", said(&broken));
}
