//! `picket demo`: the whole product on one screen, with nothing but this binary.
//!
//! `stage` sets up a server in a temporary folder, `script` holds the events, `play` posts them over
//! HTTP while `swap` drops in a new version of a detector, `show` and `row` are what one sees, and
//! `summary` counts. Nothing here reaches around the server's API but for making its keys.

mod caller;
mod epilogue;
mod play;
mod row;
mod script;
mod show;
mod stage;
mod summary;
mod swap;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::serve::told_to_stop;
use crate::telemetry;

use play::{Pace, Played, play};
use script::Script;
use show::Screen;
use stage::Stage;

pub(super) const AFTER_HELP: &str = "\
What you see: a server starts in a temporary folder with the shipped detectors, a policy for
each of two marketplaces and a record in SQLite, and 818 events of theirs are posted to it over
HTTP. Half way a new version of one detector is dropped into the folder: the same message is
judged before and after, and the events go on meanwhile. The folder is deleted at the end.

On a terminal an event without any finding only moves the bar; those with one are shown in two
lines. Piped, each event is one plain line, without pauses, colour or bar:

  picket demo | grep payment.circumvention
  picket demo --json | jq -r 'select(.action == \"hard_block\") | .event_id'
  picket demo --keep

Your own events (--events) are CloudEvents 1.0 in JSON, one per line, of the sources
qwickservices and fairtradeworker. They are judged by the detectors as shipped, without a change
half way; a line that gets no decision is named with the reason. Such as, on one line:

  {\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"qwickservices\",\"type\":\"message.sent\",
   \"subject\":\"user-1\",\"data\":{\"content\":\"call me at 503 555 0144\",\"thread_id\":\"t1\",
   \"recipient\":\"user-2\"}}

Exit status: 0 if every event got its decision. NO_COLOR is respected. PICKET_LOG=info shows the
server's log, which is off otherwise; no other variable and no picket.toml is read.";

/// Watch it work: a server, two marketplaces, and a detector that goes live meanwhile
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Play your own events, one CloudEvent per line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Leave the server running afterwards, until Ctrl-C, and print how to reach it
    #[arg(long)]
    keep: bool,
    /// Do not slow down for the eye
    #[arg(long)]
    fast: bool,
    /// Print NDJSON: each decision as the API returned it, then the reload and the summary
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    if std::env::var_os("PICKET_LOG").is_some() {
        telemetry::start_logging("off");
    }
    let acted = tokio::select! {
        acted = act(&demo) => acted,
        // What was set up is taken down as its owner is dropped.
        stopped = told_to_stop() => return stopped.map(|()| ExitCode::FAILURE),
    };
    let (stage, played) = match acted {
        Ok(acted) => acted,
        // Whoever reads us has seen enough.
        Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::FAILURE),
        Err(error) => return Err(error),
    };
    if demo.keep {
        told_to_stop().await?;
    }
    stage.strike().await;
    Ok(if played.tally.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// From the empty folder to the last line on the screen.
async fn act(demo: &Demo) -> anyhow::Result<(Stage, Played)> {
    let script = match &demo.events {
        Some(file) => Script::read(file)?,
        None => Script::built_in(),
    };
    let mut screen = Screen::new(demo.json, script.lines.len());
    screen.starting();
    let stage = Stage::set(script.built_in).await?;
    screen.opening(&stage, &script)?;
    let pace = match screen.is_watched() && !demo.fast {
        true => Pace::to_watch(script.lines.len()),
        false => Pace::none(),
    };
    let played = play(&stage, &script, &mut screen, pace).await?;
    let pair = epilogue::both_policies(&stage.caller).await?;
    screen.closing(&played, &pair)?;
    if demo.keep {
        screen.say_all(&epilogue::how_to_reach(&stage, demo.json))?;
    } else if !demo.json {
        screen.say_all(&epilogue::LOOK_FURTHER.map(str::to_owned))?;
    }
    Ok((stage, played))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
