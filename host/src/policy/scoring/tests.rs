//! The arithmetic by cases, step by step, on the stage-weighted example.

use super::super::judge::tests::{event, findings, now};
use super::super::{Known, LabelStep, LiftStep, ModifierStep, Policy, StageStep, Step, Verdict};
use crate::model::Score;

const STAGED: &str =
    include_str!("../../../../examples/policies/stage-weighted/qwickservices.toml");

type Found<'a> = [(&'a str, f64)];

fn judged(text: &str, found: &Found<'_>) -> Verdict {
    let policy = Policy::compile(text, &Known::default()).unwrap().policy;
    let found: Vec<_> = found.iter().map(|&(label, evidence)| (label, evidence, 1.0)).collect();
    policy.judge(&event("message.sent"), &now(), &findings(&found))
}

/// The steps in short: what each is about and the number after it, in millionths.
fn steps(verdict: &Verdict) -> Vec<(String, i64)> {
    let name = |step: &Step| match step {
        Step::Label(LabelStep { label, .. }) => label.clone(),
        Step::Modifier(ModifierStep { modifier, add, .. }) => format!("{modifier} {add}"),
        Step::Stage(StageStep { stage, number, .. }) => format!("{stage} {number}"),
        Step::Lift(LiftStep { lifted_by, .. }) => format!("lifted by {lifted_by}"),
        other => format!("{other:?}"),
    };
    let millionths = |step: &Step| (step.total() * 1e6).round() as i64;
    verdict.trace.iter().map(|step| (name(step), millionths(step))).collect()
}

#[test]
fn each_step_is_in_the_trace() {
    let found = [
        ("contact.phone", 1.0),
        ("contact.email", 0.5),
        ("evasion.obfuscation", 1.0),
        ("contact.intent", 0.5),
    ];
    let verdict = judged(STAGED, &found);
    let want = [
        ("contact.email", 400_000),
        ("contact.phone", 850_000),
        ("evasion.obfuscation", 850_000),
        ("further-contact 0.08", 930_000),
        ("disguised-contact 0.12", 1_000_000),
        ("rules 1", 500_000),
        ("contact.intent", 175_000),
        ("intent 0.175", 552_500),
        ("lifted by rules", 800_000),
    ];
    assert_eq!(steps(&verdict), want.map(|(name, total)| (name.to_owned(), total)));
    assert_eq!(verdict.score.millionths(), 800_000);
    let because = verdict.trace.iter().find_map(|step| match step {
        Step::Modifier(step) if step.modifier == "disguised-contact" => Some(step.because.clone()),
        _ => None,
    });
    assert_eq!(because.unwrap(), ["contact.email", "contact.phone", "evasion.obfuscation"]);
    assert_eq!(
        verdict.reason,
        "contact.phone 0.85, contact.email 0.4, contact.intent 0.175, evasion.obfuscation 0.15 and 2 \
         more by stage-weighted, lifted by rules, give 0.8, tier high"
    );
}

#[test]
fn a_lift_begins_at_its_bound_and_never_lowers() {
    let cases: [(&Found<'_>, u32); 7] = [
        (&[("contact.phone", 1.0)], 680_000),
        // 0.8499996 is 0.85 in millionths, 0.8499994 is not.
        (&[("contact.phone", 0.999_999_53)], 680_000),
        (&[("contact.phone", 0.999_999_3)], 425_000),
        // 0.73 + 0.12 is 0.85, whatever floats make of it.
        (&[("contact.email", 0.912_5), ("evasion.obfuscation", 0.2)], 680_000),
        (&[("contact.phone", 1.0), ("contact.intent", 1.0), ("velocity.messages", 0.5)], 680_000),
        (&[("contact.phone", 1.0), ("contact.intent", 1.0), ("velocity.messages", 0.84)], 698_000),
        // Then the other stage is the one that lifts.
        (&[("contact.phone", 1.0), ("contact.intent", 1.0), ("velocity.messages", 0.9)], 720_000),
    ];
    for (found, score) in cases {
        assert_eq!(judged(STAGED, found).score.millionths(), score, "{found:?}");
    }
}

#[test]
fn boundaries_of_the_sum_are_exact_in_decimal() {
    // 0.83 of the rules and 0.35 of the intent: 0.52 without behaviour.
    let mild = [("contact.handle", 1.0), ("contact.link", 1.0), ("contact.intent", 1.0)];
    // 1 of the rules and 0.9 of the intent: 0.77.
    let full = ["contact.phone", "contact.email", "contact.handle", "payment.circumvention"];
    let full = full.map(|label| (label, 1.0));
    let cases: [(&Found<'_>, (&str, f64), u32, &str); 8] = [
        (&[], ("contact.link", 0.0), 0, "low"),
        (&[], ("contact.email", 0.999_997_5), 399_999, "low"),
        (&[], ("contact.email", 1.0), 400_000, "medium"),
        (&mild, ("velocity.messages", 0.649_995), 649_999, "medium"),
        (&mild, ("velocity.messages", 0.65), 650_000, "high"),
        (&full, ("velocity.messages", 0.399_995), 849_999, "high"),
        (&full, ("velocity.messages", 0.4), 850_000, "critical"),
        (&full, ("velocity.messages", 1.0), 970_000, "critical"),
    ];
    for (found, and, score, tier) in cases {
        let verdict = judged(STAGED, &[found, &[and]].concat());
        assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (score, tier), "{and:?}");
    }
}

#[test]
fn full_stages_are_exactly_one() {
    let text = STAGED.replace("\"contact.phone\" = 0.85", "\"contact.phone\" = 1.0");
    let text = text.replace("\"payment.circumvention\" = 0.90", "\"payment.circumvention\" = 1.0");
    let full = ["contact.phone", "payment.circumvention", "velocity.messages"];
    let verdict = judged(&text, &full.map(|label| (label, 1.0)));
    assert_eq!(verdict.score, Score::ONE);
}

#[test]
fn a_modifier_without_a_stage_adds_to_the_score_and_names_labels_without_weight() {
    let text = STAGED.replace("stage = \"rules\"\nlabels = [\"evasion", "labels = [\"evasion");
    let text = text.replace("\"evasion.obfuscation\" = 0.15", "\"evasion.obfuscation\" = 0");
    let alone = judged(&text, &[("evasion.obfuscation", 1.0)]);
    assert_eq!((alone.score.millionths(), alone.trace.len()), (0, 0));
    assert!(alone.signals[0].counted, "a modifier looks at it");
    let found = [("contact.link", 0.4), ("evasion.obfuscation", 1.0)];
    let with = judged(&text, &found);
    assert_eq!(with.score.millionths(), 220_000, "0.5 * 0.5 * 0.4 + 0.12");
    assert_eq!(with.trace.last().map(Step::total), Some(0.1 + 0.12));
    assert_eq!(
        with.reason,
        "contact.link 0.2 and disguised-contact +0.12 by stage-weighted give 0.22, tier low"
    );
    let silent = judged(&text, &[("contact.link", 0.4), ("evasion.obfuscation", 0.0)]);
    assert_eq!(silent.score.millionths(), 100_000, "evidence of 0 is none");
}

#[test]
fn further_labels_add_up_to_a_bound() {
    let contacts = ["contact.link", "contact.handle", "contact.email", "contact.phone"];
    let added = |count: usize| {
        let found: Vec<_> = contacts[..count].iter().map(|&label| (label, 0.01)).collect();
        let trace = judged(STAGED, &found).trace;
        trace.iter().find_map(|step| match step {
            Step::Modifier(step) => Some(step.add),
            _ => None,
        })
    };
    assert_eq!([0, 1, 2, 3, 4].map(added), [None, None, Some(0.08), Some(0.15), Some(0.15)]);
}
