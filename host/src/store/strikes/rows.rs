//! The rows of strikes and restrictions. Each statement serves any number of subjects.

use std::collections::BTreeMap;

use sqlx::{Arguments as _, Row as _};

use super::super::decisions::SealedEntry;
use super::super::dialect::{Connection, Pool, Row};
use super::super::rows::Insert;
use super::super::{StoreError, sealed};
use super::{Ledger, Owner, Span};
use crate::model::{Action, Mode, Restriction, Standing, Timestamp};

/// In the place of the end of a restriction that has none.
const NO_END: i64 = i64::MAX;

/// Whose standing, and at which moment.
pub(super) struct Wanted<'a> {
    pub source: &'a str,
    pub subject: &'a str,
    pub ledger: Mode,
    pub at: Timestamp,
}

/// Of each action the restriction that ends last. CROSS JOIN keeps SQLite from walking all restrictions
/// and looking each up among the wanted.
macro_rules! in_force {
    () => {
        "SELECT w.place, a.action, r.since, r.expires_at FROM wanted AS w CROSS JOIN actions AS a \
         CROSS JOIN restrictions AS r WHERE r.decision = (SELECT l.decision FROM restrictions AS l \
         WHERE l.source = w.source AND l.subject = w.subject AND l.ledger = w.ledger \
         AND l.action = a.action AND l.expires_at > w.at AND l.lifted_at IS NULL \
         ORDER BY l.expires_at DESC LIMIT 1)"
    };
}

/// Actions that restrict; see [`Restriction::restricts`].
macro_rules! actions {
    () => {
        "actions (action) AS (VALUES ('cooldown'), ('hard_block'), ('restriction'), \
         ('suspension_candidate'))"
    };
}

/// What counts, and what is in force. Of strikes, 64 are counted.
static LOOK: Insert = Insert::new(
    "WITH wanted (place, source, subject, ledger, at) AS (",
    5,
    concat!(
        "), ",
        actions!(),
        " SELECT w.place, '' AS action, (SELECT count(*) FROM (SELECT 1 FROM strikes AS k \
         WHERE k.source = w.source AND k.subject = w.subject AND k.ledger = w.ledger \
         AND k.expires_at > w.at AND k.revoked_at IS NULL LIMIT 64) AS counted) AS since, \
         0 AS expires_at FROM wanted AS w UNION ALL ",
        in_force!()
    ),
);

/// What counts at the last of the moments, what stops counting before, and what is in force at the first.
static READ: Insert = Insert::new(
    "WITH wanted (place, source, subject, ledger, at, until) AS (",
    6,
    concat!(
        "), ",
        actions!(),
        " SELECT w.place, '' AS action, (SELECT count(*) FROM strikes AS k \
         WHERE k.source = w.source AND k.subject = w.subject AND k.ledger = w.ledger \
         AND k.expires_at > w.until AND k.revoked_at IS NULL) AS since, 0 AS expires_at \
         FROM wanted AS w UNION ALL \
         SELECT w.place, 'strike' AS action, 0 AS since, k.expires_at \
         FROM wanted AS w CROSS JOIN strikes AS k WHERE k.source = w.source \
         AND k.subject = w.subject AND k.ledger = w.ledger AND k.expires_at > w.at \
         AND k.expires_at <= w.until AND k.revoked_at IS NULL UNION ALL ",
        in_force!()
    ),
);

static INSERT_STRIKES: Insert = Insert::new(
    "INSERT INTO strikes (decision, source, subject, ledger, number, given_at, expires_at)",
    7,
    "",
);
static INSERT_RESTRICTIONS: Insert = Insert::new(
    "INSERT INTO restrictions (decision, source, subject, ledger, action, since, expires_at)",
    7,
    "",
);

/// What a row of the two queries says.
enum Said {
    Counting(u32),
    Expiring(Timestamp),
    InForce(Restriction),
}

/// How subjects stand, in the order in which they are wanted.
pub(super) async fn look(pool: &Pool, wanted: &[Wanted<'_>]) -> Result<Vec<Standing>, StoreError> {
    let placed: Vec<(i64, &Wanted<'_>)> = (0..).zip(wanted).collect();
    let rows = LOOK
        .read(pool, &placed, |arguments, (place, wanted)| {
            arguments.add(*place)?;
            arguments.add(wanted.source)?;
            arguments.add(wanted.subject)?;
            arguments.add(wanted.ledger.as_str())?;
            arguments.add(wanted.at.micros())
        })
        .await?;
    let mut standings = vec![Standing::default(); wanted.len()];
    for row in &rows {
        let (place, said) = said(row)?;
        let Some(standing) = standings.get_mut(place) else { continue };
        match said {
            Said::Counting(strikes) => standing.strikes = strikes,
            Said::Expiring(_) => {}
            Said::InForce(restriction) => standing.restrictions.push(restriction),
        }
    }
    for standing in &mut standings {
        standing.restrictions.sort_by_key(|own| own.action);
    }
    Ok(standings)
}

/// How the owners of ledgers stand in a span of moments.
pub(super) async fn read<'e>(
    connection: &mut Connection,
    spans: BTreeMap<Owner<'e>, Span>,
) -> Result<BTreeMap<Owner<'e>, Ledger>, StoreError> {
    let placed: Vec<(i64, (Owner<'e>, Span))> = (0..).zip(spans).collect();
    let rows = READ
        .run(connection, &placed, |arguments, (place, ((source, subject, ledger), (at, until)))| {
            arguments.add(*place)?;
            arguments.add(*source)?;
            arguments.add(*subject)?;
            arguments.add(ledger.as_str())?;
            arguments.add(at.micros())?;
            arguments.add(until.micros())
        })
        .await?;
    let mut ledgers: BTreeMap<Owner<'e>, Ledger> = BTreeMap::new();
    for row in &rows {
        let (place, said) = said(row)?;
        let Some((_, (owner, _))) = placed.get(place) else { continue };
        let ledger = ledgers.entry(*owner).or_default();
        match said {
            Said::Counting(strikes) => ledger.lasting = strikes,
            Said::Expiring(end) => ledger.expiring.push(end),
            Said::InForce(restriction) => ledger.restrictions.push(restriction),
        }
    }
    for ledger in ledgers.values_mut() {
        ledger.restrictions.sort_by_key(|own| own.action);
    }
    Ok(ledgers)
}

fn said(row: &Row) -> Result<(usize, Said), StoreError> {
    let place: i64 = row.try_get("place")?;
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let (since, end): (i64, i64) = (row.try_get("since")?, row.try_get("expires_at")?);
    let said = match row.try_get("action")? {
        "" => Said::Counting(u32::try_from(since).unwrap_or(u32::MAX)),
        "strike" => Said::Expiring(Timestamp::from_micros(end)),
        action => Said::InForce(Restriction {
            action: read_action(action)?,
            since: Timestamp::from_micros(since),
            expires_at: ended(end),
        }),
    };
    Ok((place, said))
}

pub(super) fn read_action(action: &str) -> Result<Action, StoreError> {
    let known = Action::ALL.into_iter().find(|known| known.as_str() == action);
    known.ok_or_else(|| sealed::damaged("restriction", action, &"it is no action"))
}

pub(super) fn ended(end: i64) -> Option<Timestamp> {
    (end != NO_END).then(|| Timestamp::from_micros(end))
}

/// Writes what the decisions of these entries add.
pub(in crate::store) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let changes = entries.iter().filter_map(|entry| Some((entry.owner()?, *entry)));
    let (mut strikes, mut restrictions) = (Vec::new(), Vec::new());
    for (owner, entry) in changes {
        let Some(change) = &entry.change else { continue };
        strikes.extend(change.strike.as_ref().map(|strike| (owner, entry, change.at, strike)));
        restrictions.extend(change.restriction.as_ref().map(|own| (owner, entry, own)));
    }
    INSERT_STRIKES
        .run(connection, &strikes, |arguments, ((source, subject, ledger), entry, at, strike)| {
            arguments.add(entry.decision_id())?;
            arguments.add(*source)?;
            arguments.add(*subject)?;
            arguments.add(ledger.as_str())?;
            arguments.add(i64::from(strike.number))?;
            arguments.add(at.micros())?;
            arguments.add(strike.expires_at.micros())
        })
        .await?;
    INSERT_RESTRICTIONS
        .run(connection, &restrictions, |arguments, ((source, subject, ledger), entry, own)| {
            arguments.add(entry.decision_id())?;
            arguments.add(*source)?;
            arguments.add(*subject)?;
            arguments.add(ledger.as_str())?;
            arguments.add(own.action.as_str())?;
            arguments.add(own.since.micros())?;
            arguments.add(own.expires_at.map_or(NO_END, Timestamp::micros))
        })
        .await?;
    Ok(())
}

/// Removes what ended before a time, and with it long before now: its decision is as old at least. What has
/// not ended outlives its decision, and what belongs to somebody who is held stays.
pub(in crate::store) async fn remove_expired(
    connection: &mut Connection,
    before: Timestamp,
) -> Result<(), StoreError> {
    for text in [REMOVE_STRIKES, REMOVE_RESTRICTIONS] {
        sqlx::query(text).bind(before.micros()).bind(REMOVED_MAX).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Of each that go in one transaction: somewhat more than the decisions that go in it.
const REMOVED_MAX: i64 = 500;
const REMOVE_STRIKES: &str = "DELETE FROM strikes WHERE decision IN (SELECT k.decision \
     FROM strikes AS k WHERE k.expires_at < $1 AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = k.source AND h.subject = k.subject AND h.released_at IS NULL) \
     ORDER BY k.expires_at LIMIT $2)";
const REMOVE_RESTRICTIONS: &str = "DELETE FROM restrictions WHERE decision IN (SELECT l.decision \
     FROM restrictions AS l WHERE l.expires_at < $1 AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = l.source AND h.subject = l.subject AND h.released_at IS NULL) \
     ORDER BY l.expires_at LIMIT $2)";
