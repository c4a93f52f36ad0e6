//! A capsule from bytes that anybody may have made: bounded, and every digest checked. Nothing is
//! written to a disk, so names lead nowhere; what is not listed is refused.

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use tar::{Archive, Entries, Entry, EntryType};
use zstd::stream::read::Decoder;

use super::{
    Capsule, CapsuleError, DOCUMENT, EVENT, FORMAT, HEAD, Head, Listed, POLICY, PROOF, VERSION,
    detector_name, earlier_of, settings_name,
};
use crate::model::Digest;
use crate::policy::DOCUMENT_BYTES_MAX as POLICY_BYTES_MAX;

/// Of all files together, unpacked.
const BYTES_MAX: u64 = 1 << 30;
const FILES_MAX: usize = 512;
const HEAD_BYTES_MAX: u64 = 1 << 20;
const DOCUMENT_BYTES_MAX: u64 = 32 << 20;
const EVENT_BYTES_MAX: u64 = 16 << 20;
const DETECTOR_BYTES_MAX: u64 = 256 << 20;
/// Of settings, or a proof.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// Zeros behind the last file: what archivers fill their last record with.
const PADDING_BYTES_MAX: u64 = 10_240;
/// Memory for unpacking, as a power of two: 128 MiB, what every zstd accepts.
const WINDOW_LOG_MAX: u32 = 27;

impl Capsule {
    /// Reads a capsule.
    ///
    /// # Errors
    /// Why it is none, which of its files is damaged, or what is too large.
    pub fn decode(file: impl Read) -> Result<Self, CapsuleError> {
        let mut unpacked = Decoder::new(file).map_err(not)?;
        unpacked.window_log_max(WINDOW_LOG_MAX).map_err(not)?;
        let mut archive = Archive::new(unpacked.take(BYTES_MAX));
        // As they lie there: what would alter the meaning of the next is a file that is not listed.
        let mut entries = archive.entries().map_err(not)?.raw(true);
        let head = head(&mut entries)?;
        let mut capsule = Self {
            id: head.decision,
            document: Vec::new(),
            event: Vec::new(),
            policy: None,
            detectors: Default::default(),
            settings: Default::default(),
            earlier: Default::default(),
            proof: None,
        };
        let mut left = BYTES_MAX;
        for (number, listed) in head.files.iter().enumerate() {
            left = left.checked_sub(listed.bytes).ok_or_else(|| {
                CapsuleError::TooLarge(format!(
                    "its files have more than {BYTES_MAX} bytes together"
                ))
            })?;
            let entry = entries.next().ok_or_else(|| absent(&listed.name))?;
            let bytes = file_of(entry.map_err(broken)?, listed)?;
            capsule.take(number, listed, bytes)?;
        }
        if capsule.event.is_empty() {
            return Err(absent(EVENT));
        }
        if let Some(entry) = entries.next() {
            let name = name(&entry.map_err(broken)?);
            return Err(CapsuleError::Damaged(format!(
                "it holds {name:?}, which it does not list"
            )));
        }
        // Only at the very end does zstd compare its checksum.
        let mut rest = Vec::new();
        archive.into_inner().take(PADDING_BYTES_MAX + 1).read_to_end(&mut rest).map_err(broken)?;
        match rest.len() as u64 <= PADDING_BYTES_MAX && rest.iter().all(|byte| *byte == 0) {
            true => Ok(capsule),
            false => Err(CapsuleError::Damaged("something follows behind its end".to_owned())),
        }
    }

    fn take(&mut self, number: usize, listed: &Listed, bytes: Vec<u8>) -> Result<(), CapsuleError> {
        let Listed { name, digest, .. } = listed;
        let text = |bytes| {
            String::from_utf8(bytes)
                .map_err(|_| CapsuleError::Damaged(format!("{name} is no text in UTF-8")))
        };
        let earlier = earlier_of(name);
        match (number, name.as_str()) {
            (0, DOCUMENT) => self.document = bytes,
            (1, EVENT) => self.event = bytes,
            (2, POLICY) => self.policy = Some(text(bytes)?),
            (2.., PROOF) if self.proof.is_none() => self.proof = Some(text(bytes)?),
            (2.., _) if *name == detector_name(digest) => {
                self.detectors.insert(*digest, bytes);
            }
            (2.., _) if *name == settings_name(digest) => {
                self.settings.insert(*digest, text(bytes)?);
            }
            (2.., _) if earlier.is_some() => self.earlier.extend(earlier.map(|id| (id, bytes))),
            _ => {
                let detail = format!("{name:?} is no file of a capsule, or not in its place");
                return Err(CapsuleError::Damaged(detail));
            }
        }
        Ok(())
    }
}

fn head<R: Read>(entries: &mut Entries<'_, R>) -> Result<Head, CapsuleError> {
    let entry = entries.next().ok_or_else(|| not("the archive is empty"))?.map_err(not)?;
    if name(&entry) != HEAD {
        return Err(not(format!("its first file is {:?}, not {HEAD}", name(&entry))));
    }
    let bytes = bounded(entry, HEAD, HEAD_BYTES_MAX)?;
    /// What every version has.
    #[derive(serde::Deserialize)]
    struct Begins {
        format: String,
        version: u32,
    }
    let begins: Begins = parse(HEAD, &bytes)?;
    match begins {
        Begins { format, .. } if format != FORMAT => Err(not(format!("its format is {format:?}"))),
        Begins { version: 1..=VERSION, .. } => {
            let head: Head = parse(HEAD, &bytes)?;
            match head.files.len() > FILES_MAX {
                true => {
                    Err(CapsuleError::TooLarge(format!("it lists more than {FILES_MAX} files")))
                }
                false => Ok(head),
            }
        }
        Begins { version, .. } => Err(CapsuleError::Version(version)),
    }
}

/// The bytes of a file, which must be those that are listed.
fn file_of<R: Read>(entry: Entry<'_, R>, listed: &Listed) -> Result<Vec<u8>, CapsuleError> {
    let found = name(&entry);
    if found != listed.name {
        let detail = format!("it holds {found:?} where it lists {:?}", listed.name);
        return Err(CapsuleError::Damaged(detail));
    }
    let max = match listed.name.as_str() {
        DOCUMENT => DOCUMENT_BYTES_MAX,
        EVENT => EVENT_BYTES_MAX,
        POLICY => POLICY_BYTES_MAX as u64,
        name if name.starts_with("detectors/") => DETECTOR_BYTES_MAX,
        name if earlier_of(name).is_some() => EVENT_BYTES_MAX,
        _ => SETTINGS_BYTES_MAX,
    };
    let bytes = bounded(entry, &listed.name, max)?;
    match bytes.len() as u64 == listed.bytes && Digest::of(&bytes) == listed.digest {
        true => Ok(bytes),
        false => {
            let detail = format!("{} is not what {HEAD} says: its digest differs", listed.name);
            Err(CapsuleError::Damaged(detail))
        }
    }
}

fn bounded<R: Read>(entry: Entry<'_, R>, name: &str, max: u64) -> Result<Vec<u8>, CapsuleError> {
    if entry.header().entry_type() != EntryType::Regular {
        return Err(CapsuleError::Damaged(format!("{name} is no plain file")));
    }
    let size = entry.size();
    if size > max {
        let detail = format!("{name} has {size} bytes; {max} are allowed");
        return Err(CapsuleError::TooLarge(detail));
    }
    // Memory grows with what comes, not with what is promised.
    let mut bytes = Vec::new();
    entry.take(max).read_to_end(&mut bytes).map_err(broken)?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(CapsuleError::Damaged(format!("{name} ends too early"))),
    }
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, CapsuleError> {
    serde_json::from_slice(bytes).map_err(|error| not(format!("{name}: {error}")))
}

fn name<R: Read>(entry: &Entry<'_, R>) -> String {
    String::from_utf8_lossy(&entry.path_bytes()).into_owned()
}

fn not(why: impl ToString) -> CapsuleError {
    CapsuleError::Not(why.to_string())
}

fn broken(error: io::Error) -> CapsuleError {
    CapsuleError::Damaged(error.to_string())
}

fn absent(name: &str) -> CapsuleError {
    CapsuleError::Damaged(format!("it has no {name}"))
}
