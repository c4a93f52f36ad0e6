//! `picket detector logs`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde::Deserialize;

use super::super::client::{Server, encode};
use super::super::table::plain;
use super::words::{Which, WhichVersion};
use crate::api::DetectorDetail;
use crate::model::{LogLevel, LogLine};

pub(super) const AFTER_HELP: &str = "\
  picket detector logs contact-phone           the version that stands highest
  picket detector logs contact-phone@1.3.0 -f  until Ctrl-C

What a version wrote and how its runs failed on the server that answers, without the texts of events:
the last 200 lines are kept for as long as it is live. Following goes on where the server was started anew.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Logs {
    /// NAME, or NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME[@VERSION]")]
    which: Which,
    /// Wait for more, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// The source for which it stands; every one unless the key is bound to one
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Deserialize)]
struct Log {
    lines: Vec<LogLine>,
}

/// How often a server is asked for more.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(logs: &Logs) -> anyhow::Result<ExitCode> {
    let which = resolve(logs).await?;
    let source = logs.source.as_deref().map(|source| format!("&source={}", encode(source)));
    let source = source.unwrap_or_default();
    let (mut after, mut began) = (0, false);
    loop {
        let path = format!("{}/log?after={after}{source}", which.of_detector());
        let log: Log = match logs.server.get(&path).await {
            Ok(log) => log,
            // A server that is started anew comes back.
            Err(error) if began && logs.follow && is_unreachable(&error) => {
                tokio::time::sleep(EVERY).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        began = true;
        for line in &log.lines {
            print(line, logs.server.json)?;
        }
        after = log.lines.last().map_or(after, |line| line.number);
        if !logs.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<reqwest::Error>());
    causes.any(|error| error.is_connect() || error.is_request())
}

/// The version that is meant: of a name alone, the one that stands highest.
async fn resolve(logs: &Logs) -> anyhow::Result<WhichVersion> {
    let Which { name, version } = logs.which.clone();
    if let Some(version) = version {
        return Ok(WhichVersion { name, version });
    }
    let detail: DetectorDetail =
        logs.server.get(&format!("/v1/detectors/{}", encode(&name))).await?;
    let about = |source: &str| logs.source.as_deref().is_none_or(|wanted| wanted == source);
    let standing = detail.deployments.iter().filter(|it| it.stage.is_live() && about(&it.source));
    match standing.min_by_key(|status| status.stage) {
        Some(status) => Ok(WhichVersion { name, version: status.version.clone() }),
        None => bail!("no version of {name} runs; `picket detector show {name}` lists them"),
    }
}

fn print(line: &LogLine, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(line)?);
        return Ok(());
    }
    let level = match line.level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let (source, event) = (plain(&line.source), plain(&line.event));
    println!("{}  {level:<5}  {source}/{event}  {}", line.time, plain(&line.line));
    Ok(())
}
