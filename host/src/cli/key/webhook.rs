//! `picket key webhook`: keys that sign what is sent to platforms.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::write_secret;
use crate::signing::WebhookKey;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Make a key: into a file for Picket, and printed what the platform verifies with
    #[command(after_help = NEW_HELP)]
    New(New),
}

const NEW_HELP: &str = "\
  picket key webhook new --ed25519 --out qwickservices.whsk
  picket key webhook new --out qwickservices.whsec

and in picket.toml:

  [destinations.qwickservices]
  url = \"https://qwickservices.example/picket/actions\"
  secret_files = [\"qwickservices.whsk\"]

Prints only what the platform needs: with --ed25519 the public half (whpk_...), which everybody may
know, and otherwise the secret itself (whsec_...), which both sides hold and nobody else may read.
One key for one platform.

To change a key without a gap: make another and name both files, restart, give the platform the new
one, and when it verifies with that take the old file out. All keys that are named sign.

The file is readable by its owner alone and is never overwritten.";

#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// A pair (v1a) instead of a secret that both sides hold (v1)
    #[arg(long = "ed25519")]
    pair: bool,
    /// Where the key goes; webhook.whsk or webhook.whsec unless told otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn new(new: &New) -> anyhow::Result<()> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(bytes.as_mut_slice()).context("the system gives no randomness")?;
    let (key, out) = match new.pair {
        true => (WebhookKey::pair(&bytes), "webhook.whsk"),
        false => (WebhookKey::shared(&bytes), "webhook.whsec"),
    };
    let out = new.out.clone().unwrap_or_else(|| out.into());
    let verifier = key.verifier();
    // Of a pair the public half stands there too, so that it is not lost.
    let public = if new.pair { format!("; the platform has {}", *verifier) } else { String::new() };
    let text = Zeroizing::new(format!(
        "# Signs what is sent to a platform{public}. Keep it secret.\n{}\n",
        *key.to_text()
    ));
    write_secret(&out, &text)?;
    println!("{}", *verifier);
    eprintln!(
        "The key is in {}, for `secret_files` of a destination in picket.toml. The line above is for \
         the platform, {}.",
        out.display(),
        match new.pair {
            true => "and not secret",
            false => "which has to keep it secret as well",
        }
    );
    Ok(())
}
