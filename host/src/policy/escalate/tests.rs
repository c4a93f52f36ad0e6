//! What the old system got wrong, and what a fair escalation keeps to.

use proptest::prelude::*;

use super::*;
use crate::model::DecisionId;
use crate::policy::StrikeStep;

const DOCUMENT: &str = r#"name = "market"
source = "market"
events = ["message.*"]
on_error = "review"
merge = "max"
[weights]
"contact.phone" = 1
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "medium"
from = 0.395
action = "nudge"
[[tiers]]
name = "high"
from = 0.645
action = "soft_block"
message = "Held back."
[[tiers]]
name = "critical"
from = 0.845
action = "hard_block"
message = "Not delivered."
[strikes]
tiers = ["high", "critical"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
[[strikes.steps]]
action = "restriction"
for_h = 72
message = "Restricted."
[[strikes.steps]]
action = "suspension_candidate"
for_h = 72
"#;

const HOUR: i64 = 3_600_000_000;

fn policy() -> Policy {
    Policy::compile_again(DOCUMENT).unwrap().policy
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + hours * HOUR)
}

fn asked(policy: &Policy, tier: &str) -> Asked {
    let tier = policy.tiers().iter().find(|own| own.name == tier).unwrap();
    let violation = ["high", "critical"].contains(&tier.name.as_str());
    let actions = vec![tier.enforced.from(at(0))];
    let wording = Wording::default();
    let draw = Draw::of(DecisionId::new());
    Asked { actions, violation, restricts: true, case: None, wording, draw }
}

/// The actions, with the hours from now until they end.
fn enforced(escalation: &Escalation, now: Timestamp) -> Vec<(Action, Scope, Option<i64>)> {
    let hours = |end: Timestamp| (end.micros() - now.micros()) / HOUR;
    escalation
        .actions
        .iter()
        .map(|own| (own.action, own.scope, own.expires_at.map(hours)))
        .collect()
}

#[test]
fn strikes_escalate_by_their_number() {
    let policy = policy();
    let withheld = (Action::HardBlock, Scope::Message, None);
    for (before, account, review) in [
        (0, (Action::Warning, None), false),
        (1, (Action::Cooldown, Some(24)), false),
        (2, (Action::Restriction, Some(72)), false),
        (3, (Action::SuspensionCandidate, Some(72)), true),
        (40, (Action::SuspensionCandidate, Some(72)), true),
    ] {
        let standing = Standing { strikes: before, ..Standing::default() };
        let escalation = policy.escalate(&asked(&policy, "critical"), &standing, at(0));
        let account = (account.0, Scope::Account, account.1);
        assert_eq!(enforced(&escalation, at(0)), [withheld, account], "after {before}");
        assert_eq!(escalation.review, review);
        let change = escalation.change.unwrap();
        let strike = change.strike.unwrap();
        assert_eq!((strike.number, strike.expires_at), (before + 1, at(30 * 24)));
        let restriction = change.restriction.map(|own| (own.action, own.since, own.expires_at));
        let end = account.2.map(at);
        assert_eq!(restriction, end.map(|end| (account.0, at(0), Some(end))));
        let said = escalation.reason.unwrap();
        assert!(said.contains(&format!("strike {} within 30 days", before + 1)), "{said}");
    }
}

#[test]
fn a_clean_event_is_never_punished_for_old_strikes() {
    let policy = policy();
    for (tier, action) in [("low", Action::Allow), ("medium", Action::Nudge)] {
        let standing = Standing { strikes: 7, ..Standing::default() };
        let escalation = policy.escalate(&asked(&policy, tier), &standing, at(0));
        assert_eq!(enforced(&escalation, at(0)), [(action, Scope::Message, None)]);
        assert_eq!((escalation.change, escalation.reason, escalation.review), (None, None, false));
    }
}

#[test]
fn what_is_in_force_is_answered_until_the_moment_at_which_it_ends() {
    let policy = policy();
    let cooldown =
        Restriction { action: Action::Cooldown, since: at(-20), expires_at: Some(at(4)) };
    let standing = Standing { strikes: 2, restrictions: vec![cooldown], case: None };
    let moment = Timestamp::from_micros(at(4).micros() - 1);
    let escalation = policy.escalate(&asked(&policy, "low"), &standing, moment);
    let [_, account] = &escalation.actions[..] else { panic!("{escalation:?}") };
    assert_eq!((account.action, account.in_force_since), (Action::Cooldown, Some(at(-20))));
    assert_eq!(escalation.change, None, "it is not imposed anew");
    let escalation = policy.escalate(&asked(&policy, "low"), &standing, at(4));
    assert_eq!(enforced(&escalation, at(4)), [(Action::Allow, Scope::Message, None)]);
}

#[test]
fn a_milder_strike_does_not_shorten_what_is_in_force() {
    let policy = policy();
    let longer =
        Restriction { action: Action::Restriction, since: at(-1), expires_at: Some(at(500)) };
    let standing = Standing { strikes: 1, restrictions: vec![longer], case: None };
    let escalation = policy.escalate(&asked(&policy, "high"), &standing, at(0));
    let account = (Action::Restriction, Scope::Account, Some(500));
    assert_eq!(enforced(&escalation, at(0))[1], account);
    let imposed = escalation.change.unwrap().restriction.unwrap();
    assert_eq!(imposed.action, Action::Cooldown, "it would outlast the other, were that lifted");
}

#[test]
fn the_text_is_that_of_the_most_severe_action() {
    let policy = policy();
    for (tier, strikes, message) in [
        ("high", 0, None),
        ("high", 1, None),
        ("high", 2, Some("Restricted.")),
        ("critical", 1, None),
        ("critical", 2, Some("Restricted.")),
    ] {
        let standing = Standing { strikes, ..Standing::default() };
        let escalation = policy.escalate(&asked(&policy, tier), &standing, at(0));
        assert_eq!(escalation.message.as_deref(), message, "{tier} after {strikes}");
    }
}

#[test]
fn what_is_in_force_has_no_say_about_who_is_exempt_and_what_is_not_judged() {
    let policy = policy();
    let cooldown = Restriction { action: Action::Cooldown, since: at(-1), expires_at: Some(at(9)) };
    let standing = Standing { strikes: 1, restrictions: vec![cooldown], case: None };
    let asked = Asked { restricts: false, ..asked(&policy, "low") };
    let escalation = policy.escalate(&asked, &standing, at(0));
    assert_eq!(enforced(&escalation, at(0)), [(Action::Allow, Scope::Message, None)]);
}

#[test]
fn what_is_to_be_looked_at_opens_a_case_or_joins_the_one_that_is_open() {
    let policy = policy();
    let open = DecisionId::new();
    for joins in [None, Some(open)] {
        let standing = Standing { case: joins, ..Standing::default() };
        let clean = policy.escalate(&asked(&policy, "low"), &standing, at(0));
        assert_eq!(clean.change, None, "what is about nothing is in no case");
        let asked = Asked { case: Some("contacts".to_owned()), ..asked(&policy, "low") };
        let change = policy.escalate(&asked, &standing, at(0)).change.unwrap();
        assert_eq!(change.case, Some(CaseChange { matter: "contacts".to_owned(), joins }));
        assert_eq!((change.strike, change.restriction), (None, None));
    }
}

#[test]
fn a_policy_without_strikes_gives_none() {
    let (before, _) = DOCUMENT.split_once("[strikes]").unwrap();
    let plain = Policy::compile_again(before).unwrap().policy;
    let standing = Standing { strikes: 3, ..Standing::default() };
    let asked = Asked { violation: true, ..asked(&plain, "critical") };
    let escalation = plain.escalate(&asked, &standing, at(0));
    assert_eq!(enforced(&escalation, at(0)), [(Action::HardBlock, Scope::Message, None)]);
    assert_eq!(escalation.change, None);
}

fn severest(escalation: &Escalation) -> Action {
    escalation.actions.iter().map(|own| own.action).max().unwrap()
}

fn standings() -> impl Strategy<Value = Standing> {
    let restriction = (4_usize..8, -100_i64..100, proptest::option::of(-100_i64..1_000));
    (0_u32..10, proptest::collection::vec(restriction, 0..6)).prop_map(|(strikes, all)| {
        let mut standing = Standing { strikes, ..Standing::default() };
        for (action, since, until) in all {
            let restriction = Restriction {
                action: Action::ALL[action],
                since: at(since),
                expires_at: until.map(at),
            };
            let (at, strike) = (at(since), None);
            let restriction = Some(restriction);
            standing.add(&StandingChange { at, strike, restriction, case: None }, at);
        }
        standing
    })
}

proptest! {
    /// A second critical offence is never treated milder than a second merely-high one.
    #[test]
    fn a_worse_tier_and_one_more_strike_are_never_answered_more_mildly(standing in standings()) {
        let policy = policy();
        let of = |tier, standing: &Standing| {
            severest(&policy.escalate(&asked(&policy, tier), standing, at(0)))
        };
        let tiers = ["low", "medium", "high", "critical"];
        for pair in tiers.windows(2) {
            prop_assert!(of(pair[0], &standing) <= of(pair[1], &standing), "{pair:?}");
        }
        let more = Standing { strikes: standing.strikes + 1, ..standing.clone() };
        for tier in tiers {
            prop_assert!(of(tier, &standing) <= of(tier, &more), "{tier}");
        }
    }

    #[test]
    fn there_is_at_most_one_action_per_scope(standing in standings(), place in 0_usize..4) {
        let policy = policy();
        let tier = &policy.tiers()[place].name;
        let escalation = policy.escalate(&asked(&policy, tier), &standing, at(0));
        let scopes: Vec<Scope> = escalation.actions.iter().map(|own| own.scope).collect();
        prop_assert!(!scopes.is_empty() && scopes.is_sorted_by(|a, b| a < b), "{scopes:?}");
    }
}

#[test]
fn the_document_says_what_strikes_lead_to() {
    let policy = policy();
    let strikes = policy.strikes().unwrap();
    assert_eq!(
        (strikes.window_days, strikes.tiers.as_slice()),
        (30, &["high".into(), "critical".into()][..])
    );
    let step = StrikeStep { action: Action::Cooldown, for_h: Some(24), message: None };
    assert_eq!((strikes.steps.len(), &strikes.steps[1]), (4, &step));
}

/// What is asked of an account begins eight hours after `at(0)`, at 06:13 of the day after.
fn later() -> Policy {
    let enforcement = "[enforcement]\nhours = { from = \"06:13\", to = \"06:14\" }\n";
    Policy::compile_again(&format!("{DOCUMENT}{enforcement}")).unwrap().policy
}

fn worded(policy: &Policy, tier: &str) -> Asked {
    let template = |text: &str| Template::lenient(text, &crate::policy::PLACES);
    let text = Some(template("Held back: {action} until {until}."));
    let wording = Wording { text, tier: tier.to_owned(), ..Wording::default() };
    Asked { wording, ..asked(policy, tier) }
}

#[test]
fn what_begins_later_is_not_told_before_and_lasts_as_long() {
    let policy = later();
    let two = Standing { strikes: 2, ..Standing::default() };
    let escalation = policy.escalate(&worded(&policy, "high"), &two, at(0));
    let [message, account] = &escalation.actions[..] else { panic!("{escalation:?}") };
    assert_eq!((message.action, message.begins_at), (Action::SoftBlock, None), "it holds at once");
    let begins = at(0).plus_millis(7 * 3_600_000 + 59 * 60_000 + 40_000);
    assert_eq!((account.action, account.begins_at), (Action::Restriction, Some(begins)));
    assert_eq!(account.expires_at, Some(begins.plus_millis(72 * 3_600_000)));
    let change = escalation.change.clone().unwrap();
    let restriction = change.restriction.unwrap();
    assert_eq!((restriction.since, restriction.expires_at), (begins, account.expires_at));
    assert_eq!(escalation.message.as_deref(), Some("Held back: soft block until -."));
    assert_eq!(escalation.later.as_deref(), Some("Restricted."));
    // The strike counts from now on.
    assert_eq!(change.strike.unwrap().expires_at, at(30 * 24));
    let again = policy.escalate(&worded(&policy, "high"), &two, at(0));
    assert_eq!(again, escalation);
}

#[test]
fn whom_something_restricts_already_is_not_kept_waiting() {
    let policy = later();
    let in_force = |since: i64| Standing {
        strikes: 2,
        restrictions: vec![Restriction {
            action: Action::Cooldown,
            since: at(since),
            expires_at: Some(at(20)),
        }],
        case: None,
    };
    let escalation = policy.escalate(&worded(&policy, "high"), &in_force(-4), at(0));
    assert!(escalation.actions.iter().all(|own| own.begins_at.is_none()), "{escalation:?}");
    assert_eq!(escalation.message.as_deref(), Some("Restricted."));
    assert_eq!(escalation.later, None);
    // What has ended restricts nobody.
    let escalation = policy.escalate(&worded(&policy, "high"), &in_force(-4), at(20));
    assert!(escalation.actions.iter().any(|own| own.begins_at.is_some()), "{escalation:?}");
}
