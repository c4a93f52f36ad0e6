//! Policies: every text that was ever published, numbered by the host, and putting one where it shall
//! stand. Where versions stand is read in `policy_deployments`.

use serde_json::json;

use super::audit::{Leaf, Leaves};
use super::inbox::{self, Origin};
use super::policy_standing::{self, deploy};
use super::tx::Tx;
use super::{Store, StoreError, next_generation, sealed, sources};
use crate::model::{AuditEntry, Digest, Identity, Stage, Timestamp};

pub(super) const WHAT: &str = "policy";

/// A policy to publish.
#[derive(Debug, Clone)]
pub struct PublishPolicy<'a> {
    pub name: &'a str,
    pub source: &'a str,
    pub text: &'a str,
    /// Of `text`.
    pub digest: Digest,
    pub origin: Origin,
    /// Where it lands: `active` or `shadow`. A version that stands higher already stays there.
    pub stage: Stage,
    /// Why, for the audit log.
    pub why: Option<&'a str>,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// The same text keeps its number.
    pub version: u32,
    /// Where it stands.
    pub stage: Stage,
    pub generation: u64,
    /// Whether anything is different now. Where not, nothing was written.
    pub changed: bool,
}

impl Store {
    /// Keeps a policy, numbers it and puts it where it shall stand for its source, in one transaction.
    /// A source that is new begins in shadow mode.
    ///
    /// # Errors
    /// [`StoreError::PolicyName`] and [`StoreError::ShadowsFull`]; where the digest is not that of the
    /// text, the text was published under another name, or the database does not answer.
    pub async fn publish_policy(
        &self,
        publish: &PublishPolicy<'_>,
        who: Option<&Identity>,
    ) -> Result<PublishedPolicy, StoreError> {
        let PublishPolicy { name, source, text, digest, origin, .. } = publish;
        if Digest::of(text.as_bytes()) != *digest {
            return Err(unstorable(format!("its digest is not {digest}")));
        }
        let mut tx = self.inner.writer.begin().await?;
        let (version, (stage, deployed)) = match keep_and_deploy(&mut tx, publish, who).await {
            Ok(done) => done,
            Err(error) => {
                tx.roll_back().await;
                return Err(error);
            }
        };
        let taken = match origin.file() {
            Some(file) => inbox::take(&mut tx, file, Some(*digest), None).await?,
            None => false,
        };
        if !deployed && !taken {
            tx.roll_back().await;
            let generation = self.generation().await?;
            return Ok(PublishedPolicy { version, stage, generation, changed: false });
        }
        if *origin == Origin::Api {
            inbox::forget(&mut tx, &format!("{}{name}", inbox::SENT_POLICY)).await?;
        }
        sources::ensure(&mut tx, source).await?;
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": digest, "version": version, "source": source, "stage": stage,
            "origin": origin.to_string(), "why": publish.why, "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, "policy.published", *name, facts))?).await?;
        Ok(PublishedPolicy { version, stage, generation, changed: true })
    }

    /// Stops what came from a file or the program having a say about a source, in whatever stages it
    /// stands. Returns the generation, or `None` where there was nothing to retire.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn retire_policies(
        &self,
        source: &str,
        from: &Origin,
        why: &str,
    ) -> Result<Option<u64>, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let retired = policy_standing::retire(&mut tx, source, from, why).await?;
        if retired.is_empty() {
            tx.roll_back().await;
            return Ok(None);
        }
        if let Some(file) = from.file() {
            inbox::forget(&mut tx, file).await?;
        }
        let generation = next_generation(&mut tx).await?;
        let mut leaves = Vec::with_capacity(retired.len());
        for row in &retired {
            let facts = json!({
                "digest": row.digest, "version": row.version, "source": source, "from": row.stage,
                "to": Stage::Retired, "origin": from.to_string(), "why": why,
                "generation": generation,
            });
            leaves.push(Leaf::of(AuditEntry::new(None, "policy.retired", &*row.name, facts))?);
        }
        let leaves = Leaves::from_vec(leaves).ok_or(StoreError::Failed)?;
        tx.commit(leaves).await?;
        Ok(Some(generation))
    }

    /// The text of a policy that was published once, for replays.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_text(&self, digest: Digest) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT text FROM policies WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(self.readers())
            .await?)
    }
}

async fn keep_and_deploy(
    tx: &mut Tx,
    publish: &PublishPolicy<'_>,
    who: Option<&Identity>,
) -> Result<(u32, (Stage, bool)), StoreError> {
    if publish.origin == Origin::Api {
        refuse_name_of_another(tx, publish).await?;
    }
    let version = keep(tx, publish).await?;
    Ok((version, deploy(tx, publish, who).await?))
}

/// A name belongs to one source, or a number of it would say nothing. What lies in a folder is the
/// operator's word and may move on.
async fn refuse_name_of_another(
    tx: &mut Tx,
    publish: &PublishPolicy<'_>,
) -> Result<(), StoreError> {
    let source: Option<String> = sqlx::query_scalar(
        "SELECT source FROM policies WHERE name = $1 ORDER BY version DESC LIMIT 1",
    )
    .bind(publish.name)
    .fetch_optional(tx.connection()?)
    .await?;
    match source {
        Some(source) if source != publish.source => {
            Err(StoreError::PolicyName { name: publish.name.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Keeps a policy where its text is new, under the next number of its name. Returns its number.
async fn keep(tx: &mut Tx, publish: &PublishPolicy<'_>) -> Result<u32, StoreError> {
    sqlx::query(
        "INSERT INTO policies (digest, name, version, source, text, first_seen_at) \
         SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM policies WHERE name = $2 \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(publish.digest.as_bytes().as_slice())
    .bind(publish.name)
    .bind(publish.source)
    .bind(publish.text)
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    let (name, source, version): (String, String, i64) =
        sqlx::query_as("SELECT name, source, version FROM policies WHERE digest = $1")
            .bind(publish.digest.as_bytes().as_slice())
            .fetch_one(tx.connection()?)
            .await?;
    if (name.as_str(), source.as_str()) != (publish.name, publish.source) {
        let detail = format!("the same text is the policy `{name}` of the source `{source}`");
        return Err(unstorable(detail));
    }
    version_of(&name, version)
}

pub(super) fn version_of(name: &str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|error| sealed::damaged(WHAT, name, &error))
}

fn unstorable(detail: String) -> StoreError {
    StoreError::Unstorable { what: "a policy", detail }
}
