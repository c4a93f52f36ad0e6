//! `picket audit checkpoint`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::archive::{Archive, Signed};
use super::{Finding, refused};
use crate::cli::client::Server;
use crate::config::Destination;
use crate::deliver::Witness;

/// How long a witness may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const AFTER_HELP: &str = "\
  picket audit checkpoint                          on standard output
  picket audit checkpoint --out anchors/monday
  picket audit checkpoint --url https://witness.example/picket

Three lines and a signature: the log's name, how many entries it has, the root over them. Kept where
nobody who changes the record can reach it, it is an anchor for `picket audit verify --anchor`: with a
colleague, in a mailbox, at a witness. The server makes one by itself every `checkpoint_every_s` seconds,
keeps it in `checkpoints` of its data directory, and the newest that anybody asked for, and sends it to
`checkpoint_file`, `checkpoint_url` and, with `checkpoint_stdout`, to its standard output.

Exit code: 0 signed; 1 the server finds its log tampered with; 2 anything else that kept it from that.";

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckpointArgs {
    /// Write it to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Post it to an address
    #[arg(long)]
    url: Option<String>,
    /// The certificates (PEM) of those who may vouch for the address; those that the system trusts unless
    /// given
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: &CheckpointArgs) -> anyhow::Result<Finding> {
    let note = match Archive::Server(&args.server).checkpoint().await? {
        Signed::Note(note) => note,
        Signed::Refused(why) => return Ok(refused(&why)),
    };
    if let Some(file) = &args.out {
        fs::write(file, &note).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(url) = &args.url {
        let at = Destination::plain(url.clone(), args.ca_file.clone());
        let sent = async { Witness::new(&at)?.post(&note, PATIENCE).await };
        sent.await.map_err(|why| anyhow!("the checkpoint was not taken: {why}"))?;
    }
    if args.out.is_none() && args.url.is_none() {
        match args.server.json {
            true => println!("{}", serde_json::json!({ "checkpoint": note })),
            false => print!("{note}"),
        }
    }
    Ok(Finding::Intact)
}
