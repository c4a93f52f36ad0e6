//! The golden folder, and what no golden case can say: settings, entities, hostile texts.

use serde_json::json;

use super::*;

fn harness() -> Harness<ContactLink> {
    Harness::new().expect("the default settings are valid")
}

fn values(text: &str) -> Vec<String> {
    let signals = harness().text(text).signals;
    signals.into_iter().flat_map(|signal| signal.entities).map(|entity| entity.value).collect()
}

#[test]
fn golden() {
    harness().golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
}

#[test]
fn one_domain_in_many_disguises_is_one_entity() {
    for text in [
        "https://acme.com/book?x=1",
        "HTTP://WWW.ACME.COM",
        "hxxps://acme[.]com",
        "www.acme.com",
        "acme.com:8080/x",
        "acme dot com",
        "www dot acme dot com",
        "acme (dot) com",
        "acme .com",
        "a c m e . c o m",
        "\u{ff41}cme\u{ff0e}com",
    ] {
        assert_eq!(values(text), ["acme.com"], "{text}");
    }
}

#[test]
fn on_a_shared_host_the_entity_says_who() {
    assert_eq!(values("wa.me/15550100"), ["wa.me/15550100"]);
    assert_eq!(values("https://bit.ly/AbC?x"), ["bit.ly/AbC"]);
    assert_eq!(values("wa me/15550100"), ["wa.me/15550100"]);
}

#[test]
fn own_domains_never_fire_but_their_look_alikes_do() {
    let harness = harness();
    for text in [
        "https://qwickservices.com/jobs/1",
        "see QwickServices.com",
        "www.fairtradeworker.com/help/page.info.html",
        "help.fairtradeworker.com",
        "qwickservices dot com",
    ] {
        assert!(harness.text(text).is_silent(), "{text}");
    }
    for text in [
        "qwickservices.com.evil.io",
        "qwickservices.com.Evil.io",
        "https://qwickservices.com.a.b.c.d.e.f.evil.io/x",
        "https://qwickservices.com@evil.io",
        "https://qwickservices.com/go?to=https://evil.io",
        "notqwickservices.com",
        "qwickservices.co",
        "qw\u{456}ckservices.com",
        "https://qwickservices-com.evil.io",
    ] {
        assert!(!harness.text(text).is_silent(), "{text}");
    }
}

#[test]
fn own_domains_can_be_set() {
    let harness = Harness::<ContactLink>::with_settings(&json!({"own_domains": ["Example.org"]}))
        .expect("valid settings");
    assert!(harness.text("https://a.example.org/x").is_silent());
    assert!(!harness.text("qwickservices.com").is_silent());
    assert!(Harness::<ContactLink>::with_settings(&json!({"own_domains": ["nodomain"]})).is_err());
}

#[test]
fn at_most_sixteen_signals() {
    assert_eq!(harness().text(&"acme.com ".repeat(40)).signals.len(), 16);
}

/// Texts full of anchors, cut at every place: no panic, and every span is whole characters (which
/// the harness checks).
#[test]
fn hostile_texts_are_survived() {
    let harness = harness();
    for piece in [
        ".",
        "a.",
        "a.b.c.",
        " dot ",
        "dot dot ",
        "(dot)",
        "a b ",
        "a . ",
        "http://",
        "http://@",
        "https://[",
        "www.",
        "wa me/1",
        "é.com ",
        "😀.com/😀",
        "x.me/",
        ".com ",
        "a .com",
        "acme.io:",
        "@a.co",
        "a.no b",
        "https://a.b/\u{301}",
        "www a com ",
        "0.0.0.0",
        "http://é",
        "tg://",
    ] {
        let text = piece.repeat(400);
        harness.text(&text);
        for end in (0..text.len().min(64)).filter(|end| text.is_char_boundary(*end)) {
            harness.text(&text[..end]);
        }
    }
}
