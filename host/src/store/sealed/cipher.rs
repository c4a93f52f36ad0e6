//! Encryption: XChaCha20-Poly1305 (RFC 8439 with the extended nonce of draft-irtf-cfrg-xchacha-03).
//!
//! Its nonce has 192 bits, so that random ones never meet: no counter has to be kept, none can be set back
//! by a restored backup, and two servers need not agree. It takes the same time for every key and text, on
//! processors with and without instructions for AES.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

/// A key of 256 bits, wiped from memory when it is dropped.
pub(in crate::store) type Secret = Zeroizing<[u8; 32]>;

const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// How much longer than what was encrypted it is.
pub(in crate::store) const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// Where a sealed value belongs. It opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Seat<'a> {
    pub table: &'static str,
    pub column: &'static str,
    /// What tells the row from every other of the table.
    pub row: &'a str,
}

impl<'a> Seat<'a> {
    /// The column `sealed` of a row.
    pub fn of(table: &'static str, row: &'a str) -> Self {
        Self { table, column: "sealed", row }
    }

    /// As a cipher binds it. No name of a table or column holds a zero byte.
    fn bound(&self) -> Vec<u8> {
        [self.table.as_bytes(), b"\0", self.column.as_bytes(), b"\0", self.row.as_bytes()].concat()
    }
}

/// A key, ready to be used; wiped as well.
pub(in crate::store) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub fn new(secret: &Secret) -> Self {
        Self(XChaCha20Poly1305::new((&**secret).into()))
    }

    /// Appends nonce, ciphertext and tag. Every call has a nonce of its own.
    pub fn encrypt(&self, seat: &Seat<'_>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        out.extend_from_slice(&nonce);
        let begin = out.len();
        out.extend_from_slice(plain);
        let tag = self
            .0
            .encrypt_inout_detached(&nonce.into(), &seat.bound(), (&mut out[begin..]).into())
            .map_err(|_| "it is too long to be encrypted".to_owned())?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// What was encrypted with this key for this seat.
    pub fn decrypt(&self, seat: &Seat<'_>, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        let cut_off = || "it is cut off".to_owned();
        let (nonce, rest) = encrypted.split_first_chunk::<NONCE_BYTES>().ok_or_else(cut_off)?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(cut_off)?;
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        let mut plain = Zeroizing::new(text.to_vec());
        self.0
            .decrypt_inout_detached(&nonce, &seat.bound(), plain.as_mut_slice().into(), &tag)
            .map_err(|_| "it was changed, or belongs elsewhere".to_owned())?;
        Ok(plain)
    }
}

/// A new key.
pub(in crate::store) fn new_secret() -> Result<Secret, String> {
    let mut secret = Secret::default();
    fill(secret.as_mut())?;
    Ok(secret)
}

/// Randomness of the system.
pub(in crate::store) fn fill(bytes: &mut [u8]) -> Result<(), String> {
    SysRng.try_fill_bytes(bytes).map_err(|error| format!("the system gives no randomness: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const SEAT: Seat<'_> = Seat { table: "events", column: "sealed", row: "7" };

    fn encrypted(cipher: &Cipher, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        cipher.encrypt(&SEAT, plain, &mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn what_is_encrypted_comes_back_and_nothing_else(
            plain in proptest::collection::vec(any::<u8>(), 0..2_000),
            key in any::<[u8; 32]>(),
            at in any::<proptest::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let cipher = Cipher::new(&key.into());
            let sealed = encrypted(&cipher, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD_BYTES);
            prop_assert_eq!(&**cipher.decrypt(&SEAT, &sealed).unwrap(), &plain[..]);
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(cipher.decrypt(&SEAT, &changed).is_err());
            prop_assert!(cipher.decrypt(&SEAT, &sealed[..at.index(sealed.len())]).is_err());
        }
    }

    #[test]
    fn it_opens_in_its_seat_and_with_its_key_alone() {
        let cipher = Cipher::new(&[7; 32].into());
        let sealed = encrypted(&cipher, b"anna");
        for seat in [
            Seat { row: "8", ..SEAT },
            Seat { row: "", ..SEAT },
            Seat { table: "decisions", ..SEAT },
            Seat { column: "why", ..SEAT },
        ] {
            assert!(cipher.decrypt(&seat, &sealed).is_err(), "{seat:?}");
        }
        assert!(Cipher::new(&[8; 32].into()).decrypt(&SEAT, &sealed).is_err());
    }

    #[test]
    fn no_two_calls_share_a_nonce() {
        let cipher = Cipher::new(&[7; 32].into());
        let nonces: HashSet<Vec<u8>> =
            (0..20_000).map(|_| encrypted(&cipher, b"anna")[..NONCE_BYTES].to_vec()).collect();
        assert_eq!(nonces.len(), 20_000);
    }

    #[test]
    fn it_is_the_cipher_of_the_draft() {
        // Appendix A.3.1 of draft-irtf-cfrg-xchacha-03.
        let hex = |digits: &str| hex::decode(digits).unwrap();
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + at as u8);
        let mut text = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let tag = Cipher::new(&key.into())
            .0
            .encrypt_inout_detached(
                &nonce.into(),
                &hex("50515253c0c1c2c3c4c5c6c7"),
                text.as_mut_slice().into(),
            )
            .unwrap();
        assert_eq!(text[..16], hex("bd6d179d3e83d43b9576579493c0e939"));
        assert_eq!(tag[..], hex("c0875924c1c7987947deafd8780acf49"));
    }
}
