//! `picket detector push`: a file, in pieces, to a server. What breaks off goes on where it stopped.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::super::client::{Answer, Server, answer, encode};
use super::super::table::plain;
use super::{component, words};
use crate::api::Arrived;
use crate::model::Digest;
use crate::registry::{Uploaded, signature_path};

pub(super) const AFTER_HELP: &str = "\
  picket detector push target/wasm32-wasip2/release/contact_phone.wasm --why 'order numbers'
  picket detector diff contact-phone@1.3.0
  picket detector promote contact-phone@1.3.0 --to canary --share 0.05

It lands in shadow unless the server's configuration says otherwise (upload_stage): it runs on every
event and is recorded, and decides nothing. A version is its bytes for ever: for other bytes raise the
version. What breaks off is taken up where it stopped, also by a second call. FILE.sig, as
`picket detector sign` writes it, goes along.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    /// The component, as `cargo build --target wasm32-wasip2 --release` makes it
    file: PathBuf,
    /// The detector's name, as in its manifest; the file's name with `-` for `_` unless given
    #[arg(long)]
    name: Option<String>,
    /// The only source that it serves; every one unless the key is bound to one
    #[arg(long)]
    source: Option<String>,
    /// Where it lands, if not where the server's configuration says
    #[arg(long, value_parser = ["shadow", "active"])]
    stage: Option<String>,
    /// Its settings, as TOML or JSON
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// It may be older than what stands there
    #[arg(long)]
    allow_downgrade: bool,
    /// Why, for the audit log
    #[arg(long)]
    why: Option<String>,
    #[command(flatten)]
    server: Server,
}

/// So much goes in one request.
const PIECE_BYTES: usize = 1 << 20;
/// How often in a row it may get nowhere.
const ATTEMPTS_MAX: u32 = 5;
/// What takes longer is shown to whoever waits.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

pub(super) async fn run(push: &Push) -> anyhow::Result<ExitCode> {
    let (path, file) = component::read(&push.file)?;
    let upload = Upload::new(push, &path, file.into())?;
    let uploaded = upload.send(&push.server).await?;
    if push.server.json {
        println!("{}", serde_json::to_string_pretty(&uploaded)?);
        return Ok(ExitCode::SUCCESS);
    }
    let uploaded: Uploaded =
        serde_json::from_value(uploaded).context("an answer of another release")?;
    let already = if uploaded.changed { "" } else { "already " };
    println!(
        "{} {} ({}) is {already}{} for {}, generation {}",
        plain(&uploaded.name),
        plain(&uploaded.version),
        uploaded.digest.short(),
        uploaded.stage,
        words::source(&uploaded.source),
        uploaded.generation
    );
    for warning in &uploaded.warnings {
        words::warn(warning);
    }
    if uploaded.stage.is_trial() {
        let which = format!("{}@{}", plain(&uploaded.name), plain(&uploaded.version));
        println!("see what it would change: picket detector diff {which}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A file and what goes with it.
struct Upload {
    name: String,
    digest: Digest,
    query: String,
    file: Bytes,
    /// The text of the signature file that lies beside it, in base64.
    signature: Option<String>,
    begun: Instant,
}

impl Upload {
    fn new(push: &Push, path: &Path, file: Bytes) -> anyhow::Result<Self> {
        let name = match &push.name {
            Some(name) => name.clone(),
            None => {
                let stem = path.file_stem().unwrap_or_default();
                stem.to_string_lossy().replace('_', "-")
            }
        };
        let digest = Digest::of(&file);
        let settings = push.settings.as_deref().map(settings).transpose()?;
        let mut query = format!("?digest={}", encode(&digest.to_string()));
        let given = [
            ("source", push.source.as_deref()),
            ("stage", push.stage.as_deref()),
            ("settings", settings.as_deref()),
            ("why", push.why.as_deref()),
        ];
        for (key, value) in given {
            if let Some(value) = value {
                query.push_str(&format!("&{key}={}", encode(value)));
            }
        }
        if push.allow_downgrade {
            query.push_str("&allow_downgrade=true");
        }
        let signature = signature_path(path);
        let signature = match std::fs::read(&signature) {
            Ok(text) => Some(STANDARD.encode(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| signature.display().to_string()),
        };
        Ok(Self { name, digest, query, file, signature, begun: Instant::now() })
    }

    async fn send(&self, server: &Server) -> anyhow::Result<Value> {
        let mut failures = 0;
        let mut offset = self.arrived(server).await?;
        let mut bar = None;
        loop {
            let end = self.file.len().min(offset + PIECE_BYTES);
            let last = end == self.file.len();
            let sent = self.piece(server, offset, end, &mut bar).await?;
            let why = match sent {
                Ok(good) if good.status.is_success() && last => return good.good(),
                Ok(good) if good.status.is_success() => {
                    (offset, failures) = (end, 0);
                    continue;
                }
                // It goes on elsewhere, or somewhat later.
                Ok(bad) if passes(&bad) => bad.good().err(),
                Ok(bad) => return bad.good(),
                Err(error) => Some(error.into()),
            };
            failures += 1;
            if failures >= ATTEMPTS_MAX {
                let why = why.unwrap_or_else(|| anyhow::anyhow!("no answer"));
                return Err(why.context(format!(
                    "{offset} of {} bytes have arrived; call again to go on",
                    self.file.len()
                )));
            }
            tokio::time::sleep(Duration::from_millis(200) * failures).await;
            if let Ok(arrived) = self.arrived(server).await {
                offset = arrived;
            }
        }
    }

    /// How much is there already.
    async fn arrived(&self, server: &Server) -> anyhow::Result<usize> {
        let (name, digest) = (encode(&self.name), encode(&self.digest.to_string()));
        let arrived: Arrived =
            server.get(&format!("/v1/detectors/{name}/uploads/{digest}")).await?;
        let received = usize::try_from(arrived.received)?;
        if received > self.file.len() {
            bail!("the server has {received} bytes of this file, which is more than there are");
        }
        Ok(received)
    }

    /// Sends one piece. The inner error is of the way there and back.
    async fn piece(
        &self,
        server: &Server,
        offset: usize,
        end: usize,
        bar: &mut Option<ProgressBar>,
    ) -> anyhow::Result<Result<Answer, reqwest::Error>> {
        let last = end == self.file.len();
        let path = format!("/v1/detectors/{}/versions{}", encode(&self.name), self.query);
        let request = server
            .request(Method::PUT, &path)?
            .header("content-type", "application/wasm")
            .header("upload-offset", offset.to_string())
            .header("upload-complete", if last { "?1" } else { "?0" })
            .body(self.file.slice(offset..end));
        // It goes with the piece that makes the file whole.
        let signature = self.signature.as_ref().filter(|_| last);
        let request = match signature {
            Some(signature) => request.header("picket-signature", signature),
            None => request,
        };
        let sending = answer(request);
        tokio::pin!(sending);
        let shown = bar.is_some() || !std::io::stderr().is_terminal();
        let sent = tokio::select! {
            sent = &mut sending => sent,
            () = tokio::time::sleep_until((self.begun + SHOWN_AFTER).into()), if !shown => {
                *bar = Some(self.bar()?);
                self.show(bar, offset, last);
                sending.await
            }
        };
        self.show(bar, end, last);
        if let (Some(bar), true) = (bar, last) {
            bar.finish_and_clear();
        }
        Ok(sent)
    }

    fn bar(&self) -> anyhow::Result<ProgressBar> {
        let bar = ProgressBar::new(self.file.len() as u64);
        bar.set_style(ProgressStyle::with_template(
            "{spinner} [{bar:20}] {bytes}/{total_bytes} {msg}",
        )?);
        bar.enable_steady_tick(Duration::from_millis(100));
        Ok(bar)
    }

    fn show(&self, bar: &Option<ProgressBar>, sent: usize, last: bool) {
        if let Some(bar) = bar {
            bar.set_position(sent as u64);
            bar.set_message(if last { "the server compiles it and tries it" } else { "" });
        }
    }
}

/// Whether the same may go well in a moment.
fn passes(bad: &Answer) -> bool {
    let later = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT];
    later.contains(&bad.status) || ["upload-offset", "in-progress"].contains(&bad.problem())
}

/// A file of settings as JSON.
fn settings(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let json = path.extension().is_some_and(|extension| extension == "json");
    let value: anyhow::Result<Value> = match json {
        true => serde_json::from_str(&text).map_err(Into::into),
        false => toml::from_str(&text).map_err(Into::into),
    };
    let value = value.with_context(|| path.display().to_string())?;
    Ok(value.to_string())
}
