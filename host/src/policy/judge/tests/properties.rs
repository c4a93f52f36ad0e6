//! What must hold for any findings and any way to make a score.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Every way to make a score, with modifiers and without.
fn any_scheme() -> impl Strategy<Value = String> {
    let merge = || prop::sample::select(&Merge::ALL[..]);
    let number = || (0..=100_u32).prop_map(|hundredths| f64::from(hundredths) / 100.0);
    let modifiers = (number(), number(), number(), any::<bool>());
    let modifiers = modifiers.prop_map(|(each, at_most, add, staged)| {
        let stage = if staged { "stage = \"one\"" } else { "" };
        (
            stage,
            format!(
                r#"
                [[modifiers]]
                name = "further"
                labels = ["bid.a", "bid.b", "bid.c"]
                add_each_further = {each}
                at_most = {at_most}
                STAGE
                [[modifiers]]
                name = "together"
                labels = ["bid.none"]
                with = ["bid.b", "bid.a"]
                add = {add}
                "#
            ),
        )
    });
    let modifiers = prop::option::of(modifiers);
    let flat = (merge(), modifiers.clone()).prop_map(|(merge, modifiers)| {
        let modifiers = modifiers.map(|(_, text)| text.replace("STAGE", "")).unwrap_or_default();
        format!("merge = \"{merge}\"\n{modifiers}")
    });
    let lift = prop::option::of((number(), number()));
    let staged = (merge(), merge(), 0..=100_u32, lift, modifiers);
    let staged = staged.prop_map(|(one, other, part, lift, modifiers)| {
        let (part, rest) = (f64::from(part) / 100.0, f64::from(100 - part) / 100.0);
        let lift = lift.map(|(from, share)| format!("[lift]\nfrom = {from}\nshare = {share}"));
        let modifiers =
            modifiers.map(|(stage, text)| text.replace("STAGE", stage)).unwrap_or_default();
        format!(
            r#"merge = "stage-weighted"
            [[stages]]
            name = "one"
            weight = {part}
            merge = "{one}"
            labels = ["bid.a", "bid.none"]
            [[stages]]
            name = "other"
            weight = {rest}
            merge = "{other}"
            labels = ["bid.c", "bid.b"]
            {}
            {modifiers}
            "#,
            lift.unwrap_or_default()
        )
    });
    prop_oneof![flat, staged]
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let label = prop::sample::select(&["bid.a", "bid.b", "bid.c", "bid.none", "bid.other"][..]);
    (label, 0.0..=1.0, 0.0..=1.0).prop_map(|(label, score, sure)| signal(label, score, sure))
}

fn any_findings() -> impl Strategy<Value = Vec<Finding>> {
    let outcome = prop_oneof![4 => Just(Outcome::Ok), 1 => prop::sample::select(&Outcome::ALL[..])];
    let stage = prop::sample::select(&[Some(Stage::Active), Some(Stage::Canary), None][..]);
    let signals = prop::collection::vec(any_signal(), 0..5);
    let one = ("[a-d]", outcome, stage, any::<bool>(), signals);
    let one = one.prop_map(|(detector, outcome, stage, counted, signals)| Finding {
        stage,
        counted,
        ..finding(&detector, outcome, signals)
    });
    prop::collection::vec(one, 0..6)
}

proptest! {
    /// Invariant: the order of findings and of signals never changes a verdict.
    #[test]
    fn order_never_matters(
        scheme in any_scheme(),
        (found, mut shuffled) in any_findings().prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
    ) {
        shuffled.iter_mut().for_each(|finding| finding.signals.reverse());
        let policy = policy_of(&scheme, OnError::Review);
        let mut one = policy.judge(&event("message.sent"), &found);
        let mut other = policy.judge(&event("message.sent"), &shuffled);
        let sorted = |verdict: &mut Verdict| -> BTreeSet<String> {
            verdict.signals.drain(..).map(|signal| format!("{signal:?}")).collect()
        };
        prop_assert_eq!(sorted(&mut one), sorted(&mut other));
        prop_assert_eq!(one, other);
    }

    /// Invariant: the score stays in 0..=1, is the trace's last total, and lies in its tier.
    #[test]
    fn the_trace_adds_up(scheme in any_scheme(), found in any_findings()) {
        let policy = policy_of(&scheme, OnError::Review);
        let verdict = policy.judge(&event("message.sent"), &found);
        for step in &verdict.trace {
            let parts = match step {
                Step::Label(it) => vec![it.evidence, it.weight, it.contribution, it.total],
                Step::Modifier(it) => vec![it.add, it.total],
                Step::Stage(it) => vec![it.number, it.weight, it.contribution, it.total],
                Step::Lift(it) => vec![it.number, it.share, it.total],
            };
            prop_assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)), "{:?}", step);
        }
        let last = verdict.trace.last().map_or(0.0, Step::total);
        prop_assert_eq!(verdict.score, Score::from_unit(last));
        let tier = policy.tiers().iter().rfind(|tier| tier.from <= verdict.score).unwrap();
        prop_assert_eq!(&tier.name, &verdict.tier);
        let labels: BTreeSet<&str> = (verdict.signals.iter())
            .filter(|signal| signal.counted && signal.label != "bid.none")
            .map(|signal| signal.label.as_str())
            .collect();
        let merged: BTreeSet<&str> =
            verdict.trace.iter().filter_map(Step::label).map(|step| step.label.as_str()).collect();
        prop_assert_eq!(merged, labels);
    }

    /// Invariant: one more signal never lowers the score, nor makes the outcome milder.
    #[test]
    fn more_evidence_is_never_milder(
        scheme in any_scheme(), found in any_findings(), more in any_signal(),
    ) {
        let policy = policy_of(&scheme, OnError::Deny);
        let before = policy.judge(&event("message.sent"), &found);
        let mut found = found;
        found.push(finding("more", Outcome::Ok, vec![more]));
        let after = policy.judge(&event("message.sent"), &found);
        prop_assert!(after.score >= before.score);
        prop_assert!(after.strongest().0 >= before.strongest().0);
    }

    /// Invariant: a failed finding beside others never makes the outcome milder, whatever it holds.
    #[test]
    fn a_failure_is_never_milder(
        scheme in any_scheme(),
        on_error in prop::sample::select(&OnError::ALL[..]),
        found in any_findings(),
        outcome in prop::sample::select(&Outcome::ALL[1..]),
        signals in prop::collection::vec(any_signal(), 0..3),
    ) {
        let policy = policy_of(&scheme, on_error);
        let before = policy.judge(&event("message.sent"), &found);
        let mut found = found;
        found.push(finding("failed", outcome, signals));
        let after = policy.judge(&event("message.sent"), &found);
        prop_assert!(after.degraded && after.review >= before.review);
        prop_assert_eq!(after.score, before.score);
        for old in &before.actions {
            let new = after.actions.iter().find(|new| new.scope == old.scope);
            prop_assert!(new.is_some_and(|new| new.action >= old.action));
        }
    }
}
