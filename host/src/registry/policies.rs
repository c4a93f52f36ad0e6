//! Policies that somebody sends, and the life of each from there: the same compiler and the same rows as
//! for what lies in a folder, under a name and a key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Refused, Registry};
use crate::model::{Digest, Identity, Landing, Stage};
use crate::policy::{Diagnostic, Policy, Whole, render};
use crate::store::{
    MovePolicy, Origin, POLICY_ROLLED_BACK, PolicyDeployment, PublishPolicy, PublishedPolicy,
    SENT_POLICY, StoreError,
};
use crate::telemetry::Loaded;

/// A policy that is sent.
#[derive(Debug, Clone)]
pub struct SentPolicy {
    /// The name that it is sent under.
    pub name: String,
    /// The TOML document.
    pub text: String,
    /// Where it lands.
    pub stage: Landing,
    /// Why, for the audit log.
    pub why: String,
}

/// What became of a policy that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTaken {
    pub name: String,
    /// Numbered by the host; the same text keeps its number.
    pub version: u32,
    /// Of the text.
    pub digest: Digest,
    pub source: String,
    /// Where it stands: as high as it stood before at least.
    pub stage: Stage,
    /// Of the live set that has it.
    pub generation: u64,
    /// `false`: all was so already.
    pub changed: bool,
    /// What somebody should know before it decides.
    pub warnings: Vec<String>,
}

/// Where a policy stands after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyStood {
    pub policy: String,
    pub version: u32,
    pub digest: Digest,
    pub source: String,
    pub from: Stage,
    pub to: Stage,
    /// Of a canary: of the subjects, for which it decides.
    pub share: Option<f64>,
    pub generation: u64,
}

/// Faults of a document that is refused that the record and the audit log keep.
const FAULTS_KEPT_MAX: usize = 8;

impl Registry {
    /// Compiles what somebody sent and puts it where it lands. When this returns, the next event sees it.
    ///
    /// # Errors
    /// Every fault of the document, or why it may not land there; then nothing has changed but the record
    /// of that.
    pub async fn send_policy(
        &self,
        sent: &SentPolicy,
        who: &Identity,
    ) -> Result<PolicyTaken, Refused> {
        let refused = match self.take_policy(sent, who).await {
            Ok((policy, warnings, published)) => {
                return Ok(self.taken(&policy, warnings, published, sent).await?);
            }
            Err(refused) => refused,
        };
        let why = match &refused {
            Refused::Store(_) | Refused::Reach(_) => return Err(refused),
            Refused::Policy { faults, .. } => {
                let kept = faults.len().min(FAULTS_KEPT_MAX);
                let more = match faults.len() - kept {
                    0 => String::new(),
                    more => format!("and {more} more\n"),
                };
                render(&file_of(&sent.name), &Whole::alone(&sent.text), &faults[..kept]) + &more
            }
            refused => refused.to_string(),
        };
        let (file, digest) =
            (format!("{SENT_POLICY}{}", sent.name), Digest::of(sent.text.as_bytes()));
        if self.store.refuse_sent_policy(&file, digest, &why, who).await? {
            self.metrics.load("policy", Loaded::Refused);
            tracing::error!(file, %digest, "policy refused, what judged before judges on: {why}");
        }
        Err(refused)
    }

    async fn take_policy(
        &self,
        sent: &SentPolicy,
        who: &Identity,
    ) -> Result<(Policy, Vec<Diagnostic>, PublishedPolicy), Refused> {
        if sent.stage == Landing::Active && self.rules.two_person {
            return Err(Refused::Reach(
                "where two persons are asked for (two_person) a policy lands in shadow: send it without `stage`, look at what it would change, and have somebody else promote it".to_owned(),
            ));
        }
        let compiled = self.compile_policy(&file_of(&sent.name), &Whole::alone(&sent.text)).await?;
        let policy = compiled.policy;
        if policy.name() != sent.name {
            let name = policy.name();
            return Err(Refused::Stage(format!(
                "this document is the policy `{name}` and was sent as `{}`: send it under its own name",
                sent.name
            )));
        }
        if let Some(own) = who.source.as_ref().filter(|own| *own != policy.source()) {
            return Err(Refused::Reach(format!(
                "this policy judges the source `{}`, and this key is bound to `{own}`",
                policy.source()
            )));
        }
        let publish = PublishPolicy {
            name: policy.name(),
            source: policy.source(),
            text: &sent.text,
            digest: policy.digest(),
            origin: Origin::Api,
            stage: Stage::from(sent.stage),
            why: Some(&sent.why),
        };
        let published = self.store.publish_policy(&publish, Some(who)).await?;
        Ok((policy, compiled.warnings, published))
    }

    async fn taken(
        &self,
        policy: &Policy,
        warnings: Vec<Diagnostic>,
        published: PublishedPolicy,
        sent: &SentPolicy,
    ) -> Result<PolicyTaken, StoreError> {
        let generation = self.refresh().await?;
        let PublishedPolicy { version, stage, changed, .. } = published;
        if changed {
            self.metrics.load("policy", Loaded::Published);
            tracing::info!(policy = policy.name(), source = policy.source(), version, %stage, "policy published");
        }
        let told = |it: &Diagnostic| format!("{}:{}: {}", it.line, it.column, it.message);
        let mut warnings: Vec<String> = warnings.iter().map(told).collect();
        if stage < Stage::from(sent.stage) {
            warnings.push(format!("{version} is {stage} already and stays so"));
        }
        if self.current().policy(policy.source()).is_none() {
            warnings.push(format!(
                "no policy is active for `{}`: its events are refused until one is, and there is nothing to compare this one with",
                policy.source()
            ));
        }
        Ok(PolicyTaken {
            name: policy.name().to_owned(),
            version,
            digest: policy.digest(),
            source: policy.source().to_owned(),
            stage,
            generation,
            changed,
            warnings,
        })
    }

    /// Puts a version at a stage, because a person says so.
    ///
    /// # Errors
    /// Why it may not stand there; then nothing has changed.
    pub async fn put_policy(
        &self,
        row: &PolicyDeployment,
        to: Stage,
        share: Option<f64>,
        why: &str,
        who: &Identity,
    ) -> Result<PolicyStood, Refused> {
        let PolicyDeployment { name, version, source, .. } = row;
        if to == Stage::Quarantined {
            let how = "a policy does not fail, so there is no quarantine for it: put it to shadow or retired";
            return Err(Refused::Stage(how.to_owned()));
        }
        if to == row.stage && to != Stage::Canary {
            return Err(Refused::Stage(format!("{name} {version} is {to} already")));
        }
        if row.stage == Stage::Active {
            return Err(Refused::Stage(format!(
                "{name} {version} decides about `{source}`, and somebody has to: promote another version in its place, or go back to the one before it (picket policy rollback {name})"
            )));
        }
        if matches!(to, Stage::Active | Stage::Canary) {
            self.may_decide(row, who)?;
        }
        if to == Stage::Canary && self.current().judges(source).is_none() {
            return Err(Refused::Stage(format!(
                "no policy is active for `{source}`, and a canary decides for a share of its subjects only: promote one for all first"
            )));
        }
        if to.is_live() {
            self.compiles(row).await?;
        }
        let what = match (row.stage, to) {
            (_, Stage::Retired) => "policy.retired",
            (Stage::Canary, Stage::Canary) => "policy.canary_changed",
            (from, to) if to < from => "policy.promoted",
            _ => "policy.demoted",
        };
        self.step_policy(row, to, share, what, why, who).await
    }

    /// Goes back to the policy that decided about a source before the one that does.
    ///
    /// # Errors
    /// Where there is none, or it does not compile any more.
    pub async fn roll_back_policy(
        &self,
        source: &str,
        why: &str,
        who: &Identity,
    ) -> Result<PolicyStood, Refused> {
        if self.current().judges(source).is_none() {
            return Err(Refused::Stage(format!(
                "no policy is active for `{source}`, so there is none to go back from: promote the one that shall decide"
            )));
        }
        let before = self.store.policies_that_served(source, 1).await?;
        let row = before.first().ok_or_else(|| {
            Refused::Stage(format!("no earlier policy decided about `{source}` before"))
        })?;
        // It was promoted once before, so another pair of eyes has seen it.
        self.compiles(row).await?;
        self.step_policy(row, Stage::Active, None, POLICY_ROLLED_BACK, why, who).await
    }

    /// Whether a version may decide by the word of somebody.
    fn may_decide(&self, row: &PolicyDeployment, who: &Identity) -> Result<(), Refused> {
        let publisher = row.published_by.as_deref();
        match self.rules.two_person && publisher == Some(&who.key.to_string()) {
            true => Err(Refused::Stage(format!(
                "{} {} was published with this very key, and two persons are asked for (two_person): somebody else promotes it",
                row.name, row.version
            ))),
            false => Ok(()),
        }
    }

    /// Whether a version still compiles: what it names may have gone.
    async fn compiles(&self, row: &PolicyDeployment) -> Result<(), Refused> {
        let gone = || Refused::Absent(format!("the text of {} {} is gone", row.name, row.version));
        let text = self.store.policy_text(row.digest).await?.ok_or_else(gone)?;
        self.compile_policy(&file_of(&row.name), &Whole::alone(&text)).await.map(drop)
    }

    async fn step_policy(
        &self,
        row: &PolicyDeployment,
        to: Stage,
        share: Option<f64>,
        what: &str,
        why: &str,
        who: &Identity,
    ) -> Result<PolicyStood, Refused> {
        let step = MovePolicy { deployment: row.id, from: row.stage, to, share, what, why };
        self.store.move_policy(&step, who).await?;
        let generation = self.refresh().await?;
        tracing::info!(
            policy = row.name,
            version = row.version,
            source = row.source,
            from = %row.stage,
            %to,
            why,
            "{what}"
        );
        Ok(PolicyStood {
            policy: row.name.clone(),
            version: row.version,
            digest: row.digest,
            source: row.source.clone(),
            from: row.stage,
            to,
            share,
            generation,
        })
    }
}

/// What a policy that came without a file is called where its faults are shown.
fn file_of(name: &str) -> String {
    format!("{name}.toml")
}
