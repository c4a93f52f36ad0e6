//! Where a version comes to stand: inserting its row, moving it, and who has to make room.

use rand::TryRng;
use rand::rngs::SysRng;
use serde_json::json;

use super::deployments::{Deployment, Move, Publish, of_id};
use super::inbox::Origin;
use super::tx::Tx;
use super::{StoreError, alerts, trials};
use crate::model::{Canary, Identity, Stage, Timestamp};

/// What the audit log calls going back.
const ROLLED_BACK: &str = "detector.rolled_back";
/// Why a version stands where it does that was published without a word.
const PUBLISHED: &str = "published";

/// Puts a version where it shall stand. Returns its row and stage, and whether that is news.
pub(super) async fn deploy(
    tx: &mut Tx,
    publish: &Publish<'_>,
    rows: &[Deployment],
    who: Option<&Identity>,
) -> Result<((i64, Stage), bool), StoreError> {
    let Publish { manifest, digest, settings, origin, .. } = publish;
    // A folder outranks the bundle, whatever number that has: nobody chose what the program carries.
    let outranked = |row: &Deployment| origin.file().is_some() && row.origin == Origin::Bundle;
    let newer = rows.iter().find(|row| {
        let is_newer = row.digest != *digest && row.manifest.version > manifest.version;
        row.stage.is_live() && is_newer && !outranked(row)
    });
    if let (Some(row), false) = (newer, publish.allow_downgrade) {
        return Err(StoreError::Downgrade {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            live: row.manifest.version.to_string(),
            stage: row.stage,
        });
    }
    let known = rows.iter().find(|row| row.digest == *digest && row.settings == **settings);
    let id = match known {
        // It stands as high already, or it is in quarantine, which shipping it again does not lift.
        Some(row) if row.stage <= publish.stage || row.stage == Stage::Quarantined => {
            let moved_house = row.origin != *origin;
            if moved_house {
                sqlx::query("UPDATE deployments SET origin = $1, updated_at = $2 WHERE id = $3")
                    .bind(origin.to_string())
                    .bind(Timestamp::now().micros())
                    .bind(row.id)
                    .execute(tx.connection()?)
                    .await?;
            }
            return Ok(((row.id, row.stage), moved_house));
        }
        Some(row) => row.id,
        None => insert(tx, publish, rows, who).await?,
    };
    let place = (publish.source, &*manifest.name);
    stand(tx, id, place, publish.stage, None, publish.why.unwrap_or(PUBLISHED)).await?;
    if publish.stage.is_trial() {
        trials::begin(tx, id, publish.stage).await?;
    }
    if publish.stage == Stage::Active {
        succeed(tx, id, place).await?;
    }
    sqlx::query("UPDATE deployments SET origin = $1, published_by = $2 WHERE id = $3")
        .bind(origin.to_string())
        .bind(who.map(|who| who.key.to_string()))
        .bind(id)
        .execute(tx.connection()?)
        .await?;
    Ok(((id, publish.stage), true))
}

/// A row for a version that never stood here, retired until it is put somewhere.
async fn insert(
    tx: &mut Tx,
    publish: &Publish<'_>,
    rows: &[Deployment],
    who: Option<&Identity>,
) -> Result<i64, StoreError> {
    // One salt for all versions of a detector: whoever was in the last canary's share is in the next.
    let salt = match rows.first() {
        Some(row) => row.salt,
        None => {
            let mut salt = [0; 16];
            SysRng.try_fill_bytes(&mut salt).map_err(|error| StoreError::Unstorable {
                what: "a deployment",
                detail: format!("the system has no randomness to give: {error}"),
            })?;
            salt
        }
    };
    let id = sqlx::query_scalar(
        "INSERT INTO deployments (source, detector, digest, settings, stage, salt, origin, \
         published_by, why, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         RETURNING id",
    )
    .bind(publish.source)
    .bind(publish.manifest.name.as_str())
    .bind(publish.digest.as_bytes().as_slice())
    .bind(publish.settings.to_string())
    .bind(Stage::Retired.as_str())
    .bind(salt.as_slice())
    .bind(publish.origin.to_string())
    .bind(who.map(|who| who.key.to_string()))
    .bind(publish.why.unwrap_or(PUBLISHED))
    .bind(Timestamp::now().micros())
    .fetch_one(tx.connection()?)
    .await?;
    Ok(id)
}

/// Puts a row at a stage; of one detector and source one version stands at each, so the one that
/// stood there is retired.
async fn stand(
    tx: &mut Tx,
    id: i64,
    (source, detector): (&str, &str),
    stage: Stage,
    canary: Option<Canary>,
    why: &str,
) -> Result<(), StoreError> {
    let now = Timestamp::now().micros();
    if matches!(stage, Stage::Active | Stage::Canary | Stage::Shadow) {
        sqlx::query(
            "UPDATE deployments SET stage = $1, canary = NULL, updated_at = $2, why = $3 \
             WHERE source = $4 AND detector = $5 AND stage = $6 AND id <> $7",
        )
        .bind(Stage::Retired.as_str())
        .bind(now)
        .bind("another version took its place")
        .bind(source)
        .bind(detector)
        .bind(stage.as_str())
        .bind(id)
        .execute(tx.connection()?)
        .await?;
    }
    let canary = canary.map(|canary| json!(canary).to_string());
    sqlx::query(
        "UPDATE deployments SET before = CASE WHEN $1 = 'quarantined' THEN stage END, stage = $1, \
         canary = $2, why = $3, updated_at = $4, \
         served_at = CASE WHEN $1 = 'active' THEN $4 \
         WHEN $1 IN ('quarantined', 'retired') THEN NULL ELSE served_at END \
         WHERE id = $5",
    )
    .bind(stage.as_str())
    .bind(canary)
    .bind(why)
    .bind(now)
    .bind(id)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

/// Whether another version stands at a stage.
async fn is_taken(
    tx: &mut Tx,
    id: i64,
    (source, detector): (&str, &str),
    stage: Stage,
) -> Result<bool, StoreError> {
    let others: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM deployments \
         WHERE source = $1 AND detector = $2 AND stage = $3 AND id <> $4",
    )
    .bind(source)
    .bind(detector)
    .bind(stage.as_str())
    .bind(id)
    .fetch_one(tx.connection()?)
    .await?;
    Ok(others > 0 && stage.is_live() && stage != Stage::Quarantined)
}

/// Retires what is in quarantine: a version that somebody chose serves in its place.
async fn succeed(tx: &mut Tx, id: i64, (source, detector): (&str, &str)) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET stage = $1, before = NULL, updated_at = $2, why = $3 \
         WHERE source = $4 AND detector = $5 AND stage = $6 AND id <> $7",
    )
    .bind(Stage::Retired.as_str())
    .bind(Timestamp::now().micros())
    .bind("another version took its place")
    .bind(source)
    .bind(detector)
    .bind(Stage::Quarantined.as_str())
    .bind(id)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

impl Move<'_> {
    /// Makes the move and returns the row as it was, and where it stands now. What nobody chose puts
    /// nobody out of a place: then it is retired, or what would come back stays away.
    pub(super) async fn run(
        &self,
        tx: &mut Tx,
        chosen: bool,
    ) -> Result<(Deployment, Stage), StoreError> {
        let row = of_id(tx, self.deployment).await?;
        let what = format!("{} {}", row.detector, row.manifest.version);
        if row.stage != self.from {
            return Err(StoreError::Moved { what, stage: row.stage });
        }
        let place = (&*row.source, &*row.detector);
        let to = match !chosen && is_taken(tx, row.id, place, self.to).await? {
            true if self.from == Stage::Retired => {
                return Err(StoreError::Moved { what, stage: row.stage });
            }
            true => Stage::Retired,
            false => self.to,
        };
        if self.what == ROLLED_BACK {
            forget_service(tx, place).await?;
        }
        stand(tx, row.id, place, to, self.canary, self.why).await?;
        if to.is_trial() && to != self.from {
            trials::begin(tx, row.id, to).await?;
        }
        if chosen && to == Stage::Active {
            succeed(tx, row.id, place).await?;
        }
        if self.alert {
            alerts::raise(tx, self.what, &what, self.why).await?;
        }
        Ok((row, to))
    }
}

/// What is gone back from was no good: nothing falls back to it.
async fn forget_service(tx: &mut Tx, (source, detector): (&str, &str)) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET served_at = NULL \
         WHERE source = $1 AND detector = $2 AND stage = $3",
    )
    .bind(source)
    .bind(detector)
    .bind(Stage::Active.as_str())
    .execute(tx.connection()?)
    .await?;
    Ok(())
}
