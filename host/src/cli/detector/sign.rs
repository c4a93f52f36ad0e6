//! `picket detector sign` and `verify`: without a server, on the file as it lies there.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::{ConfigFile, table};
use super::component::plain_file;
use crate::app;
use crate::config::Config;
use crate::model::{SignatureMode, Timestamp};
use crate::registry::{settings, signature_path};
use crate::runtime::{self, Prepared, Runtime, RuntimeOptions};
use crate::signing::{PublicKey, SignatureFile, SigningKey, Trust, Verdict};

pub(super) const AFTER_HELP: &str = "\
Loads the file as a server would, with the settings of NAME.toml beside it, and signs what it is and
what it says of itself. NAME.wasm.sig may hold the signatures of several keys, so that one can follow
another: this adds to them, and replaces only that of the same key. Copy both files to the server,
the signature first.

  picket key detector new --name alice
  picket detector sign parking.wasm --key alice.key";

#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The detector
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// The secret file that `picket key detector new` wrote
    #[arg(long, value_name = "SECRET_FILE")]
    key: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The detector; its signatures are those of FILE.wasm.sig
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Trust this public key, and those of the configuration no more
    #[arg(long, value_name = "KEY")]
    public: Vec<String>,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn sign(sign: &Sign) -> anyhow::Result<()> {
    let key = secret(&sign.key)?;
    let detector = load(&sign.file, &sign.config.load()?)?;
    let signature = key.sign(detector.digest(), detector.manifest(), Timestamp::now());
    let id = signature.key;
    let path = signature_path(&sign.file);
    let signed = match read_signatures(&path)? {
        None => SignatureFile::of(signature),
        Some(text) => {
            let mend = || format!("{}: remove it if nobody needs it", path.display());
            let mut signed =
                SignatureFile::parse(&text).map_err(anyhow::Error::msg).with_context(mend)?;
            signed.put(signature).map_err(anyhow::Error::msg).with_context(mend)?;
            signed
        }
    };
    write_whole(&path, &signed.to_text()).with_context(|| path.display().to_string())?;
    let manifest = detector.manifest();
    println!("signed {} {} by the key {id}: {}", manifest.name, manifest.version, path.display());
    Ok(())
}

pub(super) fn verify(verify: &Verify) -> anyhow::Result<ExitCode> {
    let config = verify.config.load()?;
    let detector = load(&verify.file, &config)?;
    let trust = trust(config, &verify.public)?.with_mode(SignatureMode::Require);
    let text = read_signatures(&signature_path(&verify.file))?;
    let verdict = trust.verify(detector.digest(), detector.manifest(), text.as_deref());
    let manifest = detector.manifest();
    let mut facts = json!({
        "detector": manifest.name, "version": manifest.version, "digest": detector.digest(),
    });
    let good = match verdict {
        Ok(Verdict::Signed { key, name }) => {
            facts["signed_by"] = json!({ "key": key, "name": name });
            if !verify.json {
                let (detector, version) = (&manifest.name, &manifest.version);
                println!("{detector} {version} is signed by {} (key {key})", table::plain(&name));
            }
            true
        }
        Ok(other) => bail!("a signature was required, and the verdict is {other:?}"),
        Err(error) => {
            facts["error"] = error.to_string().into();
            if !verify.json {
                eprintln!("picket: {}: {error}", verify.file.display());
            }
            false
        }
    };
    facts["good"] = good.into();
    if verify.json {
        println!("{}", serde_json::to_string_pretty(&facts)?);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The configuration's keys, or those of the command line under what the configuration revokes.
fn trust(mut config: Config, public: &[String]) -> anyhow::Result<Trust> {
    for key in public {
        key.parse::<PublicKey>().map_err(|problem| anyhow::anyhow!("--public {problem}"))?;
    }
    if !public.is_empty() {
        // They have no other name.
        config.trusted_keys = public.iter().map(|key| (key.clone(), key.clone())).collect();
    }
    app::trust(&config)
}

/// Loads a file as a server would, within the limits of the configuration.
fn load(file: &Path, config: &Config) -> anyhow::Result<Prepared> {
    let context = || file.display().to_string();
    plain_file(file)?;
    let bytes = fs::read(file).with_context(context)?;
    let settings = settings(file).map_err(anyhow::Error::msg)?;
    // Nothing is cached, so no key of a host is needed.
    let options = RuntimeOptions { cache: None, ..app::runtime_options(config, [0; 32]) };
    let runtime = Runtime::new(&options)?;
    runtime.load(&bytes, &settings.to_string(), runtime::Trust::Stranger).with_context(context)
}

/// The text of a signature file, if there is one.
fn read_signatures(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn secret(path: &Path) -> anyhow::Result<SigningKey> {
    let context = || path.display().to_string();
    let text = Zeroizing::new(fs::read_to_string(path).with_context(context)?);
    let others = fs::metadata(path).with_context(context)?.permissions().mode() & 0o077;
    if others != 0 {
        eprintln!("{0} can be read by others: chmod 600 {0}", path.display());
    }
    SigningKey::parse(&text).map_err(|problem| anyhow::anyhow!("{} {problem}", path.display()))
}

/// Puts a file in its place in one step, so that a server that watches never sees half of it.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
