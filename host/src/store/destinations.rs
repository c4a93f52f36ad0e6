//! Destinations that want no more. What is still to be told them waits, with its order, until somebody
//! says that they are to be told again.

use serde_json::json;
use sqlx::Row as _;

use super::audit::{Leaf, Leaves};
use super::tx::Tx;
use super::{Next, Store, StoreError, Tried, alerts, sealed};
use crate::model::{AuditEntry, DeliveryId, DestinationId, Identity, Timestamp};

/// Nothing where it is disabled already, so that it is told once, however many tries end that way.
pub(super) const DISABLE: &str = "INSERT INTO disabled_destinations (source, destination, disabled_at, \
    delivery) SELECT $1, $4, $2, o.id FROM outbox AS o WHERE o.seq = $3 \
    ON CONFLICT (source, destination) DO NOTHING \
    RETURNING delivery";

/// A destination that wants no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisabledDestination {
    pub to: DestinationId,
    pub at: Timestamp,
    /// What was being sent when it said so.
    pub delivery: DeliveryId,
}

impl Store {
    /// Every destination that is disabled, by source and name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn disabled_destinations(&self) -> Result<Vec<DisabledDestination>, StoreError> {
        let rows = sqlx::query(
            "SELECT source, destination, disabled_at, delivery FROM disabled_destinations \
             ORDER BY source, destination",
        )
        .fetch_all(self.readers())
        .await?;
        let disabled = rows.iter().map(|row| {
            let to = DestinationId::named(row.try_get("source")?, row.try_get("destination")?);
            let delivery: &str = row.try_get("delivery")?;
            let damaged = |error: String| sealed::damaged("destination", &to.to_string(), &error);
            Ok(DisabledDestination {
                delivery: delivery.parse().map_err(damaged)?,
                at: Timestamp::from_micros(row.try_get("disabled_at")?),
                to,
            })
        });
        disabled.collect()
    }

    /// Has a destination told again what waits, in its order.
    ///
    /// # Errors
    /// [`StoreError::NotDisabled`] where it is not disabled; where the database does not answer.
    pub async fn enable_destination(
        &self,
        to: &DestinationId,
        why: &str,
        who: &Identity,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let gone =
            sqlx::query("DELETE FROM disabled_destinations WHERE source = $1 AND destination = $2")
                .bind(to.source.as_str())
                .bind(to.name.as_str())
                .execute(tx.connection()?)
                .await?;
        if gone.rows_affected() == 0 {
            tx.roll_back().await;
            return Err(StoreError::NotDisabled { source_name: to.to_string() });
        }
        let facts = json!({ "why": why });
        let entry = AuditEntry::new(Some(who), "destination.enabled", to.to_string(), facts);
        tx.commit(Leaves::of(entry)?).await
    }
}

/// Disables the destinations that said in one of these tries that they want no more, raises an alert for
/// each that is news, and returns what the audit log says of it.
pub(super) async fn disable(
    tx: &mut Tx,
    tried: &[Tried],
    now: Timestamp,
) -> Result<Vec<Leaf>, StoreError> {
    let mut leaves = Vec::new();
    for one in tried.iter().filter(|one| one.next == Next::Gone) {
        let to = one.to.to_string();
        let news = sqlx::query(DISABLE)
            .bind(one.to.source.as_str())
            .bind(now.micros())
            .bind(one.seq)
            .bind(one.to.name.as_str())
            .fetch_optional(tx.connection()?)
            .await?;
        let Some(row) = news else { continue };
        let delivery: String = row.try_get("delivery")?;
        let text = format!(
            "The destination answered 410, so nothing more is sent there, and what is to be sent waits. \
             When its address is right again, in the configuration or on the other side: `picket \
             destination enable {}{} --why ...`.",
            one.to.source,
            match one.to.name.as_str() {
                "" => String::new(),
                name => format!(" --name {name}"),
            }
        );
        alerts::raise(tx, "destination.disabled", &to, &text).await?;
        let facts = json!({ "status": 410, "delivery": delivery });
        leaves.push(Leaf::of(AuditEntry::new(None, "destination.disabled", &to, facts))?);
    }
    Ok(leaves)
}
