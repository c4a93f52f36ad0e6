//! Who may vouch for a receiver: those that the system trusts, or those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The client's side of TLS. The error says what is wrong with the file or the system's store.
pub(super) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    trusting(match ca_file {
        Some(path) => {
            of_file(path).map_err(|error| format!("`ca_file` {}: {error}", path.display()))?
        }
        None => of_system()?,
    })
}

/// The certificates of those who may vouch for a server, for whoever speaks TLS by other means.
pub(super) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |error: String| format!("`ca_file` {}: {error}", path.display());
    // Looked at as a whole first, so that what is wrong is said in the same words.
    of_file(path).map_err(wrong)?;
    let all = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    all.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
}

/// For where TLS is not spoken: it trusts nobody.
pub(super) fn nobody() -> Result<ClientConfig, String> {
    trusting(RootCertStore::empty())
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, String> {
    // Named here, so that no global has to be set before.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn of_file(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("it holds no certificate: write them as PEM".to_owned()),
        false => Ok(roots),
    }
}

fn of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Systems trust some that no TLS library reads: those are left out.
    roots.add_parsable_certificates(found.certs);
    match roots.is_empty() {
        true => Err(format!(
            "this system has no certificates of authorities (install ca-certificates, or name a \
             `ca_file`): {:?}",
            found.errors
        )),
        false => Ok(roots),
    }
}
