//! `picket audit prove` and `check`.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Value, json};

use super::documents::{Opened, committed, opened};
use super::trust::Trust;
use super::{Finding, base64, text_of};
use crate::audit::{NoteVerifier, Proof, ProofError, Proven};
use crate::cli::client::Server;
use crate::cli::table::plain;

pub(super) const AFTER_HELP: &str = "\
  picket audit prove 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b > PROOF
  picket audit prove 0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b --open > PROOF
  picket audit check PROOF --vkey picket.vkey

The file is a https://c2sp.org/tlog-proof with the entry in it: it proves to whoever has the log's key
that the entry was in the log when the checkpoint in it was signed. Of what is personal the entry says
salted digests alone. What is stored is compared with them here; with --open it goes into the file, so
that whoever is given that can compare it, too.

Exit code: 0 proved; 1 what is stored is not what was logged, or the proof is not good; 2 cannot tell.";

pub(super) const CHECK_HELP: &str = "\
  picket audit check PROOF --vkey picket.vkey

Needs no server and no database: the log's key and the file are enough.

Exit code: 0 proved; 1 it proves nothing, with the reason; 2 cannot tell: it is no proof, or something is
missing.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Prove {
    /// A decision's id, or the number of an entry, from 1
    id: String,
    /// Put what the entry is about into the file: event, decision, reasons, in clear
    #[arg(long)]
    open: bool,
    /// Write the proof to a file; on standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The file; - for standard input
    #[arg(value_name = "PROOF")]
    file: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Prove) -> anyhow::Result<Finding> {
    let known = args.trust.known()?;
    let text = match opened(&args.server, &args.id).await? {
        Opened::Proof(text) => text,
        Opened::Changed(why) => {
            eprintln!("tampered  {why}");
            return Ok(Finding::Tampered);
        }
    };
    let (mut proof, proven) = match proven(&text, &known.verifier) {
        Ok(proven) => proven,
        Err(error @ ProofError::Foreign) => return Err(error).context("the server's proof"),
        Err(error) => {
            eprintln!("tampered  {error}");
            return Ok(Finding::Tampered);
        }
    };
    let by_number = args.id.parse() == Ok(proof.index + 1);
    if !by_number && proven.entry["object"] != args.id.as_str() {
        eprintln!(
            "tampered  the server proves another entry: {}",
            plain(&in_words(&proof, &proven))
        );
        return Ok(Finding::Tampered);
    }
    let stored: Vec<&str> = proof.extra.opened.keys().map(String::as_str).collect();
    eprintln!("proved  {}; {}", plain(&in_words(&proof, &proven)), compared(&proven, &stored));
    if !args.open {
        proof.extra.opened.clear();
    }
    match &args.out {
        Some(file) => {
            fs::write(file, proof.to_text())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => print!("{}", proof.to_text()),
    }
    Ok(Finding::Intact)
}

/// What of the documents that an entry is about was there and is what it was.
fn compared(proven: &Proven, stored: &[&str]) -> String {
    let expected = committed(&proven.entry);
    let gone: Vec<&str> = expected.iter().copied().filter(|name| !stored.contains(name)).collect();
    match (stored, gone.as_slice()) {
        ([], []) => "the entry says all itself".to_owned(),
        (stored, []) => format!("stored {} as logged", stored.join(" and ")),
        (_, gone) => format!("{} gone: erased, too old or replaced", gone.join(" and ")),
    }
}

pub(super) fn check(args: &Check) -> anyhow::Result<Finding> {
    let known = args.trust.known()?;
    let place = args.file.display();
    let text = match args.file.to_str() {
        Some("-") => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => text_of(&args.file),
    };
    let text = text.with_context(|| format!("the proof {place}"))?;
    let (finding, words, json) = match &proven(&text, &known.verifier) {
        Ok((proof, proven)) => (
            Finding::Intact,
            in_words(proof, proven),
            json!({
                "result": "intact", "index": proof.index, "entry": proven.entry,
                "opened": shown(proof), "entries": proven.checkpoint.head.size,
                "root": base64(&proven.checkpoint.head.root), "log": known.verifier.name(),
            }),
        ),
        Err(error @ ProofError::Foreign) => return Err(anyhow!("{place}: {error}")),
        Err(error) => (
            Finding::Tampered,
            error.to_string(),
            json!({ "result": "tampered", "what": error.to_string(), "log": known.verifier.name() }),
        ),
    };
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&json)?),
        false => println!("{}  {}", finding.as_str(), plain(&words)),
    }
    Ok(finding)
}

/// A proof, and what it proves to whoever trusts this key.
fn proven(text: &str, verifier: &NoteVerifier) -> Result<(Proof, Proven), ProofError> {
    let proof = Proof::parse(text)?;
    let proven = proof.check(verifier)?;
    Ok((proof, proven))
}

/// The documents as JSON, by the name of the fact.
fn shown(proof: &Proof) -> Value {
    let parse = |text: &String| serde_json::from_str(text).unwrap_or(Value::Null);
    let documents = proof.extra.opened.iter();
    documents
        .map(|(name, text)| (name.clone(), parse(text)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn in_words(proof: &Proof, proven: &Proven) -> String {
    let text = |field: &str| proven.entry[field].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} at {} by {} ({}), entry {} of {} in {}",
        text("what"),
        text("object"),
        text("at"),
        text("actor"),
        text("role"),
        proof.index + 1,
        proven.checkpoint.head.size,
        proof.note.lines().next().unwrap_or_default(),
    )
}
