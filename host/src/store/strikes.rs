//! Strikes and restrictions: how a subject stands, and what decisions add to that.
//!
//! A decision is made for the standing that was read before it was. Inside the commit the standing is read
//! again, where nobody else can write: what was made for another one is escalated again, and sealed again.
//! So two events of one subject are never both the first, and most commits seal nothing.

mod before;
mod profile;
mod rows;
mod ruled;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::decisions::{Entry, SealedEntry};
use super::dialect::Connection;
use super::keyring::Sealing;
use super::{Store, StoreError, cases};
use crate::model::{Mode, Restriction, Standing, StandingChange, Timestamp};
use rows::Wanted;

pub(super) use before::before;
pub(super) use rows::{insert, remove};
pub(super) use ruled::{Changed, rule};

/// What an escalation rests on, and how to do it again.
#[derive(Clone)]
pub struct Escalates {
    /// As it was read before.
    pub standing: Standing,
    /// The moment to which it belongs.
    pub at: Timestamp,
    /// The same entry for another standing. Pure.
    pub again: Arc<dyn Fn(&Standing) -> Entry + Send + Sync>,
}

impl fmt::Debug for Escalates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { standing, at, .. } = self;
        let mut said = f.debug_struct("Escalates");
        said.field("standing", standing).field("at", at).finish_non_exhaustive()
    }
}

/// The same, and what to seal with.
#[derive(Debug, Clone)]
pub(super) struct Escalation {
    pub escalates: Escalates,
    pub sealing: Sealing,
}

impl Store {
    /// How a subject stands at a moment, in the ledger of a mode. Of many strikes some are not counted: a
    /// commit counts them all.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn standing(
        &self,
        source: &str,
        subject: &str,
        ledger: Mode,
        at: Timestamp,
    ) -> Result<Standing, StoreError> {
        let subject = &self.inner.keyring.names.subject(subject).to_string();
        let wanted = [Wanted { source, subject, ledger, at }];
        let mut standings = rows::look(self.readers(), &wanted).await?;
        Ok(standings.pop().unwrap_or_default())
    }

    /// What is in force at a moment against many subjects of a source, in their order: of each action what ends last,
    /// the mildest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn restrictions_in_force(
        &self,
        source: &str,
        subjects: &[&str],
        ledger: Mode,
        at: Timestamp,
    ) -> Result<Vec<Vec<Restriction>>, StoreError> {
        let names = &self.inner.keyring.names;
        let names: Vec<String> =
            subjects.iter().map(|subject| names.subject(subject).to_string()).collect();
        let found = rows::in_force_of(self.readers(), source, &names, ledger, at).await?;
        Ok(names.iter().map(|name| found.get(name).cloned().unwrap_or_default()).collect())
    }
}

/// Whose ledger: source, subject by its name in the record, and the mode.
type Owner<'e> = (&'e str, &'e str, Mode);

/// The first and the last moment of a batch.
type Span = (Timestamp, Timestamp);

/// How a subject stands while a batch is written.
#[derive(Debug, Default)]
struct Ledger {
    /// Strikes that count at any moment of the batch.
    lasting: u32,
    /// When the others stop counting, those that expire between its moments.
    expiring: Vec<Timestamp>,
    /// What the entries of the batch add.
    added: Vec<StandingChange>,
}

impl Ledger {
    /// With what is in force then without the batch.
    fn at(&self, at: Timestamp, restrictions: Vec<Restriction>) -> Standing {
        let expiring = self.expiring.iter().filter(|end| **end > at).count();
        let expiring = u32::try_from(expiring).unwrap_or(u32::MAX);
        let strikes = self.lasting.saturating_add(expiring);
        let mut standing = Standing { strikes, restrictions, case: None };
        self.added.iter().for_each(|change| standing.add(change, at));
        standing
    }
}

/// Escalates again what was made for another standing than its subject has now, or for another case than is open,
/// in the order of the entries. Nobody else writes meanwhile.
pub(super) async fn settle<'e>(
    connection: &mut Connection,
    entries: Vec<&'e SealedEntry>,
) -> Result<Vec<Cow<'e, SealedEntry>>, StoreError> {
    let mut spans: BTreeMap<Owner<'e>, Span> = BTreeMap::new();
    let mut wanted = Vec::new();
    let mut cases = Vec::new();
    for entry in &entries {
        let Some((owner, escalation)) = entry.escalation() else { continue };
        cases.extend(matter(entry).map(|matter| (owner.0, owner.1, matter)));
        let (at, (source, subject, ledger)) = (escalation.escalates.at, owner);
        let span = spans.entry(owner).or_insert((at, at));
        *span = (span.0.min(at), span.1.max(at));
        wanted.push(Wanted { source, subject, ledger, at });
    }
    let mut in_force = rows::in_force(connection, &wanted).await?.into_iter();
    let mut ledgers = rows::count(connection, spans).await?;
    let mut open = cases::open(connection, cases).await?;
    let settled = entries.into_iter().map(|entry| {
        let Some((owner, escalation)) = entry.escalation() else {
            return Ok(Cow::Borrowed(entry));
        };
        let ledger: &mut Ledger = ledgers.entry(owner).or_default();
        let Escalates { standing, at, again } = &escalation.escalates;
        let place = matter(entry).map(|matter| (owner.0, owner.1, matter));
        let mut now = ledger.at(*at, in_force.next().unwrap_or_default());
        now.case = place.and_then(|place| open.get(&place).copied());
        let settled = match now == *standing {
            true => Cow::Borrowed(entry),
            false => Cow::Owned(again(&now).seal(escalation.sealing.clone())?),
        };
        ledger.added.extend(settled.change.clone());
        if let Some(place) = place
            && let Some(decision) = settled.decided()
        {
            // What opens one is joined by what comes after it.
            open.entry(place).or_insert(decision.id);
        }
        Ok(settled)
    });
    settled.collect()
}

/// The matter of the case that an entry belongs to. Shadow mode opens none.
fn matter(entry: &SealedEntry) -> Option<&str> {
    let active = entry.decided().is_some_and(|decision| decision.mode == Mode::Active);
    let case = entry.change.as_ref().filter(|_| active)?.case.as_ref()?;
    Some(&case.matter)
}
