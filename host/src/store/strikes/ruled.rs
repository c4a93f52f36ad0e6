//! What the last word of people does to the strike, the restriction and the case of a decision.

use super::super::dialect::Connection;
use super::super::{StoreError, cases};
use crate::model::Timestamp;
use crate::model::ruling::Word;

/// What changed of how a subject stands, and of what is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Changed {
    pub strikes: u64,
    pub restrictions: u64,
    /// Cases that ended.
    pub cases: u64,
}

/// Ends what a decision added, or has it stand again as it was.
pub(in crate::store) async fn rule(
    connection: &mut Connection,
    decision: &str,
    word: Word,
    at: Timestamp,
) -> Result<Changed, StoreError> {
    // Ended at this time, or not at all.
    let ended_at = match word {
        Word::Overturned => Some(at.micros()),
        Word::Upheld => None,
    };
    let mut changed = async |text| {
        let done =
            sqlx::query(text).bind(ended_at).bind(decision).execute(&mut *connection).await?;
        Ok::<_, StoreError>(done.rows_affected())
    };
    let strikes = "UPDATE strikes SET revoked_at = $1 WHERE decision = $2 \
        AND (revoked_at IS NULL) <> ($1 IS NULL)";
    let restrictions = "UPDATE restrictions SET lifted_at = $1 WHERE decision = $2 \
        AND (lifted_at IS NULL) <> ($1 IS NULL)";
    let (strikes, restrictions) = (changed(strikes).await?, changed(restrictions).await?);
    let cases = cases::rule(connection, decision, word, at).await?;
    Ok(Changed { strikes, restrictions, cases })
}
