//! Golden cases: a folder of `.jsonl` files, a case in and the signals expected on each line.
//!
//! A line is `{"name": "...", "text": "...", "signals": [{"label": "...", "quotes": ["..."]}]}`;
//! `event` with an envelope may stand instead of `text`. `PICKET_GOLDEN=update` rewrites the
//! expectations with what the detector says now.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Harness, Report};
use crate::Detector;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Json>,
    signals: Vec<Expected>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    label: String,
    quotes: Vec<String>,
}

impl<D: Detector> Harness<D> {
    /// Runs every case of every `.jsonl` file in `folder`.
    ///
    /// # Panics
    /// With a readable list of what differs; also where the folder has no case, a file of another
    /// kind, or a case that does not parse.
    pub fn golden(&self, folder: impl AsRef<Path>) {
        let folder = folder.as_ref();
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        files.sort();
        let update = std::env::var("PICKET_GOLDEN").is_ok_and(|value| value == "update");
        let (mut run, mut wrong) = (0, String::new());
        for file in &files {
            assert!(
                file.extension().is_some_and(|extension| extension == "jsonl"),
                "{}: golden cases live in .jsonl files",
                file.display()
            );
            let mut cases = read(file);
            for case in &mut cases {
                run += 1;
                let found = self.run(case);
                if found != case.signals {
                    differ(&mut wrong, file, case, &found);
                    case.signals = found;
                }
            }
            if update {
                write(file, &cases);
            }
        }
        assert!(run > 0, "{}: no golden case", folder.display());
        assert!(update || wrong.is_empty(), "golden cases differ:\n{wrong}");
    }

    fn run(&self, case: &Case) -> Vec<Expected> {
        let report = match (&case.text, &case.event) {
            (Some(text), None) => self.text(text),
            (None, Some(event)) => self.event(event),
            _ => panic!("case `{}` wants either `text` or `event`", case.name),
        };
        expected(&report)
    }
}

fn expected(report: &Report) -> Vec<Expected> {
    let signals = report.signals.iter();
    signals
        .map(|signal| Expected {
            label: signal.label.clone(),
            quotes: signal
                .spans
                .iter()
                .filter_map(|span| report.quote(span))
                .map(str::to_owned)
                .collect(),
        })
        .collect()
}

fn read(file: &Path) -> Vec<Case> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", file.display(), number + 1))
        })
        .collect()
}

fn write(file: &Path, cases: &[Case]) {
    let lines: Vec<String> =
        cases.iter().map(|case| serde_json::to_string(case).expect("a case is JSON")).collect();
    fs::write(file, lines.join("\n") + "\n")
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn differ(out: &mut String, file: &Path, case: &Case, found: &[Expected]) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let show = |list: &[Expected]| {
        let all: Vec<String> =
            list.iter().map(|one| format!("{} {:?}", one.label, one.quotes)).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    let _ = writeln!(
        out,
        "  {name} `{}`\n    text     {:?}\n    expected {}\n    found    {}",
        case.name,
        case.text.as_deref().unwrap_or("(an event)"),
        show(&case.signals),
        show(found)
    );
}
