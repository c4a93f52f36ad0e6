//! Signatures of detectors: who may ship one, from the key to the server that asks for it.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use databases::{Home, on_both};
use picket::app::{App, Carried};
use picket::config::Config;
use picket::model::{Digest, Manifest, SignatureMode, Timestamp};
use picket::registry::{Bundle, BundledDetector};
use picket::runtime::{Runtime, RuntimeOptions, Trust};
use picket::signing::{SignatureFile, SigningKey};
use serde_json::Value;
use server::{Server, write};

on_both!(threaded:
    an_unsigned_file_waits_for_its_signature,
    a_bad_signature_is_refused_by_name_and_what_served_serves_on,
    with_warnings_alone_everything_goes_live_and_is_counted,
    what_the_program_carries_needs_none_and_the_same_bytes_in_the_folder_do
);

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// The text of a signature file.
fn sign(number: u8, file: &[u8], manifest: &Manifest) -> Vec<u8> {
    let signature = key(number).sign(Digest::of(file), manifest, Timestamp::now());
    SignatureFile::of(signature).to_text().into_bytes()
}

fn manifest_of(file: &[u8]) -> Manifest {
    let runtime = Runtime::new(&RuntimeOptions::default()).expect("a runtime");
    runtime.load(file, "{}", Trust::Bundled).expect("a detector").manifest().clone()
}

/// Trusts key 1, and key 2, which is revoked.
fn ask(mode: SignatureMode) -> impl FnOnce(&mut Config) {
    move |config| {
        config.signatures = mode;
        for (name, number) in [("alice", 1), ("bob", 2)] {
            config.trusted_keys.insert(name.to_owned(), key(number).public().to_string());
        }
        config.revoked_keys.insert(key(2).public().id().to_string(), "laptop lost".to_owned());
    }
}

/// Why the probe's file was refused.
async fn refusal(server: &Server) -> Option<String> {
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let refused = catalogue["refused"].as_array().expect("a list").clone();
    let probe = refused.iter().find(|refusal| refusal["file"] == "detectors/probe.wasm")?;
    probe["error"].as_str().map(str::to_owned)
}

async fn an_unsigned_file_waits_for_its_signature(home: Home) {
    let server = Server::start_with(&home, ask(SignatureMode::Require)).await;
    assert_eq!(server.probe_version(), None);
    let error = refusal(&server).await.unwrap();
    assert!(error.starts_with("it is not signed"), "{error}");
    let audit = server.get("auditor", "/v1/audit").await.text;
    assert!(audit.contains("detector.refused") && audit.contains("it is not signed"), "{audit}");
    // Nothing but the signature comes.
    let signed = sign(1, fixture::probe(), &manifest_of(fixture::probe()));
    fs::write(server.path("detectors/probe.wasm.sig"), signed).unwrap();
    let live = || async { server.probe_version().as_deref() == Some("1.0.0") };
    server.until("it is live", live).await;
    assert_eq!(refusal(&server).await, None);
    let metrics = server.get("engineer", "/metrics").await.text;
    for line in [
        "picket_loads_total{kind=\"detector\",result=\"refused\"} 1",
        "picket_signatures_total{result=\"signed\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    server.app.stop().await;
}

async fn a_bad_signature_is_refused_by_name_and_what_served_serves_on(home: Home) {
    let (old, next) = (fixture::probe(), fixture::probe_next());
    let dir = tempfile::tempdir().unwrap();
    let (file, beside) =
        (dir.path().join("detectors/probe.wasm"), dir.path().join("detectors/probe.wasm.sig"));
    write(&file, old);
    let old_manifest = manifest_of(old);
    write(&beside, &sign(1, old, &old_manifest));
    let server = Server::start_in(&home, dir, |config| {
        ask(SignatureMode::Require)(config);
        config.watch = false;
    })
    .await;
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    let manifest = manifest_of(next);
    let good = sign(1, next, &manifest);
    let changed = String::from_utf8(good.clone())
        .unwrap()
        .replace("\"signature\": \"", "\"signature\": \"AAAA");
    let cases = [
        (sign(1, old, &old_manifest), "for another file"),
        (sign(1, next, &old_manifest), "for another manifest"),
        (sign(2, next, &manifest), "which is revoked (laptop lost)"),
        (sign(3, next, &manifest), "which is not trusted here"),
        (changed.into_bytes(), "does not parse: a signature is 64 bytes"),
        (good[..good.len() / 2].to_vec(), "does not parse"),
        (vec![b' '; 100_000], "has more than 65536 bytes"),
    ];
    fs::write(&file, next).unwrap();
    for (text, says) in cases {
        fs::write(&beside, text).unwrap();
        server.app.registry.scan().await.unwrap();
        let error = refusal(&server).await.unwrap();
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!(server.probe_version().as_deref(), Some("1.0.0"), "{says}");
    }
    fs::remove_file(&beside).unwrap();
    write(&server.path("elsewhere.sig"), &good);
    symlink(server.path("elsewhere.sig"), &beside).unwrap();
    server.app.registry.scan().await.unwrap();
    let error = refusal(&server).await.unwrap();
    assert!(error.contains("probe.wasm.sig: is a symbolic link"), "{error}");
    fs::remove_file(&beside).unwrap();
    fs::write(&beside, &good).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!((server.probe_version().as_deref(), refusal(&server).await), (Some("1.1.0"), None));
    // The signature goes: that is said, and what served serves on.
    fs::remove_file(&beside).unwrap();
    server.app.registry.scan().await.unwrap();
    assert!(refusal(&server).await.unwrap().contains("not signed"));
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    // What nobody vouches for is not even looked into.
    fs::write(&file, b"no component").unwrap();
    server.app.registry.scan().await.unwrap();
    assert!(refusal(&server).await.unwrap().contains("not signed"));
    server.app.stop().await;
}

async fn with_warnings_alone_everything_goes_live_and_is_counted(home: Home) {
    let server = Server::start_with(&home, |config| {
        ask(SignatureMode::Warn)(config);
        config.watch = false;
    })
    .await;
    assert_eq!((server.probe_version().as_deref(), refusal(&server).await), (Some("1.0.0"), None));
    let next = fixture::probe_next();
    fs::write(server.path("detectors/probe.wasm"), next).unwrap();
    fs::write(server.path("detectors/probe.wasm.sig"), sign(2, next, &manifest_of(next))).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!((server.probe_version().as_deref(), refusal(&server).await), (Some("1.1.0"), None));
    let metrics = server.get("engineer", "/metrics").await.text;
    for result in ["unsigned", "untrusted"] {
        let line = format!("picket_signatures_total{{result=\"{result}\"}} 1");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    server.app.stop().await;
}

async fn what_the_program_carries_needs_none_and_the_same_bytes_in_the_folder_do(home: Home) {
    let probe = BundledDetector { name: "probe", file: fixture::probe() };
    let bundle = Bundle { detectors: vec![probe], policies: Vec::new() };
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("detectors/probe.wasm"), fixture::probe());
    let server = Server::start_carrying(&home, bundle, dir, ask(SignatureMode::Require)).await;
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    assert_eq!(catalogue["detectors"][0]["origin"], "bundle");
    assert!(refusal(&server).await.unwrap().contains("not signed"));
    server.app.stop().await;
}

#[tokio::test]
async fn a_bad_key_in_the_configuration_stops_the_start_and_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.path().join("data"),
        ..Config::default()
    };
    config.trusted_keys.insert("alice".to_owned(), "picket-public-1:short".to_owned());
    let error = App::start_with(config, Carried::default()).await.err().expect("a bad key");
    let error = format!("{error:#}");
    assert!(error.contains("`trusted_keys.alice` is not a public key"), "{error}");
    assert!(error.contains("picket key detector new"), "{error}");
}

/// Runs the real program in a folder.
fn picket(folder: &Path, arguments: &[&str]) -> Output {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.current_dir(folder).args(arguments).output().expect("the program runs")
}

/// What it printed, where it ended well.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What it complained of.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn a_key_is_made_signs_and_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    fs::write(folder.join("probe.wasm"), fixture::probe()).unwrap();
    // Made: the public line is printed, the secret is the owner's alone and is never overwritten.
    let line = printed(&picket(folder, &["key", "detector", "new", "--name", "alice"]));
    let public = line.strip_prefix("alice = \"").unwrap().strip_suffix("\"\n").unwrap();
    let secret = folder.join("alice.key");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&secret).unwrap();
    assert_eq!(SigningKey::parse(&text).unwrap().public().to_string(), public);
    let again = complaint(&picket(folder, &["key", "detector", "new", "--name", "alice"]));
    assert!(again.contains("alice.key is there already"), "{again}");
    assert_eq!(fs::read_to_string(&secret).unwrap(), text);
    printed(&picket(folder, &["key", "detector", "new", "--name", "b", "--out", "bob.secret"]));
    // Not signed yet.
    let verify = ["detector", "verify", "probe.wasm", "--public", public];
    assert!(complaint(&picket(folder, &verify)).contains("it is not signed"));
    // Signed by one, then by two, and each once.
    for (secret, signatures) in [("alice.key", 1), ("bob.secret", 2), ("alice.key", 2)] {
        let said = printed(&picket(folder, &["detector", "sign", "probe.wasm", "--key", secret]));
        assert!(said.starts_with("signed probe 1.0.0 by the key "), "{said}");
        let signed = SignatureFile::parse(&fs::read(folder.join("probe.wasm.sig")).unwrap());
        assert_eq!(signed.unwrap().signatures().len(), signatures);
    }
    assert!(
        printed(&picket(folder, &verify)).starts_with("probe 1.0.0 is signed by picket-public-1:")
    );
    // As a server with this configuration would have it.
    assert!(complaint(&picket(folder, &verify[..3])).contains("which is not trusted here"));
    fs::write(folder.join("picket.toml"), format!("[trusted_keys]\n{line}")).unwrap();
    let json = printed(&picket(folder, &["detector", "verify", "probe.wasm", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["good"], &json["signed_by"]["name"]), (&true.into(), &"alice".into()));
    let id = json["signed_by"]["key"].as_str().unwrap();
    let revoked = format!("[trusted_keys]\n{line}[revoked_keys]\n\"{id}\" = \"lost\"\n");
    fs::write(folder.join("revoked.toml"), revoked).unwrap();
    let error = complaint(&picket(folder, &[&verify[..], &["--config", "revoked.toml"]].concat()));
    assert!(error.contains(&format!("the key {id}, which is revoked (lost)")), "{error}");
    let required = format!("signatures = \"require\"\n[trusted_keys]\n{line}");
    fs::write(folder.join("picket.toml"), required).unwrap();
    printed(&picket(folder, &["detector", "check", "probe.wasm"]));
    // Another file under the same name.
    fs::write(folder.join("probe.wasm"), fixture::probe_next()).unwrap();
    let checked = picket(folder, &["detector", "check", "probe.wasm"]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("probe.wasm: refused: ") && said.contains("for another file"), "{said}");
    let output = picket(folder, &["detector", "verify", "probe.wasm", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["good"], false);
    assert!(json["error"].as_str().unwrap().contains("for another file"), "{json}");
    // A secret where a public key belongs is not repeated, and a public key signs nothing.
    let error = complaint(&picket(
        folder,
        &["detector", "verify", "probe.wasm", "--public", text.lines().last().unwrap()],
    ));
    assert!(
        error.contains("--public is a secret key")
            && !error.contains(&text[text.len() - 20..text.len() - 2])
    );
    fs::write(folder.join("public.key"), public).unwrap();
    let error =
        complaint(&picket(folder, &["detector", "sign", "probe.wasm", "--key", "public.key"]));
    assert!(error.contains("public.key is not a secret key"), "{error}");
}
