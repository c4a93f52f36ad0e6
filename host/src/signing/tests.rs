use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{SignatureMode, Timestamp};

/// Of the seed of 32 sevens. Its public half and id, and what is signed with it below, were made by
/// another program (OpenSSL) from the description of the format alone.
const PUBLIC: &str = "picket-public-1:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";
const ID: &str = "fe812c12f3ab4ce6";
const SIGNED: &str = r#"{"schema": 1, "signatures": [{
    "key": "fe812c12f3ab4ce6",
    "digest": "sha256:3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80",
    "manifest": "sha256:faeacc09d198cc3c99d11d45dcbf5049a5fdfad2e99978099f1ee49ad3cc2d02",
    "signature": "bF4Yz1Bf16itkILNf039MYKEyNELZx/UTopjJNAQR/Q8hWBZVspeMVVHprbhzK8FKOYuHE6JSGeWdQURL8LSCw=="
}]}"#;

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

fn manifest(author: &str) -> Manifest {
    let json = json!({
        "schema": 1, "name": "contact-phone", "version": "1.2.0", "summary": "Finds numbers.",
        "labels": ["contact.phone"], "events": ["message.*"], "author": author,
        "inputs": [{"kind": "field", "path": "data.content"}],
    });
    Manifest::parse(&json.to_string()).unwrap()
}

fn file() -> Digest {
    Digest::of(b"file")
}

fn sign(number: u8) -> Signature {
    key(number).sign(file(), &manifest(""), Timestamp::from_micros(0))
}

fn text(signatures: &[Signature]) -> Vec<u8> {
    let mut signed = SignatureFile::of(signatures[0].clone());
    for signature in &signatures[1..] {
        signed.put(signature.clone()).unwrap();
    }
    signed.to_text().into_bytes()
}

/// Trusts key 7 as alice and key 8 as bob, who is revoked.
fn trust(mode: SignatureMode) -> Trust {
    let trusted = [("alice", 7), ("bob", 8)]
        .map(|(name, number)| (name.to_owned(), key(number).public().to_string()));
    let revoked = [(key(8).public().id().to_string(), "the laptop was stolen".to_owned())];
    Trust::new(mode, &BTreeMap::from(trusted), &BTreeMap::from(revoked)).unwrap()
}

fn verify(mode: SignatureMode, text: Option<&[u8]>) -> Result<Verdict, SignatureError> {
    trust(mode).verify(file(), &manifest(""), text)
}

fn alice() -> Verdict {
    Verdict::Signed { key: key(7).public().id(), name: "alice".to_owned() }
}

#[test]
fn what_was_signed_verifies_and_reads_back() {
    let signed = text(&[sign(7)]);
    assert_eq!(verify(SignatureMode::Require, Some(&signed)), Ok(alice()));
    assert_eq!(verify(SignatureMode::Warn, Some(&signed)), Ok(alice()));
    let read = SignatureFile::parse(&signed).unwrap();
    assert_eq!(read.signatures(), [sign(7)]);
    assert_eq!(read.to_text().as_bytes(), signed);
    let copy = SigningKey::parse(&format!("# a note\n\n{}\n", *key(7).to_text())).unwrap();
    assert_eq!(copy.public(), key(7).public());
}

#[test]
fn the_format_stays_as_it_is() {
    assert_eq!(key(7).public().to_string(), PUBLIC);
    assert_eq!(key(7).public().id().to_string(), ID);
    assert_eq!(verify(SignatureMode::Require, Some(SIGNED.as_bytes())), Ok(alice()));
    assert_eq!(
        SignatureFile::parse(SIGNED.as_bytes()).unwrap().signatures()[0].signature,
        sign(7).signature
    );
}

#[test]
fn a_manifest_of_today_keeps_its_digest() {
    let mut full = manifest("A. Uthor");
    full.settings = Some(json!({"type": "object", "é": 0.5}));
    full.budget.deadline_ms = Some(5);
    full.budget.memory_bytes = Some(1 << 20);
    for (manifest, digest) in [
        (manifest(""), "sha256:faeacc09d198cc3c99d11d45dcbf5049a5fdfad2e99978099f1ee49ad3cc2d02"),
        (full, "sha256:1b8b35f26165732c024b6bfe71660bf2eece02e6ed2525bf5461cbccefb7a53d"),
    ] {
        assert_eq!(manifest_digest(&manifest).to_string(), digest);
    }
}

#[test]
fn each_reason_for_a_refusal_has_its_name() {
    let (seven, eight, nine) = (key(7).public().id(), key(8).public().id(), key(9).public().id());
    let revoked =
        SignatureError::Revoked { key: eight, reason: "the laptop was stolen".to_owned() };
    let wrong = Signature { signature: sign(9).signature, ..sign(7) };
    let other_file = key(7).sign(Digest::of(b"other"), &manifest(""), Timestamp::now());
    let other_manifest = key(7).sign(file(), &manifest("another"), Timestamp::now());
    let cases = [
        (None, SignatureError::Missing, "it is not signed: `picket detector sign"),
        (Some(text(&[sign(9)])), SignatureError::UnknownKey(nine), "into `trusted_keys`"),
        (Some(text(&[sign(8)])), revoked.clone(), "which is revoked (the laptop was stolen)"),
        (Some(text(&[wrong])), SignatureError::Wrong { key: seven }, "is wrong"),
        (
            Some(text(&[other_file])),
            SignatureError::OtherFile { key: seven, signed: Digest::of(b"other"), file: file() },
            "for another file",
        ),
        (
            Some(text(&[other_manifest])),
            SignatureError::OtherManifest {
                key: seven,
                signed: manifest_digest(&manifest("another")),
                manifest: manifest_digest(&manifest("")),
            },
            "for another manifest",
        ),
        (
            Some(text(&[sign(9), sign(8)])),
            SignatureError::Several(vec![SignatureError::UnknownKey(nine), revoked]),
            "none of its 2 signatures is good",
        ),
    ];
    for (text, error, says) in cases {
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(verify(SignatureMode::Require, text.as_deref()), Err(error.clone()));
        let warning = error.to_string();
        let warned = match error {
            SignatureError::Missing => Verdict::Unsigned { warning },
            _ => Verdict::Untrusted { warning },
        };
        assert_eq!(verify(SignatureMode::Warn, text.as_deref()), Ok(warned));
        assert_eq!(verify(SignatureMode::Off, text.as_deref()), Ok(Verdict::NotAsked));
    }
}

#[test]
fn a_text_that_is_no_signature_file_is_refused() {
    let many = vec![sign(7); 17];
    let cases = [
        (b"\xff".to_vec(), "expected value"),
        (b"{}".to_vec(), "missing field"),
        (SIGNED.replace(": 1,", ": 2,").into_bytes(), "schema 2"),
        (SIGNED.replace("LSCw==", "LSCw=").into_bytes(), "64 bytes in base64"),
        (SIGNED.replace("bF4Y", "").into_bytes(), "64 bytes in base64"),
        (SIGNED.replace(ID, "alice").into_bytes(), "16 hexadecimal digits"),
        (SIGNED.replace("\"key\"", "\"kex\"").into_bytes(), "unknown field `kex`"),
        (json!({"schema": 1, "signatures": many}).to_string().into_bytes(), "17 signatures"),
        (json!({"schema": 1, "signatures": []}).to_string().into_bytes(), "0 signatures"),
        (format!("{{\"{}\": 1}}", "x".repeat(9_000)).into_bytes(), "unknown field `xxx"),
    ];
    for (text, says) in cases {
        let Err(SignatureError::Unreadable(error)) = verify(SignatureMode::Require, Some(&text))
        else {
            panic!("{says}")
        };
        assert!(error.contains(says) && error.len() < 300, "{says}: {error}");
    }
}

#[test]
fn one_good_signature_of_several_is_enough() {
    let signed = text(&[sign(9), sign(8), sign(7)]);
    assert_eq!(verify(SignatureMode::Require, Some(&signed)), Ok(alice()));
}

#[test]
fn a_key_signs_a_file_once_and_what_is_stale_goes() {
    let mut signed = SignatureFile::of(sign(7));
    signed.put(sign(8)).unwrap();
    signed.put(Signature { signed_at: None, ..sign(7) }).unwrap();
    let keys: Vec<KeyId> = signed.signatures().iter().map(|signature| signature.key).collect();
    assert_eq!(keys, [sign(8).key, sign(7).key]);
    let next = key(9).sign(Digest::of(b"next"), &manifest(""), Timestamp::now());
    signed.put(next.clone()).unwrap();
    assert_eq!(signed.signatures(), [next]);
    let mut full = SignatureFile::of(sign(0));
    let over = (1..=16).map(|number| full.put(sign(number))).collect::<Vec<_>>();
    assert!(over[..15].iter().all(Result::is_ok) && over[15].is_err(), "{over:?}");
}

#[test]
fn before_a_file_is_opened_all_but_its_manifest_is_checked() {
    let trust = trust(SignatureMode::Require);
    let other_manifest = text(&[key(7).sign(file(), &manifest("another"), Timestamp::now())]);
    assert_eq!(trust.verify_unopened(file(), Some(&other_manifest)), Ok(alice()));
    assert_eq!(trust.verify_unopened(file(), None), Err(SignatureError::Missing));
    let other = Digest::of(b"other");
    assert!(trust.verify_unopened(other, Some(&text(&[sign(7)]))).is_err());
    let claimed = Signature { digest: other, ..sign(7) };
    let wrong = SignatureError::Wrong { key: sign(7).key };
    assert_eq!(trust.verify_unopened(other, Some(&text(&[claimed]))), Err(wrong));
}

#[test]
fn a_bad_key_names_its_place_and_no_secret_is_printed() {
    let secret = key(7).to_text();
    let weak = "picket-public-1:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let cases = [
        (("alice", "nonsense"), ("", ""), "`trusted_keys.alice` is not a public key"),
        (("alice", &secret), ("", ""), "`trusted_keys.alice` is a secret key"),
        (("alice", weak), ("", ""), "`trusted_keys.alice` is a key for which anybody can sign"),
        (("alice", &PUBLIC[..40]), ("", ""), "`trusted_keys.alice` is not a public key"),
        (("bob", PUBLIC), ("", ""), "`trusted_keys.bob` is the key of `trusted_keys.a`"),
        (("alice", ""), ("xyz", "lost"), "`trusted_keys.alice` is not a public key"),
        (("b", &PUBLIC.replace("6k", "6m")), ("xyz", "lost"), "`revoked_keys.xyz` is not the id"),
    ];
    for ((name, text), (id, reason), says) in cases {
        let trusted = [("a", PUBLIC), (name, text)].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let revoked = BTreeMap::from([(id.to_owned(), reason.to_owned())]);
        let error = Trust::new(SignatureMode::Off, &BTreeMap::from(trusted), &revoked).unwrap_err();
        assert!(error.to_string().starts_with(says), "{error}");
        assert!(!error.to_string().contains(&secret[20..]));
    }
    let printed = format!("{:?}", key(7));
    assert_eq!(printed, format!("SigningKey({ID}, secret)"));
    for text in ["", "picket-secret-1:short", PUBLIC, &format!("{0}\n{0}", *secret)] {
        let error = SigningKey::parse(text).unwrap_err();
        assert!(error.starts_with("is not a secret key") && !error.contains(&secret[20..]));
    }
}

proptest! {
    #[test]
    fn a_bit_that_is_flipped_anywhere_is_refused(bit in 0..(64 + 4 * 32) * 8_usize) {
        let (byte, mask) = (bit / 8, 1_u8 << (bit % 8));
        let flip = |digest: Digest, at: usize| {
            let mut bytes = *digest.as_bytes();
            bytes[at % 32] ^= mask;
            Digest::from(bytes)
        };
        let (mut signature, mut now) = (sign(7), file());
        match byte {
            0..64 => signature.signature[byte] ^= mask,
            // Of what is claimed alone, and of what is claimed and what there is alike.
            64..96 => signature.digest = flip(signature.digest, byte),
            96..128 => signature.manifest = flip(signature.manifest, byte),
            128..160 => now = flip(now, byte),
            _ => {
                now = flip(now, byte);
                signature.digest = now;
            }
        }
        let signed = text(&[signature]);
        let trust = trust(SignatureMode::Require);
        prop_assert!(trust.verify(now, &manifest(""), Some(&signed)).is_err());
        // The cryptography alone, without comparing the manifests.
        prop_assert!(trust.verify_unopened(now, Some(&signed)).is_err());
    }

    #[test]
    fn any_text_is_a_signature_file_or_is_refused(noise in prop::collection::vec(any::<u8>(), 0..400)) {
        let refused = verify(SignatureMode::Require, Some(&noise));
        prop_assert!(matches!(refused, Err(SignatureError::Unreadable(_))));
    }
}
