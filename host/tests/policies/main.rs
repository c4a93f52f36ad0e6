//! The life of a policy: sent, on trial beside the one that decides, a canary, promoted, gone back from.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod command;
#[path = "../fixture/mod.rs"]
mod fixture;
mod folder;
mod preview;
#[path = "../server/mod.rs"]
mod server;

use std::collections::BTreeMap;

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Digest;
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, POLICY, Server, event};

on_both!(threaded:
    a_policy_goes_from_shadow_through_a_canary_to_active_and_back,
    several_in_shadow_judge_the_same_findings_and_what_differs_is_kept,
    each_fault_comes_back_with_its_place_and_nothing_changes,
    a_version_is_its_text_for_ever_and_it_comes_back,
    only_who_may_sends_and_two_persons_promote,
    what_may_not_be_is_refused_with_the_mend,
);

/// With the source `market` active, judged by `market` 1 of the folder: the probe's 0.5 is a soft block.
async fn quiet(home: &Home, change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(home, |config| {
        config.watch = false;
        change(config);
    })
    .await
}

/// The policy of `market` with another action in its upper tier.
fn acting(action: &str) -> String {
    POLICY.replace("NAME", "market").replace("soft_block", action)
}

async fn send(server: &Server, who: &str, query: &str, text: impl Into<reqwest::Body>) -> Answer {
    let path = format!("/v1/policies/market?{query}");
    let request =
        server.request(who, Method::PUT, &path).header("content-type", "application/toml");
    Answer::of(request.body(text).send().await.expect("an answer")).await
}

/// Sends a policy and returns its version.
async fn sent(server: &Server, text: &str) -> u64 {
    let taken = send(server, "engineer", "why=better", text.to_owned()).await;
    assert_eq!(taken.status, 201, "{}", taken.text);
    assert_eq!(taken.json()["stage"], "shadow");
    taken.json()["version"].as_u64().expect("a number")
}

async fn put_stage(server: &Server, who: &str, version: u64, body: Value) -> Answer {
    let path = format!("/v1/policies/market/{version}/stage");
    let request = server.request(who, Method::PUT, &path).json(&body);
    Answer::of(request.send().await.expect("an answer")).await
}

async fn roll_back(server: &Server, who: &str) -> Answer {
    let request = server.request(who, Method::POST, "/v1/policies/market/rollback");
    let request = request.json(&json!({"why": "too strict"}));
    Answer::of(request.send().await.expect("an answer")).await
}

async fn trial(server: &Server, version: u64) -> Value {
    server.get("reviewer", &format!("/v1/policies/market/{version}/trial")).await.json()
}

/// The decisions about 40 accounts.
async fn decisions(server: &Server, round: &str) -> Vec<Value> {
    let mut decisions = Vec::new();
    for number in 0..40 {
        let mut event = event("market", &format!("{round}-{number}"), "hello");
        event["subject"] = json!(format!("user-{number}"));
        let posted = server.post("platform", "/v1/events", "application/json", event.to_string());
        decisions.push(posted.await.json());
    }
    decisions
}

/// By account: which version decided, and what.
fn by_account(decisions: &[Value]) -> BTreeMap<String, (u64, String)> {
    let each = decisions.iter().map(|decision| {
        let text = |field: &str| decision[field].as_str().expect("a decision").to_owned();
        let version = decision["policy"]["version"].as_u64().expect("a decision");
        (text("subject"), (version, text("action")))
    });
    each.collect()
}

/// The audit entries of policies.
async fn audited(server: &Server) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), json!(0));
    loop {
        let path = format!("/v1/audit?limit=200&after={after}");
        let page = server.get("auditor", &path).await.json();
        let page = page.as_array().expect("a log");
        let Some(last) = page.last() else { return all };
        after = last["seq"].clone();
        let of_policy =
            |line: &&Value| line["what"].as_str().is_some_and(|it| it.starts_with("policy."));
        all.extend(page.iter().filter(of_policy).cloned());
    }
}

async fn key_of(server: &Server, who: &str) -> Value {
    let keys = server.get("admin", "/v1/keys").await.json();
    let mut keys = keys.as_array().expect("keys").iter();
    keys.find(|key| key["name"] == who).expect("a key of this name")["id"].clone()
}

async fn a_policy_goes_from_shadow_through_a_canary_to_active_and_back(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let two = sent(&server, &acting("hard_block")).await;
    assert_eq!(two, 2);
    // In shadow it decides nothing, and what it would have decided is known.
    let shadow = by_account(&decisions(&server, "shadow").await);
    assert!(shadow.values().all(|it| *it == (1, "soft_block".to_owned())), "{shadow:?}");
    let compared = trial(&server, two).await;
    let sums = &compared["trials"][0];
    assert_eq!(
        (&sums["events"], &sums["decided"], &sums["stricter"]),
        (&json!(40), &json!(0), &json!(40))
    );
    assert_eq!((&compared["subjects"], &compared["active"]["version"]), (&json!(40), &json!(1)));
    let difference = &compared["differences"][0];
    assert_eq!(
        (&difference["without"]["action"], &difference["with"]["action"]),
        (&json!("soft_block"), &json!("hard_block"))
    );
    let path = format!("/v1/decisions/{}", difference["decision"].as_str().unwrap());
    assert_eq!(server.get("reviewer", &path).await.json()["subject"], difference["subject"]);

    // As a canary it decides about the same accounts each time, and about more of them as it grows.
    let canary = |share: f64| json!({"stage": "canary", "share": share, "why": "a week in shadow"});
    let stood = put_stage(&server, "engineer", two, canary(0.3)).await;
    assert_eq!((stood.status, &stood.json()["share"]), (200, &json!(0.3)), "{}", stood.text);
    let first = decisions(&server, "canary").await;
    let share = by_account(&first);
    let mut of_two = share.iter().filter(|(_, (version, _))| *version == two).map(|(name, _)| name);
    let some = of_two.clone().count();
    assert!((3..25).contains(&some), "{some} of 40 at 0.3");
    for (version, action) in share.values() {
        let expected = if *version == two { "hard_block" } else { "soft_block" };
        assert_eq!(action, expected);
    }
    assert_eq!(by_account(&decisions(&server, "again").await), share);
    assert_eq!(put_stage(&server, "engineer", two, canary(0.6)).await.status, 200);
    let larger = by_account(&decisions(&server, "larger").await);
    assert!(of_two.all(|name| larger[name].0 == two), "whoever was in stays in");
    let sums = trial(&server, two).await["trials"][0].clone();
    let decided = sums["decided"].as_u64().unwrap() as usize;
    let in_larger = larger.values().filter(|(version, _)| *version == two).count();
    assert_eq!((&sums["events"], decided), (&json!(120), some * 2 + in_larger));
    assert_eq!(sums["stricter"], 120, "also of those that it decided, beside what the other says");
    // A decision names the policy that made it, and is made again by that.
    for decision in &first {
        let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
        let replay = server.post("auditor", &path, "application/json", "").await.json();
        assert_eq!(replay["result"], "identical", "{decision} {replay}");
    }
    // So does whoever only tries.
    let mut tried = event("market", "tried", "hello");
    for (subject, (version, _)) in larger.iter().take(10) {
        tried["subject"] = json!(subject);
        let path = "/v1/events?dry_run=true";
        let dry = server.post("engineer", path, "application/json", tried.to_string()).await.json();
        assert_eq!(dry["policy"]["version"], *version);
    }

    let active = json!({"stage": "active", "why": "it is right"});
    assert_eq!(put_stage(&server, "engineer", two, active).await.json()["from"], "canary");
    let all = by_account(&decisions(&server, "active").await);
    assert!(all.values().all(|it| *it == (two, "hard_block".to_owned())), "{all:?}");
    let back = roll_back(&server, "engineer").await;
    assert_eq!((back.status, &back.json()["version"]), (200, &json!(1)), "{}", back.text);
    let all = by_account(&decisions(&server, "back").await);
    assert!(all.values().all(|it| *it == (1, "soft_block".to_owned())), "{all:?}");
    assert_eq!(roll_back(&server, "engineer").await.problem(), "policy-refused");

    let engineer = key_of(&server, "engineer").await;
    let steps = audited(&server).await.into_iter().filter(|line| line["actor"] == engineer);
    let told: Vec<(Value, Value)> =
        steps.map(|line| (line["what"].clone(), line["facts"]["why"].clone())).collect();
    let expected = [
        ("policy.published", "better"),
        ("policy.promoted", "a week in shadow"),
        ("policy.canary_changed", "a week in shadow"),
        ("policy.promoted", "it is right"),
        ("policy.rolled_back", "too strict"),
    ];
    assert_eq!(told, expected.map(|(what, why)| (json!(what), json!(why))));
    let page = server.get("auditor", "/v1/policies/market").await.json();
    let by: Vec<_> =
        page["versions"].as_array().unwrap().iter().map(|it| &it["moved_by"]).collect();
    assert_eq!(by, [&engineer, &engineer]);
    server.app.stop().await;
}

async fn several_in_shadow_judge_the_same_findings_and_what_differs_is_kept(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let hard = sent(&server, &acting("hard_block")).await;
    let nudge = sent(&server, &acting("nudge")).await;
    let same = sent(&server, &(acting("soft_block") + "# the same in other words\n")).await;
    let missing = acting("soft_block").replace("[\"probe\"]", "[\"probe\", \"nowhere\"]");
    let missing = sent(&server, &missing).await;
    let higher = sent(&server, &acting("soft_block").replace("from = 0.4", "from = 0.6")).await;
    let quiet_ones = ["silent", "silent"];
    for (number, content) in ["hello", "hello", "hello"].iter().chain(&quiet_ones).enumerate() {
        assert_eq!(server.event(&format!("e-{number}"), content).await.status, 200);
    }
    let elsewhere = event("other", "elsewhere", "hello").to_string();
    server.post("other", "/v1/events", "application/json", elsewhere).await;
    let mut unjudged = event("market", "unjudged", "hello");
    unjudged["type"] = json!("login.failed");
    server.post("platform", "/v1/events", "application/json", unjudged.to_string()).await;
    let counts = async |version: u64| {
        let sums = trial(&server, version).await["trials"][0].clone();
        let number = |field: &str| sums[field].as_u64().unwrap();
        [
            number("events"),
            number("stricter"),
            number("milder"),
            number("retiered"),
            number("reviews"),
            number("reviews_added"),
        ]
    };
    assert_eq!(counts(hard).await, [5, 3, 0, 0, 0, 0]);
    assert_eq!(counts(nudge).await, [5, 0, 3, 0, 0, 0]);
    assert_eq!(counts(same).await, [5, 0, 0, 0, 0, 0]);
    // What it requires and is not loaded it misses, and the one that decides does not.
    assert_eq!(counts(missing).await, [5, 0, 0, 5, 5, 5]);
    assert_eq!(counts(higher).await, [5, 0, 3, 0, 0, 0]);
    let compared = trial(&server, higher).await;
    let [without, with] = ["without", "with"].map(|side| compared["differences"][0][side].clone());
    assert_eq!(
        without,
        json!({"score": 0.5, "tier": "high", "action": "soft_block", "review": false})
    );
    assert_eq!(with, json!({"score": 0.5, "tier": "low", "action": "allow", "review": false}));
    assert_eq!(compared["subjects"], 1);
    // Nothing was evaluated for them: one run of the detector for each event that it wants.
    let status = server.get("engineer", "/v1/detectors").await.json()["detectors"][0].clone();
    assert_eq!(status["vitals"]["calls"], 6, "{status:#}");
    // Nor does the decision itself say anything of them.
    let decision = server.event("e-0", "hello").await.json();
    assert_eq!((&decision["policy"]["version"], &decision["review"]), (&json!(1), &json!(false)));

    // Retired, it judges nothing more.
    let retire = json!({"stage": "retired", "why": "enough"});
    assert_eq!(put_stage(&server, "engineer", hard, retire).await.status, 200);
    assert_eq!(server.event("after", "hello").await.status, 200);
    assert_eq!(counts(hard).await[0], 5);
    assert_eq!(counts(nudge).await[0], 6);
    // Another one decides: from now on all are compared with that.
    let active = json!({"stage": "active", "why": "gentler"});
    assert_eq!(put_stage(&server, "engineer", nudge, active).await.status, 200);
    assert_eq!(server.event("under another", "hello").await.json()["action"], "nudge");
    assert_eq!(counts(same).await, [1, 1, 0, 0, 0, 0]);
    assert_eq!(trial(&server, same).await["trials"][0]["against"]["version"], nudge);
    server.app.stop().await;
}

async fn each_fault_comes_back_with_its_place_and_nothing_changes(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let generation = server.app.registry.current().generation();
    let wrong = acting("soft_blok").replace("\"max\"", "\"mox\"");
    for _ in 0..2 {
        let refused = send(&server, "engineer", "why=better", wrong.clone()).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "policy-refused"));
        let problem = refused.json();
        let places: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                (&fault["place"]["code"], &fault["place"]["line"], &fault["place"]["column"])
            })
            .collect();
        assert_eq!(
            places,
            [(&json!("P008"), &json!(7), &json!(9)), (&json!("P008"), &json!(18), &json!(10)),],
            "{problem:#}"
        );
        let hint = problem["errors"][1]["place"]["hint"].as_str().unwrap();
        assert!(hint.contains("soft_block"), "{hint}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("market.toml:18:10") && detail.contains("^^^"), "{detail}");
    }
    let not_toml = send(&server, "engineer", "why=better", "name = ").await;
    assert_eq!(not_toml.json()["errors"][0]["place"]["code"], "P001");
    let empty = send(&server, "engineer", "", acting("nudge")).await;
    assert_eq!((empty.status, empty.problem().as_str()), (422, "invalid"));
    let other =
        send(&server, "engineer", "why=x", acting("nudge").replace("\"market\"", "\"m\"")).await;
    assert!(other.text.contains("is the policy `m` and was sent as `market`"), "{}", other.text);
    let bytes = send(&server, "engineer", "why=x", vec![0xff, 0xfe]).await;
    assert_eq!((bytes.status, bytes.problem().as_str()), (400, "malformed"));
    assert_eq!(server.app.registry.current().generation(), generation);

    // Each refusal is audited once, with who sent it, and shown to whoever is not bound to a source.
    let engineer = key_of(&server, "engineer").await;
    let refused: Vec<Value> = audited(&server)
        .await
        .into_iter()
        .filter(|line| line["what"] == "policy.refused")
        .collect();
    assert_eq!(refused.len(), 3, "{refused:#?}");
    assert!(refused.iter().all(|line| line["actor"] == engineer));
    let listed = server.get("engineer", "/v1/policies").await.json();
    assert_eq!(listed["refused"][0]["file"], "api/policies/market");
    assert_eq!(server.get("bound-admin", "/v1/policies").await.json()["refused"], json!([]));
    let detectors = server.get("engineer", "/v1/detectors").await.json();
    assert_eq!(detectors["refused"], json!([]), "it is no detector");
    // What is good is taken, and the refusal is gone.
    sent(&server, &acting("nudge")).await;
    assert_eq!(server.get("engineer", "/v1/policies").await.json()["refused"], json!([]));
    server.app.stop().await;
}

async fn a_version_is_its_text_for_ever_and_it_comes_back(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let text = acting("nudge").replace('\n', "\r\n") + "# ends without a line's end: é";
    let two = sent(&server, &text).await;
    let again = send(&server, "engineer", "why=again", text.clone()).await;
    assert_eq!((again.status, &again.json()["version"]), (200, &json!(two)));
    assert_eq!(again.json()["changed"], false);
    let digest = Digest::of(text.as_bytes());
    for version in [two.to_string(), digest.to_string()] {
        let path = format!("/v1/policies/market/{version}");
        let detail = server.get("reviewer", &path).await.json();
        assert_eq!((&detail["text"], &detail["version"]), (&json!(text), &json!(two)));
        assert_eq!(detail["trials"][0]["stage"], "shadow");
        let file = server.get("reviewer", &format!("{path}/file")).await;
        assert_eq!(file.text, text);
        assert_eq!(file.header("content-type"), "application/toml");
        assert_eq!(file.header("etag"), format!("\"{digest}\""));
        assert!(file.header("content-disposition").contains("market-2.toml"));
    }
    let known = server.request("reviewer", Method::GET, "/v1/policies/market/2/file");
    let known = known.header("if-none-match", format!("\"{digest}\"")).send().await.unwrap();
    assert_eq!(known.status(), 304);
    for action in ["warning", "hard_block"] {
        sent(&server, &acting(action)).await;
    }
    let first = server.get("reviewer", "/v1/policies/market?limit=3").await.json();
    let numbers = |page: &Value| -> Vec<Value> {
        page["versions"].as_array().unwrap().iter().map(|it| it["version"].clone()).collect()
    };
    assert_eq!((numbers(&first), &first["next"]), (vec![json!(4), json!(3), json!(2)], &json!(2)));
    let last = server.get("reviewer", "/v1/policies/market?limit=3&before=2").await.json();
    assert_eq!((numbers(&last), &last["next"]), (vec![json!(1)], &json!(null)));
    for absent in ["/v1/policies/nothing", "/v1/policies/market/9", "/v1/policies/market/x/trial"] {
        assert_eq!(server.get("reviewer", absent).await.problem(), "not-found", "{absent}");
    }
    // A restart serves the same from the record.
    let dir = server.dir.path().join("policies");
    let server = server.again(async |_| std::fs::remove_dir_all(&dir).unwrap()).await;
    let page = server.get("reviewer", "/v1/policies/market").await.json();
    assert_eq!(page["versions"].as_array().unwrap().len(), 4);
    assert_eq!(server.get("reviewer", "/v1/policies/market/2/file").await.text, text);
    server.app.stop().await;
}

async fn only_who_may_sends_and_two_persons_promote(home: Home) {
    let server = quiet(&home, |_| {}).await;
    for who in ["platform", "reviewer", "auditor"] {
        assert_eq!(send(&server, who, "why=x", acting("nudge")).await.problem(), "forbidden");
        let retire = json!({"stage": "retired", "why": "x"});
        assert_eq!(put_stage(&server, who, 1, retire).await.problem(), "forbidden");
        assert_eq!(roll_back(&server, who).await.problem(), "forbidden");
    }
    // A bound key has its own source alone, and does not learn of others.
    let other = POLICY.replace("NAME", "other").replace("soft_block", "nudge");
    let request = server.request("bound-admin", Method::PUT, "/v1/policies/other?why=x");
    let answer = Answer::of(request.body(other.clone()).send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"));
    for path in ["/v1/policies/other", "/v1/policies/other/1", "/v1/policies/other/1/trial"] {
        assert_eq!(server.get("bound-admin", path).await.problem(), "not-found", "{path}");
        assert_eq!(server.get("admin", path).await.status, 200, "{path}");
    }
    let own = send(&server, "bound-admin", "why=x", acting("nudge")).await;
    assert_eq!(own.status, 201, "{}", own.text);
    server.app.stop().await;

    let server = quiet(&home.another(), |config| config.two_person = true).await;
    // Nor does a file of the folder decide by the hand of one.
    let listed = server.get("engineer", "/v1/policies").await.json();
    assert_eq!(
        (&listed["landing"], &listed["policies"][0]["stage"]),
        (&json!("shadow"), &json!("shadow"))
    );
    let active = json!({"stage": "active", "why": "it is right"});
    assert_eq!(put_stage(&server, "engineer", 1, active.clone()).await.status, 200);
    let at_once = send(&server, "engineer", "why=x&stage=active", acting("nudge")).await;
    assert_eq!((at_once.status, at_once.problem().as_str()), (403, "forbidden"));
    let two = sent(&server, &acting("nudge")).await;
    for body in [&active, &json!({"stage": "canary", "share": 0.1, "why": "x"})] {
        let own = put_stage(&server, "engineer", two, body.clone()).await;
        assert_eq!((own.status, own.problem().as_str()), (422, "policy-refused"));
        assert!(own.text.contains("two_person"), "{}", own.text);
    }
    assert_eq!(put_stage(&server, "admin", two, active).await.status, 200);
    assert_eq!(server.event("after", "hello").await.json()["policy"]["version"], two);
    // Back goes whoever sees that it is wrong.
    assert_eq!(roll_back(&server, "engineer").await.json()["version"], 1);
    server.app.stop().await;

    // One person, who says so: at once.
    let server = quiet(&home.another(), |_| {}).await;
    let at_once = send(&server, "engineer", "why=x&stage=active", acting("nudge")).await;
    assert_eq!((at_once.status, &at_once.json()["stage"]), (201, &json!("active")));
    assert_eq!(server.event("at once", "hello").await.json()["action"], "nudge");
    server.app.stop().await;
}

async fn what_may_not_be_is_refused_with_the_mend(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let two = sent(&server, &acting("nudge")).await;
    let refused = async |version: u64, body: Value, says: &str| {
        let answer = put_stage(&server, "engineer", version, body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "policy-refused"));
        assert!(answer.text.contains(says), "{says}: {}", answer.text);
    };
    // Somebody has to decide.
    for stage in ["shadow", "retired"] {
        let away = json!({"stage": stage, "why": "x"});
        refused(1, away, "promote another version in its place, or go back").await;
    }
    refused(1, json!({"stage": "canary", "share": 0.1, "why": "x"}), "decides about `market`")
        .await;
    refused(1, json!({"stage": "active", "why": "x"}), "market 1 is active already").await;
    refused(two, json!({"stage": "quarantined", "why": "x"}), "no quarantine").await;
    let faults = put_stage(&server, "engineer", two, json!({"stage": "canary"})).await.json();
    assert_eq!(faults["errors"].as_array().unwrap().len(), 2, "{faults}");
    // Nine are one too many.
    for number in 0..7 {
        sent(&server, &(acting("nudge") + &format!("# {number}\n"))).await;
    }
    let full = send(&server, "engineer", "why=x", acting("nudge") + "# one more\n").await;
    assert_eq!((full.status, full.problem().as_str()), (422, "policy-refused"));
    assert!(full.text.contains("8 policies are in shadow for `market`"), "{}", full.text);
    // A name is of one source, and a source without an active policy is told of.
    let moved = POLICY.replace("name = \"NAME\"", "name = \"market\"").replace("NAME", "third");
    let moved = send(&server, "engineer", "why=x", moved).await;
    assert!(moved.text.contains("is another source's"), "{}", moved.text);
    let third = POLICY.replace("NAME", "third");
    let request = server.request("engineer", Method::PUT, "/v1/policies/third?why=new");
    let third = Answer::of(request.body(third).send().await.unwrap()).await.json();
    assert!(third["warnings"].to_string().contains("no policy is active for `third`"), "{third}");
    let lost = event("third", "lost", "hello").to_string();
    let lost = server.post("admin", "/v1/events", "application/json", lost).await;
    assert_eq!(lost.status, 422, "{}", lost.text);
    let canary = json!({"stage": "canary", "share": 0.1, "why": "x"});
    let request = server.request("engineer", Method::PUT, "/v1/policies/third/1/stage");
    let early = Answer::of(request.json(&canary).send().await.unwrap()).await;
    assert!(early.text.contains("promote one for all first"), "{}", early.text);
    server.app.stop().await;
}
