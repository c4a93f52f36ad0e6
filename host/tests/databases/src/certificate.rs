//! Certificates for a server that speaks TLS, made with the `openssl` that PostgreSQL comes with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// An authority, and what it signed for `localhost`.
pub(crate) struct Certificate {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Makes both in this folder.
    pub fn make(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let [authority, authority_key] = ["authority.crt", "authority.key"].map(file);
        let [request, key, certificate] = ["server.csr", "server.key", "server.crt"].map(file);
        let names = file("names");
        fs::write(&names, "subjectAltName=DNS:localhost").expect("a file");
        let mut openssl = openssl("req");
        openssl.args(["-x509", "-nodes", "-days", "2", "-subj", "/CN=authority"]).args(EC);
        run(openssl.arg("-keyout").arg(&authority_key).arg("-out").arg(&authority));
        let mut openssl = self::openssl("req");
        openssl.args(["-nodes", "-subj", "/CN=localhost"]).args(EC);
        run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&request));
        let mut openssl = self::openssl("x509");
        openssl.args(["-req", "-days", "2", "-CAcreateserial"]);
        openssl.arg("-CA").arg(&authority).arg("-CAkey").arg(&authority_key);
        openssl.arg("-extfile").arg(&names).arg("-in").arg(&request);
        run(openssl.arg("-out").arg(&certificate));
        Self { authority, certificate, key }
    }
}

fn openssl(command: &str) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.arg(command);
    openssl
}

fn run(openssl: &mut Command) {
    let output = openssl.output().expect("these tests need `openssl`: install it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
