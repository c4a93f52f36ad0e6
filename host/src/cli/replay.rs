//! `picket replay`: decisions, made again and compared.

pub(super) mod range;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value as Json;

use super::audit::log_key;
use super::client::Server;
use super::table::plain;
use crate::audit::NoteVerifier;
use crate::model::{DecisionId, Digest};
use crate::replay::{Capsule, Replay, Sameness};
use crate::runtime::RuntimeOptions;

use range::RangeArgs;
pub(super) use range::When;

pub(super) const AFTER_HELP: &str = "\
  picket replay 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b
  picket replay 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b.capsule
  picket replay --since 30d --sample 1% --source qwickservices

The event as it was stored goes through the very detectors, settings and policy that made the decision,
and every signal, score, tier, action and text is compared, scores bit by bit. A capsule holds all of that, so
it needs no server: `picket decision export` makes one. With the audit log's key (`picket audit key`) it also
tells whether this very decision was logged: --vkey picket.vkey.

Exit code: 0 identical; 1 different, each difference named; 2 cannot tell, with what is missing.
A finding that ran out of time is taken as recorded: time is no input.";

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The decision's id, or a capsule
    #[arg(value_name = "ID|FILE", required_unless_present = "since", conflicts_with_all = ["since", "sample"])]
    what: Option<What>,
    /// Of a capsule: the audit log's public key, or a file with it, to check that the decision was logged
    #[arg(long, value_name = "KEY|FILE", conflicts_with = "since")]
    vkey: Option<String>,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    server: Server,
}

/// What to replay.
#[derive(Debug, Clone)]
enum What {
    Decision(DecisionId),
    Capsule(PathBuf),
}

impl FromStr for What {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Capsule(text.into()), Self::Decision))
    }
}

/// Any failure is a 2: it could not be told.
pub(super) async fn run(args: &ReplayArgs) -> ExitCode {
    let done = match &args.what {
        Some(what) => one(what, args).await.map(|replay| code(replay.result)),
        None => range::run(&args.range, &args.server).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("picket: cannot tell: {error:#}");
        code(Sameness::CannotTell)
    })
}

async fn one(what: &What, args: &ReplayArgs) -> anyhow::Result<Replay> {
    let ReplayArgs { vkey, server, .. } = args;
    let replay = match what {
        What::Decision(_) if vkey.is_some() => {
            bail!("--vkey is for a capsule; of a decision on a server: picket audit prove ID")
        }
        What::Decision(id) => of_server(*id, server).await?,
        What::Capsule(path) => {
            let path = path.clone();
            let log = vkey.as_deref().map(log_key).transpose()?;
            // A guest's calls of WASI may not be made on an async thread.
            tokio::task::spawn_blocking(move || of_capsule(&path, log.as_ref())).await??
        }
    };
    match server.json {
        true => println!("{}", serde_json::to_string_pretty(&replay)?),
        false => print!("{}", in_words(&replay)),
    }
    Ok(replay)
}

async fn of_server(id: DecisionId, server: &Server) -> anyhow::Result<Replay> {
    let path = format!("/v1/decisions/{id}/replay");
    let value = server.post(&path, &Json::Null).await?;
    serde_json::from_value(value).with_context(|| format!("an answer of another release at {path}"))
}

fn of_capsule(path: &Path, log: Option<&NoteVerifier>) -> anyhow::Result<Replay> {
    let context = || path.display().to_string();
    let file = File::open(path).with_context(|| {
        format!("{}: neither the id of a decision nor a capsule that can be read", context())
    })?;
    let capsule = Capsule::decode(file).with_context(context)?;
    let own = picket_bundle::DETECTORS.iter().map(|own| Digest::of(own.component)).collect();
    capsule.replay(RuntimeOptions::default(), &own, log).with_context(context)
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
