//! The rows of strikes and restrictions. Each statement serves any number of subjects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sqlx::{Arguments as _, Row as _};

use super::super::decisions::SealedEntry;
use super::super::dialect::{Arguments, Connection, Pool, Row};
use super::super::rows::Insert;
use super::super::{StoreError, sealed};
use super::{Ledger, Owner, Span};
use crate::model::{Action, Mode, Restriction, Standing, Timestamp};

/// In the place of the end of a restriction that has none.
pub(super) const NO_END: i64 = i64::MAX;

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
         AND l.action = a.action AND l.since <= w.at AND l.expires_at > w.at \
         AND l.lifted_at IS NULL \
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

/// What counts at the last of the moments, and when what counts at the first stops counting before.
static COUNT: Insert = Insert::new(
    "WITH wanted (place, source, subject, ledger, at, until) AS (",
    6,
    ") SELECT w.place, '' AS action, (SELECT count(*) FROM strikes AS k \
     WHERE k.source = w.source AND k.subject = w.subject AND k.ledger = w.ledger \
     AND k.expires_at > w.until AND k.revoked_at IS NULL) AS since, 0 AS expires_at \
     FROM wanted AS w UNION ALL \
     SELECT w.place, 'strike' AS action, 0 AS since, k.expires_at \
     FROM wanted AS w CROSS JOIN strikes AS k WHERE k.source = w.source \
     AND k.subject = w.subject AND k.ledger = w.ledger AND k.expires_at > w.at \
     AND k.expires_at <= w.until AND k.revoked_at IS NULL",
);

/// What is in force against many, of one source at one moment: of each action the restriction that ends last, however
/// many there are. Most have none at all, which one look tells.
static IN_FORCE_OF: Insert = Insert::wide(
    "WITH wanted (subject) AS (",
    1,
    concat!(
        "), ",
        actions!(),
        ", known (subject) AS (SELECT w.subject FROM wanted AS w WHERE EXISTS \
         (SELECT 1 FROM restrictions AS l WHERE l.source = ? AND l.subject = w.subject AND l.ledger = ?)) \
         SELECT r.subject, a.action, r.since, r.expires_at FROM known AS w CROSS JOIN actions AS a \
         CROSS JOIN restrictions AS r WHERE r.decision = (SELECT l.decision FROM restrictions AS l \
         WHERE l.source = ? AND l.subject = w.subject AND l.ledger = ? AND l.action = a.action \
         AND l.since <= ? AND l.expires_at > ? AND l.lifted_at IS NULL \
         ORDER BY l.expires_at DESC LIMIT 1)"
    ),
);

/// What is in force.
static IN_FORCE: Insert = Insert::new(
    "WITH wanted (place, source, subject, ledger, at) AS (",
    5,
    concat!("), ", actions!(), " ", in_force!()),
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

/// What a row of these queries says.
enum Said {
    Counting(u32),
    Expiring(Timestamp),
    InForce(Restriction),
}

/// How subjects stand, in the order in which they are wanted.
pub(super) async fn look(pool: &Pool, wanted: &[Wanted<'_>]) -> Result<Vec<Standing>, StoreError> {
    let placed: Vec<(i64, &Wanted<'_>)> = (0..).zip(wanted).collect();
    standings(LOOK.read(pool, &placed, bind).await?, wanted.len())
}

/// What is in force, in the order in which it is wanted.
pub(super) async fn in_force(
    connection: &mut Connection,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<Restriction>>, StoreError> {
    let placed: Vec<(i64, &Wanted<'_>)> = (0..).zip(wanted).collect();
    let standings = standings(IN_FORCE.run(connection, &placed, bind).await?, wanted.len())?;
    Ok(standings.into_iter().map(|standing| standing.restrictions).collect())
}

/// What is in force against each of these at a moment, as [`super::Store::restrictions_in_force`] says; of whom there
/// is nothing is not there.
pub(super) async fn in_force_of(
    pool: &Pool,
    source: &str,
    names: &[String],
    ledger: Mode,
    at: Timestamp,
) -> Result<HashMap<String, Vec<Restriction>>, StoreError> {
    let each: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut wanted: Vec<&str> = each.into_iter().collect();
    // Nobody is called nothing: so many are one statement.
    wanted.resize(wanted.len().next_power_of_two(), "");
    let name = |arguments: &mut Arguments, name: &&str| arguments.add(*name);
    let shared = |arguments: &mut Arguments| {
        arguments.add(source)?;
        arguments.add(ledger.as_str())?;
        arguments.add(source)?;
        arguments.add(ledger.as_str())?;
        arguments.add(at.micros())?;
        arguments.add(at.micros())
    };
    let mut found: HashMap<String, Vec<Restriction>> = HashMap::new();
    for row in &IN_FORCE_OF.read_with(pool, &wanted, name, shared).await? {
        let restriction = Restriction {
            action: read_action(row.try_get("action")?)?,
            since: Timestamp::from_micros(row.try_get("since")?),
            expires_at: ended(row.try_get("expires_at")?),
        };
        let subject: &str = row.try_get("subject")?;
        found.entry(subject.to_owned()).or_default().push(restriction);
    }
    found.values_mut().for_each(|own| own.sort_by_key(|one| one.action));
    Ok(found)
}

fn bind(
    arguments: &mut Arguments,
    (place, wanted): &(i64, &Wanted<'_>),
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(*place)?;
    arguments.add(wanted.source)?;
    arguments.add(wanted.subject)?;
    arguments.add(wanted.ledger.as_str())?;
    arguments.add(wanted.at.micros())
}

fn standings(rows: Vec<Row>, count: usize) -> Result<Vec<Standing>, StoreError> {
    let mut standings = vec![Standing::default(); count];
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

/// The strikes of the owners of ledgers in a span of moments.
pub(super) async fn count<'e>(
    connection: &mut Connection,
    spans: BTreeMap<Owner<'e>, Span>,
) -> Result<BTreeMap<Owner<'e>, Ledger>, StoreError> {
    let placed: Vec<(i64, (Owner<'e>, Span))> = (0..).zip(spans).collect();
    let rows = COUNT
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
            Said::InForce(_) => {}
        }
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

/// Removes what decisions added that go, as far as it has ended; and where all decisions up to a time go,
/// what has ended by then of those that went before. What has not ended outlives its decision, and what
/// belongs to somebody who is held stays. Returns whose it was that went without a decision.
pub(in crate::store) async fn remove(
    connection: &mut Connection,
    decisions: &[&str],
    now: Timestamp,
    all_before: Option<Timestamp>,
) -> Result<Vec<(String, String)>, StoreError> {
    for statement in [&FORGET_STRIKES, &FORGET_RESTRICTIONS] {
        statement
            .run(connection, decisions, |arguments, id| {
                arguments.add(*id)?;
                arguments.add(now.micros())
            })
            .await?;
    }
    let mut whose = Vec::new();
    let Some(before) = all_before else { return Ok(whose) };
    for text in [REMOVE_STRIKES, REMOVE_RESTRICTIONS] {
        let rows = sqlx::query(text)
            .bind(before.micros())
            .bind(REMOVED_MAX)
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            whose.push((row.try_get("source")?, row.try_get("subject")?));
        }
    }
    Ok(whose)
}

static FORGET_STRIKES: Insert = Insert::new(
    "WITH gone (id, now) AS (",
    2,
    ") DELETE FROM strikes WHERE decision IN (SELECT k.decision FROM gone AS g \
     CROSS JOIN strikes AS k WHERE k.decision = g.id AND k.expires_at <= g.now)",
);
/// What shadow mode would have imposed without an end lasts as long as its decision.
static FORGET_RESTRICTIONS: Insert = Insert::new(
    "WITH gone (id, now) AS (",
    2,
    ") DELETE FROM restrictions WHERE decision IN (SELECT l.decision FROM gone AS g \
     CROSS JOIN restrictions AS l WHERE l.decision = g.id AND (l.expires_at <= g.now \
     OR l.lifted_at IS NOT NULL OR (l.ledger = 'shadow' AND l.expires_at = 9223372036854775807)))",
);

/// Of each that go in one transaction: somewhat more than the decisions that go in it.
const REMOVED_MAX: i64 = 500;
const REMOVE_STRIKES: &str = "DELETE FROM strikes WHERE decision IN (SELECT k.decision \
     FROM strikes AS k WHERE k.expires_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM decisions AS d WHERE d.id = k.decision) \
     AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = k.source AND h.subject = k.subject AND h.released_at IS NULL) \
     ORDER BY k.expires_at LIMIT $2) RETURNING source, subject";
const REMOVE_RESTRICTIONS: &str = "DELETE FROM restrictions WHERE decision IN (SELECT l.decision \
     FROM restrictions AS l WHERE l.expires_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM decisions AS d WHERE d.id = l.decision) \
     AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = l.source AND h.subject = l.subject AND h.released_at IS NULL) \
     ORDER BY l.expires_at LIMIT $2) RETURNING source, subject";
