//! A capsule as bytes: the same for the same decision.

use std::io::{self, Write};

use tar::{Builder, EntryType, Header};
use zstd::stream::write::Encoder;

use super::{
    Capsule, CapsuleError, DOCUMENT, EVENT, FORMAT, HEAD, Head, Listed, POLICY, PROOF, VERSION,
    VERSION_WITHOUT_EARLIER, detector_name, earlier_name, settings_name,
};
use crate::model::Digest;

/// A detector shrinks to a third; more would take seconds.
const LEVEL: i32 = 3;

impl Capsule {
    /// The capsule as one file.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn encode(&self) -> Result<Vec<u8>, CapsuleError> {
        self.write(Vec::new()).map_err(CapsuleError::Unwritten)
    }

    fn write<W: Write>(&self, out: W) -> io::Result<W> {
        let files = self.files();
        let head = Head {
            format: FORMAT.to_owned(),
            version: if self.earlier.is_empty() { VERSION_WITHOUT_EARLIER } else { VERSION },
            made_by: concat!("picket ", env!("CARGO_PKG_VERSION")).to_owned(),
            decision: self.id,
            files: files
                .iter()
                .map(|(name, bytes)| Listed {
                    name: name.clone(),
                    bytes: bytes.len() as u64,
                    digest: Digest::of(bytes),
                })
                .collect(),
        };
        let mut encoder = Encoder::new(out, LEVEL)?;
        encoder.include_checksum(true)?;
        let mut archive = Builder::new(encoder);
        append(&mut archive, HEAD, &serde_json::to_vec_pretty(&head)?)?;
        for (name, bytes) in &files {
            append(&mut archive, name, bytes)?;
        }
        archive.into_inner()?.finish()
    }

    fn files(&self) -> Vec<(String, &[u8])> {
        let mut files = vec![
            (DOCUMENT.to_owned(), self.document.as_slice()),
            (EVENT.to_owned(), self.event.as_slice()),
        ];
        files.extend(self.policy.iter().map(|text| (POLICY.to_owned(), text.as_bytes())));
        files.extend(self.detectors.iter().map(|(of, it)| (detector_name(of), it.as_slice())));
        files.extend(self.settings.iter().map(|(of, it)| (settings_name(of), it.as_bytes())));
        files.extend(self.earlier.iter().map(|(of, it)| (earlier_name(*of), it.as_slice())));
        files.extend(self.proof.iter().map(|text| (PROOF.to_owned(), text.as_bytes())));
        files
    }
}

fn append<W: Write>(archive: &mut Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes)
}
