//! Golden cases on the native detector.

use std::fmt::Write as _;
use std::path::Path;

use super::{Harness, Report};
use crate::golden::{Case, Evidence, Expected, File, Found};
use crate::{Detector, InputDeclaration, Signal};

impl<D: Detector> Harness<D> {
    /// Runs every case at `path`, a folder or a file of [`crate::golden`]. `PICKET_GOLDEN=update`
    /// rewrites the expectations with what the detector says now.
    ///
    /// # Panics
    /// With a readable list of what differs; also where there is no case, a file of another kind, or a
    /// case that does not parse.
    pub fn golden(&self, path: impl AsRef<Path>) {
        let update = std::env::var("PICKET_GOLDEN").is_ok_and(|value| value == "update");
        let mut wrong = String::new();
        let files = File::read(path.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        for mut file in files {
            for case in &mut file.cases {
                let adopted = case.adopting(&self.run(case));
                if adopted != case.signals {
                    differ(&mut wrong, &file.path, case, &adopted);
                    case.signals = adopted;
                }
            }
            if update {
                file.write().unwrap_or_else(|error| panic!("{error}"));
            }
        }
        assert!(update || wrong.is_empty(), "golden cases differ:\n{wrong}");
    }

    fn run(&self, case: &Case) -> Vec<Found> {
        let event = case.envelope().unwrap_or_else(|error| panic!("{error}"));
        let report = match &case.settings {
            None => self.event_knowing(&event, &case.known),
            Some(settings) => Self::with_settings(settings)
                .unwrap_or_else(|error| panic!("case `{}`: {error}", case.name))
                .event_knowing(&event, &case.known),
        };
        report.signals.iter().map(|signal| self.found(signal, &report)).collect()
    }

    fn found(&self, signal: &Signal, report: &Report) -> Found {
        let spans = signal.spans.iter().filter_map(|span| {
            let field = match self.inputs.get(span.input as usize)? {
                InputDeclaration::Field { path } | InputDeclaration::Recent { path, .. } => path,
                _ => return None,
            };
            let text = report.quote(span)?.to_owned();
            Some(Evidence { field: field.clone(), text, start: span.start, end: span.end })
        });
        Found {
            label: signal.label.clone(),
            score: signal.score,
            confidence: signal.confidence,
            spans: spans.collect(),
        }
    }
}

fn differ(out: &mut String, file: &Path, case: &Case, found: &[Expected]) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let show = |list: &[Expected]| {
        let all: Vec<String> = list.iter().map(Expected::to_string).collect();
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
