//! `picket detector show`.

use std::process::ExitCode;

use clap::Args;
use indicatif::BinaryBytes;

use super::super::client::{Server, encode};
use super::super::table::{self, plain};
use super::diff::{takes, trials};
use super::words::{self, Which, WhichVersion};
use crate::api::{DetectorDetail, DetectorVersion, VersionDetail};
use crate::model::manifest::Budget;

pub(super) const AFTER_HELP: &str = "\
  picket detector show contact-phone            every version that ever ran, and where it stands
  picket detector show contact-phone@1.3.0      what it reads, says and may use; its trials
  picket detector show contact-phone@sha256:... the same, by digest

Bytes are kept for ever: GET /v1/detectors/NAME/versions/VERSION/file gives them back.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// NAME, or NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME[@VERSION]")]
    which: Which,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(show: &Show) -> anyhow::Result<ExitCode> {
    let Which { name, version } = show.which.clone();
    match version {
        Some(version) => {
            let which = WhichVersion { name, version };
            let detail: VersionDetail = show.server.get(&which.of_detector()).await?;
            match show.server.json {
                true => println!("{}", serde_json::to_string_pretty(&detail)?),
                false => print(&detail),
            }
        }
        None => {
            let path = format!("/v1/detectors/{}", encode(&name));
            let detail: DetectorDetail = show.server.get(&path).await?;
            match show.server.json {
                true => println!("{}", serde_json::to_string_pretty(&detail)?),
                false => print_all(&name, &detail),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_all(name: &str, detail: &DetectorDetail) {
    if let Some(status) = detail.deployments.first() {
        println!("{}: {}\n", plain(name), plain(&status.summary));
    }
    let mut out = table::new(&["VERSION", "DIGEST", "SIZE", "FIRST SEEN", "STANDS"]);
    for version in &detail.versions {
        out.add_row([
            plain(&version.version),
            version.digest.short(),
            format!("{} KiB", version.bytes.div_ceil(1024)),
            version.first_seen_at.to_string().chars().take(16).collect(),
            stands(version),
        ]);
    }
    println!("{out}");
    if let Some(warm) = detail.deployments.iter().find_map(words::isolation) {
        println!("\n{warm}");
    }
}

/// What a budget allows, in a line.
fn allows(budget: &Budget) -> String {
    let bytes = |bytes: Option<u64>| BinaryBytes(bytes.unwrap_or_default()).to_string();
    let number = |number: Option<u64>| number.unwrap_or_default();
    format!(
        "{} ms, {} of memory, {} of answer in {} signals, {} of log in {} lines",
        number(budget.deadline_ms),
        bytes(budget.memory_bytes),
        bytes(budget.output_bytes),
        number(budget.signals),
        bytes(budget.log_bytes),
        number(budget.log_lines)
    )
}

fn stands(version: &DetectorVersion) -> String {
    let each = version.stands.iter().map(|stands| {
        let stage = words::stage(stands.stage, stands.canary.as_ref());
        match stands.source.as_str() {
            "*" => stage,
            source => format!("{stage} for {}", plain(source)),
        }
    });
    let mut each: Vec<String> = each.collect();
    if version.impure.is_some() {
        each.push("impure".to_owned());
    }
    each.join(", ")
}

fn print(detail: &VersionDetail) {
    let (version, manifest) = (&detail.version, &detail.manifest);
    println!("{} {}: {}\n", manifest.name, manifest.version, plain(&manifest.summary));
    let reads = manifest.inputs.iter().map(|input| plain(&input.in_full()));
    let lines = [
        ("digest", version.digest.to_string()),
        ("size", format!("{} bytes", version.bytes)),
        ("first seen", version.first_seen_at.to_string()),
        ("signed", if version.signed { "yes" } else { "no" }.to_owned()),
        ("author", plain(&manifest.author)),
        ("events", manifest.events.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("reads", reads.collect::<Vec<_>>().join(", ")),
        ("says", plain(&manifest.labels.join(" "))),
        ("impure", version.impure.as_deref().map(plain).unwrap_or_default()),
    ];
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        println!("{name:<11} {value}");
    }
    for status in &detail.deployments {
        let stage = words::stage(status.stage, status.canary.as_ref());
        let by = status.published_by.as_deref().unwrap_or("the program or a folder");
        println!(
            "\n{stage} for {} since {}: {}\n  from {} by {}",
            words::source(&status.source),
            status.updated_at,
            plain(&status.why),
            plain(&status.origin),
            plain(by)
        );
        if let Some(canary) = &status.canary {
            println!("  {}", words::bounds(&canary.bounds));
        }
        if let Some(warm) = words::isolation(status) {
            println!("  {warm}");
        }
        if let Some(budget) = &status.budget {
            println!("  for one event at most {}", allows(budget));
        }
        if let Some(vitals) = &status.vitals {
            println!(
                "  on this server: {} runs, a run takes {}, {} of memory and {} of answer at most",
                vitals.calls,
                takes(&vitals.cost),
                BinaryBytes(vitals.memory_bytes_max as u64),
                BinaryBytes(vitals.output_bytes_max as u64)
            );
        }
        if let Some(error) = &status.last_error {
            // Not this version: whatever was sent under its name.
            println!("  a file of this name was refused at {}: {}", error.at, plain(&error.error));
        }
    }
    if !detail.trials.is_empty() {
        println!("\n{}", trials(&detail.trials));
    }
}
