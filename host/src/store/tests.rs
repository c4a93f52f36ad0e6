//! The store on real databases. What these tests wait for, they wait for by itself, never by a clock.

mod alerts;
mod audit;
mod cases;
mod commit;
mod commitments;
mod delayed;
mod deployed;
mod destinations;
mod erase;
mod faults;
mod features;
mod life;
mod lists;
mod open;
mod outages;
mod outbox;
mod policy_life;
mod postgres;
mod retention;
mod seal;
mod search;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use databases::{Home, on_both};
use serde_json::json;
use sqlx::{AssertSqlSafe, SqlSafeStr};
use tempfile::TempDir;

use super::dialect::{Address, Connection};
use super::{Entry, Options, Store, StoreError};
use crate::model::{
    Action, CaseChange, Decision, DecisionId, Digest, Event, EvidenceSpan, Finding, Manifest, Mode,
    Outcome, PolicyRef, Scope, ScopedAction, Score, Signal, Stage, StandingChange, Timestamp,
    Trials,
};

const SOURCE: &str = "qwickservices";
/// Entries that a new database begins with: one for each migration, and one for its host key.
const MIGRATED: u64 = super::dialect::MIGRATIONS.len() as u64 + 1;
const HOST_KEY: [u8; 32] = [7; 32];

/// A database of a test's own.
struct Place {
    folder: TempDir,
    home: Home,
    options: Options,
}

impl Place {
    fn new(home: Home) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut place = Self { options: Options::new("", HOST_KEY), folder, home };
        let file = || format!("sqlite://{}", place.file().display());
        place.options.database_url = place.home.url().unwrap_or_else(file);
        place.options.migrate = true;
        place.options.busy_timeout_ms = 0;
        place
    }

    /// Of SQLite.
    fn file(&self) -> PathBuf {
        self.folder.path().join("picket.db")
    }

    async fn open(&self) -> Store {
        Store::open(&self.options).await.unwrap()
    }

    /// A connection of somebody else.
    async fn connect(&self) -> Connection {
        Address::parse(&self.options).unwrap().writer().await.unwrap()
    }

    /// The same as another program would find it now, had this one been killed. In PostgreSQL that
    /// is what has been committed, and whoever connects finds it.
    fn as_if_killed(&self) -> Self {
        let other = Self::new(self.home.clone());
        if let Home::Sqlite = self.home {
            for ending in ["", "-wal"] {
                let name = format!("picket.db{ending}");
                let copy = other.folder.path().join(&name);
                std::fs::copy(self.folder.path().join(&name), copy).unwrap();
            }
        }
        other
    }

    /// A statement that SQLite understands, in the words of this database.
    fn words(&self, text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(match self.home {
            Home::Sqlite => text.to_owned(),
            Home::Postgres(_) => text
                .replace("x'00'", "'\\x00'::bytea")
                .replace("x'02'", "'\\x02'::bytea")
                .replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')"),
        })
    }
}

/// What a database without any migration lacks.
fn migrations() -> Vec<&'static str> {
    super::dialect::MIGRATIONS.iter().map(|migration| migration.title).collect()
}

/// A new database, open. The place goes last, and takes the database with it.
async fn fresh(home: Home) -> (Place, Store) {
    let place = Place::new(home);
    let store = place.open().await;
    (place, store)
}

/// Runs statements past the store.
async fn run(connection: &mut Connection, text: impl SqlSafeStr) -> Result<(), String> {
    let done = sqlx::raw_sql(text).execute(connection).await;
    done.map(drop).map_err(|error| error.to_string())
}

fn manifest(name: &str, version: &str, label: &str) -> Manifest {
    let manifest = json!({
        "schema": 1, "name": name, "version": version, "summary": "Finds.", "labels": [label],
        "events": ["message.*"], "inputs": [{"kind": "field", "path": "data.content"}],
    });
    Manifest::parse(&manifest.to_string()).unwrap()
}

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        source: SOURCE.to_owned(),
        kind: "message.sent".to_owned(),
        subject: "user-17".to_owned(),
        time: Timestamp::from_micros(1_788_253_200_000_000),
        time_sent: true,
        data: json!({
            "content": "hey, could you look at the leaking tap on Friday? call me on 555 0100",
            "thread_id": "t-9", "recipient": "user-4",
        }),
        extensions: serde_json::Map::new(),
    }
}

/// A decision as seven detectors make it, of which one found something.
fn decision(event: &Event) -> Decision {
    let action = ScopedAction::lasting(Action::Allow, Scope::Message);
    Decision {
        id: DecisionId::new(),
        event_id: event.id.clone(),
        source: event.source.clone(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        time: event.time,
        decided_at: Timestamp::now(),
        mode: Mode::Shadow,
        score: Score::from_unit(0.83),
        tier: "high".to_owned(),
        action: Action::Allow,
        scope: Scope::Message,
        actions: vec![action],
        would: None,
        reason: "contact-phone found contact.phone (0.85)".to_owned(),
        message: None,
        message_later: None,
        alerts: Vec::new(),
        tags: Vec::new(),
        strike: None,
        case_id: None,
        degraded: false,
        review: false,
        policy: PolicyRef { name: "p".to_owned(), version: 3, digest: Digest::of(b"policy") },
        signals: vec![signal("contact-phone", "contact.phone")],
        findings: ["email", "handle", "intent", "link", "phone", "obfuscation", "payment"]
            .map(|name| finding(&format!("contact-{name}")))
            .into(),
        generation: 4,
        semantics: 1,
        erased_at: None,
    }
}

fn signal(detector: &str, label: &str) -> Signal {
    Signal {
        detector: detector.to_owned(),
        version: None,
        label: label.to_owned(),
        score: 0.85,
        confidence: 0.97,
        reason: "a telephone number: ••• ••••".to_owned(),
        spans: vec![EvidenceSpan {
            field: "data.content".to_owned(),
            item: None,
            start: 62,
            end: 70,
            event_id: None,
        }],
        entities: Vec::new(),
        counted: true,
    }
}

fn finding(detector: &str) -> Finding {
    Finding {
        version: Some("1.2.0".to_owned()),
        digest: Some(Digest::of(detector.as_bytes())),
        settings_digest: Some(Digest::of(b"{}")),
        stage: Some(Stage::Active),
        counted: true,
        outcome: Outcome::Ok,
        error: None,
        micros: 11,
        ..Finding::absent(detector)
    }
}

fn entry(id: &str) -> Entry {
    entry_of(event(id), |_| {})
}

/// An entry whose decision was changed a little.
fn entry_of(event: Event, change: impl FnOnce(&mut Decision)) -> Entry {
    let mut decision = decision(&event);
    change(&mut decision);
    Entry {
        received_at: Timestamp::now(),
        fingerprint: *Digest::of(event.id.as_bytes()).as_bytes(),
        event: Arc::new(event),
        decision: Arc::new(decision),
        replay: json!({ "inputs": [{ "kind": "field", "path": "data.content" }] }),
        trials: Trials::default(),
        outgoing: Vec::new(),
        wants: None,
        observations: Vec::new(),
        change: None,
        escalates: None,
    }
}

/// An entry that is enforced and is in a case: that which it opens, or another.
fn in_case(mut entry: Entry, matter: &str, joins: Option<DecisionId>) -> Entry {
    let decision = Arc::make_mut(&mut entry.decision);
    decision.mode = Mode::Active;
    decision.case_id = Some(joins.unwrap_or(decision.id));
    let (at, case) = (decision.decided_at, CaseChange { matter: matter.to_owned(), joins });
    entry.change = Some(StandingChange { at, strike: None, restriction: None, case: Some(case) });
    entry
}

/// Has the store meet the subject of all events, so that a commit is in the queue once it was polled.
async fn meet(store: &Store) {
    store.sealing(&event("")).await.unwrap();
}

/// How many rows a table has.
async fn count(store: &Store, query: &'static str) -> i64 {
    store.inner.writer.number(query).await.unwrap()
}

/// What the log says was done, without the migrations that it begins with.
async fn done(store: &Store) -> Vec<String> {
    let entries = store.audit_entries(MIGRATED, super::PAGE_ROWS_MAX).await.unwrap();
    entries.into_iter().map(|entry| entry.what).collect()
}

fn message(error: StoreError) -> String {
    error.to_string()
}
