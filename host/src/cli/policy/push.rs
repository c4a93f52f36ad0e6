//! `picket policy push`: a document to a server.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use reqwest::Method;

use crate::cli::client::{Server, answer, encode};
use crate::cli::table::plain;
use crate::cli::words;
use crate::policy::render;
use crate::registry::PolicyTaken;

pub(super) const AFTER_HELP: &str = "\
  picket policy push market.toml --why 'links weigh more'
  picket policy compare market@4
  picket policy promote market@4 --to canary --share 0.05

It lands in shadow: it judges every event of its source beside the policy that decides, on the same
findings, and decides nothing. The server numbers it; the same text keeps its number. What is wrong with
the document is shown as `picket policy check` shows it, here against what the server has loaded.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    /// The TOML document
    file: PathBuf,
    /// Where it lands
    #[arg(long, value_parser = ["shadow", "active"], default_value = "shadow")]
    stage: String,
    /// Why, for the audit log
    #[arg(long)]
    why: Option<String>,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(push: &Push) -> anyhow::Result<ExitCode> {
    let file = push.file.display().to_string();
    let whole = super::read(&push.file)?;
    if !whole.faults().is_empty() {
        bail!("{file} was not sent\n\n{}", render(&file, &whole, whole.faults()).trim_end());
    }
    let why = words::why(push.why.as_deref())?;
    let path = format!(
        "/v1/policies/{}?stage={}&why={}",
        encode(&name_in(whole.text(), push)),
        push.stage,
        encode(&why)
    );
    let request = push.server.request(Method::PUT, &path)?;
    let request = request.header("content-type", "application/toml").body(whole.text().to_owned());
    let answer = answer(request).await.context("the server does not answer")?;
    if answer.problem() == "policy-refused" {
        let lines = match whole.has_parts() {
            true => "\n\nlines are those of the whole: picket policy check FILE --whole",
            false => "",
        };
        bail!("{file} is refused, nothing has changed\n\n{}{lines}", answer.detail());
    }
    let taken = answer.good()?;
    if push.server.json {
        println!("{}", serde_json::to_string_pretty(&taken)?);
        return Ok(ExitCode::SUCCESS);
    }
    let taken: PolicyTaken =
        serde_json::from_value(taken).context("an answer of another release")?;
    let already = if taken.changed { "" } else { "already " };
    println!(
        "{} {} ({}) is {already}{} for {}, generation {}",
        plain(&taken.name),
        taken.version,
        taken.digest.short(),
        taken.stage,
        plain(&taken.source),
        taken.generation
    );
    for warning in &taken.warnings {
        words::warn(warning);
    }
    if taken.stage.is_trial() {
        let which = format!("{}@{}", plain(&taken.name), taken.version);
        println!("see what it would decide: picket policy compare {which}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The name that the document gives itself; where it cannot be read, that of the file, and the server says
/// what is wrong.
fn name_in(text: &str, push: &Push) -> String {
    let named = toml::from_str::<toml::Table>(text).ok();
    let named = named.and_then(|table| table.get("name")?.as_str().map(str::to_owned));
    let stem = || push.file.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    named.unwrap_or_else(stem)
}
