//! Two parts in one: a head as JSON and a body of bytes. How compiled code lies in the cache and
//! travels between this program and the one that compiles for it.

use std::io::{self, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The lengths of head (4 bytes) and body (8 bytes), little endian, then both.
pub(super) fn write(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&(body.len() as u64).to_le_bytes())?;
    to.write_all(&head)?;
    to.write_all(body)
}

/// Head and body, where the frame is whole and nothing follows it.
pub(super) fn read<H: DeserializeOwned>(frame: &[u8]) -> Option<(H, &[u8])> {
    let (head_bytes, rest) = frame.split_first_chunk::<4>()?;
    let (body_bytes, rest) = rest.split_first_chunk::<8>()?;
    let (head, body) = rest.split_at_checked(u32::from_le_bytes(*head_bytes) as usize)?;
    let whole = body.len() as u64 == u64::from_le_bytes(*body_bytes);
    whole.then(|| serde_json::from_slice(head).ok().map(|head| (head, body))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_whole_or_not_at_all() {
        let mut frame = Vec::new();
        write(&mut frame, &("head", 7), b"body").unwrap();
        let whole: (String, u32) = ("head".to_owned(), 7);
        assert_eq!(read(&frame), Some((whole, &b"body"[..])));
        for end in 0..frame.len() {
            assert_eq!(read::<(String, u32)>(&frame[..end]), None);
        }
        frame.push(0);
        assert_eq!(read::<(String, u32)>(&frame), None);
        assert_eq!(read::<(String, u32)>(&[0xff; 64]), None);
    }
}
