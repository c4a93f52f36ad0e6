//! The author's bench, as an author meets it: the program, folders and files.

mod fixture;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn picket(dir: &Path, args: &[&str]) -> Command {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.current_dir(dir).args(["detector"]).args(args);
    // What was fetched for this workspace is all that a new detector needs; and it is compiled once.
    picket.env("CARGO_NET_OFFLINE", "true");
    picket.env("CARGO_TARGET_DIR", fixture::target_dir().join("author"));
    picket
}

fn run(dir: &Path, args: &[&str]) -> Output {
    picket(dir, args).output().expect("picket runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn good(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", out(&output));
    out(&output)
}

fn shipped(dir: &Path, name: &str) -> PathBuf {
    let shipped = picket_bundle::DETECTORS.iter().find(|shipped| shipped.name == name);
    let file = dir.join(name).with_extension("wasm");
    fs::write(&file, shipped.expect("it is shipped").component).expect("the folder is writable");
    file
}

#[test]
fn a_new_detector_builds_is_good_and_passes_its_tests_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, parking) = (dir.path(), dir.path().join("parking"));
    good(run(dir, &["new", "parking"]));
    assert!(parking.join("vendor/sdk/src/lib.rs").exists(), "no checkout is above");
    let built: Value =
        serde_json::from_str(&good(run(dir, &["build", "parking", "--json"]))).unwrap();
    assert!(built["bytes"].as_u64().unwrap() < 300_000, "{built}");
    assert!(parking.join("parking.wasm").exists());

    let checked: Value =
        serde_json::from_str(&good(run(dir, &["check", "parking", "--json"]))).unwrap();
    assert_eq!(
        (&checked["manifest"]["name"], &checked["pre_initialised"], &checked["imports"]),
        (
            &"parking".into(),
            &true.into(),
            &vec!["picket:detector/log@1.0.0", "picket:detector/types@1.0.0"].into()
        ),
        "{checked}"
    );
    assert!(good(run(dir, &["test", "parking"])).ends_with("12 of 12 cases pass\n"));
    let measured: Value =
        serde_json::from_str(&good(run(dir, &["bench", "parking", "--json"]))).unwrap();
    assert!(measured["fresh"]["p50_nanos"].as_u64() > measured["warm"]["p50_nanos"].as_u64());
    let shown = good(run(dir, &["try", "ring 206 555 0142", "--detector", "parking"]));
    assert!(shown.contains("\n  ring 206 555 0142\n       ^^^^^^^^^^^^\n"), "{shown}");

    what_is_saved_goes_live(dir, &parking);
}

/// From a save until it is live, for Rust, on a machine that does other things. The aim is three seconds on
/// one that does not.
const SAVED_SECONDS_MAX: f64 = 15.0;

/// Follows a watch from its first round through a mistake to the next good file.
fn what_is_saved_goes_live(dir: &Path, parking: &Path) {
    let (into, source) = (dir.join("detectors"), &parking.join("src/lib.rs"));
    fs::create_dir(&into).expect("the folder is at hand");
    let child = picket(dir, &["watch", "parking", "--into", "detectors"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut watch = Watch::of(child.expect("picket runs"));
    watch.until("done");
    let put = || fs::read(into.join("parking.wasm")).expect("the folder is at hand");
    let save = |file: &Path, text: String| fs::write(file, text).expect("the folder is at hand");
    let first = put();
    let good = fs::read_to_string(source).expect("the folder is at hand");

    save(source, good.replace("(7..=15)", "(7..=15"));
    watch.until("does not build");
    save(source, good.replace("(7..=15)", "(17..=25)"));
    watch.until("nothing goes live while a case fails");
    assert_eq!(put(), first);

    save(source, good.replace("as long as a phone", "as long as any phone"));
    let done = watch.until("done");
    let seconds =
        done.strip_prefix("done ").and_then(|rest| rest.strip_suffix(" s after the save"));
    let seconds: f64 = seconds.expect("it says how long it took").parse().expect("a number");
    assert!(0.0 < seconds && seconds < SAVED_SECONDS_MAX, "{done}");
    let second = put();
    assert_ne!(second, first);

    // Of a version that is not told from the folder there is one: a server would refuse the next save.
    let manifest = parking.join("Cargo.toml");
    let unversioned = fs::read_to_string(&manifest).expect("the folder is at hand");
    let unversioned = unversioned.replace("version = \"1.0.0\"\n", "");
    save(&manifest, unversioned);
    let put_as_it_is = watch.until_either("done", "warning");
    assert!(put_as_it_is.starts_with("done"), "{put_as_it_is}");
    save(source, good.replace("as long as a phone", "as long as each phone"));
    let warned = watch.until_either("done", "warning");
    let says = "warning: parking: 0.0.0 was put there with other bytes before";
    assert!(
        warned.starts_with(says) && warned.ends_with("Raise the version, in Cargo.toml"),
        "{warned}"
    );
    watch.until("done");
    let left = fs::read_dir(&into).expect("the folder is at hand").count();
    assert_eq!(left, 1, "nothing half done is left behind");
}

struct Watch {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watch {
    fn of(mut child: Child) -> Self {
        let stdout = child.stdout.take().expect("it is piped");
        Self { child, lines: BufReader::new(stdout).lines() }
    }

    fn until(&mut self, says: &str) -> String {
        self.until_either(says, says)
    }

    /// The next line that holds the one or the other.
    fn until_either(&mut self, one: &str, other: &str) -> String {
        let mut seen = String::new();
        for line in self.lines.by_ref() {
            let line = line.expect("text");
            if line.contains(one) || line.contains(other) {
                return line;
            }
            seen += &(line + "\n");
        }
        panic!("it ended before it said {one:?} or {other:?}:\n{seen}");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it is a child");
    }
}

#[test]
fn each_language_begins_with_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    for (language, source) in
        [("js", "detector.js"), ("python", "detector.py"), ("c", "detector.c")]
    {
        let name = format!("parking-{language}");
        good(run(dir.path(), &["new", &name, "--lang", language]));
        let folder = dir.path().join(&name);
        let text = fs::read_to_string(folder.join(source)).unwrap();
        assert!(text.contains(&name) && !text.contains("digits-"), "{text}");
        for file in ["wit/detector.wit", "golden/digits.jsonl", "README.md", ".gitignore"] {
            assert!(folder.join(file).exists(), "{name}/{file}");
        }
    }
}

const CASES: &str = r#"{"name": "as it is", "text": "ring 206 555 0142", "signals": [{"label": "contact.phone", "quotes": ["206 555 0142"]}]}
{"name": "too sure", "text": "ring 206 555 0142", "signals": [{"label": "contact.phone", "score": 1.0}]}
{"name": "missed", "text": "206-555-0142 or 206-555-0143", "signals": [{"label": "contact.phone", "quotes": ["206-555-0142"]}]}
{"name": "imagined", "text": "see you on Monday", "signals": [{"label": "contact.phone", "spans": [{"start": 0, "end": 3}]}]}
{"name": "own number", "text": "ring 206 555 0142", "settings": {"own_numbers": ["206 555 0142"]}, "signals": []}
"#;

#[test]
fn what_differs_is_shown_and_update_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    shipped(dir.path(), "contact-phone");
    let cases = dir.path().join("cases.jsonl");
    fs::write(&cases, CASES).unwrap();
    let args = ["test", "--detector", "contact-phone.wasm", "--cases", "cases.jsonl"];
    let differs = run(dir.path(), &args);
    assert!(!differs.status.success());
    insta::assert_snapshot!(out(&differs));
    assert_eq!(fs::read_to_string(&cases).unwrap(), CASES);

    good(run(dir.path(), &[&args[..], &["--update"]].concat()));
    assert_eq!(good(run(dir.path(), &args)), "5 of 5 cases pass\n");
    insta::assert_snapshot!(fs::read_to_string(&cases).unwrap());

    fs::write(&cases, r#"{"name": "n", "text": "", "settings": {"own": 1}, "signals": []}"#)
        .unwrap();
    let refused = run(dir.path(), &[&args[..], &["--update"]].concat());
    assert!(!refused.status.success(), "what a detector cannot do is not taken for right");
    assert!(out(&refused).contains("unknown field `own`"), "{}", out(&refused));
}

#[test]
fn evidence_is_marked_in_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let text = "電話は ２０６－５５５－０１４２ です,\nor mail rosa.diaz@gmail.com \u{1b}[31m";
    insta::assert_snapshot!(good(run(dir.path(), &["try", text])));
    let json = good(run(dir.path(), &["try", text, "--detector", "contact-email", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["signals"][0]["label"], "contact.email");
}

#[test]
fn a_check_says_what_a_server_would() {
    let dir = tempfile::tempdir().unwrap();
    let phone = shipped(dir.path(), "contact-phone");
    let said = good(run(dir.path(), &["check", "contact-phone.wasm"]));
    for line in
        ["  labels   contact.phone", "  budget   10 ms, 64.00 MiB", "good: contact-phone 1.0.0"]
    {
        assert!(said.contains(line), "{said}");
    }
    let file = fs::read(phone).unwrap();
    let cases = [
        (&b""[..], "{}", "the file is empty"),
        (b"hello", "{}", "does not begin as WebAssembly"),
        (&wat::parse_str("(module)").unwrap(), "{}", "core module"),
        (&wat::parse_str("(component)").unwrap(), "{}", "does not fit the detector interface"),
        (&file[..file.len() / 2], "{}", "not a detector"),
        (&file, r#"{"own":1}"#, "refused the settings"),
    ];
    for (file, settings, says) in cases {
        fs::write(dir.path().join("bad.wasm"), file).unwrap();
        let checked = run(dir.path(), &["check", "bad.wasm", "--settings", settings]);
        assert!(!checked.status.success());
        assert!(out(&checked).starts_with("bad.wasm: refused: "), "{}", out(&checked));
        assert!(out(&checked).contains(says), "{}", out(&checked));
    }
    let json =
        out(&run(dir.path(), &["check", "bad.wasm", "--settings", r#"{"own":1}"#, "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["good"], false);
}

#[test]
fn a_check_keeps_the_rules_of_the_operator() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, rules) = (dir.path(), dir.path().join("picket.toml"));
    let phone = shipped(dir, "contact-phone");
    fs::copy(&phone, dir.join("contact-phone.cwasm")).unwrap();
    let refused = |args: &[&str], says: &str| {
        let checked = run(dir, args);
        assert_eq!(checked.status.code(), Some(1), "{}", out(&checked));
        assert!(out(&checked).contains(says), "{}", out(&checked));
    };
    refused(&["check", "contact-phone.cwasm"], "precompiled code is never accepted");
    std::os::unix::fs::symlink(&phone, dir.join("link.wasm")).unwrap();
    let link = run(dir, &["check", "link.wasm"]);
    let said = String::from_utf8_lossy(&link.stderr);
    assert!(!link.status.success() && said.contains("a symbolic link"), "{said}");
    good(run(dir, &["check", "contact-phone.wasm"]));
    // As a server would that is told where its configuration is.
    fs::write(dir.join("elsewhere.toml"), "[detectors.\"*\"]\nlabels = [\"payment.\"]\n").unwrap();
    let mut command = picket(dir, &["check", "contact-phone.wasm"]);
    let checked = command.env("PICKET_CONFIG", "elsewhere.toml").output().unwrap();
    assert!(out(&checked).contains("give the label"), "{}", out(&checked));

    let grants = r#"[detectors."*"]
labels = ["payment."]
[detectors."*".sources.market]
labels = ["contact."]
"#;
    fs::write(&rules, grants).unwrap();
    refused(&["check", "contact-phone.wasm"], "give the label");
    good(run(dir, &["check", "contact-phone.wasm", "--source", "market"]));

    fs::write(&rules, "[detectors.contact-phone.budget]\ndeadline_ms = 1\n").unwrap();
    let said = good(run(dir, &["check", "contact-phone.wasm"]));
    assert!(said.contains("  budget   1 ms, 64.00 MiB"), "{said}");

    fs::write(&rules, "signatures = \"warn\"\n").unwrap();
    let said = good(run(dir, &["check", "contact-phone.wasm"]));
    assert!(said.contains("warning: it is not signed"), "{said}");
    fs::write(&rules, "signatures = \"require\"\n").unwrap();
    refused(&["check", "contact-phone.wasm"], "it is not signed");
}

#[test]
fn each_mistake_teaches_the_mend() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let folder = |name: &str, file: &str, text: &str| {
        fs::create_dir(dir.join(name)).unwrap();
        fs::write(dir.join(name).join(file), text).unwrap();
    };
    folder("rust", "Cargo.toml", "");
    folder("js", "package.json", "{}");
    folder("python", "detector.py", "");
    folder("c", "detector.c", "");
    folder("prose", "README.md", "");
    shipped(dir, "contact-phone");
    let cases: [(&[&str], &str); 16] = [
        (&["new", "Parking Fees"], "lower-case words joined by `-`"),
        (&["new", "rust"], "there is something already"),
        (&["new", "parking", "--sdk", "prose"], "no picket-sdk"),
        (&["new", "parking", "--lang", "cobol"], "possible values: rust, js, python, c"),
        (&["build", "nowhere"], "picket detector new"),
        (&["build", "prose"], "a Cargo.toml (Rust), a package.json (JavaScript)"),
        (&["build", "rust"], "`rustc` is not installed: get Rust from https://rustup.rs"),
        (&["build", "js"], "`npm` is not installed: get Node.js"),
        (&["build", "python"], "`python3` is not installed: get Python"),
        (&["build", "c"], "`clang` is not installed: get clang, lld"),
        (&["check", "rust"], "run `picket detector build rust`"),
        (&["check", "nothing.wasm"], "nothing.wasm: No such file"),
        (&["test", "rust", "--detector", "contact-phone.wasm"], "golden/cases.jsonl"),
        (&["bench", "contact-phone.wasm", "--event", "nothing"], "nothing: No such file"),
        (&["try", "text", "--detector", "contact-fax"], "those are contact-email, "),
        (&["watch", "c", "--into", "nowhere"], "the server's detectors_dir"),
    ];
    for (args, says) in cases {
        let output = picket(dir, args).env("PATH", "").output().expect("picket runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?}");
        assert!(said.contains(says), "{args:?}: {said}");
    }
}
