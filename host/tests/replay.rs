//! Decisions are made again from the record: the same to the bit, or what differs or is missing is named.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::process::{Command, Output};

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::{DecisionId, Digest, Isolation, Timestamp};
use picket::replay::{Lack, Replay, Sameness};
use picket::store::Replayable;
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server, event};

on_both!(threaded:
    every_outcome_replays_to_the_same_bits,
    what_time_decided_is_taken_as_recorded_and_the_rest_is_not,
    each_difference_is_named_to_the_bit,
    what_is_missing_is_named_and_the_rest_is_compared,
    limits_and_stages_are_those_of_then,
    rules_lists_and_exemptions_replay_to_the_same_bits,
    the_command_line_ends_in_0_1_or_2,
    a_span_is_made_again_and_told_as_it_comes,
    a_span_is_of_the_sources_that_the_key_reaches,
    who_may_replay_reaches_its_own_source_alone
);

async fn quiet(home: &Home, change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(home, |config| {
        config.watch = false;
        change(config);
    })
    .await
}

async fn replay(server: &Server, id: &Value) -> Value {
    let id = id.as_str().expect("a decision has an id");
    let path = format!("/v1/decisions/{id}/replay");
    let answer: Answer = server.post("auditor", &path, "application/json", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// What a decision was made from, to change something in it.
async fn replayable(server: &Server, decision: &Value) -> Replayable {
    let id = decision["id"].as_str().expect("a decision has an id");
    let id: DecisionId = id.parse().expect("ids are UUIDs");
    server.app.store.replayable(id).await.expect("the store answers").expect("it is recorded")
}

async fn replay_of(
    server: &Server,
    decision: &Value,
    change: impl FnOnce(&mut Replayable),
) -> Replay {
    let mut replayable = replayable(server, decision).await;
    change(&mut replayable);
    server.app.replayer.replay(replayable).await.expect("the store answers")
}

/// Every way for the probe to end, none of which is by chance.
const ORDERS: [&str; 23] = [
    "nans",
    "floats",
    "order",
    "hello",
    "silent",
    "panic",
    "recurse",
    "memory",
    "error",
    "nan",
    "above",
    "negative",
    "label",
    "many",
    "flood",
    "inverted",
    "beyond",
    "whole",
    "quote me 555-0199",
    "entity",
    "state",
    "chance",
    "subject",
];

async fn every_outcome_replays_to_the_same_bits(home: Home) {
    let server = quiet(&home, |_| {}).await;
    for (number, order) in ORDERS.iter().enumerate() {
        // Or so many failures in a row would stop the version.
        assert_eq!(server.event(&format!("calm-{number}"), "silent").await.status, 200);
        let decision = server.event(&format!("e-{number}"), order).await.json();
        let replay = replay(&server, &decision["id"]).await;
        assert_eq!(replay["result"], "identical", "{order}: {replay}");
        let by_chance = decision["findings"][0]["outcome"] == "deadline";
        assert_eq!(replay["ran"], i32::from(!by_chance), "{order}: {replay}");
    }
    server.app.stop().await;
}

const RULED: &str = r#"
[[rules]]
name = "watched"
when = 'lists.watched && evidence("bid.none") == 0.0'
tag = "watched"
action = "cooldown"
for_h = 24
[[rules]]
name = "large"
when = "event.data.amount > 5"
tag = "large"
[[lists]]
name = "watched"
kind = "deny"
field = "subject"
entries = [{ value = "user-17", until = "2999-01-01T00:00:00Z" }]
[[exemptions]]
subjects = ["user-18"]
until = "2999-01-01T00:00:00Z"
why = "a test account"
"#;

async fn rules_lists_and_exemptions_replay_to_the_same_bits(home: Home) {
    let server = quiet(&home, |config| {
        let market = config.policies_dir.join("market.toml");
        let text = std::fs::read_to_string(&market).unwrap();
        server::write(&market, (text + RULED).as_bytes());
    })
    .await;
    let send = async |id: &str, subject: &str, data: Value| {
        let mut event = event("market", id, "silent");
        event["subject"] = json!(subject);
        event["data"]["amount"] = data;
        let body = event.to_string();
        let answer = server.post("platform", "/v1/events", "application/json", body).await;
        answer.json()
    };
    let watched = send("watched", "user-17", json!(6)).await;
    assert_eq!(
        (&watched["tags"], &watched["degraded"]),
        (&json!(["large", "watched"]), &json!(false))
    );
    assert_eq!((&watched["action"], &watched["scope"]), (&json!("cooldown"), &json!("account")));
    let time = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
    let ends = time(&watched["decided_at"]).plus_millis(24 * 3_600_000);
    assert_eq!(time(&watched["actions"].as_array().unwrap().last().unwrap()["expires_at"]), ends);
    let exempt = send("exempt", "user-18", json!(6)).await;
    assert_eq!(
        (&exempt["action"], &exempt["tags"]),
        (&json!("allow"), &json!(["large"])),
        "{exempt}"
    );
    let failed = send("failed", "user-19", json!("much")).await;
    assert_eq!(failed["degraded"], true);
    assert!(
        failed["reason"].as_str().unwrap().contains("the rule large (`>` of a text and a number)")
    );
    for decision in [&watched, &exempt, &failed] {
        let replay = replay(&server, &decision["id"]).await;
        assert_eq!(replay["result"], "identical", "{replay}");
    }
    // What counts is when it was decided, not when it is replayed.
    let later = replay_of(&server, &watched, |it| {
        it.document.decision.decided_at = Timestamp::parse("2999-01-01T00:00:00Z").unwrap();
    })
    .await;
    let paths: Vec<&str> = later.differences.iter().map(|it| &*it.path).collect();
    assert!(paths.contains(&"/tags/1") && paths.contains(&"/action"), "{paths:?}");
    server.app.stop().await;
}

async fn what_time_decided_is_taken_as_recorded_and_the_rest_is_not(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let late = server.event("late", "loop").await.json();
    assert_eq!(late["findings"][0]["outcome"], "deadline");
    let again = replay(&server, &late["id"]).await;
    assert_eq!((&again["result"], &again["ran"]), (&json!("identical"), &json!(0)), "{again}");
    let taken = &again["as_recorded"][0];
    assert_eq!((&taken["detector"], &taken["outcome"]), (&json!("probe"), &json!("deadline")));
    // What the policy made of the failure is made again.
    let forged = replay_of(&server, &late, |it| it.document.decision.review = false).await;
    assert_eq!(forged.result, Sameness::Different);
    assert_eq!(
        (&*forged.differences[0].path, &forged.differences[0].is),
        ("/review", &json!(true))
    );

    std::fs::remove_file(server.path("detectors/probe.wasm")).unwrap();
    server.app.registry.scan().await.unwrap();
    let absent = server.event("absent", "hello").await.json();
    assert_eq!(absent["findings"][0]["outcome"], "skipped");
    let again = replay(&server, &absent["id"]).await;
    assert_eq!((&again["result"], &again["ran"]), (&json!("identical"), &json!(0)), "{again}");
    server.app.stop().await;
}

async fn each_difference_is_named_to_the_bit(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let decision = server.event("entity", "entity").await.json();
    type Change = fn(&mut Replayable);
    let cases: [(&str, Change); 14] = [
        ("/signals/0/score", |it| {
            let score = &mut it.document.decision.signals[0].score;
            *score = score.next_up();
        }),
        ("/signals/0/confidence", |it| it.document.decision.signals[0].confidence = 0.25),
        ("/signals/0/label", |it| it.document.decision.signals[0].label = "safety.next".to_owned()),
        ("/signals/0/reason", |it| it.document.decision.signals[0].reason.push('!')),
        ("/signals/0/counted", |it| it.document.decision.signals[0].counted = false),
        ("/signals/0/entities/0/hash", |it| {
            it.document.decision.signals[0].entities[0].hash = "00".repeat(16);
        }),
        ("/signals/1", |it| {
            let more = it.document.decision.signals[0].clone();
            it.document.decision.signals.push(more);
        }),
        ("/score", |it| it.document.decision.score = picket::model::Score::ONE),
        ("/tier", |it| it.document.decision.tier = "low".to_owned()),
        ("/action", |it| it.document.decision.action = picket::model::Action::Nudge),
        ("/actions/0/action", |it| {
            it.document.decision.actions[0].action = picket::model::Action::Nudge
        }),
        ("/message", |it| it.document.decision.message = None),
        ("/findings/0/outcome", |it| {
            it.document.decision.findings[0].outcome = picket::model::Outcome::Trap;
        }),
        ("/basis/trace/0/total", |it| {
            it.document.replay["trace"][0]["total"] = json!(0.5_f64.next_up())
        }),
    ];
    for (path, change) in cases {
        let replay = replay_of(&server, &decision, change).await;
        assert_eq!(replay.result, Sameness::Different, "{path}");
        let named: Vec<&str> = replay.differences.iter().map(|it| it.path.as_str()).collect();
        assert!(named.contains(&path), "{path}: {named:?}");
        assert_eq!(replay.missing, [], "{path}");
    }
    let event =
        replay_of(&server, &decision, |it| it.event.data["content"] = json!("silent")).await;
    assert_eq!(event.result, Sameness::Different, "another event is another decision");
    assert_eq!(replay_of(&server, &decision, |_| {}).await.result, Sameness::Identical);
    server.app.stop().await;
}

async fn what_is_missing_is_named_and_the_rest_is_compared(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let decision = server.event("entity", "entity").await.json();
    let other = Digest::of(b"other");
    type Change<'a> = &'a dyn Fn(&mut Replayable);
    let cases: [(Lack, &str, Change<'_>); 6] = [
        (Lack::Detector, "does not say of which file", &|it| {
            it.document.decision.findings[0].digest = None
        }),
        (Lack::Detector, "does not have its bytes", &|it| {
            it.document.decision.findings[0].digest = Some(other);
        }),
        (Lack::Detector, "does not have the settings", &|it| {
            it.document.decision.findings[0].settings_digest = Some(other);
        }),
        (Lack::Policy, "does not have its text", &|it| it.document.decision.policy.digest = other),
        (Lack::Semantics, "with the arithmetic 99", &|it| it.document.decision.semantics = 99),
        (Lack::Basis, "missing field `ceiling`", &|it| {
            it.document.replay.as_object_mut().unwrap().remove("ceiling");
        }),
    ];
    for (what, says, change) in cases {
        let replay = replay_of(&server, &decision, change).await;
        assert_eq!(replay.result, Sameness::CannotTell, "{says}: {replay:?}");
        let [missing] = replay.missing.as_slice() else { panic!("{says}: {replay:?}") };
        assert_eq!(missing.what, what, "{says}");
        assert!(missing.detail.contains(says), "{says}: {}", missing.detail);
    }
    // Without the detector the policy is compared, and without the policy the detector.
    for (change, path) in [
        (&|it: &mut Replayable| it.document.decision.findings[0].digest = Some(other), "/tier"),
        (&|it: &mut Replayable| it.document.decision.policy.digest = other, "/signals/0/reason"),
    ] as [(Change<'_>, &str); 2]
    {
        let replay = replay_of(&server, &decision, |it| {
            change(it);
            it.document.decision.tier = "low".to_owned();
            it.document.decision.signals[0].reason.push('!');
        })
        .await;
        let named: Vec<&str> = replay.differences.iter().map(|it| it.path.as_str()).collect();
        assert_eq!((replay.result, named), (Sameness::Different, vec![path]));
        assert_eq!(replay.missing.len(), 1);
    }
    server.app.stop().await;
}

async fn limits_and_stages_are_those_of_then(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let memory = server.event("memory", "memory").await.json();
    assert_eq!(memory["findings"][0]["outcome"], "memory");
    // A version in shadow is recorded beside the one that counts.
    let path = "/v1/detectors/probe/versions?settings=%7B%22score%22%3A0.2%7D";
    let ship = |file| server.request("engineer", Method::PUT, path).body(file);
    let shipped = Answer::of(ship(fixture::probe_next()).send().await.unwrap()).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text);
    let both = server.event("both", "whole").await.json();
    assert_eq!(both["signals"][1]["version"], "1.1.0", "{both}");
    let stage = json!({"stage": "active", "why": "a test"});
    let path = "/v1/detectors/probe/versions/1.1.0/stage";
    let moved = server.request("engineer", Method::PUT, path).json(&stage).send().await.unwrap();
    assert_eq!(moved.status(), 200);
    let mode = json!({"mode": "shadow", "why": "a test"});
    let set = server.request("admin", Method::PUT, "/v1/sources/market/mode").json(&mode);
    assert_eq!(set.send().await.unwrap().status(), 200);
    let would = server.event("would", "whole").await.json();
    assert_eq!((&would["action"], &would["would"]["action"]), (&json!("allow"), &json!("allow")));

    let Server { app, dir, .. } = server;
    app.stop().await;
    let lower = |config: &mut Config| {
        config.watch = false;
        config.detector_memory_bytes = 32 << 20;
    };
    let server = Server::start_in(&home, dir, lower).await;
    for decision in [&both, &would] {
        let replay = replay(&server, &decision["id"]).await;
        assert_eq!(
            (&replay["result"], &replay["ran"]),
            (&json!("identical"), &json!(decision["findings"].as_array().unwrap().len())),
            "{replay}"
        );
    }
    // What fails all the same is the same; that it got further cannot be told here.
    assert_eq!(replay(&server, &memory["id"]).await["result"], "identical");
    let forged = replay_of(&server, &memory, |it| {
        it.document.decision.findings[0].outcome = picket::model::Outcome::Ok;
    })
    .await;
    assert_eq!((forged.result, forged.missing[0].what), (Sameness::CannotTell, Lack::Limits));
    server.app.stop().await;
}

fn picket(server: &Server, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(args)
        .env("PICKET_SERVER", format!("http://{}", server.app.address))
        .env("PICKET_KEY", server.key("auditor"))
        .current_dir(server.dir.path())
        .output()
        .expect("picket runs")
}

async fn the_command_line_ends_in_0_1_or_2(home: Home) {
    let server = quiet(&home, |config| {
        let warm = toml::from_str("[probe]\nisolation = \"warm\"").unwrap();
        config.detectors = warm;
    })
    .await;
    let kept = server.app.registry.current().detectors()[0].isolation;
    assert_eq!(kept, Isolation::Warm);
    let (mut first, mut second) = (Value::Null, Value::Null);
    for number in 0..20 {
        // An instance is kept by each evaluation thread: one of them is asked twice.
        let decision = server.event(&format!("e-{number}"), "state").await.json();
        match decision["signals"][0]["reason"].as_str().unwrap().starts_with("call 1 ") {
            true => first = decision,
            false => second = decision,
        }
    }
    let run = |id: &str| picket(&server, &["replay", id]);
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let same = run(first["id"].as_str().unwrap());
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert!(said(&same).starts_with("identical  "));
    let differs = run(second["id"].as_str().unwrap());
    assert_eq!(differs.status.code(), Some(1), "{differs:?}");
    for part in
        ["different  ", "/signals/0/reason  was \"call ", "is \"call 1 of", "kept from earlier"]
    {
        assert!(said(&differs).contains(part), "{}", said(&differs));
    }
    let since = picket(&server, &["replay", "--since", "1h"]);
    assert_eq!(since.status.code(), Some(1), "{since:?}");
    assert!(said(&since).contains("/signals/0/reason"), "{}", said(&since));
    let absent = run(&DecisionId::new().to_string());
    assert_eq!(absent.status.code(), Some(2), "{absent:?}");
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot tell: Not found"));
    let json = picket(&server, &["replay", first["id"].as_str().unwrap(), "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json["result"], &json["differences"]), (&json!("identical"), &json!([])));
    server.app.stop().await;
}

async fn a_span_is_made_again_and_told_as_it_comes(home: Home) {
    let server = quiet(&home, |_| {}).await;
    for number in 0..12 {
        let source = ["market", "market", "other"][number % 3];
        let mut event =
            event(source, &format!("e-{number}"), ["hello", "panic", "entity"][number % 3]);
        event["subject"] = json!(format!("user-{number}"));
        let who = if source == "market" { "platform" } else { "other" };
        let posted = server.post(who, "/v1/events", "application/json", event.to_string()).await;
        assert_eq!(posted.status, 200, "{}", posted.text);
    }
    let run = |args: &[&str]| {
        let output = picket(&server, &[&["replay", "--since", "1h"], args].concat());
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = run(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("12 of 12 decisions made again: 12 identical, 0 different"), "{said}");
    let (code, said) = run(&["--source", "other"]);
    assert!(code == Some(0) && said.contains("4 of 4 decisions"), "{said}");
    let (code, said) = run(&["--sample", "0%"]);
    assert!(code == Some(2) && said.contains("no decision of that span"), "{said}");
    let (code, said) = run(&["--until", "30m"]);
    assert!(code == Some(2) && said.contains("0 of 0 decisions"), "{said}");

    // Some of them, and the same for the same number.
    let sample = |seed: &str| {
        let (_, said) = run(&["--sample", "50%", "--seed", seed, "--json"]);
        let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
        lines.collect::<Vec<_>>()
    };
    let lines = sample("7");
    assert_eq!(lines[0], json!({"line": "begun", "decisions": 12}));
    let sums = lines.last().unwrap();
    assert_eq!((&sums["line"], &sums["seen"]), (&json!("ended"), &json!(12)), "{sums}");
    assert_eq!(sums["replayed"], lines.len() - 2);
    assert_eq!(lines, sample("7"));

    // An erased one is no fault, and nothing that could be compared.
    let keys = server.app.store.keys().await.unwrap();
    let admin = keys.into_iter().find(|key| key.identity.name == "admin");
    let who = admin.expect("a key of this name").identity;
    server.app.store.erase("market", "user-0", "they asked", &who).await.unwrap();
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("missing erased: its subject was erased"), "{said}");
    assert!(said.contains("11 identical, 0 different, 1 cannot be told"), "{said}");
    server.app.stop().await;
}

async fn a_span_is_of_the_sources_that_the_key_reaches(home: Home) {
    let server = quiet(&home, |_| {}).await;
    server.event("1", "hello").await;
    let other = event("other", "1", "hello").to_string();
    server.post("other", "/v1/events", "application/json", other).await;
    let post = async |who: &str, body: Value| {
        server.post(who, "/v1/replays", "application/json", body.to_string()).await
    };
    let since = "2026-01-01T00:00:00Z";
    let begun = |answer: &Answer| {
        let first = answer.text.lines().next().expect("a line");
        serde_json::from_str::<Value>(first).expect("JSON")["decisions"].clone()
    };
    assert_eq!(begun(&post("auditor", json!({"since": since})).await), 2);
    assert_eq!(begun(&post("bound-admin", json!({"since": since})).await), 1);
    let reaches = post("bound-admin", json!({"since": since, "source": "other"})).await;
    assert_eq!(reaches.problem(), "forbidden");
    assert_eq!(post("platform", json!({"since": since})).await.problem(), "forbidden");
    for wrong in [
        json!({}),
        json!({"since": "yesterday"}),
        json!({"since": since, "sample": 2}),
        json!({"since": since, "until": "2025-01-01T00:00:00Z"}),
        json!({"since": since, "more": 1}),
    ] {
        assert_eq!(post("auditor", wrong.clone()).await.problem(), "invalid", "{wrong}");
    }
    server.app.stop().await;
}

async fn who_may_replay_reaches_its_own_source_alone(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let mut decision = event("other", "1", "hello");
    decision["type"] = json!("message.sent");
    let posted = server.post("other", "/v1/events", "application/json", decision.to_string()).await;
    let path = format!("/v1/decisions/{}/replay", posted.json()["id"].as_str().unwrap());
    let status = async |who: &str| server.post(who, &path, "application/json", "").await.status;
    assert_eq!(status("auditor").await, 200);
    assert_eq!(status("bound-admin").await, 404, "as if it were not there");
    assert_eq!(status("other").await, 403, "a platform reads its decisions and runs none");
    assert_eq!(status("anon").await, 401);
    server.app.stop().await;
}
