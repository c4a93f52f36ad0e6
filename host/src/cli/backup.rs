//! `picket backup` and `picket restore`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::ConfigFile;
use super::progress::waiting;
use crate::app::{Restore, back_up, restore};

pub(super) const BACKUP_HELP: &str = "\
  picket backup /var/backups/picket/2026-11-25
  picket backup /var/backups/picket/2026-11-25 --without-key

A server may run meanwhile: the copy is of one moment. It is looked through when it is written: every
page, and the audit log from its first entry. The folder also holds the host key, without which nothing
personal in it can be read; keep the key elsewhere with --without-key.

Whoever is erased later is still in this backup. A restore erases them again, by the list that the server
keeps in erasures.jsonl of data_dir: copy it, or what `picket subject erasures` writes, to where the loss of
this machine does not reach.

SQLite only: PostgreSQL is backed up with its own tools, and host.key of data_dir beside it.";

pub(super) const RESTORE_HELP: &str = "\
  picket restore /var/backups/picket/2026-11-25 --replace
  picket restore /backup --host-key /safe/host.key --erasures /safe/erasures.jsonl

Stop the server first. The backup is looked through before anything is touched. Then a copy of it is made
ready beside the record: brought up to this release, and without whoever was erased since. Only that takes
the record's place; what was there is moved into a folder `replaced-...`, with its host key and checkpoints.
Cut off before, it changes nothing; after, the next start or `picket restore` finishes it.

Who was erased since is read from the record that is replaced, from erasures.jsonl of data_dir, and from
--erasures. Where none of them can be read, as on a new machine, it wants the list, or your word that
nobody was erased.

The audit log goes back to where it was: a checkpoint that was anchored since does not extend it, and
whoever compares them sees that a backup was restored. The log says so too.";

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// A folder that is not there yet, or empty
    folder: PathBuf,
    /// Leave the host key out
    #[arg(long)]
    without_key: bool,
    /// Print what the backup says of itself as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The folder of the backup
    folder: PathBuf,
    /// The host key, where the backup was made without it
    #[arg(long, value_name = "FILE")]
    host_key: Option<PathBuf>,
    /// A list of who was erased, as `picket subject erasures` writes it; may be given again
    #[arg(long, value_name = "FILE")]
    erasures: Vec<PathBuf>,
    /// Nobody was erased since the backup: there is no list
    #[arg(long, conflicts_with = "erasures")]
    nobody_erased: bool,
    /// Move the record that is there aside
    #[arg(long)]
    replace: bool,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(backup: Backup) -> anyhow::Result<()> {
    let config = backup.config.load()?;
    let made = waiting("copying the record", back_up(&config, &backup.folder, !backup.without_key));
    let manifest = made.await?;
    if backup.json {
        println!("{}", serde_json::to_string_pretty(&manifest)?);
        return Ok(());
    }
    println!("{} is whole: {}", backup.folder.display(), manifest.database.digest);
    println!(
        "{} decisions, {} audit entries with the root {}",
        manifest.decisions, manifest.audit_size, manifest.audit_root
    );
    if manifest.host_key.is_none() {
        println!(
            "without {}: keep it elsewhere, for nothing can be read without it",
            config.data_dir.join("host.key").display()
        );
    }
    Ok(())
}

pub(super) async fn run_restore(args: RestoreArgs) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let wanted = Restore {
        from: args.folder,
        host_key: args.host_key,
        erasures: args.erasures,
        nobody_erased: args.nobody_erased,
        replace: args.replace,
    };
    let restored = waiting("restoring the record", restore(&config, &wanted)).await?;
    if args.json {
        let told = json!({
            "backup": restored.manifest, "erased_again": restored.erased,
            "moved_aside": restored.aside, "audit_entries_lost": restored.audit_lost,
            "remarks": restored.remarks,
        });
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    println!(
        "restored the record of {}: {} decisions, {} audit entries",
        restored.manifest.created_at, restored.manifest.decisions, restored.manifest.audit_size
    );
    if restored.erased > 0 {
        println!("erased again: {} subjects", restored.erased);
    }
    if restored.audit_lost > 0 {
        println!("{} audit entries since then are no longer in the log", restored.audit_lost);
    }
    for aside in &restored.aside {
        println!("what was there before is in {}: delete it when you are sure", aside.display());
    }
    for remark in &restored.remarks {
        println!("{remark}");
    }
    Ok(())
}
