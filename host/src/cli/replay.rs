//! `picket replay`: decisions, made again and compared.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::Value as Json;

use super::client::Server;
use super::table::plain;
use crate::model::DecisionId;
use crate::replay::{Replay, Sameness};

pub(super) const AFTER_HELP: &str = "\
  picket replay 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b

The event as it was stored goes through the very detectors, settings and policy that made the decision,
and every signal, score, tier, action and text is compared, scores bit by bit.

Exit code: 0 identical; 1 different, each difference named; 2 cannot tell, with what is missing.
A finding that ran out of time is taken as recorded: time is no input.";

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The decision's id
    id: DecisionId,
    #[command(flatten)]
    server: Server,
}

/// Any failure is a 2: it could not be told.
pub(super) async fn run(args: &ReplayArgs) -> ExitCode {
    match one(args).await {
        Ok(replay) => code(replay.result),
        Err(error) => {
            eprintln!("picket: cannot tell: {error:#}");
            code(Sameness::CannotTell)
        }
    }
}

async fn one(args: &ReplayArgs) -> anyhow::Result<Replay> {
    let path = format!("/v1/decisions/{}/replay", args.id);
    let value = args.server.post(&path, &Json::Null).await?;
    let replay: Replay = serde_json::from_value(value)
        .with_context(|| format!("an answer of another release at {path}"))?;
    match args.server.json {
        true => println!("{}", serde_json::to_string_pretty(&replay)?),
        false => print!("{}", in_words(&replay)),
    }
    Ok(replay)
}

fn code(result: Sameness) -> ExitCode {
    ExitCode::from(match result {
        Sameness::Identical => 0,
        Sameness::Different => 1,
        Sameness::CannotTell => 2,
    })
}

/// A replay for people: a line, and one for each thing that must be known.
fn in_words(replay: &Replay) -> String {
    let Replay { decision, result, ran, signals, .. } = replay;
    let mut text =
        format!("{result}  {decision}  {ran} detectors run again, {signals} signals recorded\n");
    let mut say = |line: String| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}", plain(&line));
    };
    for difference in &replay.differences {
        let (was, is) = (short(&difference.was), short(&difference.is));
        say(format!("{}  was {was}  is {is}", difference.path));
    }
    if replay.more > 0 {
        say(format!("and {} differences more", replay.more));
    }
    for missing in &replay.missing {
        say(format!("missing {}: {}", missing.what, missing.detail));
    }
    for taken in &replay.as_recorded {
        let version = taken.version.as_deref().unwrap_or_default();
        say(format!("as recorded: {} {version} {}: {}", taken.detector, taken.outcome, taken.why));
    }
    replay.notes.iter().for_each(|note| say(format!("note: {note}")));
    text
}

const SHOWN_CHARS_MAX: usize = 120;

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::replay::{AsRecorded, Difference, Lack, Missing};
    use serde_json::json;

    #[test]
    fn all_that_must_be_known_is_a_line() {
        let missing = Missing::new(Lack::Detector, "probe sha256:00: its bytes are gone");
        let mut replay = Replay::cannot_tell(DecisionId::new(), missing);
        replay.more = 3;
        replay.notes.push("it was kept".to_owned());
        replay.differences.push(Difference {
            path: "/signals/0/score".to_owned(),
            was: json!(0.5),
            is: json!("\u{1b}[31m"),
        });
        replay.as_recorded.push(AsRecorded {
            detector: "probe".to_owned(),
            version: None,
            outcome: Outcome::Deadline,
            why: "its time was up".to_owned(),
        });
        let text = in_words(&replay);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("cannot tell  "), "{text}");
        assert_eq!(
            lines[1..],
            [
                "  /signals/0/score  was 0.5  is \"\\u001b[31m\"",
                "  and 3 differences more",
                "  missing detector: probe sha256:00: its bytes are gone",
                "  as recorded: probe  deadline: its time was up",
                "  note: it was kept",
            ]
        );
    }
}
