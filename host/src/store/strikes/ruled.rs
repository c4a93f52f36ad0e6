//! What the last word of people does to the strike and the restriction of a decision.

use super::super::StoreError;
use super::super::dialect::Connection;
use crate::model::Timestamp;
use crate::model::ruling::Word;

/// Ends what a decision added, or has it stand again as it was. Returns whether anything changed.
pub(in crate::store) async fn rule(
    connection: &mut Connection,
    decision: &str,
    word: Word,
    at: Timestamp,
) -> Result<bool, StoreError> {
    // Ended at this time, or not at all.
    let ended_at = match word {
        Word::Overturned => Some(at.micros()),
        Word::Upheld => None,
    };
    let mut changed = false;
    for text in [
        "UPDATE strikes SET revoked_at = $1 WHERE decision = $2 \
         AND (revoked_at IS NULL) <> ($1 IS NULL)",
        "UPDATE restrictions SET lifted_at = $1 WHERE decision = $2 \
         AND (lifted_at IS NULL) <> ($1 IS NULL)",
    ] {
        let done =
            sqlx::query(text).bind(ended_at).bind(decision).execute(&mut *connection).await?;
        changed |= done.rows_affected() > 0;
    }
    Ok(changed)
}
