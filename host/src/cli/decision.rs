//! `picket decision`: what was decided, and one file that proves how.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value as Json;

use super::client::Server;
use super::table::{self, plain};
use crate::model::{Decision, DecisionId};
use crate::replay::Capsule;

pub(super) const EXPORT_HELP: &str = "\
  picket decision export 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b
  picket replay 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b.capsule

The file holds the decision, its event, the detectors that saw it with their settings, and the policy: all
that it takes to make the decision again, on any machine, without a server or a database; and the proof
that the audit log has it. Where the log was changed and cannot prove it, the file is without, and this is
said. It is as personal as the event. To look inside: tar --zstd --list --file FILE.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a decision with all that it takes to make it again into one file
    #[command(after_help = EXPORT_HELP)]
    Export {
        id: DecisionId,
        /// Where to; `-` for standard output
        #[arg(long, value_name = "FILE", default_value = "ID.capsule")]
        out: PathBuf,
        #[command(flatten)]
        server: Server,
    },
    /// Show a decision: what was found, by which versions, and what follows
    Show {
        id: DecisionId,
        #[command(flatten)]
        server: Server,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Export { id, out, server } => export(id, &out, &server).await,
        Command::Show { id, server } => show(id, &server).await,
    }
}

async fn export(id: DecisionId, out: &Path, server: &Server) -> anyhow::Result<()> {
    let capsule = server.download(&format!("/v1/decisions/{id}/capsule")).await?;
    if Capsule::decode(&capsule[..]).context("the server's capsule")?.proof.is_none() {
        eprintln!(
            "note: the server's audit log cannot prove this decision, so the file holds no proof of it; \
             `picket audit verify` says what is wrong with the log"
        );
    }
    if out == Path::new("-") {
        return Ok(std::io::stdout().write_all(&capsule)?);
    }
    let out = match out == Path::new("ID.capsule") {
        true => PathBuf::from(format!("{id}.capsule")),
        false => out.to_owned(),
    };
    // It holds an event: for its owner alone, and in nobody's place.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&out);
    match file {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already: choose another --out", out.display())
        }
        file => file
            .and_then(|mut file| file.write_all(&capsule))
            .with_context(|| out.display().to_string())?,
    }
    match server.json {
        true => println!("{}", serde_json::json!({ "file": out, "bytes": capsule.len() })),
        false => println!("{}: {} bytes", out.display(), capsule.len()),
    }
    Ok(())
}

async fn show(id: DecisionId, server: &Server) -> anyhow::Result<()> {
    let value: Json = server.get(&format!("/v1/decisions/{id}")).await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    if value["status"] == "accepted" {
        println!("{id}: accepted, and not decided yet");
        return Ok(());
    }
    let decision: Decision =
        serde_json::from_value(value).context("an answer of another release")?;
    print!("{}", in_words(&decision));
    Ok(())
}

fn in_words(decision: &Decision) -> String {
    let Decision { source, kind, subject, mode, score, tier, action, scope, .. } = decision;
    let mut text = format!(
        "{}  {} {} of {}\n{score} {tier}  {action} ({scope})  {mode}{}\n{}\n",
        decision.id,
        plain(source),
        plain(kind),
        plain(subject),
        if decision.degraded { "  degraded" } else { "" },
        plain(&decision.reason),
    );
    if let Some(would) = &decision.would {
        text.push_str(&format!("active mode would have said {} ({})\n", would.action, would.scope));
        if let Some(case) = &would.case {
            text.push_str(&format!("it would have put it into a case: {}\n", plain(case)));
        }
    }
    if let Some(case) = decision.case_id {
        text.push_str(&format!("case {case}\n"));
    }
    let policy = &decision.policy;
    text.push_str(&format!("policy {} {} {}\n\n", policy.name, policy.version, policy.digest));
    let mut found = table::new(&["LABEL", "SCORE", "CONFIDENCE", "COUNTED", "DETECTOR", "REASON"]);
    for signal in &decision.signals {
        found.add_row([
            plain(&signal.label),
            signal.score.to_string(),
            signal.confidence.to_string(),
            if signal.counted { "yes" } else { "no" }.to_owned(),
            plain(&signal.detector),
            plain(&signal.reason),
        ]);
    }
    let mut ran = table::new(&["DETECTOR", "VERSION", "STAGE", "OUTCOME", "MICROS", "DIGEST"]);
    for finding in &decision.findings {
        let none = || "-".to_owned();
        ran.add_row([
            plain(&finding.detector),
            finding.version.clone().unwrap_or_else(none),
            finding.stage.map_or_else(none, |stage| stage.to_string()),
            finding.outcome.to_string(),
            finding.micros.to_string(),
            finding.digest.map_or_else(none, |digest| digest.short()),
        ]);
    }
    text + &format!("{found}\n\n{ran}\n")
}
