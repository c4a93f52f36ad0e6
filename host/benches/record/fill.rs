//! A million of everything, made by SQL in words that both databases understand: writing that many as a
//! server does would take the most of an hour.

use std::path::Path;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Subjects that were held once, of whom one in fifty still is: the first ones.
const HELD: u64 = 50_000;

/// Makes so many decisions of the first one: of two sources, of which one has left, three tiers, a detector
/// that finds often and one that finds seldom; each with a delivery, of which some are dead and some wait;
/// and holds.
pub fn fill(decisions: u64) -> String {
    let numbers = numbers(3, decisions);
    let id = "'00000000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2)";
    // Subjects are kept as hashes, which SQL cannot make: one in 200 is the first one's.
    let who = "CASE WHEN n % 200 = 0 THEN busy.name ELSE 'user-' || (n % 20000) END";
    let busy = "(SELECT subject AS name FROM decisions WHERE seq = 2) AS busy";
    let first = "(SELECT event_id FROM decisions WHERE seq = 1)";
    let left = decisions / 5;
    format!(
        "{numbers} INSERT INTO events (source, event_id, decision_id, subject, kind, time, \
         received_at, fingerprint, state, sealed) SELECT source, 'n-' || n, {id}, \
         {who}, kind, time + n, received_at + n, fingerprint, 1, \
         sealed FROM events, numbers, {busy} WHERE event_id = {first}; \
         {numbers} INSERT INTO decisions (seq, id, source, subject, kind, event_id, decided_at, \
         mode, tier, action, score, policy_digest, generation, semantics, sealed) \
         SELECT n, {id}, CASE WHEN n < {left} THEN 'left' ELSE source END, \
         {who}, kind, 'n-' || n, decided_at + n, mode, \
         CASE WHEN n % 10 = 0 THEN 'high' WHEN n % 10 < 4 THEN 'medium' ELSE 'low' END, action, \
         score, policy_digest, generation, semantics, sealed FROM decisions, numbers, {busy} \
         WHERE seq = 1; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-email', source, tier, seq, 'contact.email' FROM decisions \
         WHERE seq % 3 = 0 AND seq > 2; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-link', source, tier, seq, 'contact.link' FROM decisions WHERE seq % 99 = 0; \
         {}; {}",
        fill_outbox(),
        fill_holds()
    )
}

/// A delivery of each decision: of a thousand ten are dead and one waits, the first of its subject.
fn fill_outbox() -> &'static str {
    "INSERT INTO outbox (seq, id, source, subject, decision, kind, action, scope, state, attempts, \
     created_at, ended_at, sealed) SELECT seq, id || '.message', source, subject, id, 'action', \
     'soft_block', 'message', CASE WHEN seq % 100 = 7 THEN 'dead' WHEN seq % 1000 = 1 THEN 'pending' \
     ELSE 'delivered' END, 1, decided_at, CASE WHEN seq % 1000 = 1 THEN NULL ELSE decided_at + 1 END, \
     substr(sealed, 1, 0) FROM decisions WHERE seq > 2; \
     INSERT INTO delivery_claims (outbox, source, subject, attempts, due_at) \
     SELECT seq, source, subject, 0, CASE WHEN seq IN (SELECT min(seq) FROM outbox \
     WHERE state = 'pending' GROUP BY source, subject) THEN created_at ELSE NULL END \
     FROM outbox WHERE state = 'pending' AND seq > 2; \
     INSERT INTO delivery_attempts (seq, outbox, at, outcome, status, micros) \
     SELECT seq, seq, created_at, 'delivered', 204, 900 FROM outbox WHERE seq > 2"
}

fn fill_holds() -> String {
    format!(
        "{} INSERT INTO holds (id, source, subject, held_by, held_at, released_at, sealed) \
         SELECT '00000000-0000-7000-9000-' || substr(CAST(1000000000000 + n AS TEXT), 2), \
         CASE WHEN n % 5 = 0 THEN 'left' ELSE 'market' END, 'user-' || n, 'bench', n, \
         CASE WHEN n <= {HELD} / 50 THEN NULL ELSE n + 1 END, one.empty \
         FROM numbers, (SELECT substr(sealed, 1, 0) AS empty FROM decisions WHERE seq = 1) AS one",
        numbers(1, HELD)
    )
}

/// The beginning of a statement that has these numbers.
fn numbers(from: u64, to: u64) -> String {
    format!(
        "WITH RECURSIVE numbers (n) AS (SELECT CAST({from} AS BIGINT) UNION ALL SELECT n + 1 \
         FROM numbers WHERE n < {to})"
    )
}

/// As many audit entries, last of all: they are not in the tree that the next one would be added to.
pub fn fill_audit(decisions: u64) -> String {
    format!(
        "{} INSERT INTO audit (seq, object, leaf_hash, leaf) SELECT head.seq + n, 'n-' || n, leaf_hash, leaf \
         FROM audit, numbers, (SELECT max(seq) AS seq FROM audit) AS head WHERE audit.seq = 1 ORDER BY n",
        numbers(1, decisions)
    )
}

pub async fn fill_sqlite(file: &Path, statements: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("the file opens");
    let text = format!("PRAGMA synchronous = OFF; {statements}; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("rows");
    connection.close().await.expect("the file closes");
}
