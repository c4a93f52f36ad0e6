//! What is wrong with `[strikes]`, and where.

use super::*;

const STRIKES: &str = r#"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
"#;

/// What is replaced, by what, the code and place of the one fault, a part of its message and of its hint.
type Case = (&'static str, &'static str, (&'static str, usize, usize), &'static str, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("[\"high\"]", "[]", ("P015", 29, 9), "no tier gives a strike", "leave `strikes` out"),
    ("[\"high\"]", "[\"hihg\"]", ("P008", 29, 10), "no tier `hihg`", "did you mean `high`?"),
    ("[\"high\"]", "[\"high\", \"high\"]", ("P006", 29, 18), "there twice", "remove one"),
    ("[\"high\"]", "[\"low\"]", ("P027", 29, 10), "a score of 0", "a higher tier"),
    ("window_days = 30", "", ("P004", 28, 1), "must have the key `window_days`", "`window_days = 30`"),
    ("= 30", "= 0", ("P007", 30, 15), "cannot be 0", "whole days, from 1 to"),
    ("= 30", "= 3661", ("P007", 30, 15), "cannot be 3661", "to 3660"),
    ("= 30", "= -1", ("P007", 30, 15), "cannot be `-1`", "not negative"),
    ("= 30", "= 1.5", ("P005", 30, 15), "must be an integer, not a decimal", ""),
    ("\"warning\"", "\"wanring\"", ("P008", 32, 10), "`action` cannot be", "did you mean `warning`?"),
    ("for_h = 24", "", ("P027", 34, 10), "`cooldown` has no end", "by people alone"),
    ("for_h = 24", "for_hours = 24", ("P002", 35, 1), "no key `for_hours`", ""),
    ("\"warning\"", "\"hard_block\"\nfor_h = 3", ("P027", 35, 10), "milder than hard_block for 3 h", "never answered more mildly"),
    ("\"warning\"", "\"cooldown\"\nfor_h = 25", ("P027", 35, 10), "cooldown for 24 h is milder than cooldown for 25 h", ""),
    ("\"warning\"", "\"warning\"\nmessage = \" \"", ("P015", 33, 11), "`message` is empty", "leave `message` out"),
];

#[test]
fn each_mistake_has_its_code_its_place_and_its_mend() {
    let good = format!("{}{STRIKES}", GOOD.trim_end());
    assert_eq!(diagnostics(&good), []);
    for (is, instead, (code, line, column), message, hint) in CASES {
        let text = good.replacen(is, instead, 1);
        assert_ne!(text, good, "{is}");
        let found: Vec<_> = diagnostics(&text)
            .into_iter()
            .filter(|fault| fault.code == *code && (fault.line, fault.column) == (*line, *column))
            .collect();
        let [fault] = &found[..] else { panic!("{instead}: {:?}", diagnostics(&text)) };
        assert!(fault.message.contains(message), "{instead}: {}", fault.message);
        let said = fault.hint.clone().unwrap_or_default();
        assert!(said.contains(hint), "{instead}: {said}");
    }
}

#[test]
fn there_are_not_endless_steps() {
    let steps = "[[strikes.steps]]\naction = \"warning\"\n".repeat(17);
    let text = format!("{GOOD}[strikes]\ntiers = [\"high\"]\nwindow_days = 1\n{steps}");
    let codes: Vec<_> = diagnostics(&text).into_iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["P016"]);
    let empty = format!("{GOOD}[strikes]\ntiers = [\"high\"]\nwindow_days = 1\nsteps = []\n");
    let codes: Vec<_> = diagnostics(&empty).into_iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["P015"]);
}
