//! What people say of events beside the record: `--labels`, as NDJSON or as a simple CSV.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;

use super::SimulateError;
use super::past::{Speaker, Spoken, Subject};

/// Labels that are kept; 17 bytes each.
const LABELS_MAX: usize = 10_000_000;
const HEADER: &str = "source,id,violation";

/// Whether events are violations, by source and id.
#[derive(Debug, Default)]
pub struct Labels(HashMap<[u8; 16], bool>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    source: String,
    id: String,
    violation: bool,
}

impl Labels {
    /// Reads them. `name` is for messages.
    ///
    /// # Errors
    /// The first line that is neither, with what to write there.
    pub fn read(text: impl BufRead, name: &str) -> Result<Self, SimulateError> {
        let mut labels = HashMap::new();
        let mut is_csv = false;
        for (at, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", at + 1);
            let line = match line {
                Ok(line) => line,
                Err(source) => return Err(SimulateError::Read { place, source }),
            };
            let line = line.trim().trim_start_matches('\u{feff}');
            if line.is_empty() {
                continue;
            }
            if labels.is_empty() && !is_csv && line.replace(' ', "") == HEADER {
                is_csv = true;
                continue;
            }
            let read = if is_csv { of_csv(line) } else { of_json(line) };
            let Line { source, id, violation } =
                read.map_err(|detail| SimulateError::Input { place: place.clone(), detail })?;
            let before = labels.insert(Subject::hashed(&source, &id).0, violation);
            if before.is_some_and(|before| before != violation) {
                let detail = format!("`{id}` is a violation on one line and none on another");
                return Err(SimulateError::Input { place, detail });
            }
            if labels.len() > LABELS_MAX {
                let detail = format!("more than {LABELS_MAX} labels: simulate a part at a time");
                return Err(SimulateError::Input { place, detail });
            }
        }
        Ok(Self(labels))
    }

    pub(super) fn of(&self, source: &str, id: &str) -> Option<Spoken> {
        if self.0.is_empty() {
            return None;
        }
        let violation = *self.0.get(&Subject::hashed(source, id).0)?;
        Some(Spoken { violation, by: Speaker::Label })
    }
}

fn of_json(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|error| {
        format!(
            "{error}; write {{\"source\":\"market\",\"id\":\"e-1\",\"violation\":true}} on each line, or \
             begin with the line {HEADER}"
        )
    })
}

fn of_csv(line: &str) -> Result<Line, String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [source, id, violation] = fields[..] else {
        return Err(format!(
            "{} fields where {HEADER} are wanted; what holds a comma has to be written as JSON",
            fields.len()
        ));
    };
    if line.contains('"') {
        return Err(
            "quoted fields are not understood: leave the quotes out, or write JSON".to_owned()
        );
    }
    let violation = match violation {
        "true" | "1" => true,
        "false" | "0" => false,
        other => return Err(format!("`{other}` is neither true nor false")),
    };
    Ok(Line { source: source.to_owned(), id: id.to_owned(), violation })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, String> {
        Labels::read(text.as_bytes(), "labels").map_err(|error| error.to_string())
    }

    #[test]
    fn both_ways_of_writing_say_the_same() {
        let json = "{\"source\":\"m\",\"id\":\"1\",\"violation\":true}\n\n{\"source\":\"m\",\"id\":\"2\",\"violation\":false}\n";
        let csv = "source,id,violation\nm,1,true\nm, 2 ,0\n";
        for text in [json, csv] {
            let labels = read(text).unwrap();
            let said = ["1", "2", "3"].map(|id| labels.of("m", id).map(|it| it.violation));
            assert_eq!(said, [Some(true), Some(false), None]);
            assert_eq!(labels.of("other", "1"), None);
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_mend() {
        for (text, says) in [
            ("m,1,true", "labels:1: "),
            ("source,id,violation\nm,1", "labels:2: 2 fields"),
            ("source,id,violation\nm,\"1\",true", "leave the quotes out"),
            ("source,id,violation\nm,1,maybe", "`maybe` is neither"),
            ("source,id,violation\nm,1,true\nm,1,false", "labels:3: `1` is a violation"),
            ("{\"source\":\"m\",\"id\":\"1\"}", "missing field `violation`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
