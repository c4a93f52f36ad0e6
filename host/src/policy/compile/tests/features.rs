//! What can be wrong with features, and what a policy asks about the past.

use super::*;
use crate::policy::Reads;

const COUNTED: &str = r#"name = "qwickservices"
source = "qwickservices"
events = ["message.*"]
on_error = "review"
merge = "max"
[weights]
"contact.phone" = 0.85
[[tiers]]
name = "low"
from = 0
action = "allow"
[[features]]
name = "messages_1h"
function = "count"
by = "subject"
window_s = 3600
events = ["message.*"]
[[features]]
name = "mean_amount"
function = "mean"
of = "data.amount"
by = "data.thread_id"
window_s = 60
[[rules]]
name = "many"
when = """features.messages_1h > 20 && has(features.mean_amount) &&
  features.mean_amount > 3 && accounts("contact.phone", 30) >= 3"""
alert = "shared-phone"
"#;

#[rustfmt::skip] // A case on a line.
const CASES: &[Case] = &[
    ("function = \"count\"", "function = \"cuont\"", ("P008", 14, 12), "`function` cannot be `cuont`", "did you mean `count`?"),
    ("function = \"count\"", "", ("P004", 12, 1), "a feature must have the key `function`", "what it says of earlier events"),
    ("window_s = 3600", "window = 3600", ("P002", 16, 1), "a feature has no key `window`", "did you mean `window_s`?"),
    ("window_s = 3600", "window_s = 0", ("P028", 12, 1), "looks back 0 seconds; 1 to 7776000 are possible", ""),
    ("of = \"data.amount\"", "", ("P028", 18, 1), "wants to know of what", ""),
    ("by = \"subject\"", "by = \"entities.contact.phone\"", ("P023", 15, 6), "no field of an event", "write one of"),
    ("by = \"subject\"", "by = \"subjct\"", ("P023", 15, 6), "`subjct` is no field of an event", "did you mean `subject`?"),
    ("name = \"mean_amount\"", "name = \"messages_1h\"", ("P006", 19, 8), "the feature `messages_1h` is already on line 13", "give each its own"),
    ("name = \"messages_1h\"", "name = \"messages-1h\"", ("P009", 13, 8), "not a name for a feature", "`features.NAME`"),
    ("events = [\"message.*\"]\n[[features]]", "events = [\"Message\"]\n[[features]]", ("P009", 17, 11), "not a pattern of event types", "message.sent"),
    ("features.messages_1h >", "features.mesages_1h >", ("P023", 26, 11), "no feature `mesages_1h`", "did you mean `messages_1h`?"),
    ("has(features.mean_amount) &&", "", ("P104", 27, 3), "nothing is known of `features.mean_amount`", "has(features.mean_amount)"),
    ("features.messages_1h > 20 && ", "", ("P106", 13, 8), "no rule asks for the feature `messages_1h`", "write `features.messages_1h`"),
    ("alert = \"shared-phone\"", "", ("P025", 24, 1), "nothing follows from the rule", "`alert`"),
    ("alert = \"shared-phone\"", "alert = \"Shared\"", ("P009", 28, 9), "not a name for an alert", "lower-case"),
];

#[test]
fn mistakes_in_features_are_told_where_they_are() {
    each_fault_of(COUNTED, CASES);
}

#[test]
fn what_a_policy_asks_is_known() {
    let compiled = Policy::compile(COUNTED, &known()).unwrap();
    assert_eq!(compiled.warnings, []);
    let asks: Vec<String> = compiled.policy.asks().iter().map(ToString::to_string).collect();
    assert_eq!(
        asks,
        [
            "count by subject",
            "mean data.amount by data.thread_id",
            "distinct subject by entities.contact.phone"
        ]
    );
    assert_eq!(compiled.policy.asks()[2].entities(), Some("contact.phone"));
    assert_eq!(compiled.policy.reads(), Reads::default());
    for (asked, standing, risk) in [
        ("subject.strikes > 1", true, false),
        ("subject.tier == 'low' && subject.restricted", true, true),
        ("'cooldown' in subject.restrictions", true, false),
        ("subject.trust + subject.score > 1", false, true),
    ] {
        let text = COUNTED.replace("features.messages_1h > 20", asked);
        let reads = Policy::compile_again(&text).unwrap().policy.reads();
        assert_eq!(reads, Reads { standing, risk }, "{asked}");
    }
    let one = |at: usize| {
        format!(
            "[[features]]\nname = \"f{at}\"\nfunction = \"count\"\nby = \"subject\"\nwindow_s = 60\n"
        )
    };
    let many: String = (0..31).map(one).collect();
    let found = diagnostics(&(COUNTED.to_owned() + &many));
    let asking: String = (1..=16)
        .map(|days| {
            format!("[[rules]]\nname = \"r{days}\"\nwhen = 'accounts(\"contact.phone\", {days}) > 3'\ntag = \"t\"\n")
        })
        .collect();
    let refused = "more than 16 different `accounts(...)`";
    let told = diagnostics(&(COUNTED.to_owned() + &asking));
    assert!(told.iter().any(|it| it.code == "P016" && it.message == refused), "{told:?}");
    let refused = "33 features; 32 are allowed";
    assert!(found.iter().any(|it| it.code == "P016" && it.message == refused), "{found:?}");
}
