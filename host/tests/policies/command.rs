//! The same from the command line.

use std::fs::File;
use std::process::{Command, Stdio};

use databases::Home;
use serde_json::{Value, json};

use crate::server::{Server, event, write};
use crate::{acting, audited, decisions, put_stage, quiet, sent};

/// Runs `picket` as somebody. Not on a terminal, so nothing is asked.
async fn picket(server: &Server, who: &str, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.args(args).stdin(Stdio::null());
    server.run(who, command).await
}

async fn good(server: &Server, args: &[&str]) -> String {
    let (good, said) = picket(server, "engineer", args).await;
    assert!(good, "{args:?}: {said}");
    said
}

/// As somebody at a terminal, who has typed these answers.
async fn at_a_terminal(server: &Server, who: &str, answers: &str, args: &str) -> (bool, String) {
    let typed = server.path("typed");
    write(&typed, answers.as_bytes());
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{} {args}", env!("CARGO_BIN_EXE_picket")))
        .arg("/dev/null")
        .stdin(File::open(&typed).expect("it was written"));
    server.run(who, terminal).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_policy_by_hand() {
    let server = quiet(&Home::Sqlite, |_| {}).await;
    let draft = server.path("draft.toml");
    write(&draft, acting("soft_blok").as_bytes());
    let file = draft.to_str().unwrap();
    let (ok, said) = picket(&server, "engineer", &["policy", "push", file, "--why", "x"]).await;
    assert!(!ok && said.contains("draft.toml is refused, nothing has changed"), "{said}");
    assert!(said.contains("error[P008]") && said.contains("market.toml:18:10"), "{said}");
    write(&draft, acting("hard_block").as_bytes());
    let (ok, said) = picket(&server, "engineer", &["policy", "push", file]).await;
    assert!(!ok && said.contains("--why"), "{said}");
    let pushed = good(&server, &["policy", "push", file, "--why", "sterner"]).await;
    assert!(pushed.contains("market 2 (") && pushed.contains("is shadow for market"), "{pushed}");
    assert!(pushed.contains("picket policy compare market@2"), "{pushed}");
    let again = good(&server, &["policy", "push", file, "--why", "sterner", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap()["changed"], false);

    // With what it includes: the server is sent the whole.
    let parted = server.path("parted.toml");
    let including = |name: &str| format!("include = [\"{name}\"]\n{}", acting("nudge"));
    write(&parted, including("shared/gone.toml").as_bytes());
    let parted = parted.to_str().unwrap();
    let (ok, said) = picket(&server, "engineer", &["policy", "push", parted, "--why", "x"]).await;
    assert!(!ok && said.contains("was not sent") && said.contains("error[P029]"), "{said}");
    std::fs::create_dir(server.path("shared")).unwrap();
    let rule = "[[rules]]\nname = \"all\"\nwhen = \"true\"\ntag = \"all\"\n";
    write(&server.path("shared/gone.toml"), rule.as_bytes());
    let pushed = good(&server, &["policy", "push", parted, "--why", "marked"]).await;
    assert!(pushed.contains("market 3 ("), "{pushed}");
    let kept = good(&server, &["policy", "show", "market@3", "--text"]).await;
    assert!(kept.contains(rule) && !kept.contains("include"), "{kept}");
    good(&server, &["policy", "retire", "market@3", "--why", "a trial of parts"]).await;

    decisions(&server, "shadow").await;
    let compared = good(&server, &["policy", "compare", "market@2", "--limit", "2"]).await;
    assert!(compared.contains("40 decisions differ of 40 accounts"), "{compared}");
    assert!(compared.contains("market 1 is active"), "{compared}");
    let rows = compared.lines().filter(|line| line.contains("0.5 high hard_block"));
    assert_eq!(rows.count(), 2, "{compared}");

    // Nobody can be asked: --yes is needed, and a share for a canary.
    let promote = ["policy", "promote", "market@2", "--why", "a week"];
    let (ok, said) = picket(&server, "engineer", &promote).await;
    assert!(!ok && said.contains("--yes"), "{said}");
    let canary = [&promote[..], &["--to", "canary", "--yes"]].concat();
    let (ok, said) = picket(&server, "engineer", &canary).await;
    assert!(!ok && said.contains("--share"), "{said}");
    let said = good(&server, &[&canary[..], &["--share", "0.1"]].concat()).await;
    assert!(said.contains("market 2 is canary 10% for market, it was shadow"), "{said}");
    let list = good(&server, &["policy", "list"]).await;
    assert!(list.contains("canary 10%") && list.contains("ACTIVE AT ONCE"), "{list}");
    assert!(list.contains("folder:policies/market.toml") && list.contains("a week"), "{list}");
    good(&server, &["policy", "demote", "market@2", "--why", "once more"]).await;
    good(&server, &["policy", "promote", "market@2", "--why", "right", "--yes"]).await;
    assert_eq!(server.event("now", "hello").await.json()["action"], "hard_block");
    let back = good(&server, &["policy", "rollback", "market"]).await;
    assert!(back.contains("market 1 is active for market, it was retired"), "{back}");
    assert_eq!(server.event("back", "hello").await.json()["action"], "soft_block");

    let shown = good(&server, &["policy", "show", "market"]).await;
    assert!(shown.contains("retired") && shown.contains("rolled back by hand"), "{shown}");
    let shown = good(&server, &["policy", "show", "market@2"]).await;
    assert!(shown.contains("market 2 is retired for market"), "{shown}");
    assert!(shown.contains("TRIAL IN") && shown.contains("CANARY"), "{shown}");
    let text = good(&server, &["policy", "show", "market@2", "--text"]).await;
    assert_eq!(text, acting("hard_block"));
    let (ok, said) = picket(&server, "engineer", &["policy", "show", "market", "--text"]).await;
    assert!(!ok && said.contains("market@VERSION"), "{said}");
    good(&server, &["policy", "promote", "market@2", "--to", "shadow", "--why", "b", "--yes"])
        .await;
    good(&server, &["policy", "retire", "market@2", "--why", "enough"]).await;
    let (ok, said) =
        picket(&server, "reviewer", &["policy", "retire", "market@1", "--why", "x"]).await;
    assert!(!ok && said.contains("a key of role reviewer may not"), "{said}");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_of_a_policy_shows_what_would_change_and_asks() {
    let server = quiet(&Home::Sqlite, |_| {}).await;
    sent(&server, &acting("hard_block")).await;
    decisions(&server, "shadow").await;
    let before = audited(&server).await.len();
    let promote = "policy promote market@2 --why \"a week in shadow\"";
    let question = "Make market 2 active for market? [y/N]";
    for answer in ["no\n", "\n", "yesterday\n"] {
        let (ok, said) = at_a_terminal(&server, "engineer", answer, promote).await;
        let shown = said.find("40 decisions differ of 40 accounts");
        assert!(shown.is_some() && shown < said.find(question), "it shows it first: {said}");
        assert!(!ok && said.contains("nothing has changed"), "{answer:?}: {said}");
    }
    assert_eq!(audited(&server).await.len(), before, "to ask changes nothing");
    let (ok, said) = at_a_terminal(&server, "engineer", "yes\n", promote).await;
    assert!(ok && said.contains("market 2 is active for market, it was shadow"), "{said}");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_enforced_after_it_was_shown_what_that_would_have_meant() {
    let server = quiet(&Home::Sqlite, |_| {}).await;
    for number in 0..4 {
        let content = if number == 0 { "silent" } else { "hello" };
        let body = event("other", &format!("e-{number}"), content).to_string();
        server.post("other", "/v1/events", "application/json", body).await;
    }
    let mode = async || server.get("admin", "/v1/sources").await.json()[1]["mode"].clone();
    let (ok, said) = picket(&server, "admin", &["source", "preview", "other", "--days", "3"]).await;
    assert!(ok && said.contains("other is shadow. Of 4 decisions"), "{said}");
    assert!(said.contains("soft_block") && said.contains("75%"), "{said}");
    let set = ["source", "mode", "other", "active", "--why", "a month in shadow"];
    let (ok, said) = picket(&server, "admin", &set).await;
    assert!(!ok && said.contains("--yes"), "{said}");
    let line = "source mode other active --why \"a month in shadow\"";
    let (ok, said) = at_a_terminal(&server, "admin", "n\n", line).await;
    let shown = said.find("would have enforced something in 3, on 1 accounts");
    assert!(shown.is_some() && shown < said.find("Enforce decisions of other? [y/N]"), "{said}");
    assert!(!ok && said.contains("nothing has changed"), "{said}");
    assert_eq!(mode().await, "shadow");
    let (ok, said) = at_a_terminal(&server, "admin", "y\n", line).await;
    assert!(ok && said.contains("other is active as of generation"), "{said}");
    assert_eq!(mode().await, "active");
    // Back takes effect unasked, and whoever is sure says so.
    let back = ["source", "mode", "other", "shadow", "--why", "it was wrong"];
    assert!(picket(&server, "admin", &back).await.0);
    assert_eq!(mode().await, "shadow");
    let (ok, said) = picket(&server, "admin", &[&set[..], &["--yes"]].concat()).await;
    assert!(ok && said.contains("Of 4 decisions"), "{said}");
    let retire = json!({"stage": "retired", "why": "x"});
    assert_eq!(put_stage(&server, "admin", 1, retire).await.status, 422);
    server.app.stop().await;
}
