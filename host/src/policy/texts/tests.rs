//! Who is told what, and what is wrong with a text.

use super::super::{Diagnostic, Known, Policy};
use super::*;
use crate::model::{DecisionId, Standing};
use crate::policy::Verdict;
use crate::policy::judge::tests::{event, findings, now};

const DOCUMENT: &str = r#"name = "market"
source = "market"
events = ["message.*"]
on_error = "review"
default_language = "en"
language_field = "data.language"
merge = "max"
[weights]
"contact.phone" = 1
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.645
action = "soft_block"
message = { en = "Held: {action} of the {scope}, {until}, strike {count}.", es = "Retenido, aviso {count}.", "pt-BR" = "Retida {{aqui}}." }
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
message = { en = "Paused until {until} ({count}).", es = "En pausa hasta {until}: {tier}, {reason}" }
"#;

fn policy() -> Policy {
    Policy::compile(DOCUMENT, &known()).unwrap().policy
}

fn known() -> Known {
    let mut known = Known::default();
    known.labels.loaded.insert("contact.phone".to_owned());
    known
}

fn judged(policy: &Policy, language: Json) -> Verdict {
    let mut event = event("message.sent");
    event.data = serde_json::json!({ "language": language });
    policy.judge(&event, &now(), &findings(&[("contact.phone", 1.0, 1.0)]))
}

fn told(language: Json, strikes: u32) -> String {
    let policy = policy();
    let standing = Standing { strikes, ..Standing::default() };
    let asked = judged(&policy, language).asked(DecisionId::new());
    policy.escalate(&asked, &standing, Timestamp::from_micros(0)).message.unwrap()
}

#[test]
fn everybody_is_told_in_their_language_and_others_in_the_policys_own() {
    let english = "Held: soft block of the message, -, strike 1.";
    for (language, text) in [
        ("en".into(), english),
        ("es-MX".into(), "Retenido, aviso 1."),
        ("pt_br".into(), "Retida {aqui}."),
        ("pt".into(), english),
        ("fr".into(), english),
        ("".into(), english),
        (7.into(), english),
        (Json::Null, english),
        (serde_json::json!(["es", "en"]), "Retenido, aviso 1."),
    ] {
        assert_eq!(told(language, 0), text);
    }
    // What is paused only after the second is said by that step, with when it ends.
    assert_eq!(told("en".into(), 1), "Paused until 1970-01-02 00:00 UTC (2).");
    let spanish = told("es".into(), 1);
    assert!(spanish.starts_with("En pausa hasta 1970-01-02 00:00 UTC: high, contact.phone"));
    assert!(spanish.contains("strike 2 within 30 days"), "{spanish}");
}

#[test]
fn a_verdict_alone_is_put_in_words_as_well() {
    let message = judged(&policy(), "es".into()).message;
    assert_eq!(message.as_deref(), Some("Retenido, aviso 0."));
}

#[test]
fn texts_are_written_again_as_they_were() {
    let policy = policy();
    let json = serde_json::to_value(&policy.tiers()[1]).unwrap();
    assert_eq!(json["message"]["pt-br"], "Retida {{aqui}}.");
    assert_eq!(json["message"]["es"], "Retenido, aviso {count}.");
}

fn faults(from: &str, to: &str) -> Vec<Diagnostic> {
    let text = DOCUMENT.replacen(from, to, 1);
    assert_ne!(text, DOCUMENT, "{from}");
    match Policy::compile(&text, &known()) {
        Ok(compiled) => compiled.warnings,
        Err(faults) => faults,
    }
}

#[test]
fn each_mistake_has_its_code_its_place_and_its_mend() {
    assert_eq!(Policy::compile(DOCUMENT, &known()).unwrap().warnings, []);
    /// What is replaced, by what; code, line, column, width; parts of the message and the hint.
    type Case =
        (&'static str, &'static str, (&'static str, usize, usize, usize), [&'static str; 2]);
    let cases: [Case; 12] = [
        ("until}, s", "untill}, s", ("P040", 18, 50, 8), ["`{untill}`", "did you mean `until`?"]),
        ("{until}, s", "{ends}, s", ("P040", 18, 50, 6), ["`{ends}`", "one of `action`, `scope`"]),
        ("Retenido,", "Ret}enido,", ("P040", 18, 86, 1), ["a brace", "write `{{`"]),
        ("Paused until", "Paused {", ("P040", 27, 26, 1), ["a brace", "write `{{`"]),
        ("es = \"Ret", "e = \"Ret", ("P009", 18, 77, 1), ["`e` is no language", "`pt-BR`"]),
        ("\"pt-BR\"", "EN", ("P006", 18, 13, 2), ["`en` is there twice", "remove one"]),
        (
            "default_language = \"en\"\n",
            "",
            ("P041", 5, 18, 15),
            ["`default_language`", "add `default"],
        ),
        (
            "_language = \"en\"",
            "_language = \"fr\"",
            ("P041", 18, 11, 129),
            ["no text in `fr`", ""],
        ),
        ("_language = \"en\"", "_language = \"e\"", ("P009", 5, 20, 3), ["no language", ""]),
        ("\"data.language\"", "\"date.language\"", ("P023", 6, 18, 15), ["no field", "`data`"]),
        ("es = \"Retenido, aviso {count}.\"", "es = 7", ("P005", 18, 82, 1), ["`es` must be", ""]),
        ("es = \"Retenido, aviso {count}.\"", "es = \" \"", ("P015", 18, 82, 3), ["is empty", ""]),
    ];
    for (from, to, place, [message, hint]) in cases {
        let found = faults(from, to);
        let at = |one: &&Diagnostic| (one.code, one.line, one.column, one.width) == place;
        let one = found.iter().find(at).unwrap_or_else(|| panic!("{to}: {found:#?}"));
        let said = one.hint.clone().unwrap_or_default();
        assert!(one.message.contains(message) && said.contains(hint), "{to}: {one}");
    }
    let found = faults("message = { en = \"Held", "message = 7 #");
    assert!(found.iter().any(|one| one.code == "P005" && one.message.contains("table of lang")));
}

#[test]
fn what_nobody_would_be_told_is_warned_of() {
    let found = faults("language_field = \"data.language\"\n", "");
    let codes: Vec<_> = found.iter().map(|one| (one.code, one.line)).collect();
    assert_eq!(codes, [("P141", 17)], "{found:#?}");
    let strikes = DOCUMENT.find("[strikes]").unwrap();
    let compiled = Policy::compile(&DOCUMENT[..strikes], &known()).unwrap();
    let mut said: Vec<_> = compiled.warnings.iter().map(|one| (one.code, &*one.message)).collect();
    said.sort_unstable();
    said.dedup();
    let said: Vec<&str> = said.iter().map(|(_, message)| *message).collect();
    assert_eq!(
        said,
        [
            "`{count}` has nothing to say: the policy gives no strikes",
            "`{until}` has nothing to say: nothing that the policy enforces ends by itself"
        ]
    );
}

#[test]
fn what_judged_before_there_were_places_says_what_it_said() {
    let text = DOCUMENT.replace("{until}, strike", "{name}, } strike");
    assert!(Policy::compile(&text, &known()).is_err());
    let policy = Policy::compile_again(&text).unwrap().policy;
    let message = judged(&policy, Json::Null).message.unwrap();
    assert_eq!(message, "Held: soft block of the message, {name}, } strike 0.");
}
