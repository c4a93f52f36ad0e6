//! `picket key`: who may call, and who may sign.

mod detector;
mod webhook;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::Server;
use super::{ConfigFile, table};
use crate::app::{create_private, open_host_key, store_options};
use crate::auth::new_key;
use crate::model::Role;
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a key that signs detectors
    #[command(subcommand)]
    Detector(detector::Command),
    /// Make a key that signs what is sent to a platform
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Make a key and print it, once: only its hash is kept
    #[command(after_help = CREATE_HELP)]
    Create(Create),
    /// List the keys of a running server
    List(Server),
    /// Revoke a key: it works no longer than a second more
    Revoke {
        /// The key's id, as `picket key list` shows it
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

const CREATE_HELP: &str = "\
Opens the database itself, so it works before the first start and needs no other key. Prints only
the key, so that a script can take it:

  export PICKET_KEY=$(picket key create --role admin --name me)

Roles: platform posts events and reads its decisions (bind it with --source); engineer reads all and
tries events out; reviewer reads decisions; auditor reads everything; admin may do everything.";

#[derive(Debug, Args)]
pub(super) struct Create {
    /// platform, engineer, reviewer, auditor or admin
    #[arg(long)]
    role: Role,
    /// Bind the key to one source
    #[arg(long)]
    source: Option<String>,
    /// Whose it is, for the list and the audit log
    #[arg(long, default_value = "")]
    name: String,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Detector(detector::Command::New(new)) => detector::new(&new),
        Command::Webhook(webhook::Command::New(new)) => webhook::new(&new),
        Command::Create(create) => run_create(create).await,
        Command::List(server) => list(&server).await,
        Command::Revoke { id, server } => {
            server.delete(&format!("/v1/keys/{id}")).await?;
            if !server.json {
                println!("revoked");
            }
            Ok(())
        }
    }
}

async fn run_create(create: Create) -> anyhow::Result<()> {
    let config = create.config.load()?;
    create_private(&config.data_dir)?;
    let host_key = open_host_key(&config.data_dir)?;
    let store = Store::open(&store_options(&config, host_key)).await?;
    let (key, hash) = new_key().map_err(anyhow::Error::msg)?;
    store.create_key(create.role, create.source.as_deref(), &create.name, &hash, None).await?;
    store.close().await?;
    println!("{key}");
    Ok(())
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let keys: Vec<Value> = server.get("/v1/keys").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&keys)?);
        return Ok(());
    }
    let mut out = table::new(&["ID", "ROLE", "SOURCE", "NAME", "CREATED", "REVOKED"]);
    for key in &keys {
        let text = |field: &str| table::plain(key[field].as_str().unwrap_or("-"));
        out.add_row(["id", "role", "source", "name", "created_at", "revoked_at"].map(text));
    }
    println!("{out}");
    Ok(())
}

/// Writes what nobody but its owner may read, where nothing is yet.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!(
            "{} is there already and is left as it is: choose another file with --out",
            path.display()
        ),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| path.display().to_string())
}
