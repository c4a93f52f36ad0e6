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

/// Any set of rules, some of which have no answer on the events here.
fn any_rules() -> impl Strategy<Value = Vec<String>> {
    let number = || (0..=100_u32).prop_map(|hundredths| f64::from(hundredths) / 100.0);
    let label = || prop::sample::select(&["bid.a", "bid.b", "bid.none", "bid.other"][..]);
    let tier = || prop::sample::select(&["low", "medium", "high", "critical"][..]);
    let when = prop_oneof![
        (label(), number()).prop_map(|(label, least)| format!("evidence('{label}') > {least:?}")),
        (label(), number()).prop_map(|(label, least)| format!("labels['{label}'] > {least:?}")),
        number().prop_map(|least| format!("score >= {least:?}")),
        tier().prop_map(|tier| format!("tier == '{tier}' || degraded")),
        label()
            .prop_map(|label| format!("signals.exists(s, s.label == '{label}' && s.score > 0.5)")),
        Just("signals[0].score > 0.5".to_owned()),
        Just("event.data.none > 1".to_owned()),
        Just("size(signals.filter(s, s.confidence > 0.2)) > 2".to_owned()),
    ];
    let bound = |names: &'static [&'static str]| prop::option::of(prop::sample::select(names));
    let action = prop::option::of((prop::sample::select(&Action::ALL[..6]), 1..100_u32));
    let tag = prop::sample::select(&["one", "other"][..]);
    let floor = bound(&["medium", "high", "critical"]);
    let ceiling = bound(&["low", "medium", "high"]);
    let one =
        (when, floor, ceiling, action, tag).prop_map(|(when, floor, ceiling, action, tag)| {
            let mut text = format!("when = \"{when}\"\ntag = \"{tag}\"\n");
            if let Some(floor) = floor {
                text += &format!("floor = \"{floor}\"\n");
            } else if let Some(ceiling) = ceiling {
                text += &format!("ceiling = \"{ceiling}\"\n");
            }
            if let Some((action, hours)) = action {
                text += &format!("action = \"{action}\"\nfor_h = {hours}\n");
            }
            text
        });
    prop::collection::vec(one, 0..8)
}

/// Named by what they are about, so that another order does not rename them.
fn with_rules(rules: &[String], named: impl Fn(usize) -> usize) -> Policy {
    let rule =
        |(at, text): (usize, &String)| format!("[[rules]]\nname = \"r{}\"\n{text}", named(at));
    let rules: String = rules.iter().enumerate().map(rule).collect();
    policy_of(&format!("merge = \"noisy-or\"\n{rules}"), OnError::Review)
}

proptest! {
    /// Invariant: neither the order of rules nor that of findings changes what is decided; the score
    /// stays in 0..=1, is the trace's last total, and lies in its tier.
    #[test]
    fn the_order_of_rules_never_matters(
        rules in any_rules(),
        (found, mut shuffled) in any_findings().prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
    ) {
        shuffled.iter_mut().for_each(|finding| finding.signals.reverse());
        let mut reversed = rules.clone();
        reversed.reverse();
        let policy = with_rules(&rules, |at| at);
        let one = policy.judge(&event("message.sent"), &now(), &found);
        let other = with_rules(&reversed, |at| rules.len() - 1 - at);
        let other = other.judge(&event("message.sent"), &now(), &shuffled);
        let decided = |verdict: &Verdict| {
            let mut rules: Vec<&str> = verdict.rules().collect();
            rules.sort_unstable();
            let rules: Vec<String> = rules.into_iter().map(str::to_owned).collect();
            let Verdict { score, tier, actions, message, tags, degraded, review, .. } = verdict.clone();
            (score, tier, actions, message, tags, degraded, review, rules)
        };
        prop_assert_eq!(decided(&one), decided(&other));
        let again = policy.judge(&event("message.sent"), &now(), &shuffled);
        prop_assert_eq!((&one.reason, &one.trace), (&again.reason, &again.trace));
        let last = one.trace.last().map_or(0.0, Step::total);
        prop_assert_eq!(one.score, Score::from_unit(last));
        prop_assert!((0.0..=1.0).contains(&last));
        let tier = policy.tiers().iter().rfind(|tier| tier.from <= one.score).unwrap();
        prop_assert_eq!(&tier.name, &one.tier);
    }

    /// Invariant: what fired is met: the tier is at least the highest floor, at most the lowest ceiling
    /// unless a floor says more, and no action is milder than one that was asked for.
    #[test]
    fn what_fired_is_met(rules in any_rules(), found in any_findings()) {
        let policy = with_rules(&rules, |at| at);
        let verdict = policy.judge(&event("message.sent"), &now(), &found);
        let fired: Vec<&str> = verdict.rules().collect();
        let fired: Vec<_> =
            policy.rules().iter().filter(|rule| fired.contains(&rule.name.as_str())).collect();
        let place = policy.tiers().iter().position(|tier| tier.name == verdict.tier).unwrap();
        let floor = fired.iter().filter_map(|rule| rule.floor).max();
        prop_assert!(floor.is_none_or(|floor| place >= floor));
        let ceiling = fired.iter().filter_map(|rule| rule.ceiling).min();
        prop_assert!(ceiling.is_none_or(|ceiling| place <= ceiling || Some(place) == floor));
        for asked in fired.iter().filter_map(|rule| rule.action) {
            let got = verdict.actions.iter().find(|got| got.scope == asked.scope);
            prop_assert!(got.is_some_and(|got| got.action >= asked.action));
        }
    }

    /// Invariant: without rules, lists and exemptions a verdict is what it was before there were any.
    #[test]
    fn rules_that_never_fire_change_nothing(found in any_findings()) {
        let never = with_rules(&["when = \"false\"\nfloor = \"high\"\n".to_owned()], |at| at);
        let judged = |policy: Policy| policy.judge(&event("message.sent"), &now(), &found);
        prop_assert_eq!(judged(never), judged(with_rules(&[], |at| at)));
    }

    /// Invariant: the order of findings and of signals never changes a verdict.
    #[test]
    fn order_never_matters(
        scheme in any_scheme(),
        (found, mut shuffled) in any_findings().prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
    ) {
        shuffled.iter_mut().for_each(|finding| finding.signals.reverse());
        let policy = policy_of(&scheme, OnError::Review);
        let mut one = policy.judge(&event("message.sent"), &now(), &found);
        let mut other = policy.judge(&event("message.sent"), &now(), &shuffled);
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
        let verdict = policy.judge(&event("message.sent"), &now(), &found);
        for step in &verdict.trace {
            let parts = match step {
                Step::Label(it) => vec![it.evidence, it.weight, it.contribution, it.total],
                Step::Modifier(it) => vec![it.add, it.total],
                Step::Stage(it) => vec![it.number, it.weight, it.contribution, it.total],
                Step::Lift(it) => vec![it.number, it.share, it.total],
                Step::Rule(_) | Step::Bound(_) | Step::Exempt(_) => vec![step.total()],
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
        let before = policy.judge(&event("message.sent"), &now(), &found);
        let mut found = found;
        found.push(finding("more", Outcome::Ok, vec![more]));
        let after = policy.judge(&event("message.sent"), &now(), &found);
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
        let before = policy.judge(&event("message.sent"), &now(), &found);
        let mut found = found;
        found.push(finding("failed", outcome, signals));
        let after = policy.judge(&event("message.sent"), &now(), &found);
        prop_assert!(after.degraded && after.review >= before.review);
        prop_assert_eq!(after.score, before.score);
        for old in &before.actions {
            let new = after.actions.iter().find(|new| new.scope == old.scope);
            prop_assert!(new.is_some_and(|new| new.action >= old.action));
        }
    }
}
