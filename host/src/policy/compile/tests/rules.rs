//! What can be wrong with rules, lists, exemptions and actions that last.

use super::*;

const RULED: &str = r#"name = "qwickservices"
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

[[tiers]]
name = "high"
from = 0.645
action = "hard_block"

[[rules]]
name = "new-accounts"
when = 'evidence("contact.phone") > 0.5 && !lists.verified'
floor = "high"
tag = "new"
action = "restriction"
for_h = 72

[[rules]]
name = "calm"
when = """
tier == "high" &&
  score < 0.7"""
ceiling = "low"
review = true

[[lists]]
name = "verified"
kind = "allow"
field = "subject"
entries = [
    { value = "user-17", until = 2026-12-31T00:00:00Z, why = "a known trader" },
    { value = "user-18" },
]

[[exemptions]]
subjects = ["user-1"]
until = "2026-12-31T00:00:00Z"
why = "a test account"
"#;

#[rustfmt::skip] // A case on a line.
const CASES: &[Case] = &[
    // Keys and types.
    ("tag = \"new\"", "tga = \"new\"", ("P002", 24, 1), "a rule has no key `tga`", "did you mean `tag`?"),
    ("name = \"new-accounts\"", "", ("P004", 20, 1), "a rule must have the key `name`", "large-jobs"),
    ("review = true", "review = \"yes\"", ("P005", 34, 10), "`review` must be `true` or `false`, not a string", ""),
    ("for_h = 72", "for_h = 72.5", ("P005", 26, 9), "`for_h` must be a whole number of hours, not a decimal", ""),
    ("for_h = 72", "for_h = 0", ("P007", 26, 9), "`for_h` cannot be `0`", "whole hours from 1 to 87660"),
    ("kind = \"allow\"", "kind = \"alow\"", ("P008", 38, 8), "`kind` cannot be `alow`", "did you mean `allow`?"),
    ("kind = \"allow\"", "", ("P004", 36, 1), "a list must have the key `kind`", "what it is for"),
    ("{ value = \"user-18\" }", "\"user-18\"", ("P005", 42, 5), "an item of `entries` must be a table", "[[lists.entries]]"),
    ("{ value = \"user-18\" }", "{ vlaue = \"user-18\" }", ("P002", 42, 7), "an entry has no key `vlaue`", "did you mean `value`?"),
    ("until = 2026-12-31T00:00:00Z", "until = 2026-12-31", ("P009", 41, 34), "`until` cannot be `2026-12-31`", "with its offset"),
    ("until = \"2026-12-31T00:00:00Z\"", "until = 7", ("P005", 47, 9), "`until` must be a time, not an integer", ""),
    ("until = \"2026-12-31T00:00:00Z\"", "", ("P004", 45, 1), "an exemption must have the key `until`", "an exemption ends"),
    ("why = \"a test account\"", "", ("P004", 45, 1), "an exemption must have the key `why`", "whoever reads"),
    // Names and words.
    ("name = \"calm\"", "name = \"new-accounts\"", ("P006", 29, 8), "the rule `new-accounts` is already on line 21", "give each its own"),
    ("name = \"calm\"", "name = \"Calm\"", ("P009", 29, 8), "`Calm` is not a name for a rule", "lower-case"),
    ("tag = \"new\"", "tag = \"New one\"", ("P009", 24, 7), "`New one` is not a name for a tag", "lower-case"),
    ("review = true", "case = \"\"", ("P009", 34, 8), "`` is not a name for a case", "at most 64 characters"),
    ("review = true", "case = \"Calm ones\"", ("P009", 34, 8), "`Calm ones` is not a name for a case", "joined by `-`"),
    ("review = true", "case = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", ("P009", 34, 8), "…` is not a name for a case", "at most 64 characters"),
    ("review = true", "case = true", ("P005", 34, 8), "`case` must be a string, not", ""),
    ("review = true", "csae = \"calm\"", ("P002", 34, 1), "a rule has no key `csae`", "did you mean `case`?"),
    ("floor = \"high\"", "floor = \"hihg\"", ("P008", 23, 9), "`floor` cannot be `hihg`", "did you mean `high`?"),
    ("ceiling = \"low\"", "ceiling = \"lwo\"", ("P008", 33, 11), "`ceiling` cannot be `lwo`", "did you mean `low`?"),
    ("action = \"restriction\"", "action = \"restricton\"", ("P008", 25, 10), "`action` cannot be `restricton`", "did you mean `restriction`?"),
    ("name = \"verified\"", "name = \"verified-ones\"", ("P009", 37, 8), "not a name for a list", "joined by `_`"),
    ("field = \"subject\"", "field = \"subjct\"", ("P023", 39, 9), "`subjct` is no field of an event", "did you mean `subject`?"),
    ("field = \"subject\"", "field = \"data\"", ("P023", 39, 9), "`data` is no field", "a path such as `data.thread_id`"),
    ("field = \"subject\"", "field = \"subject.x\"", ("P023", 39, 9), "`subject.x` is no field", "write `subject`"),
    ("value = \"user-18\"", "value = \"user-17\"", ("P006", 42, 15), "`user-17` is already on line 41", "remove one"),
    ("value = \"user-18\"", "value = \"\"", ("P015", 42, 15), "nothing is written here", ""),
    ("subjects = [\"user-1\"]", "subjects = []", ("P015", 46, 12), "the exemption is about nobody", "name the accounts"),
    ("why = \"a test account\"", "why = \" \"", ("P015", 48, 7), "nothing is written here", ""),
    // Conditions, in the document's lines and columns.
    ("!lists.verified", "!lists.verifid", ("P023", 22, 45), "the policy has no list `verifid`", "did you mean `verified`?"),
    ("contact.phone\") > 0.5", "contact.fone\") > 0.5", ("P003", 22, 18), "unknown label `contact.fone`", "did you mean `contact.phone`?"),
    ("score < 0.7", "scoer < 0.7", ("P023", 32, 3), "unknown variable `scoer`", "did you mean `score`?"),
    ("score < 0.7", "score < '0.7'", ("P024", 32, 3), "`<` of a number and a text", "numbers stand without quotes"),
    ("score < 0.7", "score <", ("P022", 32, 10), "something is missing at its end", "an expression of CEL"),
    ("tier == \"high\"", "tier == \"\\u0068ihg\"", ("P008", 31, 9), "the policy has no tier `hihg`", "did you mean `high`?"),
    // What does nothing.
    ("ceiling = \"low\"\nreview = true", "", ("P025", 28, 1), "nothing follows from the rule", "write at least one of"),
    ("floor = \"high\"", "floor = \"low\"", ("P025", 23, 9), "the floor does nothing", "every score reaches the first tier"),
    ("ceiling = \"low\"", "ceiling = \"high\"", ("P025", 33, 11), "the ceiling does nothing", "no score lies above the last tier"),
    ("tag = \"new\"", "ceiling = \"low\"", ("P025", 24, 11), "the ceiling of the rule lies below its floor", "a floor wins"),
    ("review = true", "for_h = 3", ("P025", 34, 9), "`for_h` without an `action`", "write the `action`"),
    ("review = true", "scope = \"account\"", ("P025", 34, 9), "`scope` without an `action`", "write the `action`"),
    ("&& !lists.verified", "", ("P105", 37, 8), "no rule asks for the list `verified`", "write `lists.verified`"),
    // What an event may lack.
    ("score < 0.7", "event.data.age < 7", ("P104", 32, 3), "nothing is known of `event.data.age`", "has(event.data.age)"),
    // What lasts wants a person.
    ("for_h = 72", "", ("P026", 25, 10), "`restriction` of an account without a person: it does not end by itself", "`for_h = 72`"),
    ("\"restriction\"", "\"suspension_candidate\"", ("P026", 25, 10), "only a person may suspend", "add `review = true`"),
    ("action = \"hard_block\"", "action = \"hard_block\"\nscope = \"account\"", ("P026", 18, 10), "`hard_block` of an account", "`for_h = 72`"),
    ("action = \"hard_block\"", "action = \"cooldown\"", ("P026", 18, 10), "`cooldown` of an account", "`for_h = 72`"),
];

#[test]
fn the_good_document_is_good() {
    let compiled = Policy::compile(RULED, &known()).unwrap();
    assert_eq!(compiled.warnings, []);
    let policy = compiled.policy;
    let rules: Vec<&str> = policy.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(rules, ["new-accounts", "calm"]);
    assert_eq!(policy.lists()[0].name, "verified");
    assert_eq!(Policy::compile_again(RULED).unwrap().policy, policy);
}

#[test]
fn mistakes_in_rules_lists_and_exemptions_are_told_where_they_are() {
    each_fault_of(RULED, CASES);
}

#[test]
fn with_a_person_what_lasts_is_good() {
    for action in ["restriction", "suspension_candidate", "hard_block"] {
        let text = RULED.replace(
            "action = \"restriction\"\nfor_h = 72",
            &format!("action = \"{action}\"\nscope = \"account\"\nreview = true"),
        );
        assert_eq!(diagnostics(&text), [], "{action}");
        let text = text
            .replace("scope = \"account\"\nreview = true", "scope = \"account\"\ncase = \"new\"");
        assert_eq!(diagnostics(&text), [], "a case has a person look at {action}");
    }
}

#[test]
fn a_document_that_has_judged_before_proves_nothing_again() {
    let text = RULED.replace("for_h = 72", "");
    assert!(Policy::compile(&text, &known()).is_err());
    assert!(Policy::compile_again(&text).is_ok());
}

#[test]
fn too_many_are_refused() {
    let many = |header: &str, body: &str, count: usize| -> String {
        let one = |at: usize| format!("[[{header}]]\n{}\n", body.replace('N', &at.to_string()));
        (0..count).map(one).collect()
    };
    let rules = many("rules", "name = \"rN\"\nwhen = \"true\"\ntag = \"t\"", 63);
    let found = diagnostics(&(RULED.to_owned() + &rules));
    assert!(found.iter().any(|it| it.code == "P016" && it.message == "65 rules; 64 are allowed"));
    let lists = many(
        "lists",
        "name = \"lN\"\nkind = \"deny\"\nfield = \"subject\"\nentries = [{ value = \"a\" }]",
        32,
    );
    let found = diagnostics(&(RULED.to_owned() + &lists));
    assert!(found.iter().any(|it| it.code == "P016" && it.message == "33 lists; 32 are allowed"));
    let deep = RULED.replace("score < 0.7", &format!("{}true", "(".repeat(25)));
    let found = diagnostics(&deep);
    assert!(
        found.iter().any(|it| it.code == "P016" && it.line == 32 && it.column == 27),
        "{found:?}"
    );
}
