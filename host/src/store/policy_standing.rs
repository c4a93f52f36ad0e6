//! Where a version of a policy comes to stand: inserting its row, moving it, and who has to make room.

use super::inbox::Origin;
use super::policies::PublishPolicy;
use super::policy_deployments::{MovePolicy, PolicyDeployment, of_id, standing};
use super::sealed::cipher::fill;
use super::tx::Tx;
use super::{StoreError, policy_trials};
use crate::model::{Digest, Identity, Score, Stage, Timestamp};

/// Policies of one source that may be in shadow beside each other: each judges every event.
pub const SHADOW_POLICIES_MAX: usize = 8;

/// What the audit log calls going back.
pub const POLICY_ROLLED_BACK: &str = "policy.rolled_back";
/// Why a version stands where it does that was published without a word.
const PUBLISHED: &str = "published";
const REPLACED: &str = "another version took its place";

/// A place for a version.
struct Place<'a> {
    source: &'a str,
    stage: Stage,
    share: Option<f64>,
    why: &'a str,
    who: Option<&'a Identity>,
}

/// Puts a version where it shall stand. Returns its stage, and whether that is news.
pub(super) async fn deploy(
    tx: &mut Tx,
    publish: &PublishPolicy<'_>,
    who: Option<&Identity>,
) -> Result<(Stage, bool), StoreError> {
    let PublishPolicy { source, digest, origin, .. } = publish;
    let rows = standing(tx, source, *digest).await?;
    let id = match rows.iter().find(|row| row.digest == *digest) {
        // It stands as high already.
        Some(row) if row.stage <= publish.stage => {
            let moved_house = row.origin != *origin;
            if moved_house {
                sqlx::query(
                    "UPDATE policy_deployments SET origin = $1, updated_at = $2 WHERE id = $3",
                )
                .bind(origin.to_string())
                .bind(Timestamp::now().micros())
                .bind(row.id)
                .execute(tx.connection()?)
                .await?;
            }
            // What its file held in between is withdrawn.
            let withdrawn = retire_others_of_file(tx, &rows, row.id, origin).await?;
            return Ok((row.stage, moved_house || withdrawn));
        }
        Some(row) => row.id,
        None => insert(tx, publish, who).await?,
    };
    if publish.stage == Stage::Shadow {
        make_room(tx, &rows, id, origin).await?;
    }
    let why = publish.why.unwrap_or(PUBLISHED);
    stand(tx, id, &Place { source, stage: publish.stage, share: None, why, who }).await?;
    sqlx::query("UPDATE policy_deployments SET origin = $1, published_by = $2 WHERE id = $3")
        .bind(origin.to_string())
        .bind(who.map(|who| who.key.to_string()))
        .bind(id)
        .execute(tx.connection()?)
        .await?;
    Ok((publish.stage, true))
}

impl MovePolicy<'_> {
    /// Makes the move and returns the row as it was.
    pub(super) async fn run(
        &self,
        tx: &mut Tx,
        who: &Identity,
    ) -> Result<PolicyDeployment, StoreError> {
        let row = of_id(tx, self.deployment).await?;
        if row.stage != self.from {
            let what = format!("{} {}", row.name, row.version);
            return Err(StoreError::Moved { what, stage: row.stage });
        }
        if self.to == Stage::Shadow {
            let rows = standing(tx, &row.source, row.digest).await?;
            make_room(tx, &rows, row.id, &Origin::Api).await?;
        }
        if self.what == POLICY_ROLLED_BACK {
            forget_service(tx, &row.source).await?;
        }
        let Self { to, share, why, .. } = *self;
        let place = Place { source: &row.source, stage: to, share, why, who: Some(who) };
        stand(tx, row.id, &place).await?;
        Ok(row)
    }
}

/// Retires what stands for a source and came from somewhere, and returns the rows as they were.
pub(super) async fn retire(
    tx: &mut Tx,
    source: &str,
    from: &Origin,
    why: &str,
) -> Result<Vec<PolicyDeployment>, StoreError> {
    // No text has this digest: what stands is all that is found.
    let mut rows = standing(tx, source, Digest::from([0; 32])).await?;
    rows.retain(|row| row.stage.is_live() && row.origin == *from);
    for row in &rows {
        retire_row(tx, row.id, why).await?;
    }
    Ok(rows)
}

/// A row for a version that never stood anywhere, retired until it is put somewhere.
async fn insert(
    tx: &mut Tx,
    publish: &PublishPolicy<'_>,
    who: Option<&Identity>,
) -> Result<i64, StoreError> {
    let id = sqlx::query_scalar(
        "INSERT INTO policy_deployments (source, digest, stage, salt, origin, published_by, \
         moved_by, why, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) RETURNING id",
    )
    .bind(publish.source)
    .bind(publish.digest.as_bytes().as_slice())
    .bind(Stage::Retired.as_str())
    .bind(salt(tx, publish.source).await?)
    .bind(publish.origin.to_string())
    .bind(who.map(|who| who.key.to_string()))
    .bind(publish.why.unwrap_or(PUBLISHED))
    .bind(Timestamp::now().micros())
    .fetch_one(tx.connection()?)
    .await?;
    Ok(id)
}

/// One salt for all policies of a source: whoever was in the last canary's share is in the next.
async fn salt(tx: &mut Tx, source: &str) -> Result<Vec<u8>, StoreError> {
    let known: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT salt FROM policy_deployments WHERE source = $1 ORDER BY id LIMIT 1",
    )
    .bind(source)
    .fetch_optional(tx.connection()?)
    .await?;
    if let Some(salt) = known {
        return Ok(salt);
    }
    let mut salt = [0; 16];
    fill(&mut salt).map_err(|detail| StoreError::Unstorable { what: "a deployment", detail })?;
    Ok(salt.to_vec())
}

/// Makes room in shadow: of a file the newest is on trial alone, and all together are bounded.
async fn make_room(
    tx: &mut Tx,
    rows: &[PolicyDeployment],
    id: i64,
    origin: &Origin,
) -> Result<(), StoreError> {
    let mut others = rows
        .iter()
        .filter(|row| row.stage == Stage::Shadow && row.id != id && !is_of_file(row, origin));
    if let Some(row) = others.nth(SHADOW_POLICIES_MAX - 1) {
        let (source_name, limit) = (row.source.clone(), SHADOW_POLICIES_MAX);
        return Err(StoreError::ShadowsFull { source_name, limit });
    }
    retire_others_of_file(tx, rows, id, origin).await.map(drop)
}

/// Of a file the newest is on trial alone. Returns whether others were.
async fn retire_others_of_file(
    tx: &mut Tx,
    rows: &[PolicyDeployment],
    id: i64,
    origin: &Origin,
) -> Result<bool, StoreError> {
    let others = rows
        .iter()
        .filter(|row| row.stage == Stage::Shadow && row.id != id && is_of_file(row, origin));
    let mut any = false;
    for row in others {
        retire_row(tx, row.id, REPLACED).await?;
        any = true;
    }
    Ok(any)
}

fn is_of_file(row: &PolicyDeployment, origin: &Origin) -> bool {
    origin.file().is_some() && row.origin == *origin
}

async fn retire_row(tx: &mut Tx, id: i64, why: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE policy_deployments SET stage = $1, share = NULL, why = $2, moved_by = NULL, \
         updated_at = $3 WHERE id = $4",
    )
    .bind(Stage::Retired.as_str())
    .bind(why)
    .bind(Timestamp::now().micros())
    .bind(id)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

/// Puts a row at a stage. Of one source one version is active and one a canary, so the one that was is
/// retired; where another one is active, all that are on trial are compared with that from now on.
async fn stand(tx: &mut Tx, id: i64, place: &Place<'_>) -> Result<(), StoreError> {
    let Place { source, stage, share, why, who } = *place;
    let now = Timestamp::now().micros();
    let who = who.map(|who| who.key.to_string());
    if matches!(stage, Stage::Active | Stage::Canary) {
        sqlx::query(
            "UPDATE policy_deployments SET stage = $1, share = NULL, updated_at = $2, why = $3, \
             moved_by = $4 WHERE source = $5 AND stage = $6 AND id <> $7",
        )
        .bind(Stage::Retired.as_str())
        .bind(now)
        .bind(REPLACED)
        .bind(who.as_deref())
        .bind(source)
        .bind(stage.as_str())
        .bind(id)
        .execute(tx.connection()?)
        .await?;
    }
    let from: String = sqlx::query_scalar("SELECT stage FROM policy_deployments WHERE id = $1")
        .bind(id)
        .fetch_one(tx.connection()?)
        .await?;
    sqlx::query(
        "UPDATE policy_deployments SET stage = $1, share = $2, why = $3, moved_by = $4, \
         updated_at = $5, served_at = CASE WHEN $1 = 'active' THEN $5 ELSE served_at END \
         WHERE id = $6",
    )
    .bind(stage.as_str())
    .bind(share.map(|share| i64::from(Score::from_unit(share).millionths())))
    .bind(why)
    .bind(who.as_deref())
    .bind(now)
    .bind(id)
    .execute(tx.connection()?)
    .await?;
    match stage {
        Stage::Active => policy_trials::begin_all(tx, source).await,
        _ if stage.is_trial() && from != stage.as_str() => {
            policy_trials::begin(tx, source, id, stage).await
        }
        _ => Ok(()),
    }
}

/// What is gone back from was no good: nothing goes back to it.
async fn forget_service(tx: &mut Tx, source: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE policy_deployments SET served_at = NULL WHERE source = $1 AND stage = $2")
        .bind(source)
        .bind(Stage::Active.as_str())
        .execute(tx.connection()?)
        .await?;
    Ok(())
}
