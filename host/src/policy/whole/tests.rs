use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::{Policy, render};

const DOCUMENT: &str = r#"# Of the market.
name = "market"
include = [
    "shared/contacts.toml",     # how people are reached
    "shared/ladder.toml",
]
source = "market"
events = ["message.*"]
merge = "max"

[weights]
"payment.circumvention" = 0.8

[[rules]]
name = "large"
when = "event.subject == '[[tiers]]'"
tag = "large"
"#;

const CONTACTS: &str = r#"on_error = "review"

# What a contact weighs.
[weights]
"contact.phone" = 0.8
"contact.email" = 0.7

# Both at once.
[[rules]]
name = "both"
when = '''
"contact.phone" in labels
  && "contact.email" in labels
'''
tag = "both"
"#;

const LADDER: &str = r#"[[tiers]]
name = "low"
from = 0
action = "allow"

[[tiers]]
name = "high"
from = 0.6
action = "soft_block"
message = "Please stay."
"#;

fn assembled(document: &str, parts: &[(&str, &str)]) -> Whole {
    let parts: BTreeMap<&str, &str> = parts.iter().copied().collect();
    Whole::assemble(document, |name| {
        let part = parts.get(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok((*part).to_owned())
    })
}

fn shared() -> Whole {
    assembled(DOCUMENT, &[("shared/contacts.toml", CONTACTS), ("shared/ladder.toml", LADDER)])
}

/// What a person is told, by its first lines.
fn told(whole: &Whole) -> Vec<String> {
    let faults = Policy::compile_whole(whole, None).unwrap_err();
    let shown = render("market.toml", whole, &faults);
    shown.split("\n\n").filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_whole_is_one_document_that_compiles_and_says_whence_it_is() {
    insta::assert_snapshot!(shared().text(), @r#"
    # Of the market.
    name = "market"
    source = "market"
    events = ["message.*"]
    merge = "max"

    # From shared/contacts.toml:
    on_error = "review"

    [weights]
    "payment.circumvention" = 0.8

    # From shared/contacts.toml:
    # What a contact weighs.
    "contact.phone" = 0.8
    "contact.email" = 0.7

    [[rules]]
    name = "large"
    when = "event.subject == '[[tiers]]'"
    tag = "large"

    # From shared/contacts.toml:
    # Both at once.
    [[rules]]
    name = "both"
    when = '''
    "contact.phone" in labels
      && "contact.email" in labels
    '''
    tag = "both"

    # From shared/ladder.toml:
    [[tiers]]
    name = "low"
    from = 0
    action = "allow"

    [[tiers]]
    name = "high"
    from = 0.6
    action = "soft_block"
    message = "Please stay."
    "#);
    let policy = Policy::compile_whole(&shared(), None).unwrap().policy;
    assert_eq!(policy, Policy::compile_again(shared().text()).unwrap().policy);
    assert_eq!(policy.rules().len(), 2);
    assert_eq!(policy.tiers().len(), 2);
}

#[test]
fn another_text_of_a_part_is_another_policy() {
    let digest = |contacts| {
        let parts = [("shared/contacts.toml", contacts), ("shared/ladder.toml", LADDER)];
        Policy::compile_whole(&assembled(DOCUMENT, &parts), None).unwrap().policy.digest()
    };
    assert_eq!(digest(CONTACTS), digest(CONTACTS));
    assert_ne!(digest(CONTACTS), digest(&CONTACTS.replace("0.7", "0.71")));
}

#[test]
fn a_fault_is_shown_where_it_was_written() {
    let contacts = CONTACTS.replace("\"contact.email\" in", "contact.email in").replace("0.7", "7");
    let parts = [("shared/contacts.toml", &*contacts), ("shared/ladder.toml", LADDER)];
    let told = told(&assembled(&DOCUMENT.replace("\"max\"", "\"maxi\""), &parts));
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("--> market.toml:9:9\n"), "{}", told[0]);
    assert!(told[0].contains("9 | merge = \"maxi\""), "{}", told[0]);
    assert!(told[1].contains("--> shared/contacts.toml:6:19\n"), "{}", told[1]);
    assert!(told[1].contains("6 | \"contact.email\" = 7\n"), "{}", told[1]);
    assert!(told[2].contains("--> shared/contacts.toml:13:6\n"), "{}", told[2]);
}

#[test]
fn what_two_files_write_is_told_of_both() {
    let ladder = LADDER.to_owned() + "\n[weights]\n\"contact.phone\" = 0.9\n";
    let parts = [("shared/contacts.toml", CONTACTS), ("shared/ladder.toml", &*ladder)];
    let twice = told(&assembled(DOCUMENT, &parts));
    assert_eq!(twice.len(), 1, "{twice:#?}");
    assert!(twice[0].contains("`contact.phone` is written twice"), "{}", twice[0]);
    assert!(twice[0].contains("--> shared/ladder.toml:13:1\n"), "{}", twice[0]);

    let ladder = LADDER.to_owned() + "\n[[rules]]\nname = \"both\"\nwhen = \"true\"\ntag = \"x\"\n";
    let parts = [("shared/contacts.toml", CONTACTS), ("shared/ladder.toml", &*ladder)];
    let named = told(&assembled(DOCUMENT, &parts));
    assert!(named[0].contains("line 10 of shared/contacts.toml"), "{}", named[0]);
    assert!(named[0].contains("--> shared/ladder.toml:13:8\n"), "{}", named[0]);
}

#[test]
fn a_part_that_cannot_be_put_in_says_why_and_how_to_mend_it() {
    let missing = told(&assembled(DOCUMENT, &[("shared/contacts.toml", CONTACTS)]));
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(missing[0].contains("error[P029]: the part `shared/ladder.toml` cannot be read"));
    assert!(missing[0].contains("--> market.toml:5:5\n"), "{}", missing[0]);
    assert!(missing[0].contains("from the folder of the policy on"), "{}", missing[0]);

    for name in
        ["contacts.toml", "/etc/a/b.toml", "../shared/a.toml", "shared/a.json", "a/../b.toml"]
    {
        let found = told(&assembled(&format!("include = [\"{name}\"]\n"), &[(name, CONTACTS)]));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("is not a part"), "{}", found[0]);
    }

    let nested = CONTACTS.replace("on_error", "include = []\non_error");
    let parts = [("shared/contacts.toml", &*nested), ("shared/ladder.toml", "[[tiers]\n")];
    let found = told(&assembled(DOCUMENT, &parts));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("a part includes no others"), "{}", found[0]);
    assert!(found[0].contains("--> shared/contacts.toml:1:1\n"), "{}", found[0]);
    assert!(found[1].contains("error[P001]"), "{}", found[1]);
    assert!(found[1].contains("--> shared/ladder.toml:1:"), "{}", found[1]);

    let twice = DOCUMENT.replace("ladder", "contacts");
    let found = told(&assembled(&twice, &[("shared/contacts.toml", CONTACTS)]));
    assert!(found[0].contains("`shared/contacts.toml` is already on line 4"), "{}", found[0]);

    let found = told(&assembled("include = \"shared/contacts.toml\"\n", &[]));
    assert!(found[0].contains("error[P005]"), "{}", found[0]);
}

#[test]
fn a_text_without_its_parts_is_refused_and_nothing_else_is_guessed() {
    let found = told(&Whole::alone(DOCUMENT));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("includes parts and came without them"), "{}", found[0]);
    assert!(found[0].contains("picket policy push FILE"), "{}", found[0]);
}

#[test]
fn brackets_in_values_and_texts_are_no_headers() {
    let text = "a = [\n  [1],\n]\nb = \"\"\"\n[x]\n\"\"\"\n[ y . z ]\n# said of it\n[[w]] # [v]\nc = {d = [\n]}\n";
    assert_eq!(headers(text), [(6, "[y.z]".to_owned()), (8, "[[w]]".to_owned())]);
    let sections = sections(text, 0);
    assert_eq!(sections[2].lines[0].0, "# said of it");
    assert_eq!(sections[2].head, 2);
}

proptest! {
    /// Whatever is written, nothing panics, and no line of a document is lost or told wrongly.
    #[test]
    fn every_line_knows_where_it_was_written(
        document in "(name = 1\n|\\[a\\]\n|\\[\\[b\\]\\]\n|# x\n|'''\n|\\[|\n){0,12}",
        part in "(name = 2\n|\\[a\\]\n|\\[\\[b\\]\\]\n|# y\n|\n){0,12}",
    ) {
        let document = format!("include = ['p/q.toml']\n{document}");
        let whole = assembled(&document, &[("p/q.toml", &part)]);
        for (at, line) in whole.text().lines().enumerate() {
            let (of, number) = whole.origin(at + 1);
            let written = whole.line(of, number);
            let told = line.is_empty() || line == "# From p/q.toml:";
            prop_assert!(told || written == line, "{line:?} is not {written:?}");
        }
        if whole.faults().is_empty() && whole.has_parts() {
            let all = whole.text();
            prop_assert!(document.lines().skip(1).all(|line| all.contains(line)));
        }
    }
}
