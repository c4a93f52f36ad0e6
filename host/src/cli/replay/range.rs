//! The decisions of a span of time, made again on a server, with a bar for those who look.

use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, bail};
use clap::Args;
use rand::TryRng;
use rand::rngs::SysRng;
use reqwest::{Method, Response};
use serde_json::json;

use super::super::client::Server;
use super::super::progress;
use super::{code, in_words};
use crate::model::Timestamp;
use crate::replay::{RangeLine, RangeSums, Sameness};

#[derive(Debug, Clone, Args)]
pub(super) struct RangeArgs {
    /// Decisions since then: 30d, 12h, 45m, or a time such as 2026-09-01T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// Decisions before then; now unless given
    #[arg(long, value_name = "WHEN", requires = "since")]
    until: Option<When>,
    /// The share of them: 1%, or 0.01; at least one
    #[arg(long, value_name = "SHARE", requires = "since", default_value = "100%")]
    sample: Share,
    /// Those of one source
    #[arg(long, requires = "since")]
    source: Option<String>,
    /// The same number takes the same sample of the same decisions; by chance unless given
    #[arg(long, value_name = "NUMBER", requires = "since")]
    seed: Option<u64>,
}

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum When {
    At(Timestamp),
    Ago { minutes: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) struct Share(pub f64);

pub(super) async fn run(args: &RangeArgs, server: &Server) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from(SysRng.try_next_u32().context("the system gives no randomness")?),
    };
    let asked = json!({
        "since": args.since.context("since when? --since")?.at(now),
        "until": args.until.map(|until| until.at(now)),
        "sample": args.sample.0,
        "source": args.source,
        "seed": seed,
    });
    let response = server.open(Method::POST, "/v1/replays", |request| request.json(&asked)).await?;
    let sums = told(response, server.json).await?;
    let RangeSums { seen, replayed, identical, different, cannot_tell } = sums;
    if !server.json {
        // What was left out is the same with the same number.
        let again = if args.sample.0 < 1.0 { format!(" (--seed {seed})") } else { String::new() };
        println!(
            "{replayed} of {seen} decisions made again: {identical} identical, {different} different, \
             {cannot_tell} cannot be told{again}"
        );
    }
    if replayed == 0 {
        bail!("no decision of that span was made again: ask for more of them");
    }
    Ok(code(match (different, cannot_tell) {
        (0, 0) => Sameness::Identical,
        (0, _) => Sameness::CannotTell,
        _ => Sameness::Different,
    }))
}

/// Says what is told, line by line, until the sums come.
async fn told(mut response: Response, json: bool) -> anyhow::Result<RangeSums> {
    let bar = progress::bar("{bar:30} {pos} of {len}  {per_sec}  {eta} left");
    let mut waiting = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the answer broke off")? {
        waiting.extend_from_slice(&chunk);
        while let Some(end) = waiting.iter().position(|byte| *byte == b'\n') {
            let text: Vec<u8> = waiting.drain(..=end).collect();
            if json {
                bar.suspend(|| print!("{}", String::from_utf8_lossy(&text)));
            }
            let line = serde_json::from_slice(&text).context("an answer of another release")?;
            match line {
                RangeLine::Begun { decisions } => bar.set_length(decisions),
                RangeLine::Replayed { seen, replay } => {
                    bar.set_position(seen);
                    if replay.result != Sameness::Identical && !json {
                        bar.suspend(|| print!("{}", in_words(&replay)));
                    }
                }
                RangeLine::Ended(sums) => {
                    bar.finish_and_clear();
                    return Ok(sums);
                }
                RangeLine::Broken { detail } => bail!("it could not go on: {detail}"),
            }
        }
    }
    bail!("the answer ended before all was told")
}

impl When {
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago { minutes } => now.plus_millis(minutes.saturating_mul(-60_000)),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("m", 1), ("h", 60), ("d", 24 * 60), ("w", 7 * 24 * 60)];
        let ago = units.iter().find_map(|(unit, minutes)| {
            let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|it| *it >= 0)?;
            number.checked_mul(*minutes)
        });
        match (ago, Timestamp::parse(text)) {
            (Some(minutes), _) => Ok(Self::Ago { minutes }),
            (None, Ok(time)) => Ok(Self::At(time)),
            (None, Err(_)) => Err(format!(
                "`{text}` is no time: write how long ago, such as 30d, 12h or 45m, or 2026-09-01T00:00:00Z"
            )),
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|it: f64| it / 100.0),
            None => text.parse(),
        };
        match share {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err(format!("`{text}` is no share: write one such as 1% or 0.01")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_are_read_as_people_write_them() {
        let now = Timestamp::parse("2026-09-30T12:00:00Z").unwrap();
        for (text, at) in [
            ("30d", "2026-08-31T12:00:00Z"),
            ("12h", "2026-09-30T00:00:00Z"),
            ("45m", "2026-09-30T11:15:00Z"),
            ("2w", "2026-09-16T12:00:00Z"),
            ("2026-09-01T02:00:00+02:00", "2026-09-01T00:00:00Z"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.at(now), Timestamp::parse(at).unwrap(), "{text}");
        }
        for text in ["", "30", "-1d", "1y", "d", "99999999999999999999d"] {
            assert!(text.parse::<When>().unwrap_err().contains("is no time"), "{text}");
        }
        for (text, share) in
            [("1%", 0.01), ("0.01", 0.01), ("100%", 1.0), ("0", 0.0), ("2.5 %", 0.025)]
        {
            assert_eq!(text.parse(), Ok(Share(share)), "{text}");
        }
        for text in ["", "%", "101%", "2", "-1%", "NaN"] {
            assert!(text.parse::<Share>().unwrap_err().contains("is no share"), "{text}");
        }
    }
}
