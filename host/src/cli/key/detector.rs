//! `picket key detector`: keys that sign detectors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::write_secret;
use crate::signing::SigningKey;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a key pair: the secret half into a file, the public half printed
    #[command(after_help = NEW_HELP)]
    New(New),
}

const NEW_HELP: &str = "\
Prints only the line that belongs under [trusted_keys] in picket.toml:

  picket key detector new --name alice >> trusted.toml

The secret file is readable by its owner alone and is never overwritten. Whoever has it can sign.";

#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// Where the secret goes; NAME.key unless told otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What servers that trust it will call it
    #[arg(long, default_value = "detectors", value_parser = name)]
    name: String,
}

const NAME_CHARACTERS_MAX: usize = 64;

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    match (1..=NAME_CHARACTERS_MAX).contains(&text.chars().count()) && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a name is 1 to {NAME_CHARACTERS_MAX} letters, digits and any of - _ . @ +"
        )),
    }
}

pub(super) fn new(new: &New) -> anyhow::Result<()> {
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(seed.as_mut_slice()).context("the system gives no randomness")?;
    let key = SigningKey::from_seed(&seed);
    let id = key.public().id();
    let out = new.out.clone().unwrap_or_else(|| format!("{}.key", new.name).into());
    let secret = key.to_text();
    let text = Zeroizing::new(format!(
        "# Signs detectors as `{}`, key {id}. Whoever has this file can: keep it secret.\n{}\n",
        new.name, *secret
    ));
    write_secret(&out, &text)?;
    let line = BTreeMap::from([(&new.name, key.public().to_string())]);
    print!("{}", toml::to_string(&line)?);
    eprintln!(
        "The secret of the key {id} is in {}. The line above belongs under [trusted_keys] in the \
         picket.toml of every server that is to trust it.",
        out.display()
    );
    Ok(())
}
