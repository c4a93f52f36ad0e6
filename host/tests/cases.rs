//! Cases on a real server: of one account and matter one is open, however many events come at once and to however
//! many servers; shadow mode opens none; what people say ends them; they replay, are exported and go with whom they
//! are about.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use databases::{Home, on_both};
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, POLICY, Server};

on_both!(threaded:
    of_one_account_and_matter_one_case_is_open_however_many_come_at_once,
    shadow_mode_opens_no_case,
    what_people_say_of_a_case_is_said_of_its_decisions,
    a_case_ends_with_the_last_word_on_its_decisions,
    a_reversal_ends_what_it_was_about,
    what_is_in_a_case_replays_to_the_same_bits,
    cases_are_exported_and_go_with_their_account,
    nobody_sees_cases_of_others_and_pages_come_to_their_end
);

const RULES: &str = r#"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "cooldown"
for_h = 24
[[rules]]
name = "found"
when = 'tier == "high"'
case = "contacts"
[[rules]]
name = "large"
when = 'has(event.data.amount) && event.data.amount > 100'
case = "large-payments"
"#;

const VIOLATION: &str = "hello";
const CLEAN: &str = "silent";

async fn started(home: &Home) -> Server {
    started_with(home, POLICY, RULES).await
}

async fn started_with(home: &Home, policy: &str, rules: &str) -> Server {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    for source in ["market", "other"] {
        let text = format!("{}{rules}", policy.replace("NAME", source));
        server::write(&dir.path().join(format!("policies/{source}.toml")), text.as_bytes());
    }
    Server::start_in(home, dir, |config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
    })
    .await
}

/// Posts a message of an account about an amount, and returns the decision.
async fn said(server: &Server, id: &str, subject: &str, text: &str, amount: u64) -> Value {
    said_to(server, "market", id, subject, text, amount).await
}

async fn said_to(
    server: &Server,
    source: &str,
    id: &str,
    subject: &str,
    text: &str,
    amount: u64,
) -> Value {
    let mut event = server::event(source, id, text);
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::now());
    event["data"]["amount"] = json!(amount);
    let who = if source == "market" { "platform" } else { "other" };
    let kind = "application/cloudevents+json";
    let answer = server.post(who, "/v1/events", kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn list(server: &Server, who: &str, query: &str) -> Value {
    let answer = server.get(who, &format!("/v1/cases{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The ids of the cases of a page.
fn ids(page: &Value) -> Vec<&Value> {
    page["cases"].as_array().unwrap().iter().map(|one| &one["id"]).collect()
}

async fn case(server: &Server, id: &Value) -> Value {
    let answer = server.get("reviewer", &format!("/v1/cases/{}", id.as_str().unwrap())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Says something of a case or of a decision.
async fn rule(server: &Server, of: &str, id: &Value, word: &str) -> Value {
    let path = format!("/v1/{of}/{}/ruling", id.as_str().unwrap());
    let body = json!({"ruling": word, "why": "looked at it"});
    let put = server.request("reviewer", Method::PUT, &path).json(&body);
    let answer = Answer::of(put.send().await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn mode(server: &Server, mode: &str) {
    let body = json!({"mode": mode, "why": "a test"});
    let set = server.request("admin", Method::PUT, "/v1/sources/market/mode").json(&body);
    assert_eq!(set.send().await.unwrap().status(), 200);
}

async fn of_one_account_and_matter_one_case_is_open_however_many_come_at_once(home: Home) {
    let one = started(&home).await;
    let servers = match &home {
        Home::Sqlite => vec![one],
        Home::Postgres(_) => vec![one.beside(|_| {}).await, one],
    };
    let servers = Arc::new(servers);
    let events = (0..64_usize).map(|number| {
        let servers = Arc::clone(&servers);
        tokio::spawn(async move {
            let server = &servers[number % servers.len()];
            let text = if number.is_multiple_of(4) { CLEAN } else { VIOLATION };
            said(server, &format!("e-{number}"), "hot", text, 200).await
        })
    });
    let decisions = futures::future::join_all(events).await;
    let decisions: Vec<Value> = decisions.into_iter().map(Result::unwrap).collect();
    let server = &servers[0];
    for (matter, tier, members) in [("contacts", "high", 48), ("large-payments", "low", 16)] {
        let within: Vec<&Value> = decisions.iter().filter(|it| it["tier"] == tier).collect();
        assert_eq!(within.len(), members);
        let id = &within[0]["case_id"];
        assert!(within.iter().all(|it| it["case_id"] == *id && it["review"] == true), "{within:?}");
        assert!(within.iter().any(|it| it["id"] == *id), "it is that of the one that opened it");
        let case = case(server, id).await;
        assert_eq!((&case["matter"], &case["state"]), (&json!(matter), &json!("open")));
        assert_eq!((&case["decisions"], &case["unruled"]), (&json!(members), &json!(members)));
        let worst: f64 = if tier == "high" { 0.5 } else { 0.0 };
        assert_eq!((&case["score"], &case["subject"]), (&json!(worst), &json!("hot")));
        let listed: BTreeSet<&str> = case["decision_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        let answered = within.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(listed, answered);
    }
    for decision in &decisions {
        let path = format!("/v1/decisions/{}", decision["id"].as_str().unwrap());
        let recorded = server.get("reviewer", &path).await.json();
        assert_eq!(recorded, *decision, "what was answered is what is recorded");
    }
    let open = list(server, "reviewer", "?state=open").await;
    assert_eq!(ids(&open).len(), 2, "{open}");
    // Each account has its own, and what is about nothing is in none.
    let other = said(server, "other", "cold", VIOLATION, 0).await;
    assert_eq!(other["case_id"], other["id"]);
    let clean = said(server, "clean", "hot", CLEAN, 0).await;
    assert_eq!((&clean["case_id"], &clean["review"]), (&Value::Null, &json!(false)));
    for server in Arc::into_inner(servers).unwrap() {
        server.app.stop().await;
    }
}

async fn shadow_mode_opens_no_case(home: Home) {
    let server = started(&home).await;
    mode(&server, "shadow").await;
    for number in 0..2 {
        let decision = said(&server, &format!("s-{number}"), "u", VIOLATION, 0).await;
        assert_eq!((&decision["case_id"], &decision["action"]), (&Value::Null, &json!("allow")));
        assert_eq!(decision["would"]["case"], "contacts", "{decision}");
    }
    let clean = said(&server, "clean", "u", CLEAN, 0).await;
    assert_eq!(clean["would"]["case"], Value::Null, "{clean}");
    assert_eq!(list(&server, "reviewer", "").await, json!({"cases": [], "next": null}));
    mode(&server, "active").await;
    let decision = said(&server, "a", "u", VIOLATION, 0).await;
    assert_eq!(decision["case_id"], decision["id"], "nothing was open");
    mode(&server, "shadow").await;
    let decision = said(&server, "s-again", "u", VIOLATION, 0).await;
    assert_eq!(decision["case_id"], Value::Null, "nor does it join one");
    assert_eq!(
        case(&server, &list(&server, "reviewer", "").await["cases"][0]["id"]).await["decisions"],
        1
    );
    server.app.stop().await;
}

async fn what_people_say_of_a_case_is_said_of_its_decisions(home: Home) {
    /// Decisions that one request rules on.
    const AT_ONCE: usize = 100;
    let server = started(&home).await;
    let first = said(&server, "e-0", "u", VIOLATION, 0).await;
    let id = &first["case_id"];
    let numbers: Vec<usize> = (1..AT_ONCE + 2).collect();
    let more = numbers.iter().map(|number| {
        let (server, event) = (&server, format!("e-{number}"));
        async move { said(server, &event, "u", VIOLATION, 0).await }
    });
    futures::future::join_all(more).await;
    let upheld = rule(&server, "decisions", &first["id"], "upheld").await;
    let done = rule(&server, "cases", id, "overturned").await;
    assert_eq!((&done["ruled"], &done["state"]), (&json!(AT_ONCE), &json!("open")), "{done}");
    let done = rule(&server, "cases", id, "overturned").await;
    assert_eq!((&done["ruled"], &done["state"]), (&json!(1), &json!("resolved")), "{done}");
    // Once more it is as it was.
    let again = rule(&server, "cases", id, "upheld").await;
    assert_eq!(again["ruled"], 0, "{again}");
    for key in ["state", "ended_at", "decisions", "last_at"] {
        assert_eq!(again[key], done[key]);
    }
    let detail = case(&server, id).await;
    assert_eq!((&detail["decisions"], &detail["unruled"]), (&json!(AT_ONCE + 2), &json!(0)));
    // What hangs on it is lifted, and what was said before stays as it was said.
    let profile = server.get("reviewer", "/v1/subjects/market/u").await.json();
    let strikes = profile["strikes"].as_array().unwrap();
    assert!(strikes.iter().all(|own| own["counts_as"].is_null()), "of the last ones: {profile}");
    let path = format!("/v1/decisions/{}/ruling", first["id"].as_str().unwrap());
    assert_eq!(server.get("reviewer", &path).await.json(), upheld);
    // What comes after is another case.
    let next = said(&server, "next", "u", VIOLATION, 0).await;
    assert_eq!(next["case_id"], next["id"]);
    assert_eq!(next["strike"]["number"], 2, "that of the one that was upheld counts");
    let done = rule(&server, "cases", &next["id"], "overturned").await;
    assert_eq!((&done["ruled"], &done["state"]), (&json!(1), &json!("overturned")));
    let log = format!("/v1/audit?object={}", next["id"].as_str().unwrap());
    let log = server.get("auditor", &log).await.json();
    let ruled = log.as_array().unwrap().iter().find(|it| it["what"] == "decision.ruled").unwrap();
    assert_eq!(ruled["facts"]["case_ended"], true, "{log}");
    for (id, body, status) in [
        ("x", json!({"ruling": "upheld", "why": "x"}), 404),
        (first["case_id"].as_str().unwrap(), json!({"ruling": "upheld", "why": " "}), 422),
        (first["case_id"].as_str().unwrap(), json!({"ruling": "forgotten", "why": "x"}), 422),
    ] {
        let put = server.request("reviewer", Method::PUT, &format!("/v1/cases/{id}/ruling"));
        assert_eq!(put.json(&body).send().await.unwrap().status(), status, "{body}");
    }
    server.app.stop().await;
}

async fn a_case_ends_with_the_last_word_on_its_decisions(home: Home) {
    let server = started(&home).await;
    let one = said(&server, "e-1", "u", VIOLATION, 0).await;
    let two = said(&server, "e-2", "u", VIOLATION, 0).await;
    assert_eq!(two["case_id"], one["id"]);
    let state = async || case(&server, &one["id"]).await["state"].clone();
    rule(&server, "decisions", &one["id"], "overturned").await;
    assert_eq!(state().await, "open");
    // What comes meanwhile joins it, and has to be looked at, too.
    let three = said(&server, "e-3", "u", VIOLATION, 0).await;
    assert_eq!(three["case_id"], one["id"]);
    rule(&server, "decisions", &two["id"], "overturned").await;
    assert_eq!(state().await, "open");
    rule(&server, "decisions", &three["id"], "overturned").await;
    assert_eq!(state().await, "overturned");
    let ended = case(&server, &one["id"]).await["ended_at"].clone();
    // Who thinks better of it says so of the decision; the case does not open again.
    rule(&server, "decisions", &two["id"], "upheld").await;
    let detail = case(&server, &one["id"]).await;
    assert_eq!((&detail["state"], &detail["ended_at"]), (&json!("resolved"), &ended));
    let next = said(&server, "e-4", "u", VIOLATION, 0).await;
    assert_eq!(next["case_id"], next["id"]);
    server.app.stop().await;
}

async fn a_reversal_ends_what_it_was_about(home: Home) {
    // Nothing is enforced: the case is all that follows from what is found.
    let policy = POLICY.replace("\"soft_block\"", "\"allow\"");
    let rules = &RULES[RULES.find("[[rules]]").unwrap()..];
    let server = started_with(&home, &policy, rules).await;
    for (id, subject) in [("e-1", "ann"), ("e-2", "ann"), ("e-3", "bob")] {
        said(&server, id, subject, VIOLATION, 0).await;
    }
    // One of these is about something that was not found by the probe.
    let large = said(&server, "e-4", "ann", CLEAN, 200).await;
    let dan = said(&server, "e-5", "dan", VIOLATION, 0).await;
    rule(&server, "cases", &dan["case_id"], "upheld").await;
    let since = Timestamp::now().plus_millis(-3_600_000);
    let mut wrong = json!({
        "source": "market", "since": since,
        "cause": {"kind": "detector", "name": "probe", "version": "1.0.0"},
    });
    let asked = async |path: &str, body: &Value| {
        let post = server.request("admin", Method::POST, path).json(body);
        Answer::of(post.send().await.unwrap()).await
    };
    let preview = asked("/v1/reversals/preview", &wrong).await.json();
    let sums = ["overturned", "cases", "subjects", "ruled"].map(|name| preview[name].as_u64());
    assert_eq!(sums, [Some(3), Some(2), Some(2), Some(1)], "{preview}");
    assert_eq!(
        ids(&list(&server, "reviewer", "?state=open").await).len(),
        3,
        "nothing has changed"
    );
    wrong["why"] = json!("it was wrong");
    let begun = asked("/v1/reversals", &wrong).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let path = format!("/v1/reversals/{}", begun.json()["id"].as_str().unwrap());
    let through = async || !server.get("admin", &path).await.json()["ended_at"].is_null();
    server.until("it is through", through).await;
    let done = server.get("admin", &path).await.json();
    assert_eq!((&done["overturned"], &done["cases"]), (&json!(3), &json!(2)), "{done}");
    let open = list(&server, "reviewer", "?state=open").await;
    assert_eq!(ids(&open), [&large["case_id"]]);
    assert_eq!(ids(&list(&server, "reviewer", "?state=overturned").await).len(), 2);
    assert_eq!(ids(&list(&server, "reviewer", "?state=resolved").await), [&dan["case_id"]]);
    server.app.stop().await;
}

async fn what_is_in_a_case_replays_to_the_same_bits(home: Home) {
    let server = started(&home).await;
    let mut decisions = Vec::new();
    for (number, text) in [VIOLATION, VIOLATION, CLEAN].into_iter().enumerate() {
        decisions.push(said(&server, &format!("e-{number}"), "u", text, 200).await);
    }
    rule(&server, "cases", &decisions[0]["case_id"], "upheld").await;
    decisions.push(said(&server, "after", "u", VIOLATION, 0).await);
    mode(&server, "shadow").await;
    decisions.push(said(&server, "shadow", "u", VIOLATION, 0).await);
    for decision in decisions {
        let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
        let replay = server.request("engineer", Method::POST, &path).send().await.unwrap();
        let replay: Value = replay.json().await.unwrap();
        assert_eq!(replay["result"], "identical", "{replay}");
    }
    server.app.stop().await;
}

async fn cases_are_exported_and_go_with_their_account(home: Home) {
    let server = started(&home).await;
    let one = said(&server, "e-1", "u", VIOLATION, 0).await;
    let other = said(&server, "e-2", "v", VIOLATION, 0).await;
    let large = said(&server, "e-3", "u", CLEAN, 200).await;
    let export = server.get("admin", "/v1/subjects/market/u/export").await.json();
    let held: Vec<&Value> =
        export["cases"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(held, [&large["id"], &one["id"]], "{export}");
    assert_eq!(export["cases"][0]["subject"], "u");
    let why = json!({"why": "ticket 4711"}).to_string();
    let path = "/v1/subjects/market/u/erase";
    assert_eq!(server.post("admin", path, "application/json", why).await.status, 200);
    let left = case(&server, &one["id"]).await;
    assert_eq!((&left["subject"], &left["state"]), (&json!(""), &json!("resolved")), "{left}");
    let said_of = rule(&server, "cases", &one["id"], "overturned").await;
    assert_eq!(said_of["ruled"], 0, "nobody is left of whom to say it");
    assert_eq!(ids(&list(&server, "reviewer", "?state=open").await), [&other["case_id"]]);
    assert_eq!(ids(&list(&server, "reviewer", "?subject=u").await), Vec::<&Value>::new());
    let again = said(&server, "e-4", "u", VIOLATION, 0).await;
    assert_eq!(again["case_id"], again["id"], "it is a new life");
    let export = server.get("admin", "/v1/subjects/market/u/export").await.json();
    assert_eq!(export["cases"].as_array().unwrap().len(), 1);
    server.app.stop().await;
}

async fn nobody_sees_cases_of_others_and_pages_come_to_their_end(home: Home) {
    let server = started(&home).await;
    let body = json!({"mode": "active", "why": "a test"});
    let set = server.request("admin", Method::PUT, "/v1/sources/other/mode").json(&body);
    assert_eq!(set.send().await.unwrap().status(), 200);
    let mut market = Vec::new();
    for number in 0..5 {
        let subject = format!("u-{}", number % 3);
        let amount = if number < 3 { 0 } else { 200 };
        let text = if number < 3 { VIOLATION } else { CLEAN };
        let decision = said(&server, &format!("e-{number}"), &subject, text, amount).await;
        market.insert(0, decision["case_id"].clone());
    }
    let other = said_to(&server, "other", "e-1", "u-0", VIOLATION, 0).await["case_id"].clone();
    // A platform has its own, whatever it asks for.
    for (who, query, count) in [
        ("platform", "", 5),
        ("platform", "?source=market", 5),
        ("platform", "?source=other", 0),
        ("other", "", 1),
        ("other", "?source=market", 0),
        ("bound-admin", "?subject=u-0", 2),
        ("reviewer", "", 6),
        ("reviewer", "?source=other", 1),
        ("reviewer", "?subject=u-0", 3),
        ("reviewer", "?subject=u-0&source=market&state=open", 2),
        ("reviewer", "?state=resolved", 0),
        ("reviewer", "?subject=nobody", 0),
    ] {
        let page = list(&server, who, query).await;
        assert_eq!((ids(&page).len(), &page["next"]), (count, &Value::Null), "{who} {query}");
    }
    for (who, id, status) in
        [("platform", &other, 404), ("other", &market[0], 404), ("other", &other, 200)]
    {
        let path = format!("/v1/cases/{}", id.as_str().unwrap());
        assert_eq!(server.get(who, &path).await.status, status, "{who}");
    }
    let say = json!({"ruling": "upheld", "why": "x"});
    let path = format!("/v1/cases/{}/ruling", other.as_str().unwrap());
    for (who, status) in [("platform", 403), ("bound-admin", 404), ("auditor", 403)] {
        let put = server.request(who, Method::PUT, &path).json(&say);
        assert_eq!(put.send().await.unwrap().status(), status, "{who}");
    }
    for wrong in ["?state=closed", "?after=x", "?limit=0", "?matter=contacts"] {
        let answer = server.get("reviewer", &format!("/v1/cases{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
    }
    let (mut seen, mut query) = (Vec::new(), "?source=market&limit=2".to_owned());
    loop {
        let page = list(&server, "reviewer", &query).await;
        seen.extend(ids(&page).into_iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?source=market&limit=2&after={next}");
    }
    assert_eq!(seen, market);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_shows_and_rules() {
    let server = started(&Home::Sqlite).await;
    let first = said(&server, "e-1", "u", VIOLATION, 0).await;
    said(&server, "e-2", "u", VIOLATION, 0).await;
    let id = first["case_id"].as_str().unwrap();
    let picket = async |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command.arg("case").args(args);
        server.run("reviewer", command).await
    };
    let (good, said) = picket(&["list", "--state", "open", "--source", "market"]).await;
    assert!(good && said.contains(id) && said.contains("contacts"), "{said}");
    let (good, said) = picket(&["list", "--subject", "nobody", "--json"]).await;
    assert!(good, "{said}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["cases"], json!([]));
    let (good, said) = picket(&["list", "--state", "closed"]).await;
    assert!(!good && said.contains("write open, resolved or overturned"), "{said}");
    let (good, said) = picket(&["show", id]).await;
    assert!(good && said.contains("2 decisions, 2 to be ruled on"), "{said}");
    assert!(said.contains("account u, worst cooldown at 0.5"), "{said}");
    let (good, said) = picket(&["rule", id, "overturned", "--why", "his own shop"]).await;
    assert!(good, "{said}");
    assert_eq!(said, "ruled on 2 decisions; the case is overturned\n");
    let (good, said) = picket(&["show", id]).await;
    assert!(good && said.contains(", overturned at "), "{said}");
    let (good, said) = picket(&["show", "x"]).await;
    assert!(!good && said.contains("there is no case `x`"), "{said}");
    server.app.stop().await;
}
