//! `picket policy`: check a document, see what judges.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use serde_json::Value;

use super::client::Server;
use super::table;
use crate::policy::{Known, Labels, Policy, Severity, render};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a policy without a server: every fault with its line and a hint
    Check {
        /// The TOML document
        file: PathBuf,
        /// Print JSON, for a program
        #[arg(long)]
        json: bool,
    },
    /// List the policies of a running server
    List(Server),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file, json } => check(&file, json),
        Command::List(server) => {
            list(&server).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(file: &std::path::Path, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let detectors: BTreeSet<String> =
        picket_bundle::DETECTORS.iter().map(|bundled| bundled.name.to_owned()).collect();
    let known = Known { labels: Labels::default(), detectors };
    let (found, good) = match Policy::compile(&text, &known) {
        Ok(_) => (Vec::new(), true),
        Err(mut faults) => {
            // Without a server nothing is loaded, so a warning that a label is not would say nothing.
            faults.retain(|fault| fault.severity == Severity::Error);
            (faults, false)
        }
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else if good {
        println!("{name}: good");
    } else {
        let rendered = render(&name, &text, &found);
        if std::io::stderr().is_terminal() {
            eprintln!("{}", rendered.replace("error[", "\u{1b}[1;31merror\u{1b}[0m["));
        } else {
            eprintln!("{rendered}");
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let all: Value = server.get("/v1/policies").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let mut out = table::new(&["SOURCE", "POLICY", "VERSION", "STAGE", "ORIGIN"]);
    for policy in all["policies"].as_array().into_iter().flatten() {
        let text = |field: &str| match &policy[field] {
            Value::String(text) => table::plain(text),
            other => other.to_string(),
        };
        out.add_row(["source", "name", "version", "stage", "origin"].map(text));
    }
    println!("{out}");
    for refusal in all["refused"].as_array().into_iter().flatten() {
        let text = |field: &str| refusal[field].as_str().unwrap_or_default();
        println!("\nrefused {} at {}:\n{}", table::plain(text("file")), text("at"), text("error"));
    }
    Ok(())
}
