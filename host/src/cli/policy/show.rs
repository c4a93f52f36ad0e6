//! `picket policy show`: the versions of a policy, or all that is known of one.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::compare::trials;
use super::list::{rows, stage};
use crate::api::{PolicyDetail, PolicyVersions};
use crate::cli::client::{Server, encode};
use crate::cli::table::plain;
use crate::cli::which::{Which, WhichVersion};

pub(super) const AFTER_HELP: &str = "\
  picket policy show market              its versions, newest first, and where each stands
  picket policy show market@3            one version: by whom and why it stands there, its trials
  picket policy show market@3 --text     its document, byte for byte

Texts are kept for ever: a decision names the digest of the policy that made it, and market@sha256:...
is found by it.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// NAME, or NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME[@VERSION]")]
    which: Which,
    /// Print the document of the version and nothing else
    #[arg(long)]
    text: bool,
    /// Of the versions of a policy: how many
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(show: &Show) -> anyhow::Result<ExitCode> {
    let Which { name, version } = show.which.clone();
    let Some(version) = version else {
        if show.text {
            bail!("whose text? write {name}@VERSION; `picket policy show {name}` lists them");
        }
        return versions(show, &name).await;
    };
    let which = WhichVersion { name, version };
    if show.text {
        let text = show.server.download(&format!("{}/file", which.of_policy())).await?;
        std::io::stdout().write_all(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let detail: PolicyDetail = show.server.get(&which.of_policy()).await?;
    match show.server.json {
        true => println!("{}", serde_json::to_string_pretty(&detail)?),
        false => print(&detail),
    }
    Ok(ExitCode::SUCCESS)
}

async fn versions(show: &Show, name: &str) -> anyhow::Result<ExitCode> {
    let path = format!("/v1/policies/{}?limit={}", encode(name), show.limit);
    let page: PolicyVersions = show.server.get(&path).await?;
    if show.server.json {
        println!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", rows(&page.versions));
    if let Some(next) = page.next {
        println!("\nthere are more below {next}: --limit");
    }
    Ok(ExitCode::SUCCESS)
}

fn print(detail: &PolicyDetail) {
    let status = &detail.status;
    let by =
        |key: &Option<String>| key.as_deref().map_or("the program or a folder".to_owned(), plain);
    println!(
        "{} {} is {} for {} since {}: {}\n",
        plain(&status.name),
        status.version,
        stage(status),
        plain(&status.source),
        status.updated_at,
        plain(&status.why)
    );
    let lines = [
        ("digest", status.digest.to_string()),
        ("published", format!("{} by {}", status.published_at, by(&status.published_by))),
        ("from", plain(&status.origin)),
        ("moved by", by(&status.moved_by)),
        ("decided", status.served_at.map(|at| format!("from {at}")).unwrap_or_default()),
        ("text", format!("{} bytes: --text", detail.text.len())),
    ];
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        println!("{name:<10} {value}");
    }
    if !detail.trials.is_empty() {
        println!("\n{}", trials(&detail.trials));
    }
}
