//! The golden folder, and what no golden case can say: entities, the two releases, hostile texts.

use super::*;
use crate::words::ORDINARY;

fn harness() -> Harness<ContactHandle> {
    Harness::new().expect("the default settings are valid")
}

fn values(text: &str) -> Vec<String> {
    let signals = harness().text(text).signals;
    signals.into_iter().flat_map(|signal| signal.entities).map(|entity| entity.value).collect()
}

const NICKNAMED: &str = "find me on the ghost app 👻, same name as here";

// The golden cases are those of this release.
#[cfg(not(feature = "previous"))]
#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[cfg(not(feature = "previous"))]
#[test]
fn this_release_knows_nicknames() {
    let report = harness().text(NICKNAMED);
    assert_eq!(report.labels(), ["contact.handle"]);
    assert!(report.quotes()[0].contains("the ghost app 👻"), "{:?}", report.quotes());
    assert!(ContactHandle::manifest().to_json().contains(r#""version":"1.1.0""#));
}

#[cfg(feature = "previous")]
#[test]
fn the_release_before_knows_none() {
    for text in [NICKNAMED, "👻: foo88", "I'm foo_88 on the bird app"] {
        assert!(harness().text(text).is_silent(), "{text}");
    }
    assert_eq!(values("tg: foo_88"), ["telegram:foo_88"]);
    assert!(ContactHandle::manifest().to_json().contains(r#""version":"1.0.0""#));
}

#[test]
fn the_table_that_is_searched_by_halves_is_sorted() {
    assert!(ORDINARY.is_sorted());
}

#[test]
fn one_account_in_many_disguises_is_one_entity() {
    for text in [
        "insta: foo_88",
        "INSTAGRAM @Foo_88",
        "my ig is foo_88",
        "foo_88 on insta",
        "@foo_88 (insta)",
        "1nsta = foo_88",
        "i n s t a g r a m foo_88",
        "insta gram -> foo_88",
        "𝐢𝐧𝐬𝐭𝐚: ｆｏｏ_88",
        "in\u{200b}sta foo\u{200b}_88",
        "soy foo_88 en instagram",
        "je suis foo_88 sur insta",
        "sou foo_88 no insta",
    ] {
        assert_eq!(values(text), ["instagram:foo_88"], "{text}");
    }
}

#[test]
fn at_most_sixteen_signals() {
    assert_eq!(harness().text(&"tg: foo_88 ".repeat(40)).signals.len(), 16);
}

#[test]
fn reasons_never_quote_the_account() {
    for signal in harness().text("tg: foo_88, or I'm bar_99 on snap, same name on insta").signals {
        assert!(!signal.reason.contains("foo") && !signal.reason.contains("bar"));
    }
}

/// Texts full of mentions, cut at every place: no panic, and every span is whole characters (which
/// the harness checks).
#[test]
fn hostile_texts_are_survived() {
    let harness = harness();
    for piece in [
        "@",
        "@a ",
        "tg:",
        "insta ",
        "on insta ",
        "same name ",
        "ig is ig is ",
        "👻",
        "👻: a",
        "find me on snap ",
        "my ig ",
        "a@",
        "a_1 on ",
        "w h a t s a p p ",
        "é@é insta ",
        "live:",
        "tg: live:",
        "foo#1234 ",
        "tg (",
        "insta, ",
        "everywhere ",
    ] {
        let text = piece.repeat(400);
        harness.text(&text);
        for end in (0..text.len().min(64)).filter(|end| text.is_char_boundary(*end)) {
            harness.text(&text[..end]);
        }
    }
}
