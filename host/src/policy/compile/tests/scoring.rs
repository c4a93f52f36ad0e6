//! What can be wrong with stages, lifts and modifiers.

use super::*;
use crate::policy::{Adds, Lift};

const STAGED: &str = r#"name = "qwickservices"
source = "qwickservices"
events = ["*"]
on_error = "review"
merge = "stage-weighted"

[weights]
"contact.phone" = 0.85
"contact.intent" = 0.35

[[stages]]
name = "rules"
weight = 0.6
merge = "max"
labels = ["contact.phone"]

[[stages]]
name = "intent"
weight = 0.4
merge = "sum-capped"
labels = ["contact.intent"]

[lift]
from = 0.85
share = 0.80

[[modifiers]]
name = "both"
labels = ["contact.intent"]
with = ["contact.phone"]
add = 0.12
stage = "rules"

[[modifiers]]
name = "further"
labels = ["contact.intent", "contact.phone"]
add_each_further = 0.08
at_most = 0.15

[[tiers]]
name = "low"
from = 0
action = "allow"
"#;

#[rustfmt::skip] // A case on a line.
const CASES: &[Case] = &[
    // What belongs together.
    ("merge = \"stage-weighted\"", "merge = \"stage-wieghted\"", ("P008", 5, 9), "", "did you mean `stage-weighted`?"),
    ("merge = \"sum-capped\"", "merge = \"sum\"", ("P008", 20, 9), "`merge` cannot be `sum`", "write one of `max`"),
    ("merge = \"max\"", "merge = \"stage-weighted\"", ("P008", 14, 9), "", "write one of `max`"),
    ("stage = \"rules\"", "stage = \"ruels\"", ("P008", 32, 9), "`stage` cannot be `ruels`", "did you mean `rules`?"),
    // Keys and types.
    ("[lift]", "[lfit]", ("P002", 23, 2), "a policy has no key `lfit`", "did you mean `lift`?"),
    ("share = 0.80", "", ("P004", 23, 1), "a lift must have the key `share`", "share = 0.8"),
    ("weight = 0.6", "", ("P004", 11, 1), "a stage must have the key `weight`", "weight = 0.5"),
    ("labels = [\"contact.phone\"]", "", ("P004", 11, 1), "`labels`", "contact.phone"),
    ("at_most", "at_mots", ("P002", 38, 1), "a modifier has no key `at_mots`", "did you mean `at_most`?"),
    ("add = 0.12", "add = -0.12", ("P007", 31, 7), "`add` cannot be `-0.12`", "from 0 to 1"),
    ("name = \"both\"", "name = \"Both\"", ("P009", 28, 8), "not a name for a modifier", "lower-case"),
    // Labels.
    ("labels = [\"contact.phone\"]", "labels = [\"contact.phone\", \"contact.fone\"]", ("P020", 15, 28),
        "`contact.fone` has no weight", "did you mean `contact.phone`?"),
    ("with = [\"contact.phone\"]", "with = [\"bid.shill\"]", ("P020", 30, 9), "`bid.shill` has no weight", "0 if it counts"),
    ("\"contact.intent\" = 0.35", "\"contact.intent\" = 0.35\n\"velocity.messages\" = 1", ("P018", 10, 1),
        "`velocity.messages` belongs to no stage", "`labels` of a stage"),
    ("labels = [\"contact.phone\"]", "labels = [\"contact.phone\", \"contact.intent\"]", ("P006", 21, 11),
        "`contact.intent` is already in a stage, on line 15", "evidence counts once"),
    ("with = [\"contact.phone\"]", "with = [\"contact.intent\"]", ("P006", 30, 9), "already on line 29", "together with itself"),
    ("name = \"intent\"", "name = \"rules\"", ("P006", 18, 8), "the stage `rules` is already on line 12", "its own"),
    ("name = \"further\"", "name = \"both\"", ("P006", 35, 8), "the modifier `both` is already on line 28", "its own"),
    ("labels = [\"contact.phone\"]", "labels = []", ("P015", 15, 10), "a stage without labels finds nothing", "name the labels"),
    // Sums.
    ("weight = 0.4", "weight = 0.400001", ("P019", 19, 10), "add up to 1.000001", "at most"),
    // Modifiers.
    ("add = 0.12", "", ("P021", 27, 1), "does not say what it adds", "`add_each_further = 0.08`"),
    ("add = 0.12", "add = 0.12\nadd_each_further = 0.1", ("P021", 32, 20), "either `add` or", "leave one out"),
    ("add = 0.12", "add = 0.12\nat_most = 0.1", ("P021", 32, 11), "`at_most` bounds nothing", "`add_each_further`"),
    ("with = [\"contact.phone\"]", "with = []", ("P015", 30, 8), "`with` names no label", "leave `with` out"),
    ("labels = [\"contact.intent\", \"contact.phone\"]", "labels = [\"contact.intent\"]", ("P015", 36, 10),
        "needs two labels", "name the labels"),
];

#[test]
fn each_fault_of_the_scoring_has_its_code_its_place_and_its_hint() {
    each_fault_of(STAGED, CASES);
}

#[test]
fn stages_say_what_they_say() {
    let Compiled { policy, warnings } = Policy::compile(STAGED, &known()).unwrap();
    assert_eq!(warnings, []);
    let Scheme::Stages { stages, lift } = policy.scheme() else { panic!("{:?}", policy.scheme()) };
    let score = |millionths| Score::from_millionths(millionths).unwrap();
    assert_eq!(*lift, Some(Lift { from: score(850_000), share: score(800_000) }));
    let told: Vec<_> = stages.iter().map(|it| (it.name.as_str(), it.weight, it.merge)).collect();
    let want =
        [("rules", score(600_000), Merge::Max), ("intent", score(400_000), Merge::SumCapped)];
    assert_eq!(told, want);
    let adds: Vec<_> = policy.modifiers().iter().map(|it| (it.name.as_str(), it.adds)).collect();
    let further = Adds::EachFurther { each: score(80_000), at_most: score(150_000) };
    assert_eq!(adds, [("both", Adds::Once(score(120_000))), ("further", further)]);
}

#[test]
fn stages_and_modifiers_have_limits() {
    let stage =
        |n| format!("[[stages]]\nname = \"s{n}\"\nweight = 0\nmerge = \"max\"\nlabels = []\n");
    let modifier =
        |n| format!("[[modifiers]]\nname = \"m{n}\"\nlabels = [\"contact.phone\"]\nadd = 0\n");
    let more = |count: usize, one: &dyn Fn(usize) -> String| {
        format!("{STAGED}{}", (0..count).map(one).collect::<String>())
    };
    let cases = [
        (more(15, &stage), "17 stages; 16 are allowed"),
        (more(31, &modifier), "33 modifiers; 32 are allowed"),
    ];
    for (text, message) in cases {
        let found = diagnostics(&text);
        assert!(found.iter().any(|one| one.message.contains(message)), "{message}: {found:#?}");
    }
}

#[test]
fn a_merge_without_stages_has_none() {
    let text = STAGED.replace("stage-weighted", "max");
    let found: Vec<_> = diagnostics(&text).iter().map(|it| (it.code, it.line)).collect();
    assert_eq!(found, [("P017", 11), ("P017", 23), ("P017", 32)]);
    let begin = STAGED.find("[[stages]]").unwrap();
    let end = STAGED.find("[[modifiers]]").unwrap();
    let text = STAGED.replace(&STAGED[begin..end], "").replace("stage = \"rules\"\n", "");
    let found = diagnostics(&text);
    let [one] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((one.code, one.line, one.column), ("P017", 5, 9));
}
