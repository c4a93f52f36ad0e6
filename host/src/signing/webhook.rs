//! Signatures of what is sent to a platform, by the Standard Webhooks specification 1.0.0
//! (standardwebhooks.com): HMAC-SHA256 under a secret that both sides hold (`whsec_`, signatures `v1,`),
//! or Ed25519, of which the platform has the public half alone (`whsk_`, `whpk_`, signatures `v1a,`).

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use ed25519_dalek::Signer as _;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const SECRET: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";
/// How many bytes a secret has that both sides hold: what the specification says.
const SECRET_BYTES: RangeInclusive<usize> = 24..=64;
/// What others wrote comes with or without its padding.
const READER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key that signs what is sent to one platform. It is wiped from memory when dropped, and never printed.
pub struct WebhookKey(Kind);

enum Kind {
    Shared(Zeroizing<Vec<u8>>),
    Pair(ed25519_dalek::SigningKey),
}

impl WebhookKey {
    /// A secret that both sides hold, of 32 bytes of the system's randomness.
    pub fn shared(bytes: &[u8; 32]) -> Self {
        Self(Kind::Shared(Zeroizing::new(bytes.to_vec())))
    }

    /// The pair that grows from 32 bytes of the system's randomness.
    pub fn pair(seed: &[u8; 32]) -> Self {
        Self(Kind::Pair(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// Reads a key as people hand it on.
    ///
    /// # Errors
    /// What is wrong with it, without quoting any of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let bytes = |base64: &str| {
            READER.decode(base64).map(Zeroizing::new).map_err(|_| {
                "is no key of webhooks: what follows its prefix is not base64".to_owned()
            })
        };
        if let Some(base64) = text.strip_prefix(SECRET) {
            let secret = bytes(base64)?;
            return match SECRET_BYTES.contains(&secret.len()) {
                true => Ok(Self(Kind::Shared(secret))),
                false => Err(format!(
                    "is a secret of {} bytes, and one has {} to {}: make another with `picket key webhook new`",
                    secret.len(),
                    SECRET_BYTES.start(),
                    SECRET_BYTES.end()
                )),
            };
        }
        if let Some(base64) = text.strip_prefix(PRIVATE) {
            return of_pair(&bytes(base64)?).map(|pair| Self(Kind::Pair(pair)));
        }
        Err(match text.starts_with(PUBLIC) {
            true => format!(
                "is a public key, which signs nothing: it is for the platform, and here belongs its other half ({PRIVATE}...)"
            ),
            false => format!(
                "is no key of webhooks: {SECRET} or {PRIVATE} and base64, as `picket key webhook new` makes it"
            ),
        })
    }

    /// Reads the text of a file: keys on lines of their own, among comments with `#`.
    ///
    /// # Errors
    /// Which line holds no key, without quoting it; that there is none.
    pub fn parse_file(text: &str) -> Result<Vec<Self>, String> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let keys = lines.by_ref().map(|(number, line)| {
            Self::parse(line).map_err(|error| format!("line {number} {error}"))
        });
        let keys: Vec<Self> = keys.collect::<Result<_, _>>()?;
        match keys.is_empty() {
            true => Err("holds no key: make one with `picket key webhook new`".to_owned()),
            false => Ok(keys),
        }
    }

    /// The signature of a message and of when it is sent, in seconds since 1970. The id must not be of
    /// somebody else's making: it and what follows are told apart by a point.
    pub fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> String {
        let head = format!("{id}.{at_s}.");
        match &self.0 {
            Kind::Shared(secret) => {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
                mac.update(head.as_bytes());
                mac.update(body);
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Kind::Pair(pair) => {
                let signature = pair.sign(&[head.as_bytes(), body].concat());
                format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
            }
        }
    }

    /// The key itself, for its file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let (prefix, bytes) = match &self.0 {
            Kind::Shared(secret) => (SECRET, secret.as_slice()),
            Kind::Pair(pair) => (PRIVATE, pair.as_bytes().as_slice()),
        };
        Zeroizing::new(format!("{prefix}{}", *Zeroizing::new(STANDARD.encode(bytes))))
    }

    /// What the platform verifies with: the public half, or the secret itself where both sides hold it.
    pub fn verifier(&self) -> Zeroizing<String> {
        match &self.0 {
            Kind::Shared(_) => self.to_text(),
            Kind::Pair(pair) => {
                let public = pair.verifying_key();
                Zeroizing::new(format!("{PUBLIC}{}", STANDARD.encode(public.as_bytes())))
            }
        }
    }
}

/// A pair as its seed, or as the seed with the public half behind it, as some libraries keep it.
fn of_pair(bytes: &[u8]) -> Result<ed25519_dalek::SigningKey, String> {
    if let Ok(seed) = bytes.try_into() {
        return Ok(ed25519_dalek::SigningKey::from_bytes(seed));
    }
    let both = bytes.try_into().map_err(|_| {
        format!(
            "is a private key of {} bytes, and one has 32, or 64 with its public half",
            bytes.len()
        )
    })?;
    ed25519_dalek::SigningKey::from_keypair_bytes(both)
        .map_err(|_| "is a private key with another one's public half".to_owned())
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Shared(_) => "WebhookKey(shared, secret)",
            Kind::Pair(_) => "WebhookKey(pair, secret)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the specification's own libraries sign, and what they come to.
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT_S: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SHARED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const PAIR: &str = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=";

    #[test]
    fn signatures_are_those_of_the_specifications_libraries() {
        let signed = |key: &str| WebhookKey::parse(key).unwrap().sign(ID, AT_S, BODY);
        assert_eq!(signed(SHARED), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(
            signed(PAIR),
            "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
        );
    }

    #[test]
    fn whatever_is_changed_changes_the_signature() {
        for key in [SHARED, PAIR] {
            let key = WebhookKey::parse(key).unwrap();
            let signed = key.sign(ID, AT_S, BODY);
            assert_eq!(key.sign(ID, AT_S, BODY), signed);
            let tampered: [(&str, i64, &[u8]); 4] = [
                ("msg_p5jXN8AQM9LWM0D4loKWxJel", AT_S, BODY),
                (ID, AT_S + 1, BODY),
                (ID, AT_S, br#"{"test": 2432232315}"#),
                (ID, AT_S, b""),
            ];
            for (id, at_s, body) in tampered {
                assert_ne!(key.sign(id, at_s, body), signed);
            }
        }
    }

    #[test]
    fn a_key_reads_back_as_it_was_written() {
        for key in [WebhookKey::shared(&[7; 32]), WebhookKey::pair(&[7; 32])] {
            let read = WebhookKey::parse(&key.to_text()).unwrap();
            assert_eq!(read.sign(ID, AT_S, BODY), key.sign(ID, AT_S, BODY));
            assert_eq!(read.verifier(), key.verifier());
            assert!(!format!("{key:?}").contains("Bwc"), "{key:?}");
        }
        let pair = WebhookKey::pair(&[7; 32]);
        assert!(pair.verifier().starts_with(PUBLIC) && *pair.verifier() != *pair.to_text());
        // As libraries keep it that think of both halves as one.
        let both = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).to_keypair_bytes();
        let read = WebhookKey::parse(&format!("whsk_{}", STANDARD.encode(both))).unwrap();
        assert_eq!(read.verifier(), pair.verifier());
        let unpadded = PAIR.trim_end_matches('=');
        assert!(WebhookKey::parse(unpadded).is_ok());
    }

    #[test]
    fn a_file_holds_keys_among_comments() {
        let text = format!("# the new one\n{SHARED}\n\n  {PAIR}  \n");
        assert_eq!(WebhookKey::parse_file(&text).unwrap().len(), 2);
        let none = WebhookKey::parse_file("# nothing\n\n").unwrap_err();
        assert!(none.contains("holds no key"), "{none}");
        let error = WebhookKey::parse_file(&format!("{SHARED}\nhunter2")).unwrap_err();
        assert!(error.contains("line 2 is no key") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_quoted() {
        let of =
            |prefix: &str, bytes: usize| format!("{prefix}{}", STANDARD.encode(vec![7; bytes]));
        let mut mixed = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).to_keypair_bytes();
        mixed[40] ^= 1;
        let cases = [
            (of(SECRET, 23), "23 bytes, and one has 24 to 64"),
            (of(SECRET, 65), "65 bytes"),
            (of(PRIVATE, 31), "31 bytes, and one has 32"),
            (format!("{PRIVATE}{}", STANDARD.encode(mixed)), "another one's public half"),
            (of(PUBLIC, 32), "public key, which signs nothing"),
            (of("", 32), "whsec_ or whsk_ and base64"),
            ("whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwc!BwcHBw".to_owned(), "not base64"),
            (String::new(), "is no key"),
        ];
        for (text, says) in cases {
            let error = WebhookKey::parse(&text).unwrap_err();
            assert!(error.contains(says) && !error.contains("Bwc"), "{text}: {error}");
        }
        for bytes in [24, 64] {
            assert!(WebhookKey::parse(&of(SECRET, bytes)).is_ok(), "{bytes}");
        }
    }
}
