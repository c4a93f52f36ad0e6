//! Judging by cases; what must hold for any findings is in `properties`.

mod properties;
mod rules;

use super::*;
use crate::model::Timestamp;
use crate::policy::{Known, Merge};

pub(in crate::policy) fn event(kind: &str) -> Event {
    Event {
        id: "e1".to_owned(),
        source: "s".to_owned(),
        kind: kind.to_owned(),
        subject: "user-1".to_owned(),
        time: Timestamp::from_micros(0),
        time_sent: true,
        data: serde_json::json!({}),
        extensions: serde_json::Map::new(),
    }
}

/// When the events of the tests are decided.
pub(in crate::policy) fn now() -> Facts<'static> {
    Facts::at(Timestamp::from_micros(0))
}

pub(in crate::policy) fn signal(label: &str, score: f64, confidence: f64) -> Signal {
    Signal {
        detector: "d".to_owned(),
        label: label.to_owned(),
        score,
        confidence,
        version: None,
        reason: String::new(),
        spans: Vec::new(),
        entities: Vec::new(),
        counted: false,
    }
}

pub(in crate::policy) fn finding(
    detector: &str,
    outcome: Outcome,
    signals: Vec<Signal>,
) -> Finding {
    let stage = Some(Stage::Active);
    Finding { stage, outcome, error: None, signals, ..Finding::absent(detector) }
}

/// One finding for each signal: label, score, confidence.
pub(in crate::policy) fn findings(signals: &[(&str, f64, f64)]) -> Vec<Finding> {
    let one = |&(label, score, confidence): &(&str, f64, f64)| {
        finding("d", Outcome::Ok, vec![signal(label, score, confidence)])
    };
    signals.iter().map(one).collect()
}

/// A policy with the bands of the platforms, and a weight that is 0.
fn policy(merge: Merge, on_error: OnError) -> Policy {
    policy_of(&format!("merge = \"{merge}\""), on_error)
}

/// The same, with how labels make a score as it is written.
fn policy_of(scheme: &str, on_error: OnError) -> Policy {
    let text = format!(
        r#"name = "p"
        source = "s"
        events = ["message.*"]
        on_error = "{on_error}"
        {scheme}
        [weights]
        "bid.a" = 1.0
        "bid.b" = 0.5
        "bid.c" = 0.395
        "bid.none" = 0
        [[tiers]]
        name = "low"
        from = 0.0
        action = "allow"
        [[tiers]]
        name = "medium"
        from = 0.395
        action = "nudge"
        message = "Please mind."
        [[tiers]]
        name = "high"
        from = 0.645
        action = "cooldown"
        for_h = 24
        [[tiers]]
        name = "critical"
        from = 0.845
        action = "restriction"
        for_h = 72
        "#
    );
    Policy::compile(&text, &Known::default()).unwrap().policy
}

fn judged(signals: &[(&str, f64, f64)]) -> Verdict {
    policy(Merge::Max, OnError::Allow).judge(&event("message.sent"), &now(), &findings(signals))
}

#[test]
fn boundaries_are_exact_and_inclusive_below() {
    let cases = [
        (0.0, 0, "low"),
        (0.394_999, 394_999, "low"),
        (0.394_999_5, 395_000, "medium"),
        (0.395, 395_000, "medium"),
        (0.644_999, 644_999, "medium"),
        (0.645, 645_000, "high"),
        (0.844_999, 844_999, "high"),
        (0.845, 845_000, "critical"),
        (1.0, 1_000_000, "critical"),
    ];
    for (score, millionths, tier) in cases {
        let verdict = judged(&[("bid.a", score, 1.0)]);
        assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (millionths, tier));
    }
    for merge in [Merge::Max, Merge::NoisyOr, Merge::SumCapped] {
        let alone = findings(&[("bid.c", 1.0, 1.0)]);
        let verdict = policy(merge, OnError::Allow).judge(&event("message.sent"), &now(), &alone);
        assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (395_000, "medium"));
    }
}

#[test]
fn what_adds_up_to_a_boundary_reaches_it() {
    let cases = [
        (0.0, 0.499_998, 644_999, "medium"),
        (0.0, 0.5, 645_000, "high"),
        (0.199_999, 0.5, 844_999, "high"),
        (0.2, 0.5, 845_000, "critical"),
        (0.354_999, 0.5, 999_999, "critical"),
        (0.355, 0.5, 1_000_000, "critical"),
        (1.0, 1.0, 1_000_000, "critical"),
    ];
    let policy = policy(Merge::SumCapped, OnError::Allow);
    for (a, b, millionths, tier) in cases {
        let found = findings(&[("bid.a", a, 1.0), ("bid.b", b, 1.0), ("bid.c", 1.0, 1.0)]);
        let verdict = policy.judge(&event("message.sent"), &now(), &found);
        assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (millionths, tier));
    }
}

#[test]
fn the_strongest_evidence_of_a_label_counts_once() {
    let found = findings(&[("bid.b", 0.9, 0.5), ("bid.b", 0.8, 1.0), ("bid.a", 0.5, 0.5)]);
    let verdict =
        policy(Merge::NoisyOr, OnError::Allow).judge(&event("message.sent"), &now(), &found);
    let step = |label: &str, evidence, weight, contribution, total| {
        let (stage, label) = (None, label.to_owned());
        Step::Label(LabelStep { stage, label, evidence, weight, contribution, total })
    };
    assert_eq!(
        verdict.trace,
        [step("bid.a", 0.25, 1.0, 0.25, 0.25), step("bid.b", 0.8, 0.5, 0.4, 1.0 - 0.75 * 0.6)]
    );
    assert_eq!(verdict.score.millionths(), 550_000);
    assert_eq!(verdict.reason, "bid.b 0.4 and bid.a 0.25 by noisy-or give 0.55, tier medium");
    assert_eq!(verdict.message.as_deref(), Some("Please mind."));
}

#[test]
fn what_does_not_count_is_listed_and_changes_nothing() {
    let mut shadow = finding("new", Outcome::Ok, vec![signal("bid.a", 1.0, 1.0)]);
    (shadow.stage, shadow.counted) = (Some(Stage::Shadow), false);
    let mut broken = shadow.clone();
    broken.outcome = Outcome::Trap;
    let late = finding("late", Outcome::Deadline, vec![signal("bid.a", 1.0, 1.0)]);
    let strange = findings(&[("bid.none", 1.0, 1.0), ("bid.unweighed", 1.0, 1.0)]);
    let found = [vec![shadow, broken, late], strange].concat();
    let verdict = policy(Merge::Max, OnError::Allow).judge(&event("message.sent"), &now(), &found);
    assert_eq!((verdict.score, verdict.signals.len()), (Score::ZERO, 5));
    assert!(verdict.signals.iter().all(|signal| !signal.counted));
    assert_eq!(
        verdict.reason,
        "no signal that the policy weighs: score 0, tier low; on_error = allow adds nothing, \
         for no finding came from late (deadline)"
    );
}

#[test]
fn an_event_that_the_policy_does_not_judge_gets_the_first_tier() {
    let mut found = findings(&[("bid.a", 1.0, 1.0)]);
    found.push(Finding::absent("contact-phone"));
    let verdict = policy(Merge::Max, OnError::Deny).judge(&event("login.failed"), &now(), &found);
    assert_eq!((verdict.score, verdict.tier.as_str()), (Score::ZERO, "low"));
    assert_eq!(verdict.reason, "the policy p does not judge login.failed: score 0, tier low");
    assert!(!verdict.degraded && !verdict.review && !verdict.signals[0].counted);
    assert_eq!(verdict.strongest(), (Action::Allow, Scope::Message));
}

#[test]
fn failures_do_what_on_error_says() {
    use Action::{Allow, Cooldown, Restriction, SoftBlock};
    use Scope::{Account, Message};
    type Case = (OnError, f64, bool, &'static [(Action, Scope)]);
    let cases: [Case; 5] = [
        (OnError::Allow, 0.0, false, &[(Allow, Message)]),
        (OnError::Review, 0.0, true, &[(Allow, Message)]),
        (OnError::Deny, 0.0, true, &[(SoftBlock, Message)]),
        (OnError::Deny, 0.7, true, &[(SoftBlock, Message), (Cooldown, Account)]),
        (OnError::Deny, 0.9, true, &[(SoftBlock, Message), (Restriction, Account)]),
    ];
    for (on_error, score, review, actions) in cases {
        let mut found = findings(&[("bid.a", score, 1.0)]);
        found.push(finding("slow", Outcome::Deadline, Vec::new()));
        found.push(Finding::absent("gone"));
        let verdict = policy(Merge::Max, on_error).judge(&event("message.sent"), &now(), &found);
        assert!(verdict.degraded && verdict.review == review, "{on_error}");
        let got: Vec<_> = verdict.actions.iter().map(|one| (one.action, one.scope)).collect();
        assert_eq!(got, actions, "{on_error} {score}");
        assert_eq!(Some(verdict.strongest()), actions.iter().copied().max());
        let failures = "for no finding came from gone (not loaded) and slow (deadline)";
        assert!(verdict.reason.ends_with(failures), "{}", verdict.reason);
    }
}

#[test]
fn demands_at_one_scope_keep_the_more_severe_and_of_equals_the_longer() {
    use Action::{Cooldown, HardBlock, Nudge, SoftBlock, Warning};
    use Scope::{Account, Message, Thread};
    let asked = |action, scope, for_h| Enforced { action, scope, for_h }.from(now().at);
    let mut all = [
        asked(HardBlock, Message, Some(1)),
        asked(Cooldown, Account, Some(2)),
        asked(SoftBlock, Message, None),
        asked(Warning, Thread, Some(3)),
        asked(Cooldown, Account, Some(48)),
        asked(Warning, Thread, None),
        asked(Nudge, Account, None),
    ];
    let want = [
        asked(HardBlock, Message, Some(1)),
        asked(Warning, Thread, None),
        asked(Cooldown, Account, Some(48)),
    ];
    for _ in 0..all.len() {
        all.rotate_left(1);
        let mut actions = Vec::new();
        all.iter().for_each(|one| demand(&mut actions, one.clone()));
        assert_eq!(actions, want);
    }
    let hours = want[2].expires_at.map(|until| until.millis() / 3_600_000);
    assert_eq!(hours, Some(48), "counted from the decision");
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    for wrong in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        assert_eq!(judged(&[("bid.a", wrong, 1.0)]).score, Score::ZERO);
    }
    assert_eq!(judged(&[("bid.a", f64::INFINITY, 7.0)]).score, Score::ONE);
}

#[test]
fn lists_read_as_sentences() {
    let list = |count: usize| listed((0..count).map(|n| n.to_string()));
    let want = ["", "0", "0 and 1", "0, 1 and 2", "0, 1, 2 and 3", "0, 1, 2, 3 and 1 more"];
    assert_eq!((0..6).map(list).collect::<Vec<_>>(), want);
    assert_eq!([0.0, 0.82, 1.0, 0.1234].map(short), ["0", "0.82", "1", "0.123"]);
}
