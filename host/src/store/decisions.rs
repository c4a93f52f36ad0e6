//! Decisions: sealing one on the caller's thread, writing many, and opening one again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use sqlx::{Arguments as _, Row as _};

use super::audit::Leaf;
use super::dialect::{Arguments, Connection, Row};
use super::events::{self, Committed, DECIDED, EVENTS, EventRow};
use super::keyring::{Keyring, Sealing};
use super::outbox::OutboxRow;
use super::rows::Insert;
use super::salt::Salt;
use super::sealed::cipher::Seat;
use super::sealed::{self, reseal, seal};
use super::strikes::{Escalates, Escalation};
use super::subject_key::SubjectKey;
use super::{Store, StoreError};
use crate::model::{
    AuditEntry, Decision, DecisionId, Digest, Event, Mode, Observation, Outcome, Outgoing,
    StandingChange, Timestamp, Trials, Wants,
};

static INSERT: Insert = Insert::new(
    "INSERT INTO decisions (seq, id, source, subject, kind, event_id, decided_at, mode, tier, \
     action, score, policy_digest, generation, semantics, sealed)",
    15,
    "",
);
static INSERT_LABELS: Insert =
    Insert::new("INSERT INTO decision_labels (detector, source, tier, decision, label)", 5, "");

/// An event and what was decided about it, to be written together.
#[derive(Debug, Clone)]
pub struct Entry {
    pub event: Arc<Event>,
    pub received_at: Timestamp,
    pub fingerprint: [u8; 32],
    /// Of an accepted event: under the id that was promised.
    pub decision: Arc<Decision>,
    /// What a replay needs beyond the decision: inputs by reference, the policy's trace.
    pub replay: Json,
    /// What it says about versions and policies on trial.
    pub trials: Trials,
    /// What is to be delivered because of it.
    pub outgoing: Vec<Outgoing>,
    /// What the destinations of its source want to hear of, for the alerts that it asks for.
    pub wants: Option<Arc<[Wants]>>,
    /// What later events may be told of it.
    pub observations: Vec<Observation>,
    /// What it adds to the standing of its subject.
    pub change: Option<StandingChange>,
    /// What that rests on; `None` where it rests on nothing.
    pub escalates: Option<Escalates>,
}

/// An entry as rows: serialised, compressed, and encrypted under the key of its subject.
#[derive(Debug, Clone)]
pub struct SealedEntry {
    pub(super) event: EventRow,
    /// `None` where the event is only accepted.
    pub(super) decision: Option<DecisionRow>,
    pub(super) trials: Trials,
    pub(super) outbox: Vec<OutboxRow>,
    pub(super) observations: Vec<Observation>,
    pub(super) change: Option<StandingChange>,
    pub(super) escalation: Option<Escalation>,
    pub(super) leaf: Leaf,
    pub(super) key: Arc<SubjectKey>,
}

#[derive(Debug, Clone)]
pub(super) struct DecisionRow {
    pub(super) decision: Arc<Decision>,
    /// (detector, label): what it found, or an empty label where it did not finish.
    labels: BTreeSet<(String, String)>,
    pub(super) wants: Option<Arc<[Wants]>>,
    pub(super) sealed: Vec<u8>,
}

const DECISIONS: &str = "decisions";

/// The sealed document of a decision, to write.
#[derive(Serialize)]
struct DocumentRef<'a> {
    salt: Salt,
    decision: &'a Decision,
    replay: &'a Json,
    event: Digest,
}

/// The sealed document of a decision, read for the decision alone; of an erased one that is all.
#[derive(Serialize, Deserialize)]
struct DocumentDecision {
    decision: Decision,
}

/// The sealed document of a decision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Document {
    pub decision: Decision,
    /// As it was in the [`Entry`].
    pub replay: Json,
    /// Of the event's JSON: this event and no other was decided about.
    pub event: Digest,
}

/// All that a replay starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayable {
    pub document: Document,
    pub event: Event,
    pub received_at: Timestamp,
    /// The document as it was written.
    pub document_json: Vec<u8>,
    /// The event as it was written.
    pub event_json: Vec<u8>,
}

impl Entry {
    /// Does the costly part of a commit: call it on a thread that may be busy for 0.1 ms. `sealing` is
    /// what [`Store::sealing`] gave for the event.
    ///
    /// # Errors
    /// Where the decision is not of the event, or something has no JSON.
    pub fn seal(&self, sealing: Sealing) -> Result<SealedEntry, StoreError> {
        let Self { event, decision, .. } = self;
        if (&decision.source, &decision.event_id) != (&event.source, &event.id) {
            let detail =
                format!("it is about the event `{}`, not `{}`", decision.event_id, event.id);
            return Err(StoreError::Unstorable { what: "a decision", detail });
        }
        let (received_at, fingerprint) = (self.received_at, self.fingerprint);
        let event = EventRow::of(event, &sealing, received_at, fingerprint, decision.id, DECIDED)?;
        // Another salt: who is shown the one document learns nothing for guessing the other.
        let salt = Salt::random()?;
        let document =
            DocumentRef { salt, decision, replay: &self.replay, event: event.commitment };
        let seat = Seat::of(DECISIONS, &event.decision_id);
        let (json, sealed) = seal("a decision", &seat, &sealing.key, &document)?;
        let outbox = self.outgoing.iter().map(|outgoing| OutboxRow::of(outgoing, &sealing.key));
        let outbox = outbox.collect::<Result<_, _>>()?;
        Ok(SealedEntry {
            leaf: Leaf::of(audit_entry(decision, event.commitment, Digest::of(&json)))?,
            event,
            key: Arc::clone(&sealing.key),
            trials: self.trials.clone(),
            outbox,
            observations: self.observations.clone(),
            change: self.change.clone(),
            escalation: self.escalates.clone().map(|escalates| Escalation { escalates, sealing }),
            decision: Some(DecisionRow {
                labels: labels(decision),
                decision: Arc::clone(decision),
                wants: self.wants.clone(),
                sealed,
            }),
        })
    }
}

impl SealedEntry {
    /// The same under the key that its subject has now.
    pub(super) fn resealed(mut self, key: Arc<SubjectKey>) -> Result<Self, StoreError> {
        let row = self.event.row();
        let seat = Seat::of(EVENTS, &row);
        self.event.sealed = reseal("event", &seat, &self.key, &key, &self.event.sealed)?;
        if let Some(decision) = &mut self.decision {
            let seat = Seat::of(DECISIONS, &self.event.decision_id);
            decision.sealed = reseal("decision", &seat, &self.key, &key, &decision.sealed)?;
        }
        for row in &mut self.outbox {
            row.reseal(&self.key, &key)?;
        }
        if let Some(escalation) = &mut self.escalation {
            escalation.sealing.key = Arc::clone(&key);
        }
        Ok(Self { key, ..self })
    }

    /// Whose standing it changes, and in which ledger; `None` where it decides nothing.
    pub(super) fn owner(&self) -> Option<(&str, &str, Mode)> {
        let decision = self.decision.as_ref()?;
        Some((&self.event.source, &self.event.subject, decision.decision.mode))
    }

    /// What is to be escalated with whose standing.
    pub(super) fn escalation(&self) -> Option<((&str, &str, Mode), &Escalation)> {
        Some((self.owner()?, self.escalation.as_ref()?))
    }

    /// `None` where the event is only accepted.
    pub(super) fn decided(&self) -> Option<&Arc<Decision>> {
        self.decision.as_ref().map(|row| &row.decision)
    }

    pub(super) fn event_key(&self) -> (&str, &str) {
        (&self.event.source, &self.event.event_id)
    }

    pub(super) fn decision_id(&self) -> &str {
        &self.event.decision_id
    }

    pub(super) fn leaf(&self) -> Leaf {
        self.leaf.clone()
    }
}

/// What the audit log says of a decision. `event` and `document` are digests of what was sealed, salt
/// included, and prove that it is what was written; `detectors` and `policy` say by what it was made
/// even when the document is erased.
fn audit_entry(decision: &Decision, event: Digest, document: Digest) -> AuditEntry {
    AuditEntry {
        at: decision.decided_at,
        ..AuditEntry::new(
            None,
            "decision",
            decision.id.to_string(),
            json!({
                "event": event,
                "tier": decision.tier,
                "action": decision.action,
                "policy": decision.policy.digest,
                "detectors": detectors_digest(decision),
                "generation": decision.generation,
                "document": document,
            }),
        )
    }
}

/// One digest for all detectors that had a part, since each would be a third of a log entry: over
/// the digest of the file and that of the settings, 64 bytes per finding, in the findings' order.
fn detectors_digest(decision: &Decision) -> Digest {
    let mut hash = Sha256::new();
    for finding in &decision.findings {
        for digest in [finding.digest, finding.settings_digest] {
            hash.update(digest.map_or([0; 32], |digest| *digest.as_bytes()));
        }
    }
    Digest::from(<[u8; 32]>::from(hash.finalize()))
}

fn labels(decision: &Decision) -> BTreeSet<(String, String)> {
    let found = decision.signals.iter().map(|signal| (&signal.detector, signal.label.as_str()));
    let failed = decision.findings.iter().filter(|finding| finding.outcome != Outcome::Ok);
    let failed = failed.map(|finding| (&finding.detector, ""));
    found.chain(failed).map(|(detector, label)| (detector.clone(), label.to_owned())).collect()
}

/// Writes the decisions of these entries, numbered in their order.
pub(super) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let decisions =
        entries.iter().filter_map(|entry| Some((&entry.event, entry.decision.as_ref()?)));
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM decisions")
        .fetch_one(&mut *connection)
        .await?;
    let numbered: Vec<(i64, (&EventRow, &DecisionRow))> = (last + 1..).zip(decisions).collect();
    INSERT.run(connection, &numbered, |arguments, (seq, row)| bind(arguments, *seq, *row)).await?;
    let labels: Vec<(i64, &Decision, &(String, String))> = numbered
        .iter()
        .flat_map(|(seq, (_, row))| row.labels.iter().map(|label| (*seq, &*row.decision, label)))
        .collect();
    INSERT_LABELS
        .run(connection, &labels, |arguments, (seq, decision, (detector, label))| {
            arguments.add(detector.as_str())?;
            arguments.add(decision.source.as_str())?;
            arguments.add(decision.tier.as_str())?;
            arguments.add(*seq)?;
            arguments.add(label.as_str())
        })
        .await?;
    Ok(())
}

fn bind(
    arguments: &mut Arguments,
    seq: i64,
    (event, row): (&EventRow, &DecisionRow),
) -> Result<(), sqlx::error::BoxDynError> {
    let decision = &row.decision;
    arguments.add(seq)?;
    arguments.add(event.decision_id.as_str())?;
    arguments.add(event.source.as_str())?;
    arguments.add(event.subject.as_str())?;
    arguments.add(event.kind.as_str())?;
    arguments.add(event.event_id.as_str())?;
    arguments.add(decision.decided_at.micros())?;
    arguments.add(decision.mode.as_str())?;
    arguments.add(decision.tier.as_str())?;
    arguments.add(decision.action.as_str())?;
    arguments.add(i64::from(decision.score.millionths()))?;
    arguments.add(decision.policy.digest.as_bytes().as_slice())?;
    arguments.add(i64::try_from(decision.generation)?)?;
    arguments.add(i64::from(decision.semantics))?;
    arguments.add(row.sealed.as_slice())
}

/// A decision from its sealed column, and a row that also has its key; of one that was erased what may
/// stay, or `None` where it was damaged by then.
pub(super) fn open(
    keyring: &Keyring,
    row: &Row,
    id: &str,
    sealed: &[u8],
) -> Result<Option<Decision>, StoreError> {
    let key = keyring.of_row(row)?;
    let document: Option<DocumentDecision> =
        sealed::open("decision", &Seat::of(DECISIONS, id), key.as_ref(), sealed)?;
    Ok(document.map(|document| document.decision))
}

/// What may stay of an erased decision, as the bytes of its sealed column.
pub(super) fn leave(decision: Decision) -> Result<Vec<u8>, StoreError> {
    sealed::leave_open("a decision", &DocumentDecision { decision })
}

/// The whole document of a decision, unless it was erased, with its JSON as it was written.
pub(super) fn document(
    keyring: &Keyring,
    row: &Row,
    id: &str,
    sealed: &[u8],
) -> Result<Option<(Document, Vec<u8>)>, StoreError> {
    let (seat, key) = (Seat::of(DECISIONS, id), keyring.of_row(row)?);
    let Some(json) = sealed::unsealed("decision", &seat, key.as_ref(), sealed)? else {
        return Ok(None);
    };
    Ok(Some((sealed::read("decision", &seat, &json)?, json)))
}

/// What was sealed of a decision, byte by byte; `None` where it was erased.
pub(super) fn open_json(
    keyring: &Keyring,
    row: &Row,
    id: &str,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    if sealed::is_left_open(sealed) {
        return Ok(None);
    }
    let key = keyring.of_row(row)?;
    sealed::unsealed("decision", &Seat::of(DECISIONS, id), key.as_ref(), sealed)
}

impl Store {
    /// Writes an event and its decision, and returns when both are durable. Of several commits of
    /// one event id exactly one is [`Committed::New`]; the others get what that one wrote.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where too many wait, [`StoreError::Unavailable`] where the database is
    /// locked or its disk full, [`StoreError::Refused`] where this entry is at fault.
    pub async fn commit(&self, entry: &Entry) -> Result<Committed, StoreError> {
        let sealing = self.sealing(&entry.event).await?;
        self.commit_sealed(entry.seal(sealing)?).await
    }

    /// What a decision was made from; `None` where there is none of this id.
    ///
    /// # Errors
    /// [`StoreError::Erased`] where its subject was erased; where the database does not answer or a
    /// document is damaged.
    pub async fn replayable(&self, id: DecisionId) -> Result<Option<Replayable>, StoreError> {
        let id = id.to_string();
        let row = sqlx::query(
            "SELECT d.sealed AS decision, d.id AS decision_id, e.source, e.subject, e.event_id, \
             e.sealed AS event, e.received_at, k.id AS key_id, k.wrapped FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE d.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let keyring = &self.inner.keyring;
        // First, for of an erased one nothing is left and it says so.
        let (event, event_json) = events::open(keyring, &row, row.try_get("event")?)?;
        let document = document(keyring, &row, &id, row.try_get("decision")?)?;
        let erased = || StoreError::Erased { what: "decision", id: id.clone() };
        let (document, document_json) = document.ok_or_else(erased)?;
        Ok(Some(Replayable {
            document,
            event,
            received_at: Timestamp::from_micros(row.try_get("received_at")?),
            document_json,
            event_json,
        }))
    }
}
