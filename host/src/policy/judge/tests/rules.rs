//! Rules, lists and exemptions on one event.

use serde_json::json;

use super::*;
use crate::model::DecisionId;
use crate::policy::{Bound, BoundStep, RuleStep};

/// The policy of the cases with what is written besides.
fn ruled(on_error: OnError, besides: &str) -> Policy {
    policy_of(&format!("merge = \"max\"\n{besides}"), on_error)
}

fn rule(name: &str, when: &str, follows: &str) -> String {
    format!("[[rules]]\nname = \"{name}\"\nwhen = '''{when}'''\n{follows}\n")
}

fn judge(policy: &Policy, signals: &[(&str, f64, f64)]) -> Verdict {
    policy.judge(&event("message.sent"), &now(), &findings(signals))
}

fn rule_steps(verdict: &Verdict) -> Vec<&RuleStep> {
    let each = verdict.trace.iter().filter_map(|step| match step {
        Step::Rule(step) => Some(step),
        _ => None,
    });
    each.collect()
}

fn bounds(verdict: &Verdict) -> Vec<(Bound, &str, Vec<&str>, f64)> {
    let each = verdict.trace.iter().filter_map(|step| match step {
        Step::Bound(BoundStep { bound, tier, rules, total }) => {
            Some((*bound, tier.as_str(), rules.iter().map(String::as_str).collect(), *total))
        }
        _ => None,
    });
    each.collect()
}

#[test]
fn a_floor_raises_to_the_lower_bound_of_its_tier() {
    let policy = ruled(
        OnError::Allow,
        &rule("threats", "evidence('safety.threat') > 0.5", "floor = \"high\"\nreview = true"),
    );
    let calm = judge(&policy, &[("bid.c", 1.0, 1.0)]);
    assert_eq!((calm.score.millionths(), calm.review, calm.trace.len()), (395_000, false, 1));
    let verdict = judge(&policy, &[("bid.c", 1.0, 1.0), ("safety.threat", 0.9, 0.8)]);
    assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (645_000, "high"));
    assert_eq!(verdict.strongest(), (Action::Cooldown, Scope::Account));
    assert!(verdict.review && !verdict.degraded);
    assert_eq!(bounds(&verdict), [(Bound::Floor, "high", vec!["threats"], 0.645)]);
    assert_eq!(rule_steps(&verdict)[0].total, 0.395, "rules see the merged number");
    assert_eq!(
        verdict.reason,
        "bid.c 0.395 by max gives 0.395, tier medium; the rule threats fires: raised by threats to \
         0.645, tier high"
    );
    assert!(verdict.signals[1].counted, "a label that a rule names has a say");
    let above = judge(&policy, &[("bid.a", 0.9, 1.0), ("safety.threat", 0.9, 0.8)]);
    assert_eq!((above.score.millionths(), bounds(&above)), (900_000, Vec::new()));
    assert!(above.reason.ends_with("; the rule threats fires"), "{}", above.reason);
}

#[test]
fn a_ceiling_lowers_to_just_below_the_tier_above() {
    let policy =
        ruled(OnError::Allow, &rule("known", "event.subject == 'user-1'", "ceiling = \"medium\""));
    let verdict = judge(&policy, &[("bid.a", 0.9, 1.0)]);
    assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (644_999, "medium"));
    assert_eq!(verdict.message.as_deref(), Some("Please mind."), "the text of the tier it is in");
    assert_eq!(bounds(&verdict), [(Bound::Ceiling, "medium", vec!["known"], 0.644_999)]);
    assert_eq!(judge(&policy, &[("bid.c", 0.5, 1.0)]).score.millionths(), 197_500);
}

#[test]
fn the_lowest_ceiling_and_the_highest_floor_count_and_a_floor_wins() {
    let all = [
        rule("a", "true", "ceiling = \"high\""),
        rule("b", "true", "ceiling = \"low\""),
        rule("c", "true", "ceiling = \"low\"\ntag = \"seen\""),
        rule("d", "true", "floor = \"medium\""),
        rule("e", "true", "floor = \"high\"\ntag = \"large\""),
        rule("f", "tier == 'critical' && score == 0.9", "tag = \"seen\""),
        rule("g", "false", "floor = \"critical\""),
    ];
    let policy = ruled(OnError::Allow, &all.concat());
    let verdict = judge(&policy, &[("bid.a", 0.9, 1.0)]);
    assert_eq!((verdict.score.millionths(), verdict.tier.as_str()), (645_000, "high"));
    assert_eq!(
        bounds(&verdict),
        [
            (Bound::Ceiling, "low", vec!["b", "c"], 0.394_999),
            (Bound::Floor, "high", vec!["e"], 0.645)
        ]
    );
    assert_eq!(verdict.tags, ["large", "seen"]);
    assert_eq!(verdict.rules().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f"]);
    assert!(
        verdict.reason.contains(
            "the rules a, b, c, d and 2 more fire: lowered by b, c and raised by e to 0.645"
        ),
        "{}",
        verdict.reason
    );
}

#[test]
fn actions_of_rules_are_demands_with_an_end() {
    let all = [
        rule("long", "true", "action = \"cooldown\"\nfor_h = 48"),
        rule("short", "true", "action = \"cooldown\"\nfor_h = 24"),
        rule("mild", "true", "action = \"nudge\"\nscope = \"account\""),
        rule("held", "true", "action = \"soft_block\""),
    ];
    let policy = ruled(OnError::Allow, &all.concat());
    let verdict = judge(&policy, &[]);
    let actions: Vec<_> = (verdict.actions.iter())
        .map(|one| (one.action, one.scope, one.expires_at.map(|at| at.micros())))
        .collect();
    assert_eq!(
        actions,
        [
            (Action::SoftBlock, Scope::Message, None),
            (Action::Cooldown, Scope::Account, Some(48 * 3_600_000_000)),
        ]
    );
    let steps = rule_steps(&verdict);
    assert_eq!(steps[1].asks.as_ref().unwrap().expires_at.unwrap().micros(), 24 * 3_600_000_000);
}

#[test]
fn a_rule_without_an_answer_is_seen_and_on_error_has_its_say() {
    let broken = rule("large", "event.data.amount > 5", "floor = \"critical\"\ntag = \"large\"");
    for on_error in OnError::ALL {
        let policy = ruled(on_error, &broken);
        let verdict = judge(&policy, &[("bid.c", 1.0, 1.0)]);
        assert!(verdict.degraded, "{on_error}");
        assert_eq!(verdict.review, on_error != OnError::Allow);
        let deny = on_error == OnError::Deny;
        assert_eq!(verdict.strongest().0, if deny { Action::SoftBlock } else { Action::Nudge });
        assert_eq!((verdict.tier.as_str(), verdict.tags.len()), ("medium", 0), "it does not fire");
        assert_eq!(rule_steps(&verdict)[0].failed.as_deref(), Some("there is no `amount`"));
        let says = "for no answer came from the rule large (there is no `amount`)";
        assert!(verdict.reason.ends_with(says), "{}", verdict.reason);
    }
    let mut found = findings(&[("bid.c", 1.0, 1.0)]);
    found.push(Finding::absent("gone"));
    let verdict = ruled(OnError::Review, &broken).judge(&event("message.sent"), &now(), &found);
    let says = "no finding came from gone (not loaded) and no answer came from the rule large (there is no `amount`)";
    assert!(verdict.reason.ends_with(says), "{}", verdict.reason);
    let larger = Event { data: json!({"amount": 6}), ..event("message.sent") };
    let verdict = ruled(OnError::Review, &broken).judge(&larger, &now(), &[]);
    assert!(!verdict.degraded && verdict.tier == "critical");
}

#[test]
fn rules_see_only_what_counts() {
    let all = [
        rule("counted", "signals.exists(s, s.label == 'bid.none')", "tag = \"counted\""),
        rule("missing", "degraded", "tag = \"degraded\""),
    ];
    let policy = ruled(OnError::Allow, &all.concat());
    let one = |outcome, counted| {
        let signals = vec![signal("bid.none", 1.0, 1.0)];
        vec![Finding { counted, ..finding("d", outcome, signals) }]
    };
    let tags = |found: &[Finding], kind: &str| policy.judge(&event(kind), &now(), found).tags;
    assert_eq!(tags(&one(Outcome::Ok, true), "message.sent"), ["counted"]);
    assert_eq!(tags(&one(Outcome::Ok, false), "message.sent"), [""; 0]);
    assert_eq!(tags(&one(Outcome::Trap, true), "message.sent"), ["degraded"]);
    assert_eq!(tags(&one(Outcome::Ok, true), "login.failed"), [""; 0], "no rule is asked");
}

const LISTS: &str = r#"
[[lists]]
name = "verified"
kind = "allow"
field = "subject"
entries = [{ value = "user-1", until = "1970-01-01T00:00:00Z", why = "ended" }, { value = "user-2" }]
[[lists]]
name = "numbers"
kind = "deny"
field = "data.numbers"
entries = [{ value = "17" }, { value = "x", until = 1970-01-01T00:00:01Z }]
"#;

#[test]
fn lists_hold_until_exactly_their_time() {
    let tag = |list: &str| rule(list, &format!("lists.{list}"), &format!("tag = \"{list}\""));
    let policy = ruled(OnError::Allow, &[LISTS, &tag("verified"), &tag("numbers")].concat());
    let tags = |subject: &str, numbers: serde_json::Value, micros| {
        let event = Event {
            subject: subject.to_owned(),
            data: json!({"numbers": numbers}),
            ..event("message.sent")
        };
        policy.judge(&event, &Facts::at(Timestamp::from_micros(micros)), &[]).tags
    };
    assert_eq!(tags("user-1", json!(null), -1), ["verified"]);
    assert_eq!(tags("user-1", json!(null), 0), [""; 0], "exactly then it is gone");
    assert_eq!(tags("user-2", json!(17), i64::MAX), ["numbers", "verified"]);
    assert_eq!(tags("User-2", json!("17 "), 0), [""; 0], "to the letter");
    assert_eq!(tags("u", json!(["y", "x"]), 999_999), ["numbers"]);
    assert_eq!(tags("u", json!(["y", "x", 17.0, {"x": "x"}]), 1_000_000), [""; 0]);
}

#[test]
fn nothing_is_enforced_on_the_exempt_and_it_is_said() {
    let exempt = r#"
        [[exemptions]]
        subjects = ["user-0", "user-1"]
        until = "1970-01-01T00:00:01Z"
        why = "the platform's own test account"
        [[exemptions]]
        subjects = ["user-1"]
        until = "1970-01-01T00:00:02Z"
        why = "longer"
        "#;
    let all = rule("all", "true", "action = \"cooldown\"\nreview = true\ntag = \"all\"");
    let policy = ruled(OnError::Deny, &[exempt, &all].concat());
    let at = |micros| {
        let facts = Facts::at(Timestamp::from_micros(micros));
        policy.judge(&event("message.sent"), &facts, &findings(&[("bid.a", 0.7, 1.0)]))
    };
    let verdict = at(1_999_999);
    assert_eq!(verdict.strongest(), (Action::Allow, Scope::Message));
    assert_eq!((verdict.actions.len(), &verdict.message), (1, &None));
    assert_eq!(
        (verdict.score.millionths(), verdict.tier.as_str()),
        (700_000, "high"),
        "still judged"
    );
    assert!(verdict.exempt && verdict.review && verdict.tags == ["all"]);
    let says = "; nothing is enforced, for the account is exempt until 1970-01-01T00:00:02Z";
    assert!(verdict.reason.ends_with(says), "{}", verdict.reason);
    assert!(
        matches!(verdict.trace.last(), Some(Step::Exempt(step)) if step.why == "longer" && step.total == 0.7)
    );
    let after = at(2_000_000);
    assert!(!after.exempt && after.strongest() == (Action::Cooldown, Scope::Account));
}

#[test]
fn what_is_in_a_case_is_looked_at_and_the_first_that_is_named_counts() {
    let found = rule("found", "evidence('bid.c') > 0.5", "case = \"bids\"");
    let threats = rule("threats", "evidence('safety.threat') > 0.5", "case = \"threats\"");
    let policy = ruled(OnError::Allow, &(threats.clone() + &found));
    let calm = judge(&policy, &[]);
    assert_eq!((&calm.case, calm.review), (&None, false));
    let bids = judge(&policy, &[("bid.c", 1.0, 1.0)]);
    assert_eq!((bids.case.as_deref(), bids.review), (Some("bids"), true));
    assert_eq!(bids.asked(DecisionId::new()).case, bids.case);
    let both = judge(&policy, &[("bid.c", 1.0, 1.0), ("safety.threat", 0.9, 0.8)]);
    assert_eq!(both.case.as_deref(), Some("threats"));
    let steps: Vec<_> = rule_steps(&both).into_iter().map(|step| step.case.as_deref()).collect();
    assert_eq!(steps, [Some("threats"), Some("bids")]);
    // Another policy differs that files it elsewhere, though as much is enforced.
    let elsewhere = judge(
        &ruled(OnError::Allow, &(found + &threats)),
        &[("bid.c", 1.0, 1.0), ("safety.threat", 0.9, 0.8)],
    );
    assert_eq!((&elsewhere.actions, elsewhere.review), (&both.actions, both.review));
    assert_eq!(both.direction_to(&elsewhere), Some(Direction::Retiered));
    assert_eq!(both.direction_to(&both.clone()), None);
}
