//! Decisions that leave the server in one file: they replay anywhere, and whatever somebody made of the
//! file is found or refused.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;
mod wasm;

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use databases::{Home, on_both};
use picket::audit::{NoteVerifier, host_signer};
use picket::model::Digest;
use picket::replay::{Capsule, CapsuleError, Lack, Replay, Sameness};
use picket::runtime::{CacheOptions, CompilerOptions, RuntimeOptions};
use serde_json::{Value, json};
use server::Server;
use tempfile::TempDir;

on_both!(threaded:
    a_capsule_replays_without_a_server_and_a_database,
    the_same_decision_gives_the_same_bytes_and_they_come_back,
    a_capsule_is_for_those_who_may_see_events_and_files,
    what_was_forged_is_named_and_what_is_missing_too,
    a_capsule_proves_that_its_decision_was_logged,
    detectors_of_strangers_compile_in_the_child_and_are_refused_like_any
);

async fn quiet(home: &Home) -> Server {
    Server::start_with(home, |config| config.watch = false).await
}

/// Runs the program where there is nothing, perhaps with a server.
fn picket(dir: &Path, server: Option<&Server>, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.args(args).current_dir(dir).env_remove("PICKET_KEY").env_remove("PICKET_SERVER");
    if let Some(server) = server {
        command
            .env("PICKET_SERVER", format!("http://{}", server.app.address))
            .env("PICKET_KEY", server.key("auditor"));
    }
    command.output().expect("picket runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// The capsule of what is decided about a message.
async fn capsule(server: &Server, id: &str, content: &str) -> Vec<u8> {
    let decision = server.event(id, content).await.json();
    let id = decision["id"].as_str().expect("a decision has an id");
    let path = format!("http://{}/v1/decisions/{id}/capsule", server.app.address);
    let got = server.client.get(path).bearer_auth(server.key("auditor")).send().await;
    got.expect("an answer").bytes().await.expect("a body").to_vec()
}

/// As the command line does, but that what was compiled once is not compiled again.
async fn replay(capsule: Capsule) -> Result<Replay, CapsuleError> {
    replay_trusting(capsule, None).await
}

async fn replay_trusting(
    capsule: Capsule,
    log: Option<NoteVerifier>,
) -> Result<Replay, CapsuleError> {
    static CACHE: LazyLock<TempDir> =
        LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));
    let cache = CacheOptions { dir: CACHE.path().into(), host_key: [7; 32], bytes_max: 1 << 30 };
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    let sandbox = RuntimeOptions { cache: Some(cache), compiler, ..RuntimeOptions::default() };
    let replaying =
        tokio::task::spawn_blocking(move || capsule.replay(sandbox, &HashSet::new(), log.as_ref()));
    replaying.await.expect("it does not panic")
}

async fn a_capsule_replays_without_a_server_and_a_database(home: Home) {
    let server = quiet(&home).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = elsewhere.path();
    let mut files = Vec::new();
    for order in
        ["entity", "quote me 555-0199", "chance", "order", "nans", "floats", "panic", "loop"]
    {
        let decision = server.event(order, order).await.json();
        let id = decision["id"].as_str().unwrap();
        let exported = picket(dir, Some(&server), &["decision", "export", id]);
        assert!(exported.status.success(), "{}", said(&exported));
        let again = picket(dir, Some(&server), &["decision", "export", id]);
        assert!(said(&again).contains("is there already"), "{}", said(&again));
        let shown = picket(dir, Some(&server), &["decision", "show", id]);
        assert!(said(&shown).contains("probe"), "{}", said(&shown));
        files.push((order, dir.join(format!("{id}.capsule"))));
    }
    // The host key, the database and the detectors are gone.
    let Server { app, dir: data, .. } = server;
    app.stop().await;
    data.close().unwrap();
    for (order, file) in files {
        let file = file.to_str().unwrap();
        let replayed = picket(dir, None, &["replay", file]);
        assert_eq!(replayed.status.code(), Some(0), "{order}: {}", said(&replayed));
        assert!(said(&replayed).starts_with("identical  "), "{order}: {}", said(&replayed));
        let json = picket(dir, None, &["replay", file, "--json"]);
        let json: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["result"], "identical");
    }
    let nothing = picket(dir, None, &["replay", "nothing.capsule"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
    assert!(said(&nothing).contains("neither the id of a decision nor a capsule"));
}

async fn the_same_decision_gives_the_same_bytes_and_they_come_back(home: Home) {
    let server = quiet(&home).await;
    let first = capsule(&server, "1", "entity").await;
    let decoded = Capsule::decode(first.as_slice()).unwrap();
    // The same event has the same decision; the log has grown, and the proof with it.
    let mut second = Capsule::decode(capsule(&server, "1", "entity").await.as_slice()).unwrap();
    assert!(second.proof.is_some());
    second.proof.clone_from(&decoded.proof);
    assert!(first == second.encode().unwrap());
    assert!(decoded.encode().unwrap() == first);
    let probe = Digest::of(fixture::probe());
    assert!(decoded.detectors[&probe] == fixture::probe());
    assert_eq!(decoded.settings.values().collect::<Vec<_>>(), ["{}"]);
    assert_eq!(decoded.policy.as_deref(), Some(&*server::POLICY.replace("NAME", "market")));
    assert_eq!(serde_json::from_slice::<Value>(&decoded.event).unwrap()["id"], "1");
    server.app.stop().await;
}

async fn a_capsule_is_for_those_who_may_see_events_and_files(home: Home) {
    let server = quiet(&home).await;
    let decision = server.event("1", "hello").await.json();
    let path = format!("/v1/decisions/{}/capsule", decision["id"].as_str().unwrap());
    let status = async |who: &str| {
        let request = server.request(who, reqwest::Method::GET, &path);
        request.send().await.unwrap().status().as_u16()
    };
    for (who, expected) in [
        ("auditor", 200),
        ("admin", 200),
        ("bound-admin", 200),
        ("engineer", 403),
        ("reviewer", 403),
        ("platform", 403),
        ("anon", 401),
    ] {
        assert_eq!(status(who).await, expected, "{who}");
    }
    let other = server::event("other", "1", "hello").to_string();
    let other = server.post("other", "/v1/events", "application/json", other).await.json();
    let path = format!("/v1/decisions/{}/capsule", other["id"].as_str().unwrap());
    assert_eq!(server.get("bound-admin", &path).await.status, 404);
    server.app.stop().await;
}

/// The document with something changed in it.
fn forged(capsule: &Capsule, change: impl FnOnce(&mut Value)) -> Capsule {
    let mut document: Value = serde_json::from_slice(&capsule.document).expect("it is JSON");
    change(&mut document);
    let document = serde_json::to_vec(&document).expect("it is JSON");
    // As it travels: its own digests are made anew. Its proof would tell that it was never logged.
    let forged = Capsule { document, proof: None, ..capsule.clone() };
    let forged = forged.encode().expect("it is written");
    Capsule::decode(forged.as_slice()).expect("it is a capsule")
}

async fn a_capsule_proves_that_its_decision_was_logged(home: Home) {
    let server = quiet(&home).await;
    let capsules = [capsule(&server, "1", "entity").await, capsule(&server, "2", "entity").await];
    let [one, other] = capsules.map(|file| Capsule::decode(file.as_slice()).unwrap());
    let key = std::fs::read(server.path("data/host.key")).unwrap();
    let log = host_signer(key.as_slice().try_into().unwrap(), "").unwrap().verifier().clone();
    server.app.stop().await;
    let proved = replay_trusting(one.clone(), Some(log.clone())).await.unwrap();
    assert_eq!((proved.result, proved.differences), (Sameness::Identical, vec![]));
    assert!(proved.notes.iter().any(|note| note.contains("proved to be entry")));
    let paths = async |capsule: &Capsule, log: &NoteVerifier| -> Vec<String> {
        let replay = replay_trusting(capsule.clone(), Some(log.clone())).await.unwrap();
        replay.differences.into_iter().map(|it| it.path).collect()
    };
    // Of another decision; signed by nobody who is trusted; with a document that was never logged.
    let swapped = Capsule { proof: other.proof, ..one.clone() };
    assert_eq!(
        paths(&swapped, &log).await,
        ["/logged/object", "/logged/document", "/logged/event"]
    );
    let stranger = host_signer(&[9; 32], "").unwrap().verifier().clone();
    assert_eq!(paths(&one, &stranger).await, ["/logged"]);
    let respelt = Capsule { document: [&*one.document, b" "].concat(), ..one.clone() };
    assert_eq!(paths(&respelt, &log).await, ["/logged/document"]);
    let bare = Capsule { proof: None, ..one };
    let untold = replay_trusting(bare, Some(log)).await.unwrap();
    assert_eq!((untold.result, untold.missing[0].what), (Sameness::CannotTell, Lack::Proof));
}

/// What somebody does to a capsule.
type Change = fn(&mut Value);

async fn what_was_forged_is_named_and_what_is_missing_too(home: Home) {
    let server = quiet(&home).await;
    let capsule = Capsule::decode(capsule(&server, "1", "entity").await.as_slice()).unwrap();
    assert_eq!(replay(capsule.clone()).await.unwrap().result, Sameness::Identical);
    let cases: [(&str, Change); 6] = [
        ("/signals/0/score", |it| {
            it["decision"]["signals"][0]["score"] = json!(0.500_000_000_000_000_1)
        }),
        ("/score", |it| it["decision"]["score"] = json!(0.25)),
        ("/action", |it| it["decision"]["action"] = json!("allow")),
        ("/basis/entities/0", |it| it["replay"]["entities"][0] = json!("00".repeat(16))),
        ("/basis/event", |it| it["event"] = json!(Digest::of(b"other"))),
        ("/signals/0/entities/1", |it| {
            let entities = it["decision"]["signals"][0]["entities"].as_array_mut().unwrap();
            entities.push(entities[0].clone());
        }),
    ];
    for (path, change) in cases {
        let replay = replay(forged(&capsule, change)).await.unwrap();
        let named: Vec<&str> = replay.differences.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(replay.result, Sameness::Different, "{path}");
        assert!(named.contains(&path), "{path}: {named:?}");
    }
    let mut other = capsule.clone();
    let event = String::from_utf8(other.event).unwrap().replace("entity", "silent");
    other.event = event.into_bytes();
    let replay_of = replay(other).await.unwrap();
    assert_eq!(replay_of.result, Sameness::Different);
    assert!(replay_of.differences.iter().any(|it| it.path == "/basis/event"));

    let lacks = async |capsule: Capsule| {
        let replay = replay(capsule).await.unwrap();
        assert_eq!(replay.result, Sameness::CannotTell);
        (replay.missing[0].what, replay.missing[0].detail.clone())
    };
    let bare = Capsule { detectors: Default::default(), ..capsule.clone() };
    assert!(matches!(lacks(bare).await, (Lack::Detector, why) if why.contains("have its bytes")));
    let bare = Capsule { settings: Default::default(), ..capsule.clone() };
    assert!(matches!(lacks(bare).await, (Lack::Detector, why) if why.contains("the settings")));
    let bare = Capsule { policy: None, ..capsule.clone() };
    assert!(matches!(lacks(bare).await, (Lack::Policy, why) if why.contains("have its text")));
    let later = forged(&capsule, |it| it["decision"]["semantics"] = json!(2));
    assert!(matches!(lacks(later).await, (Lack::Semantics, _)));
    let none = forged(&capsule, |it| it["decision"]["findings"][0]["digest"] = Value::Null);
    assert!(matches!(lacks(none).await, (Lack::Detector, why) if why.contains("of which file")));
    server.app.stop().await;
}

async fn detectors_of_strangers_compile_in_the_child_and_are_refused_like_any(home: Home) {
    let server = quiet(&home).await;
    let capsule = Capsule::decode(capsule(&server, "1", "entity").await.as_slice()).unwrap();
    let bomb = wasm::component(&[wasm::functions(60_000, 0, &wasm::nested(4))]);
    for (file, says) in [
        (b"\0asm\x01\0\0\0".to_vec(), "core module"),
        (b"\x7fELF".to_vec(), "ELF"),
        (bomb, "functions"),
    ] {
        let digest = Digest::of(&file);
        let mut other =
            forged(&capsule, |it| it["decision"]["findings"][0]["digest"] = json!(digest));
        other.detectors.insert(digest, file);
        let replay = replay(other).await.unwrap();
        assert_eq!((replay.result, replay.missing[0].what), (Sameness::CannotTell, Lack::Detector));
        assert!(replay.missing[0].detail.contains(says), "{says}: {:?}", replay.missing);
    }
    let many = forged(&capsule, |it| {
        let finding = it["decision"]["findings"][0].clone();
        it["decision"]["findings"] = json!(vec![finding; 10_000]);
    });
    assert!(replay(many).await.unwrap_err().to_string().contains("10000 findings"));
    // It asks for more than anybody gets.
    let greedy =
        forged(&capsule, |it| it["replay"]["ceiling"]["memory_bytes"] = json!(1_u64 << 40));
    assert_eq!(replay(greedy).await.unwrap().result, Sameness::Identical);
    server.app.stop().await;
}

/// A file of an archive: name, kind, content.
type Piece<'a> = (&'a str, tar::EntryType, Vec<u8>);

fn archive(pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).expect("it begins"));
    for (name, kind, bytes) in pieces {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        // By hand, for the crate writes no name that leads out.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, bytes.as_slice()).expect("it is written");
    }
    archive.into_inner().and_then(|encoder| encoder.finish()).expect("it ends")
}

/// The head of these files, and they.
fn listed<'a>(version: u32, pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
    let files = pieces.iter().map(
        |(name, _, bytes)| json!({"name": name, "bytes": bytes.len(), "digest": Digest::of(bytes)}),
    );
    let head = json!({
        "format": "picket capsule", "version": version, "made_by": "a test",
        "decision": "0199b0a4-7c1e-7d52-9f6b-1c2d3e4f5a6b", "files": files.collect::<Vec<_>>(),
    });
    let head = ("capsule.json", tar::EntryType::Regular, head.to_string().into_bytes());
    [vec![head], pieces.to_vec()].concat()
}

#[test]
fn what_is_no_capsule_is_refused_with_the_reason() {
    let plain = tar::EntryType::Regular;
    let whole =
        || vec![("decision.json", plain, b"{}".to_vec()), ("event.json", plain, b"{}".to_vec())];
    let and = |piece: Piece<'static>| [whole(), vec![piece]].concat();
    let zeros = |count: usize| vec![0; count];
    let good = archive(&listed(1, &whole()));
    assert!(Capsule::decode(good.as_slice()).is_ok());
    let mut unlisted = listed(1, &whole());
    unlisted.push(("more", plain, vec![1]));
    let mut swapped = listed(1, &whole());
    swapped[2].2 = b"[]".to_vec();
    let mut long = listed(1, &whole());
    long.insert(1, ("././@LongLink", tar::EntryType::GNULongName, zeros(1 << 20)));
    let second = zstd::bulk::compress(b"more", 1).unwrap();
    let digest = Digest::of(b"x");
    let wrong_name = Box::leak(format!("detectors/{}.wasm", "0".repeat(64)).into_boxed_str());
    let right_name = format!("settings/{}.json", digest.to_string().trim_start_matches("sha256:"));
    let right_name: &str = Box::leak(right_name.into_boxed_str());
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "no capsule"),
        (b"hello".to_vec(), "no capsule"),
        (zstd::bulk::compress(b"hello", 1).unwrap(), "no capsule"),
        (archive(&[]), "the archive is empty"),
        (archive(&whole()), "its first file is \"decision.json\""),
        (archive(&listed(3, &whole())), "version 3, and this program reads version 2"),
        (archive(&listed(1, &whole()[..1])), "no event.json"),
        (archive(&listed(1, &[])), "no event.json"),
        (archive(&listed(1, &whole())[..2]), "no event.json"),
        (archive(&unlisted), "\"more\", which it does not list"),
        (archive(&swapped), "event.json is not what capsule.json says"),
        (archive(&long), "it holds \"././@LongLink\""),
        (archive(&listed(1, &and(("../../etc/passwd", plain, vec![])))), "is no file of a capsule"),
        (archive(&listed(1, &and(("/etc/passwd", plain, vec![])))), "is no file of a capsule"),
        (archive(&listed(1, &and(("event.json", plain, vec![])))), "not in its place"),
        (archive(&listed(1, &and((wrong_name, plain, b"x".to_vec())))), "is no file of a capsule"),
        (
            archive(&listed(1, &and((right_name, tar::EntryType::Symlink, vec![])))),
            "is no plain file",
        ),
        (archive(&listed(1, &and((right_name, plain, vec![0xff])))), "is no file of a capsule"),
        (archive(&listed(1, &and(("policy.toml", plain, vec![0xff])))), "is no text in UTF-8"),
        (
            archive(&listed(1, &and(("policy.toml", plain, zeros(1 << 20))))),
            "1048576 bytes; 65536 are",
        ),
        (
            archive(&listed(1, &and(("detectors/x", plain, zeros(300 << 20))))),
            "bytes; 268435456 are",
        ),
        ([good.clone(), second].concat(), "something follows"),
        ([good.clone(), b"more".to_vec()].concat(), "damaged"),
    ];
    for (file, says) in cases {
        match Capsule::decode(file.as_slice()) {
            Ok(_) => panic!("{says}: accepted"),
            Err(error) => assert!(error.to_string().contains(says), "{says}: {error}"),
        }
    }
}

#[test]
fn no_bit_can_be_flipped_and_no_end_cut_off() {
    let plain = tar::EntryType::Regular;
    let capsule = Capsule::decode(
        archive(&listed(
            1,
            &[("decision.json", plain, b"{}".to_vec()), ("event.json", plain, b"[1]".to_vec())],
        ))
        .as_slice(),
    )
    .unwrap();
    let file = capsule.encode().unwrap();
    for end in 0..file.len() {
        assert!(Capsule::decode(&file[..end]).is_err(), "cut off at {end}");
    }
    for bit in 0..8 * file.len() {
        let mut flipped = file.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // A bit that says nothing about the content may change nothing.
        if let Ok(read) = Capsule::decode(flipped.as_slice()) {
            assert_eq!(read, capsule, "bit {bit}");
        }
    }
}
