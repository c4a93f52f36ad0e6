//! How lists are answered and what a commit looks up: by an index, and never by reading a whole table
//! that grows for ever.

use databases::Database;

use super::super::{Asked, CaseFilter, DeliveryFilter, Filter, HeldAfter, Span};
use super::*;
use crate::model::{
    CaseState, DefinitionId, DeliveryId, DeliveryState, DestinationId, Function, Identity, KeyId,
    Role, Scope,
};

on_both!(no_list_reads_a_whole_table);

/// Tables that grow with every event, with the names that statements give them.
const LONG: [&str; 27] = [
    "events",
    "e",
    "spent_events",
    "decisions",
    "d",
    "decision_labels",
    "l",
    "o",
    "outbox",
    "audit",
    "alerts",
    "a",
    "rates",
    "trial_differences",
    "policy_trial_differences",
    "policy_trials",
    "withheld",
    "rulings",
    "ruled_canaries",
    "r",
    "trials",
    "t",
    "observations",
    "b",
    "cases",
    "c",
    "case_decisions",
];

async fn no_list_reads_a_whole_table(home: Home) {
    let (place, store) = fresh(home).await;
    // What is left of an erased decision is bound to no key and no row, so it can stand for many.
    store.commit(&entry("e-1")).await.unwrap();
    let who = Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".into() };
    store.erase(SOURCE, "user-17", "asked for", &who).await.unwrap();
    let mut other = event("e-2");
    other.subject = "user-18".to_owned();
    let known = in_case(entry_of(other, |_| {}), "contacts", None);
    store.commit(&known).await.unwrap();
    store.close().await.unwrap();
    if let Home::Postgres(database) = &place.home {
        // Its plans follow from how much there is of what.
        database.run(&multiply());
        database.run("VACUUM ANALYZE");
        await_end_of_others(database);
        database.run("SELECT pg_stat_reset()");
    }
    let store = place.open().await;
    ask_for_everything(&store, known.decision.id).await;
    // So often that a plan is kept.
    let mut opened = None;
    for number in 0..8 {
        let later = in_case(entry(&format!("later-{number}")), "contacts", opened);
        store.commit(&later).await.unwrap();
        opened = opened.or(Some(later.decision.id));
    }
    match &place.home {
        Home::Sqlite => {
            for text in store.readers().asked() {
                let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
                let plan: Vec<(i64, i64, i64, String)> =
                    sqlx::query_as(explained).fetch_all(store.readers()).await.unwrap();
                for (_, _, _, step) in plan {
                    // Nothing is in this index but what is still to be decided.
                    if step.ends_with("USING INDEX events_accepted") {
                        continue;
                    }
                    let scanned =
                        step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
                    assert!(!scanned.is_some_and(|name| LONG.contains(&name)), "{text}: {step}");
                    // What was found of a detector, or observed, is no more than a page.
                    let page = [" AS found ", ") AS seen"].iter().any(|of| text.contains(of));
                    let sorted = step.contains("TEMP B-TREE") && !page;
                    // Nor of one trial, nor of what a source would have enforced in some days.
                    let few = [" FROM trial", " FROM policy_trial", " FROM withheld"];
                    let few = few.iter().any(|of| text.contains(of));
                    assert!(!sorted || few, "{text}: {step}");
                }
            }
        }
        Home::Postgres(database) => {
            store.close().await.unwrap();
            await_end_of_others(database);
            let scanned = "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 \
                AND relname IN ('events', 'decisions', 'decision_labels', 'audit', 'outbox', 'cases', \
                'case_decisions')";
            assert_eq!(database.run(scanned), "");
            let found = "SELECT min(idx_scan) > 0 FROM pg_stat_user_tables \
                WHERE relname IN ('events', 'decisions', 'decision_labels', 'audit', 'outbox', 'cases', \
                'case_decisions')";
            assert_eq!(database.run(found), "t");
        }
    }
}

/// Waits for the end of all other connections: what one did is counted when it ends.
fn await_end_of_others(database: &Database) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while database.run(others) != "0" {}
}

/// Everything that the API lists or looks up, with and without a match.
async fn ask_for_everything(store: &Store, known: DecisionId) {
    for (bits, source) in (0..16_u32).flat_map(|bits| [(bits, SOURCE), (bits, "nobody")]) {
        let given = |bit: u32, value: &str| (bits & bit > 0).then(|| value.to_owned());
        let asked = Filter {
            subject: given(1, "user-7"),
            source: given(2, source),
            tier: given(4, "high"),
            detector: given(8, "contact-phone"),
            limit: 50,
            after: None,
        };
        // So often that PostgreSQL would take up a plan for all of them, if that were better.
        for _ in 0..8 {
            let page = store.decisions(&asked).await.unwrap();
            let last = page.next.map(|after| Filter { after: Some(after), ..asked.clone() });
            if let Some(next) = last {
                store.decisions(&next).await.unwrap();
            }
        }
    }
    for id in [known, DecisionId::new()] {
        store.decision(id).await.unwrap();
        store.replayable(id).await.unwrap();
        store.ruling(id).await.unwrap();
    }
    for (source, state) in [None, Some(SOURCE), Some("nobody")]
        .into_iter()
        .flat_map(|source| [None, Some(DeliveryState::Dead)].map(|state| (source, state)))
    {
        let source = source.map(str::to_owned);
        let asked = DeliveryFilter { source, state, limit: 50, after: None };
        for _ in 0..8 {
            store.deliveries(&asked).await.unwrap();
        }
    }
    store.delivery(&DeliveryId::of_action(known, Scope::Message)).await.unwrap();
    for source in [SOURCE, "nobody"] {
        store.delivery_backlog(&DestinationId::of(source)).await.unwrap();
        let mut page = Some(HeldAfter::default());
        while let Some(after) = page {
            page = store.held_events(source, "user-18", after, 50).await.unwrap().1;
        }
        let (after, before) = (Timestamp::from_micros(0), Timestamp::now());
        for source in [None, Some(source.to_owned())] {
            let (after, before) = (DecisionId::from_time(after), DecisionId::from_time(before));
            store.ids_within(&Span { source, after, before }).await.unwrap();
        }
    }
    ask_about_the_past(store, known).await;
    ask_about_cases(store, known).await;
    store.claim(SOURCE, "e-1").await.unwrap();
    store.accepted(50).await.unwrap();
    for after in [0, 20_000] {
        store.audit_entries(after, 50).await.unwrap();
    }
    store.audit_entries_of("n-30000", 0, 50).await.unwrap();
    store.erasures(0, 50).await.unwrap();
    store.disabled_destinations().await.unwrap();
    store.alerts(None, 50).await.unwrap();
    store.alerts(Some("0"), 50).await.unwrap();
    store.alert("0").await.unwrap();
    store.calm_alerts(Timestamp::now()).await.unwrap();
    for source in [SOURCE, "nobody"] {
        store.rate(source, "decided", 0, 50).await.unwrap();
        store.first_minute(source).await.unwrap();
        store.last_minute(source).await.unwrap();
    }
    store.trials(1).await.unwrap();
    store.trial_differences(1, 50).await.unwrap();
    store.trial_subjects(1).await.unwrap();
    store.policy_trials(1).await.unwrap();
    store.policy_differences(1, 50).await.unwrap();
    store.policy_trial_subjects(1).await.unwrap();
    store.mode_preview(SOURCE, Mode::Shadow, 7, 50).await.unwrap();
}

/// By every set of filters, with the page after.
async fn ask_about_cases(store: &Store, known: DecisionId) {
    for (bits, source) in (0..16_u32).flat_map(|bits| [(bits, SOURCE), (bits, "nobody")]) {
        let given = |bit: u32, value: &str| (bits & bit > 0).then(|| value.to_owned());
        let asked = CaseFilter {
            source: given(1, source),
            subject: given(2, "user-18"),
            state: (bits & 4 > 0).then_some(CaseState::Open),
            before: (bits & 8 > 0).then_some(known),
            limit: 50,
        };
        for _ in 0..8 {
            store.cases(&asked).await.unwrap();
        }
    }
    for id in [known, DecisionId::new()] {
        store.case(id).await.unwrap();
        for unruled in [false, true] {
            store.decisions_of_case(id, None, unruled, 50).await.unwrap();
            store.decisions_of_case(id, Some(known), unruled, 50).await.unwrap();
        }
    }
    store.cases_of(SOURCE, "user-18").await.unwrap();
}

/// What events are told of earlier ones, and what keeps that in order.
async fn ask_about_the_past(store: &Store, known: DecisionId) {
    let at = Timestamp::now();
    let asked = Asked {
        definition: DefinitionId([1; 16]),
        entity: [2; 16],
        after: Timestamp::from_micros(0),
        until: at,
        before: known,
    };
    for function in [
        Function::Count,
        Function::Sum,
        Function::Mean,
        Function::Distinct,
        Function::FirstSeen,
        Function::LastSeen,
    ] {
        for _ in 0..8 {
            store.observed(function, &asked).await.unwrap();
        }
    }
    store.recent(&asked, 20).await.unwrap();
    store.event_of(known).await.unwrap();
    store.trim_features(&[]).await.unwrap();
}

/// Makes 40,000 decisions of one, of which the first half is of a source that has left.
fn multiply() -> String {
    let columns = "kind, time, received_at, fingerprint, state, sealed";
    format!(
        "INSERT INTO events (source, event_id, decision_id, subject, {columns}) \
         SELECT source, 'n-' || n, 'n-' || n, 'user-' || n % 500, {columns} \
         FROM events, generate_series(3, 40000) AS n WHERE event_id = (SELECT event_id FROM decisions WHERE seq = 1); \
         INSERT INTO decisions (seq, id, source, subject, kind, event_id, decided_at, mode, tier, \
         action, score, policy_digest, generation, semantics, sealed) \
         SELECT n, 'n-' || n, CASE WHEN n < 20000 THEN 'left' ELSE source END, \
         'user-' || n % 500, kind, 'n-' || n, decided_at + n, mode, \
         CASE n % 10 WHEN 0 THEN 'high' ELSE 'low' END, action, score, policy_digest, generation, \
         semantics, sealed FROM decisions, generate_series(3, 40000) AS n WHERE seq = 1; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-phone', source, tier, seq, label FROM decisions, \
         (VALUES ('contact.phone'), ('contact.intent')) AS labels (label) \
         WHERE seq % 4 = 0; \
         INSERT INTO audit (seq, object, leaf_hash, leaf) SELECT n, 'n-' || n, leaf_hash, leaf \
         FROM audit, generate_series((SELECT max(seq) FROM audit) + 1, 40000) AS n \
         WHERE seq = {MIGRATED} + 1; \
         UPDATE audit_head SET size = 40000, frontier = decode(repeat('00', 5 * 32), 'hex'); \
         INSERT INTO outbox (seq, id, source, subject, decision, kind, action, scope, state, \
         attempts, created_at, ended_at, sealed) \
         SELECT n, uuid || '.message', '{SOURCE}', 'user-' || n % 500, uuid, 'action', \
         'soft_block', 'message', CASE n % 10 WHEN 0 THEN 'dead' ELSE 'delivered' END, 1, n, n, '' \
         FROM (SELECT n, '00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid \
         FROM generate_series(1, 40000) AS n) AS numbered; \
         INSERT INTO cases (id, source, subject, matter, state, decisions, score, severity, \
         opened_at, last_at, ended_at, sealed) \
         SELECT '00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), \
         CASE WHEN n < 20000 THEN 'left' ELSE '{SOURCE}' END, 'user-' || n % 500, 'contacts', \
         'resolved', 1, 0, 0, n, n, n, '' FROM generate_series(1, 40000) AS n; \
         INSERT INTO case_decisions (case_id, decision, ruling) SELECT id, id, 'upheld' FROM cases \
         WHERE state = 'resolved'"
    )
}
