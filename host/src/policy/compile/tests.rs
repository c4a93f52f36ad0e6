//! Every diagnostic: its code, its place and its hint.

mod features;
mod rules;
mod scoring;
mod strikes;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::model::{Action, Scope, Score};
use crate::policy::{Labels, Merge, Scheme, Severity};

const GOOD: &str = r#"name = "qwickservices"
source = "qwickservices"
events = ["message.*", "job.posted"]
requires = ["contact-phone", "contact-intent"]
on_error = "review"
merge = "noisy-or"

[weights]
"contact.phone" = 0.85
"contact.intent" = 0.35

[[tiers]]
name = "low"
from = 0
action = "allow"

[[tiers]]
name = "medium"
from = 0.395
action = "cooldown"
scope = "thread"
message = "Please stay."

[[tiers]]
name = "high"
from = 0.645000
action = "hard_block"
"#;

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn known() -> Known {
    let loaded = set(&["contact.phone", "contact.intent", "velocity.messages"]);
    Known {
        labels: Labels { stored: set(&["photo.reused"]), loaded },
        detectors: set(&["contact-phone", "contact-intent"]),
    }
}

fn diagnostics(text: &str) -> Vec<Diagnostic> {
    match Policy::compile(text, &known()) {
        Ok(compiled) => compiled.warnings,
        Err(diagnostics) => diagnostics,
    }
}

#[test]
fn a_good_document_says_what_it_says() {
    let Compiled { policy, warnings } = Policy::compile(GOOD, &known()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!((policy.name(), policy.source()), ("qwickservices", "qwickservices"));
    assert_eq!(policy.digest(), Digest::of(GOOD.as_bytes()));
    assert_eq!(policy.requires(), ["contact-phone", "contact-intent"]);
    assert_eq!(
        (policy.on_error(), policy.scheme()),
        (OnError::Review, &Scheme::Labels(Merge::NoisyOr))
    );
    assert!(policy.judges("message.sent") && !policy.judges("bid.placed"));
    let millionths = |score: Score| score.millionths();
    let weights: Vec<_> =
        policy.weights().iter().map(|(l, w)| (l.as_str(), millionths(*w))).collect();
    assert_eq!(weights, [("contact.intent", 350_000), ("contact.phone", 850_000)]);
    let tiers: Vec<_> = (policy.tiers().iter())
        .map(|tier| {
            (tier.name.as_str(), millionths(tier.from), tier.enforced.action, tier.enforced.scope)
        })
        .collect();
    assert_eq!(
        tiers,
        [
            ("low", 0, Action::Allow, Scope::Message),
            ("medium", 395_000, Action::Cooldown, Scope::Thread),
            ("high", 645_000, Action::HardBlock, Scope::Message),
        ]
    );
    assert_eq!(
        policy.tiers()[1].message.as_ref().map(|texts| texts.in_language(None).to_string()),
        Some("Please stay.".to_owned())
    );
}

/// What is written instead of a part of `GOOD`, and the one diagnostic that follows: its code,
/// line and column, a part of its message, and a part of its hint (`""` for no hint).
type Case = (&'static str, &'static str, (&'static str, usize, usize), &'static str, &'static str);

#[rustfmt::skip] // A case on a line.
const CASES: &[Case] = &[
    // Syntax.
    ("merge = \"noisy-or\"", "merge = noisy-or", ("P001", 6, 9), "", "put `\"` around `noisy-or`"),
    ("merge = \"noisy-or\"", "merge", ("P001", 6, 6), "", ""),
    ("[[tiers]]\nname = \"low\"", "[[tiers]\nname = \"low\"", ("P001", 12, 9), "", ""),
    // Keys.
    ("merge = ", "megre = ", ("P002", 6, 1), "a policy has no key `megre`", "did you mean `merge`?"),
    ("message = ", "text = ", ("P002", 22, 1), "a tier has no key `text`", "write one of `name`, `from`"),
    ("[weights]", "expires = 3\n[weights]", ("P002", 8, 1), "`expires`", "write one of `name`"),
    ("name = \"qwickservices\"\n", "", ("P004", 1, 1), "must have the key `name`", "name ="),
    ("source = \"qwickservices\"\n", "", ("P004", 1, 1), "`source`", "platform"),
    ("on_error = \"review\"\n", "", ("P004", 1, 1), "`on_error`", "`\"deny\"` also withholds"),
    ("merge = \"noisy-or\"\n", "", ("P004", 1, 1), "`merge`", "`\"weighted\"` averages"),
    ("name = \"medium\"\n", "", ("P004", 17, 1), "a tier must have the key `name`", "name ="),
    ("from = 0.395\n", "", ("P004", 17, 1), "`from`", "least score"),
    ("action = \"cooldown\"\n", "", ("P004", 17, 1), "`action`", "nudge"),
    ("merge = ", "name = \"x\"\nmerge = ", ("P006", 6, 1), "`name` is written twice", "remove one"),
    ("[[tiers]]\nname = \"low\"", "\"contact.phone\" = 1\n[[tiers]]\nname = \"low\"", ("P006", 12, 1),
        "`contact.phone` is written twice", "remove one"),
    // Types.
    ("name = \"qwickservices\"", "name = 7", ("P005", 1, 8), "`name` must be a string, not an integer", ""),
    ("events = [\"message.*\", \"job.posted\"]", "events = \"message.*\"", ("P005", 3, 10),
        "must be a list of strings, not a string", ""),
    ("\"job.posted\"", "1.5", ("P005", 3, 24), "an item of `events` must be a string, not a decimal", ""),
    ("\"contact.phone\" = 0.85", "\"contact.phone\" = \"high\"", ("P005", 9, 19), "a number, not a string", ""),
    ("\"contact.phone\" = 0.85", "contact.phone = 0.85", ("P005", 9, 1),
        "`contact` must be a number, not a table", "in quotes"),
    ("from = 0.395", "from = 2026-09-01", ("P005", 19, 8), "not a date or time", ""),
    ("from = 0.395", "from = 0x1", ("P005", 19, 8), "must be a number, not an integer", ""),
    // Numbers.
    ("0.85", "1.000001", ("P007", 9, 19), "`contact.phone` cannot be `1.000001`", "from 0 to 1"),
    ("0.85", "-0.1", ("P007", 9, 19), "", "from 0 to 1"),
    ("0.85", "99999999999", ("P007", 9, 19), "", "from 0 to 1"),
    ("0.85", "nan", ("P007", 9, 19), "", "plain decimal"),
    ("0.85", "-inf", ("P007", 9, 19), "", "plain decimal"),
    ("0.85", "85e-2", ("P007", 9, 19), "", "plain decimal"),
    ("0.395", "0.3950001", ("P007", 19, 8), "`from` cannot be `0.3950001`", "at most 6 places"),
    // Words.
    ("\"review\"", "\"reveiw\"", ("P008", 5, 12), "`on_error` cannot be `reveiw`", "did you mean `review`?"),
    ("\"noisy-or\"", "\"noisy_or\"", ("P008", 6, 9), "", "did you mean `noisy-or`?"),
    ("\"noisy-or\"", "\"sum\"", ("P008", 6, 9), "", "write one of `max`, `noisy-or`, `weighted`"),
    ("\"cooldown\"", "\"coldown\"", ("P008", 20, 10), "`action`", "did you mean `cooldown`?"),
    ("\"thread\"", "\"user\"", ("P008", 21, 9), "`scope`", "`message`, `thread`, `account`"),
    // Shapes.
    ("name = \"qwickservices\"", "name = \"Qwick Services\"", ("P009", 1, 8),
        "not a name for a policy", "lower-case"),
    ("source = \"qwickservices\"", "source = \"\"", ("P009", 2, 10), "not a source", "1 to 256 bytes"),
    ("\"job.posted\"", "\"*.posted\"", ("P009", 3, 24), "pattern of event types", "any ending"),
    ("\"contact-phone\"", "\"contact_phone\"", ("P009", 4, 13), "not a name for a detector", "lower-case"),
    ("\"contact.phone\"", "phone", ("P009", 9, 1), "`phone` is not a label", "in quotes"),
    ("name = \"medium\"", "name = \"medium!\"", ("P009", 18, 8), "not a name for a tier", "lower-case"),
    // Labels and detectors.
    ("\"contact.phone\"", "\"contact.fone\"", ("P003", 9, 1),
        "unknown label `contact.fone`", "did you mean `contact.phone`?"),
    ("\"contact.phone\"", "\"weather.rain\"", ("P003", 9, 1), "", "known once a detector"),
    ("\"contact.phone\"", "\"contact.email\"", ("P101", 9, 1),
        "no loaded detector reports `contact.email`", "as soon as"),
    ("\"contact.phone\"", "\"photo.reused\"", ("P101", 9, 1), "`photo.reused`", "as soon as"),
    ("\"contact.phone\"", "\"bid.collusion\"", ("P101", 9, 1), "`bid.collusion`", "as soon as"),
    ("\"contact-phone\"", "\"contact-fone\"", ("P102", 4, 13),
        "`contact-fone` is not loaded", "did you mean `contact-phone`?"),
    ("\"contact-phone\"", "\"licence\"", ("P102", 4, 13), "", "every decision is degraded"),
    // Twice.
    ("\"job.posted\"", "\"message.*\"", ("P006", 3, 24), "`message.*` is already on line 3", "remove"),
    ("\"contact-intent\"", "\"contact-phone\"", ("P006", 4, 30), "`contact-phone` is already", "remove"),
    ("\"medium\"", "\"low\"", ("P006", 18, 8), "the tier `low` is already on line 13", "its own"),
    // Tiers.
    ("from = 0\n", "from = 0.000001\n", ("P010", 14, 8), "starts at 0.000001", "from = 0.0"),
    ("from = 0.395", "from = 0.645", ("P011", 26, 8),
        "starts at 0.645, the one before it at 0.645 (line 19)", "order"),
    ("from = 0.395", "from = 0.7", ("P011", 26, 8), "at 0.7 (line 19)", "order"),
    ("from = 0.395", "from = 0.395\nto = 0.395", ("P011", 20, 6),
        "not above its `from` 0.395 (line 19)", "leave `to` out"),
    ("from = 0.395", "from = 0.395\nto = 0.64", ("P012", 20, 6),
        "a gap: the tier ends at 0.64 (line 20) and the next starts at 0.645 (line 27)", "leave `to` out"),
    ("from = 0.395", "from = 0.395\nto = 0.65", ("P013", 20, 6),
        "an overlap: the tier ends at 0.65 (line 20) and the next starts at 0.645 (line 27)", "leave `to` out"),
    ("from = 0.645000", "from = 0.645\nto = 0.9", ("P012", 27, 6),
        "ends at 0.9 (line 27) and nothing follows", "leave"),
    ("\"hard_block\"", "\"nudge\"", ("P014", 27, 10),
        "`nudge` is milder than `cooldown`", "mild to severe: allow, nudge"),
    // Empty and too large.
    ("[\"message.*\", \"job.posted\"]", "[]", ("P015", 3, 10), "judges no events", "message.*"),
    ("\"Please stay.\"", "\" \"", ("P015", 22, 11), "`message` is empty", "leave `message` out"),
    ("0.85\n\"contact.intent\" = 0.35", "0", ("P103", 8, 1), "no label has weight", "above 0"),
];

#[test]
fn each_fault_has_its_code_its_place_and_its_hint() {
    each_fault_of(GOOD, CASES);
}

fn each_fault_of(good: &str, cases: &[Case]) {
    for &(old, new, (code, line, column), message, hint) in cases {
        assert!(good.contains(old), "{old}");
        let found = diagnostics(&good.replacen(old, new, 1));
        let [one] = &found[..] else { panic!("{new}: {found:#?}") };
        assert_eq!((one.code, one.line, one.column), (code, line, column), "{new}: {one}");
        assert!(one.message.contains(message), "{new}: {one}");
        assert_eq!(one.hint.is_none(), hint.is_empty(), "{new}: {one}");
        assert!(one.hint.as_deref().unwrap_or_default().contains(hint), "{new}: {one}");
        let warns = matches!(one.severity, Severity::Warning);
        assert_eq!(warns, code.starts_with("P1"), "{new}: {one}");
        assert_eq!(warns, Policy::compile(&good.replacen(old, new, 1), &known()).is_ok(), "{new}");
    }
}

#[test]
fn limits_are_kept() {
    let many =
        |count: usize, item: fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join("");
    let cases = [
        ("\"job.posted\"", many(64, |n| format!("\"a{n}\",")), 3, "65 items; 64"),
        (
            "[weights]",
            format!("[weights]\n{}", many(255, |n| format!("\"bid.x{n}\"=1\n"))),
            265,
            "257 weights",
        ),
        (
            "[[tiers]]\nname = \"medium\"",
            many(30, |n| {
                format!("[[tiers]]\nname=\"t{n}\"\nfrom=0.0{:02}\naction=\"allow\"\n", n + 1)
            }) + "[[tiers]]\nname = \"medium\"",
            144,
            "33 tiers; 32",
        ),
        ("Please stay.", "x".repeat(1_001), 22, "1001 bytes; 1000"),
        ("Please stay.", "x".repeat(DOCUMENT_BYTES_MAX), 1, "65536 are allowed"),
    ];
    for (old, new, line, message) in cases {
        let found = diagnostics(&GOOD.replacen(old, &new, 1));
        let errors: Vec<_> = found.iter().filter(|f| f.severity == Severity::Error).collect();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!((errors[0].code, errors[0].line), (code::TOO_LARGE, line), "{}", errors[0]);
        assert!(errors[0].message.contains(message), "{}", errors[0]);
    }
}

#[test]
fn of_too_many_diagnostics_the_errors_are_told() {
    let unloaded: String = (0..200).map(|n| format!("\"bid.x{n}\" = 1\n")).collect();
    let unknown: String = (0..600).map(|n| format!("[k{n}]\n")).collect();
    let found = diagnostics(&GOOD.replacen("[weights]\n", &format!("[weights]\n{unloaded}"), 1));
    assert_eq!(found.len(), 200);
    let found = diagnostics(&format!("[weights]\n{unloaded}{unknown}"));
    assert_eq!(found.len(), 500);
    assert!(found.iter().all(|found| found.severity == Severity::Error));
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_text() {
    let text = "nmae = \"q\"\nsource = 1\nevents = []\nmerge = \"or\"\nmerge = \"max\"\n[weights]\n\
                \"contact.fone\" = 2\n\"contact.email\" = 1\n[[tiers]]\nname = \"a\"\nfrom = 0.5\naction = \"ban\"\n";
    let found: Vec<_> = diagnostics(text).iter().map(|d| (d.code, d.line)).collect();
    assert_eq!(
        found,
        [
            // Only `on_error` is missing: `name` is there, misspelt.
            ("P002", 1),
            ("P004", 1),
            ("P005", 2),
            ("P015", 3),
            ("P008", 4),
            ("P006", 5),
            ("P003", 7),
            ("P007", 7),
            ("P101", 8),
            ("P010", 11),
            ("P008", 12),
        ]
    );
}

#[test]
fn an_empty_document_is_told_everything_that_it_must_have() {
    let keys = ["events", "merge", "name", "on_error", "source", "tiers", "weights"];
    let mut missing: Vec<_> = diagnostics("").into_iter().map(|found| found.message).collect();
    missing.sort();
    assert_eq!(missing, keys.map(|key| format!("a policy must have the key `{key}`")));
}

#[test]
fn an_upper_bound_that_fits_changes_nothing() {
    let text = GOOD.replace("from = 0\n", "from = 0\nto = 0.395\n");
    let text = text.replace("from = 0.645000", "from = 0.645\nto = 1.0");
    let with = Policy::compile(&text, &known()).unwrap().policy;
    let without = Policy::compile(GOOD, &known()).unwrap().policy;
    assert_eq!(with.tiers(), without.tiers());
}

proptest! {
    /// Invariant: compiling is total, and a refusal always has an error that stands in the text.
    #[test]
    fn any_text_compiles_or_is_refused_with_a_reason(
        at in 0..GOOD.len(), length in 0..40_usize, put in "[\\[\\]=\"'.,#{}a-z0-9é\u{1b}\r\n -]{0,8}",
    ) {
        let mut text = GOOD.to_owned();
        text.replace_range(at..(at + length).min(GOOD.len()), &put);
        if let Err(found) = Policy::compile(&text, &known()) {
            prop_assert!(found.iter().any(|found| found.severity == Severity::Error));
            let lines = text.split('\n').count();
            prop_assert!(found.iter().all(|found| (1..=lines).contains(&found.line) && found.column > 0));
            let shown = crate::policy::render("p.toml", &Whole::alone(&text), &found);
            prop_assert!(!shown.contains(char::from(0x1b)));
        }
    }
}
