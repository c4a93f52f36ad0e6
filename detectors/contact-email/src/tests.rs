//! The golden folder, and what no golden case can say: settings, spans, hostile texts.

use serde_json::json;

use super::*;
use crate::words::NOT_LOCAL;

fn harness() -> Harness<ContactEmail> {
    Harness::new().expect("the default settings are valid")
}

/// The canonical addresses found in a text.
fn values(text: &str) -> Vec<String> {
    let signals = harness().text(text).signals;
    signals.into_iter().flat_map(|signal| signal.entities).map(|entity| entity.value).collect()
}

#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[test]
fn tables_that_are_searched_by_halves_are_sorted() {
    assert!(NOT_LOCAL.is_sorted());
}

#[test]
fn one_address_in_many_disguises_is_one_entity() {
    for text in [
        "john.smith@gmail.com",
        "JOHN.Smith @ Gmail . Com",
        "john dot smith at gmail dot com",
        "john (dot) smith [at] gmail {dot} com",
        "john punto smith arroba gmail punto com",
        "john point smith arobase gmail point com",
        "john ponto smith arroba gmail ponto com",
        "john.smith@gmailcom",
        "john.smith@gmail,com",
        "john.smith@gmail",
        "my gmail is john.smith",
        "moc.liamg@htims.nhoj",
    ] {
        assert_eq!(values(text), ["john.smith@gmail.com"], "{text}");
    }
}

#[test]
fn own_domains_never_fire_but_their_look_alikes_do() {
    let harness = harness();
    for text in [
        "help@qwickservices.com",
        "Help @ QwickServices . com",
        "help at qwickservices dot com",
        "billing@mail.fairtradeworker.com",
    ] {
        assert!(harness.text(text).is_silent(), "{text}");
    }
    for text in [
        "help@qwickservices.com.evil.io",
        "help@notqwickservices.com",
        "help@qwickservices.co",
        "help@qw\u{456}ckservices.com",
    ] {
        assert!(!harness.text(text).is_silent(), "{text}");
    }
}

#[test]
fn own_domains_can_be_set() {
    let harness = Harness::<ContactEmail>::with_settings(&json!({"own_domains": ["Example.org"]}))
        .expect("valid settings");
    assert!(harness.text("me@example.org").is_silent());
    assert!(!harness.text("me@qwickservices.com").is_silent());
    assert!(
        Harness::<ContactEmail>::with_settings(&json!({"own_domains": ["no domain"]})).is_err()
    );
    assert!(Harness::<ContactEmail>::with_settings(&json!({"domains": []})).is_err());
}

#[test]
fn at_most_sixteen_signals() {
    let text = "a1@b.com ".repeat(40);
    assert_eq!(harness().text(&text).signals.len(), 16);
}

#[test]
fn reasons_never_quote_the_address() {
    for signal in harness().text("john@gmail.com, my gmail is mary.poppins").signals {
        assert!(!signal.reason.contains("john") && !signal.reason.contains("mary"));
    }
}

/// Texts full of anchors, cut at every place: no panic, and every span is whole characters (which
/// the harness checks).
#[test]
fn hostile_texts_are_survived() {
    let harness = harness();
    for piece in [
        "@",
        "a@",
        "@a",
        "@a.",
        "a@a.a",
        " at ",
        "(at)",
        "g mail ",
        "gmail.",
        "gmail@",
        "moc.liamg@",
        "a dot ",
        "a b ",
        "@gmail ",
        "john gmail ",
        "x at gmail ",
        "é@é.com ",
        "😀@gmail.com",
        ". . ",
        "(dot)",
        "agmail.com",
        "my gmail is ",
    ] {
        let text = piece.repeat(400);
        harness.text(&text);
        for end in (0..text.len().min(64)).filter(|end| text.is_char_boundary(*end)) {
            harness.text(&text[..end]);
        }
    }
}
