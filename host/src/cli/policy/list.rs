//! `picket policy list`: what decides and what is on trial.

use std::process::ExitCode;

use crate::api::{Policies, PolicyStatus};
use crate::cli::client::Server;
use crate::cli::table::{self, plain};
use crate::cli::words;
use crate::model::Landing;

pub(super) const AFTER_HELP: &str = "\
Of each source: the policy that decides (active), the one that decides for a share of the subjects
(canary), those that judge beside it and decide nothing (shadow), and the one that decided last before.
`picket policy show NAME` lists all versions.";

pub(super) async fn run(server: &Server) -> anyhow::Result<ExitCode> {
    let all: Policies = server.get("/v1/policies").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(ExitCode::SUCCESS);
    }
    if all.landing == Landing::Active {
        words::warn(
            "ACTIVE AT ONCE, without a trial: a policy that is dropped into the folder (folder_stage)",
        );
    }
    println!("{}", rows(&all.policies));
    for refusal in &all.refused {
        println!("\nrefused {} at {}:\n{}", plain(&refusal.file), refusal.at, refusal.error);
    }
    Ok(ExitCode::SUCCESS)
}

/// A row for each version.
pub(super) fn rows(policies: &[PolicyStatus]) -> comfy_table::Table {
    let mut out = table::new(&["SOURCE", "POLICY", "VERSION", "STAGE", "SINCE", "ORIGIN", "WHY"]);
    for status in policies {
        out.add_row([
            plain(&status.source),
            plain(&status.name),
            status.version.to_string(),
            stage(status),
            status.updated_at.to_string().chars().take(16).collect(),
            plain(&status.origin),
            plain(&status.why),
        ]);
    }
    out
}

/// A stage, with the share of a canary.
pub(super) fn stage(status: &PolicyStatus) -> String {
    match status.share {
        Some(share) => format!("{} {}", status.stage, words::percent(share)),
        None => status.stage.to_string(),
    }
}
