//! A million of everything, made by SQL in words that both databases understand: writing that many as a
//! server does would take the most of an hour.

use picket::audit::{Frontier, Hash, TILE_WIDTH, root};

use crate::SUBJECTS;
use crate::place::Place;

/// Subjects that were held once, of whom one in fifty still is: the first ones.
const HELD: u64 = 50_000;
/// Of the lists that are long where a platform is large or has been served for years.
const ALERTS: u64 = 10_000;
const ERASED: u64 = 50_000;
const KEYS: u64 = 500;
const REVERSALS: u64 = 200;
/// Differences that a trial keeps at most, and rulings on what was decided.
const DIFFERENCES: u64 = 10_000;
/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// Makes so many decisions of the first one: of two sources, of which one has left, three tiers, a detector
/// that finds often and one that finds seldom; each with a delivery, of which some are dead and some wait; and
/// what else there is about decisions.
pub fn record(decisions: u64, place: &Place) -> String {
    let numbers = numbers(3, decisions);
    let id = id_of("n");
    // Subjects are kept as hashes, which SQL cannot make: one in 200 is the first one's.
    let who = format!("CASE WHEN n % 200 = 0 THEN busy.name ELSE 'user-' || (n % {SUBJECTS}) END");
    let busy = "(SELECT subject AS name FROM decisions WHERE seq = 2) AS busy";
    let first = "(SELECT event_id FROM decisions WHERE seq = 1)";
    let left = decisions / 5;
    [
        format!(
            "{numbers} INSERT INTO events (source, event_id, decision_id, subject, kind, time, \
             received_at, fingerprint, state, sealed) SELECT source, 'n-' || n, {id}, \
             {who}, kind, time + n, received_at + n, fingerprint, 1, \
             sealed FROM events, numbers, {busy} WHERE event_id = {first}"
        ),
        format!(
            "{numbers} INSERT INTO decisions (seq, id, source, subject, kind, event_id, decided_at, \
             mode, tier, action, score, policy_digest, generation, semantics, sealed) \
             SELECT n, {id}, CASE WHEN n < {left} THEN 'left' ELSE source END, \
             {who}, kind, 'n-' || n, decided_at + n, mode, \
             CASE WHEN n % 10 = 0 THEN 'high' WHEN n % 10 < 4 THEN 'medium' ELSE 'low' END, action, \
             score, policy_digest, generation, semantics, sealed FROM decisions, numbers, {busy} \
             WHERE seq = 1"
        ),
        "INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-email', source, tier, seq, 'contact.email' FROM decisions \
         WHERE seq % 3 = 0 AND seq > 2; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-link', source, tier, seq, 'contact.link' FROM decisions WHERE seq % 99 = 0"
            .to_owned(),
        outbox().to_owned(),
        standing(),
        cases(),
        trials(),
        holds_and_erasures(),
        rest(place),
    ]
    .join("; ")
}

/// The id of a decision of a number.
fn id_of(number: &str) -> String {
    format!("'00000000-0000-7000-8000-' || substr(CAST(1000000000000 + {number} AS TEXT), 2)")
}

/// A delivery of each decision: of a thousand ten are dead and one waits, the first of its subject.
fn outbox() -> &'static str {
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

/// Of ten decisions one gave a strike and one restricted its account, many of them over by now; of four one
/// would have enforced in shadow mode, over the last month.
fn standing() -> String {
    format!(
        "INSERT INTO strikes (decision, source, subject, ledger, number, given_at, expires_at) \
         SELECT id, source, subject, 'active', 1, decided_at, \
         decided_at + (seq % 40 - 10) * {DAY} FROM decisions WHERE seq % 10 = 0; \
         INSERT INTO restrictions (decision, source, subject, ledger, action, since, expires_at) \
         SELECT id, source, subject, 'active', 'restrict', decided_at, \
         decided_at + (seq % 40 - 10) * {DAY} FROM decisions WHERE seq % 10 = 5; \
         INSERT INTO withheld (decision, source, subject, action, review, at) \
         SELECT id, source, subject, 'soft_block', 0, decided_at - (seq % 30) * {DAY} \
         FROM decisions WHERE seq % 4 = 0; \
         {} INSERT INTO shadow_hours (source, hour, decisions) \
         SELECT 'market', decided_at / 3600000000 - n, 1400 FROM decisions, numbers WHERE seq = 1",
        numbers(0, 720)
    )
}

/// Of four decisions one is in a case: half of them in one of their own, of which some are still open, and half in
/// the one that somebody keeps adding to.
fn cases() -> String {
    let hot = id_of("12");
    format!(
        "INSERT INTO cases (id, source, subject, matter, state, decisions, score, severity, opened_at, \
         last_at, ended_at, sealed) SELECT id, source, subject, 'matter-' || seq, \
         CASE WHEN seq % 40 = 0 OR seq = 12 THEN 'open' WHEN seq % 16 = 0 THEN 'overturned' ELSE 'resolved' END, \
         1, score, 0, decided_at, decided_at, CASE WHEN seq % 40 = 0 OR seq = 12 THEN NULL ELSE decided_at + 1 END, \
         substr(sealed, 1, 0) FROM decisions WHERE seq > 2 AND (seq % 8 = 0 OR seq = 12); \
         INSERT INTO case_decisions (case_id, decision, ruling) SELECT id, id, \
         CASE state WHEN 'open' THEN NULL WHEN 'resolved' THEN 'upheld' ELSE 'overturned' END FROM cases; \
         INSERT INTO case_decisions (case_id, decision) SELECT {hot}, id FROM decisions \
         WHERE seq > 12 AND seq % 8 = 4"
    )
}

/// A trial of the active version of a detector and one of the policy, both with many differences: they are read
/// as those of a version in shadow.
fn trials() -> String {
    let ids = format!("FROM decisions WHERE seq > 2 AND seq <= {DIFFERENCES} + 2");
    let detector = "(SELECT min(id) FROM deployments WHERE detector = 'contact-email')";
    let policy = "(SELECT min(id) FROM policy_deployments WHERE source = 'market')";
    format!(
        "INSERT INTO trials (deployment, stage, since, events, counted, failures, fired, micros, \
         micros_max, stricter, milder, retiered, reviews_added, reviews_spared) \
         SELECT {detector}, 'shadow', decided_at, {DIFFERENCES}, 0, 0, 9, 9, 9, {DIFFERENCES}, 0, 0, 0, 0 \
         FROM decisions WHERE seq = 1; \
         INSERT INTO trial_differences (deployment, decision, subject, direction, without, with_it, at) \
         SELECT {detector}, id, subject, 'stricter', 'allow', 'nudge', decided_at {ids}; \
         INSERT INTO policy_trials (deployment, stage, since, against, events, decided, stricter, milder, \
         retiered, reviews, reviews_added, reviews_spared) \
         SELECT {policy}, 'shadow', decided_at, {policy}, {DIFFERENCES}, 0, {DIFFERENCES}, 0, 0, 0, 0, 0 \
         FROM decisions WHERE seq = 1; \
         INSERT INTO policy_trial_differences (deployment, decision, subject, direction, without_score, \
         without_tier, without_action, without_review, with_score, with_tier, with_action, with_review, at) \
         SELECT {policy}, id, subject, 'stricter', 1, 'low', 'allow', 0, 2, 'high', 'nudge', 0, decided_at {ids}"
    )
}

fn holds_and_erasures() -> String {
    format!(
        "{} INSERT INTO holds (id, source, subject, held_by, held_at, released_at, sealed) \
         SELECT '00000000-0000-7000-9000-' || substr(CAST(1000000000000 + n AS TEXT), 2), \
         CASE WHEN n % 5 = 0 THEN 'left' ELSE 'market' END, 'user-' || n, 'bench', n, \
         CASE WHEN n <= {HELD} / 50 THEN NULL ELSE n + 1 END, one.empty \
         FROM numbers, (SELECT substr(sealed, 1, 0) AS empty FROM decisions WHERE seq = 1) AS one; \
         {} INSERT INTO erasures (number, source, subject, key_id, erased_at) \
         SELECT number + n, source, 'erased-' || n, key_id, erased_at + n FROM erasures, numbers \
         WHERE number = (SELECT max(number) FROM erasures)",
        numbers(1, HELD),
        numbers(1, ERASED)
    )
}

fn rest(place: &Place) -> String {
    let bytes = place.bytes_type();
    let id = "substr(CAST(100000000 + n AS TEXT), 2)";
    format!(
        "{} INSERT INTO alerts (id, at, kind, object, text) SELECT {id}, decided_at + n, \
         'detector.quarantined', 'contact-email 1.0.0', 'it failed' FROM decisions, numbers WHERE seq = 1; \
         {} INSERT INTO keys (id, role, source, name, hash, created_at) \
         SELECT '00000000-0000-7000-a000-' || substr(CAST(1000000000000 + n AS TEXT), 2), role, source, \
         name, CAST('key ' || n AS {bytes}), created_at + n FROM keys, numbers WHERE name = 'bench' AND source IS NULL; \
         {} INSERT INTO reversals (id, source, cause, name, version, since, until, why, asked_by, asked_at, \
         reached, ended_at) SELECT '00000000-0000-7000-b000-' || \
         substr(CAST(1000000000000 + n AS TEXT), 2), source, 'policy', 'market', '1', decided_at, \
         decided_at + 1, 'a benchmark', 'bench', decided_at, id, decided_at + 2 \
         FROM decisions, numbers WHERE seq = 1; \
         INSERT INTO rulings (decision, ruling, ruled_by, at, sealed) SELECT id, 'upheld', 'bench', \
         decided_at, substr(sealed, 1, 0) FROM decisions WHERE seq > 2 AND seq <= {DIFFERENCES}",
        numbers(1, ALERTS),
        numbers(1, KEYS),
        numbers(1, REVERSALS)
    )
}

/// The beginning of a statement that has these numbers.
fn numbers(from: u64, to: u64) -> String {
    format!(
        "WITH RECURSIVE numbers (n) AS (SELECT CAST({from} AS BIGINT) UNION ALL SELECT n + 1 \
         FROM numbers WHERE n < {to})"
    )
}

/// As many audit entries more, each as the first one, with the tree over all of them.
pub fn log(leaves: &[Hash], entries: u64, place: &Place) -> Vec<String> {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(0, *leaf);
    }
    let there: Vec<usize> = tree.levels.iter().map(|level| level.full.len()).collect();
    for _ in 0..entries {
        tree.push(0, leaves[0]);
    }
    let mut statements = vec![format!(
        "{} INSERT INTO audit (seq, object, leaf_hash, leaf) SELECT head.seq + n, 'n-' || n, leaf_hash, leaf \
         FROM audit, numbers, (SELECT max(seq) AS seq FROM audit) AS head WHERE audit.seq = 1 ORDER BY n",
        numbers(1, entries)
    )];
    for (level, Level { full, .. }) in tree.levels.iter().enumerate() {
        let mut at = there.get(level).copied().unwrap_or(0);
        // Most are like the one before.
        while at < full.len() {
            let same = full[at..].iter().take_while(|tile| **tile == full[at]).count();
            statements.push(format!(
                "{} INSERT INTO audit_tiles (level, tile, root, hashes) SELECT {level}, n, {}, {} \
                 FROM numbers ORDER BY n",
                numbers(at as u64, (at + same - 1) as u64),
                place.blob(&root(&full[at])),
                place.blob(&full[at].concat())
            ));
            at += same;
        }
    }
    statements.push(format!(
        "UPDATE audit_head SET size = {}, frontier = {} WHERE id = 1",
        tree.frontier.size(),
        place.blob(&tree.frontier.to_bytes())
    ));
    statements
}

/// The tiles over all entries.
#[derive(Default)]
struct Tree {
    frontier: Frontier,
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    full: Vec<Vec<Hash>>,
    last: Vec<Hash>,
}

impl Tree {
    fn push(&mut self, level: usize, hash: Hash) {
        if level == 0 {
            self.frontier.push(hash);
        }
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let filled = &mut self.levels[level];
        filled.last.push(hash);
        if filled.last.len() as u64 == TILE_WIDTH {
            let tile = std::mem::take(&mut filled.last);
            let above = root(&tile);
            filled.full.push(tile);
            self.push(level + 1, above);
        }
    }
}
