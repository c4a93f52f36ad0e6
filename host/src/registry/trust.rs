//! Whether the signatures of a candidate let it in: before it is opened, so that a stranger's code is
//! not even compiled, and again with the manifest that the very buffer described itself with.

use std::io;
use std::path::{Path, PathBuf};

use super::files::read;
use super::{Candidate, Refused, Registry};
use crate::model::{Digest, SignatureMode};
use crate::runtime::Prepared;
use crate::signing::{SignatureFile, Trust, Verdict};
use crate::store::{Deployment, Origin};
use crate::telemetry::Vouched;

/// Where the signatures of a file lie: `NAME.wasm.sig` beside `NAME.wasm`.
pub fn signature_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

/// The text of a file's signatures, where they are looked at and there are any.
///
/// # Errors
/// Why it cannot be read.
pub fn signature_beside(trust: &Trust, file: &Path) -> Result<Option<Vec<u8>>, String> {
    if trust.mode() == SignatureMode::Off {
        return Ok(None);
    }
    let path = signature_path(file);
    match read(&path, SignatureFile::BYTES_MAX) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("its signature {}: {error}", path.display())),
    }
}

impl Registry {
    /// Whether a candidate may be opened: a trusted key vouches for the file, or none need to.
    ///
    /// # Errors
    /// Where signatures are required, why it may not.
    pub(super) fn verify_unopened(&self, candidate: &Candidate) -> Result<(), Refused> {
        let digest = Digest::of(&candidate.file);
        if !self.is_exempt(&candidate.origin, digest) {
            self.rules.trust.verify_unopened(digest, candidate.signature.as_deref())?;
        }
        Ok(())
    }

    /// Whether a candidate may go live as what it was loaded to be. Holds for what was found ready as
    /// for what was just compiled: the digest is that of the candidate's own bytes.
    ///
    /// # Errors
    /// Where signatures are required, why it may not.
    pub(super) fn verify(
        &self,
        candidate: &Candidate,
        prepared: &Prepared,
    ) -> Result<Verdict, Refused> {
        let (manifest, digest) = (prepared.manifest(), Digest::of(&candidate.file));
        if self.is_exempt(&candidate.origin, digest) {
            return Ok(Verdict::NotAsked);
        }
        let verdict = self.rules.trust.verify(digest, manifest, candidate.signature.as_deref())?;
        let (detector, origin) = (&manifest.name, &candidate.origin);
        match &verdict {
            Verdict::NotAsked => {}
            Verdict::Signed { key, name } => {
                self.metrics.signature(Vouched::Signed);
                tracing::info!(detector, %origin, %key, signer = name, "signature good");
            }
            Verdict::Unsigned { warning } => {
                self.metrics.signature(Vouched::Unsigned);
                tracing::warn!(detector, %origin, "goes live all the same: {warning}");
            }
            Verdict::Untrusted { warning } => {
                self.metrics.signature(Vouched::Untrusted);
                tracing::warn!(detector, %origin, "goes live all the same: {warning}");
            }
        }
        Ok(verdict)
    }

    /// Whether what was let in before is still vouched for.
    ///
    /// # Errors
    /// Where signatures are required, why it is not.
    pub(super) fn verify_again(&self, row: &Deployment) -> Result<(), Refused> {
        if !self.is_exempt(&row.origin, row.digest) {
            let signature = row.signature.as_deref().map(str::as_bytes);
            self.rules.trust.verify(row.digest, &row.manifest, signature)?;
        }
        Ok(())
    }

    pub(super) fn looks_at_signatures(&self) -> bool {
        self.rules.trust.mode() != SignatureMode::Off
    }

    /// Whether nobody asks for a signature, or the bytes are part of the program itself.
    fn is_exempt(&self, origin: &Origin, digest: Digest) -> bool {
        !self.looks_at_signatures() || *origin == Origin::Bundle && self.trusted.contains(&digest)
    }
}
