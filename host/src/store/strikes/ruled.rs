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
    let texts = match word {
        Word::Overturned => [
            "UPDATE strikes SET revoked_at = $1 WHERE decision = $2 AND revoked_at IS NULL",
            "UPDATE restrictions SET lifted_at = $1 WHERE decision = $2 AND lifted_at IS NULL",
        ],
        // The first parameter has to be there, whatever it says.
        Word::Upheld => [
            "UPDATE strikes SET revoked_at = NULL WHERE decision = $2 AND revoked_at <= $1",
            "UPDATE restrictions SET lifted_at = NULL WHERE decision = $2 AND lifted_at <= $1",
        ],
    };
    let mut changed = false;
    for text in texts {
        let done =
            sqlx::query(text).bind(at.micros()).bind(decision).execute(&mut *connection).await?;
        changed |= done.rows_affected() > 0;
    }
    Ok(changed)
}
