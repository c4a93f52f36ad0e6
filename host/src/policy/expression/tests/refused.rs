//! What is no condition, where it is told, and the mend.

use super::*;

#[rustfmt::skip] // A case on a line: code, the part it is about, message, hint.
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    // Names.
    ("evnt.data.x == 1", code::UNKNOWN_NAME, "evnt", "unknown variable `evnt`", "did you mean `event`?"),
    ("tier == low", code::UNKNOWN_NAME, "low", "unknown variable `low`", "texts stand in quotes: write `\"low\"`"),
    ("event.sbject == 'a'", code::UNKNOWN_NAME, "sbject", "an event has no field `sbject`", "did you mean `subject`?"),
    ("signals.exists(s, s.lable == 'a')", code::UNKNOWN_NAME, "lable", "a signal has no field `lable`", "did you mean `label`?"),
    ("score > 0 && lists.verifed", code::UNKNOWN_NAME, "lists.verifed", "the policy has no list `verifed`", "did you mean `verified`?"),
    ("evidnce('contact.phone') > 0.5", code::UNKNOWN_NAME, "evidnce('contact.phone')", "unknown function `evidnce`", "did you mean `evidence`?"),
    ("event.subject.matches('a+')", code::UNKNOWN_NAME, "matches('a+')", "rules do not match patterns", "a detector finds patterns"),
    ("event.time.getHours('UTC') > 3", code::UNKNOWN_NAME, "getHours('UTC')", "`getHours` is not called like this", "from 0 to 23 in UTC"),
    ("signals.exists(s, true) && s.score > 1", code::UNKNOWN_NAME, "s", "unknown variable `s`", "write one of `event`"),
    ("features.mesages_1h > 3", code::UNKNOWN_NAME, "features.mesages_1h", "the policy has no feature `mesages_1h`", "did you mean `messages_1h`?"),
    ("subject.strike > 3", code::UNKNOWN_NAME, "subject.strike", "`subject` has no field `strike`", "did you mean `strikes`?"),
    ("acounts('contact.phone', 30) > 3", code::UNKNOWN_NAME, "acounts('contact.phone', 30)", "unknown function `acounts`", "did you mean `accounts`?"),
    ("accounts('contact.phone') > 3", code::UNKNOWN_NAME, "accounts('contact.phone')", "`accounts` is not called like this", "days"),
    ("features > 3", code::TYPES, "features", "`features` is no value by itself", "features.NAME"),
    ("subject == 'user-1'", code::TYPES, "subject", "`subject` is no value by itself", "`event.subject`"),
    ("features.messages_1h == 'many'", code::TYPES, "features.messages_1h == 'many'", "`==` of a number and a text", "without quotes"),
    ("subject.restricted > 0", code::TYPES, "subject.restricted > 0", "`>` of a boolean and a number", ""),
    ("subject.tier == 'hihg'", code::UNKNOWN_WORD, "'hihg'", "no tier `hihg`", "did you mean `high`?"),
    ("accounts('contact.fone', 30) > 3", code::UNKNOWN_LABEL, "'contact.fone'", "unknown label `contact.fone`", "did you mean"),
    ("accounts(event.type, 30) > 3", code::TYPES, "event.type", "wants a label as it is written", ""),
    ("accounts('contact.phone', 91) > 3", code::TYPES, "91", "wants days as they are written", "from 1 to 90"),
    // Few words.
    ("tier == 'hihg'", code::UNKNOWN_WORD, "'hihg'", "the policy has no tier `hihg`", "did you mean `high`?"),
    ("'hihg' != tier", code::UNKNOWN_WORD, "'hihg'", "the policy has no tier `hihg`", ""),
    ("tier in ['low', 'hihg']", code::UNKNOWN_WORD, "['low', 'hihg']", "no tier `hihg`", ""),
    ("event.type == 'bid.placed'", code::UNKNOWN_WORD, "'bid.placed'", "judges no event of type `bid.placed`", "write one of `message.*`"),
    ("evidence('contact.fone') > 0.5", code::UNKNOWN_LABEL, "'contact.fone'", "unknown label `contact.fone`", "did you mean `contact.phone`?"),
    ("labels['contact.fone'] > 0.5", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("'contact.fone' in labels", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("signals.exists(s, s.label == 'contact.fone')", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("'contact.fone' in signals.map(s, s.label)", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("evidence('phone') > 0.5", code::MALFORMED, "'phone'", "`phone` is not a label", ""),
    // Types.
    ("tier > 0.5", code::TYPES, "tier > 0.5", "`>` of a text and a number", "numbers stand without quotes"),
    ("score == '0.5'", code::TYPES, "score == '0.5'", "`==` of a number and a text", ""),
    ("degraded < true", code::TYPES, "degraded < true", "`<` of a boolean and a boolean", ""),
    ("event.time > '2026-09-01T00:00:00Z'", code::TYPES, "", "`>` of a time and a text", ""),
    ("event.subject == null", code::TYPES, "", "`==` of a text and null", "never null"),
    ("score && true", code::TYPES, "score", "`&&` wants a boolean, and this is a number", ""),
    ("!score", code::TYPES, "score", "`!` wants a boolean", ""),
    ("score", code::TYPES, "score", "true or false, and this is a number", "compare it"),
    ("tier + 'x' == 'y'", code::TYPES, "tier", "`+` wants a number, and this is a text", "not joined"),
    ("-tier == 'y'", code::TYPES, "tier", "`-` wants a number", ""),
    ("score ? true : false", code::TYPES, "score", "`?` wants a boolean", ""),
    ("'a' in tier", code::TYPES, "'a' in tier", "`in` of a text and a text", ""),
    ("1 in ['a']", code::TYPES, "1 in ['a']", "`in` of a number and a list", ""),
    ("signals == signals", code::TYPES, "", "`==` of a list and a list", ""),
    ("signals.exists(s, s.score)", code::TYPES, "s.score", "`exists` wants a boolean", ""),
    ("score.exists(s, true)", code::TYPES, "score", "`exists` wants a list, and this is a number", ""),
    ("size(score) > 1", code::TYPES, "score", "`size` wants a text or a list", ""),
    ("score.contains('a')", code::TYPES, "score", "`contains` wants a text", ""),
    ("event.subject.getHours() > 1", code::TYPES, "event.subject", "`getHours` wants a time", ""),
    ("labels.contact.phone > 0.5", code::TYPES, "labels.contact", "labels are not fields", "evidence("),
    ("tier.name == 'a'", code::TYPES, "tier.name", "a text has no field `name`", ""),
    ("event == 1", code::TYPES, "event", "`event` is no value by itself", "`subject`"),
    ("evidence(event.data.label) > 0.5", code::TYPES, "event.data.label", "wants a label as it is written", ""),
    ("event.time > timestamp('yesterday')", code::TYPES, "'yesterday'", "RFC 3339", ""),
    ("tier[0] == 'a'", code::TYPES, "tier[0]", "`[]` of a text and a number", ""),
    // What is no CEL, or none for rules.
    ("score > ", code::CONDITION, "", "no CEL: something is missing at its end", ""),
    ("score = 0.5", code::CONDITION, "=", "no CEL", "`==`"),
    ("tier == 'low' score", code::CONDITION, "s", "extraneous input 'score'", ""),
    ("tier == \"low", code::CONDITION, "\"", "token recognition error", ""),
    ("é > 1", code::CONDITION, "é", "token recognition error", ""),
    ("{'a': 1}.a == 1", code::CONDITION, "", "a map cannot stand in a rule", ""),
    ("score > 1u", code::CONDITION, "1u", "an unsigned number cannot stand", ""),
    ("b'a' == b'a'", code::CONDITION, "b'a'", "a text of bytes cannot stand", ""),
    ("has(tier)", code::CONDITION, "t", "invalid argument to has()", ""),
    ("for > 1", code::CONDITION, "f", "reserved identifier", ""),
    ("", code::CONDITION, "", "something is missing", ""),
];

#[test]
fn mistakes_are_told_where_they_are_with_a_mend() {
    for &(text, code, part, message, hint) in REFUSED {
        let faults =
            read(text).map(|(expression, _)| panic!("{text}: {expression:?}")).unwrap_err();
        let fault = faults.iter().find(|fault| fault.is_error).expect(text);
        assert_eq!(fault.code, code, "{text}: {fault:?}");
        assert!(fault.message.contains(message), "{text}: {fault:?}");
        assert!(fault.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {fault:?}");
        if !part.is_empty() {
            assert_eq!(&text[fault.at.clone()], part, "{text}: {fault:?}");
        }
    }
}

#[test]
fn every_mistake_of_a_condition_is_told() {
    let faults = read("evnt.x == 1 && tier == 'hihg' || scor > 1").unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [code::UNKNOWN_NAME, code::UNKNOWN_WORD, code::UNKNOWN_NAME]);
    assert_eq!(faults[2].at, 33..37);
}
