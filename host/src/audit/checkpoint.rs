//! Checkpoints, as C2SP's tlog-checkpoint has them (<https://c2sp.org/tlog-checkpoint>): a signed note
//! of three lines that says how many entries a log has, and the root over them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::note::{DASH, NoteError, NoteSigner, NoteVerifier};
use super::tree::Head;

/// What a log says of itself. Its name is that of the key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub head: Head,
    /// The note, as it was signed.
    pub note: String,
}

impl Checkpoint {
    /// Signs a head under the name of the key.
    pub fn sign(head: Head, signer: &NoteSigner) -> Self {
        let (origin, root) = (signer.verifier().name(), STANDARD.encode(head.root));
        Self { head, note: signer.sign(&format!("{origin}\n{}\n{root}\n", head.size)) }
    }

    /// Reads a note that this key signed.
    ///
    /// # Errors
    /// Why it is not believed, or not understood.
    pub fn open(note: &str, verifier: &NoteVerifier) -> Result<Self, NoteError> {
        let text = verifier.open(note)?;
        let (origin, head) = read(text).ok_or(NoteError::Malformed("it is no checkpoint"))?;
        match origin == verifier.name() {
            true => Ok(Self { head, note: note.to_owned() }),
            false => Err(NoteError::Malformed("it is a checkpoint of another log")),
        }
    }
}

/// The key with which a host signs what its log says of itself, and the name of the log: the first
/// line of every checkpoint. Where none is given, it follows from the key.
///
/// # Errors
/// What a name may not be.
pub fn host_signer(host_key: &[u8; 32], origin: &str) -> Result<NoteSigner, String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(host_key).expect("HMAC takes keys of any length");
    mac.update(b"picket audit checkpoint 1\0");
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    if !origin.is_empty() {
        return NoteSigner::from_seed(origin, &seed);
    }
    let unnamed = NoteSigner::from_seed("picket", &seed)?;
    let id = Sha256::digest(unnamed.verifier().public_key());
    NoteSigner::from_seed(&format!("picket/{}", hex::encode(&id[..8])), &seed)
}

/// The checkpoints of a text that holds several, one after the other, with empty lines between. What
/// has no signature, for it was cut off, is passed over.
pub fn checkpoints(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut body, mut signatures) = (String::new(), String::new());
    let mut is_closed = false;
    for line in text.lines().chain([""]) {
        if line.starts_with(DASH) && is_closed {
            signatures.push_str(&format!("{line}\n"));
            continue;
        }
        if !signatures.is_empty() {
            found.push(format!("{body}\n{signatures}"));
            (body, signatures) = (String::new(), String::new());
        }
        if !line.is_empty() {
            if is_closed {
                body.clear();
            }
            body.push_str(&format!("{line}\n"));
        }
        is_closed = line.is_empty();
    }
    found
}

/// Origin and head. Lines that follow the third are extensions, of which there are none here.
fn read(text: &str) -> Option<(&str, Head)> {
    let mut lines = text.lines();
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let number: u64 = size.parse().ok()?;
    let root: [u8; 32] = STANDARD.decode(root).ok()?.try_into().ok()?;
    (number.to_string() == size).then_some((origin, Head { size: number, root }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("log.example/picket", &[7; 32]).unwrap()
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let head = Head { size: 20_852_163, root: [3; 32] };
        let checkpoint = Checkpoint::sign(head, &signer());
        let text = "log.example/picket\n20852163\nAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n\n";
        assert!(checkpoint.note.starts_with(text), "{}", checkpoint.note);
        assert_eq!(Checkpoint::open(&checkpoint.note, signer().verifier()), Ok(checkpoint));
    }

    #[test]
    fn checkpoints_that_follow_each_other_are_told_apart() {
        let [one, two] =
            [1, 2].map(|size| Checkpoint::sign(Head { size, root: [3; 32] }, &signer()).note);
        let witnessed = format!("{two}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(checkpoints(&format!("{one}{witnessed}")), [one.clone(), witnessed]);
        assert_eq!(checkpoints(&format!("\n{one}\n\n\n{two}\n")), [one.clone(), two.clone()]);
        for cut in [1, 20, 30, 75, 77, 100] {
            let text = format!("{one}\n\n{}\n\n{two}", &one[..cut]);
            assert_eq!(checkpoints(&text).last(), Some(&two), "{cut}");
            assert_eq!(checkpoints(&text)[0], one);
        }
        assert_eq!(checkpoints("\n"), [""; 0]);
        assert_eq!(checkpoints("a\nb\nc\n"), [""; 0]);
    }

    #[test]
    fn a_host_has_one_key_and_names_its_log_after_it() {
        let signer = host_signer(&[1; 32], "").unwrap();
        assert_eq!(signer.verifier(), host_signer(&[1; 32], "").unwrap().verifier());
        assert!(signer.verifier().name().starts_with("picket/"), "{}", signer.verifier());
        let named = host_signer(&[1; 32], "log.example/picket").unwrap();
        assert_eq!(named.verifier().public_key(), signer.verifier().public_key());
        assert_ne!(host_signer(&[2; 32], "").unwrap().verifier(), signer.verifier());
        assert!(host_signer(&[1; 32], "a b").is_err());
        assert!(host_signer(&[1; 32], "\u{2014}log").is_err());
    }

    #[test]
    fn what_is_signed_and_no_checkpoint_of_this_log_is_refused() {
        let root = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
        for text in [
            "log.example/picket\n".to_owned(),
            format!("log.example/other\n1\n{root}\n"),
            format!("log.example/picket\n01\n{root}\n"),
            format!("log.example/picket\n+1\n{root}\n"),
            format!("log.example/picket\n1\n{}\n", &root[4..]),
        ] {
            let note = signer().sign(&text);
            assert!(Checkpoint::open(&note, signer().verifier()).is_err(), "{text}");
        }
    }
}
