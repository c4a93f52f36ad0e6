//! What is played: a stream of events, one CloudEvent per line, as bytes. Whether a line is an event
//! is for the server to say; here it is only looked into for what the screen shows.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;

/// The two invented marketplaces of `examples/events/`.
const BUILT_IN: &[u8] = include_bytes!("../../../../examples/events/marketplace.ndjson");
/// Where the types of events keep what people wrote, most telling first.
const TEXTS: [&str; 7] = ["content", "description", "text", "bio", "note", "summary", "reason"];

pub(super) struct Script {
    pub lines: Vec<Arc<Line>>,
    /// Whether it is the stream of the program and not somebody's own.
    pub built_in: bool,
}

/// One event as it is sent.
pub(super) struct Line {
    /// In the file, from 1.
    pub number: usize,
    /// Empty where the line does not say.
    pub source: String,
    /// What a person wrote, or nothing.
    pub text: String,
    pub bytes: Vec<u8>,
}

impl Script {
    pub fn built_in() -> Self {
        Self { lines: lines(BUILT_IN), built_in: true }
    }

    /// Reads somebody's own. Blank lines are skipped.
    ///
    /// # Errors
    /// A file that cannot be read or holds nothing.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let bytes = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
        let lines = lines(&bytes);
        if lines.is_empty() {
            bail!("{name} holds no events: write one CloudEvent as JSON per line");
        }
        Ok(Self { lines, built_in: false })
    }
}

fn lines(bytes: &[u8]) -> Vec<Arc<Line>> {
    let numbered = bytes.split(|byte| *byte == b'\n').zip(1..);
    let filled = numbered.filter(|(bytes, _)| !bytes.trim_ascii().is_empty());
    filled.map(|(bytes, number)| Arc::new(line(number, bytes))).collect()
}

fn line(number: usize, bytes: &[u8]) -> Line {
    let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let source = event["source"].as_str().unwrap_or_default().to_owned();
    let text = TEXTS.iter().find_map(|field| event["data"][field].as_str()).unwrap_or_default();
    Line { number, source, text: text.to_owned(), bytes: bytes.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_whatever_bytes_they_hold() {
        let lines = lines(b"\n{\"source\":\"s\",\"data\":{\"note\":\"n\"}}\r\n \nbro\xffken");
        let seen: Vec<_> =
            lines.iter().map(|line| (line.number, &*line.source, &*line.text)).collect();
        assert_eq!(seen, [(2, "s", "n"), (4, "", "")]);
        assert_eq!(lines[1].bytes, b"bro\xffken");
    }

    #[test]
    fn the_built_in_stream_is_as_long_as_it_is_said_to_be() {
        assert_eq!(Script::built_in().lines.len(), 818);
        assert!(super::super::AFTER_HELP.contains(" 818 events"));
    }
}
