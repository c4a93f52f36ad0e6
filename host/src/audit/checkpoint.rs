//! Checkpoints, as C2SP's tlog-checkpoint has them (<https://c2sp.org/tlog-checkpoint>): a signed note
//! of three lines that says how many entries a log has, and the root over them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{NoteError, NoteSigner, NoteVerifier};
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
