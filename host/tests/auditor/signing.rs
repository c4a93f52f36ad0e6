//! What the server signs by itself, and where that goes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use databases::{Home, on_both};

use crate::database::{Head, database};
use crate::receiver::{self, Does, Receiver};
use crate::server::Server;
use crate::{Auditor, assert_found, decided, quiet, quiet_in, said};

on_both!(threaded:
    checkpoints_go_where_they_are_sent,
    a_restart_does_not_forget_what_was_signed,
    a_restart_does_not_forget_what_somebody_had_signed,
    what_is_not_kept_is_not_handed_out,
    checkpoints_are_written_to_standard_output,
);

async fn checkpoints_go_where_they_are_sent(home: Home) {
    let witness = Receiver::start(|_| Does::Answer(200)).await;
    let url = witness.url();
    let change = |config: &mut picket::config::Config| {
        config.checkpoint_every_s = 1;
        config.checkpoint_url.clone_from(&url);
        config.checkpoint_file = config.data_dir.join("newest");
        config.audit_origin = "log.example/picket".to_owned();
    };
    let server = Server::start_with(&home, change).await;
    let sent = witness.until_count(1).await;
    let note = String::from_utf8(sent[0].bytes.clone()).unwrap();
    assert!(note.starts_with("log.example/picket\n"), "{note}");
    // What has not changed is not sent again, what has is.
    decided(&server, "e-1").await;
    witness
        .until("the next one has come", |sent| sent.last().unwrap().bytes != note.as_bytes())
        .await;
    let newest = fs::read_to_string(server.path("data/newest")).unwrap();
    assert!(newest.starts_with("log.example/picket\n"));

    // On the machine of the server its own history is what it is held to.
    let auditor = Auditor::empty();
    let mut verify = auditor.command();
    verify.env("PICKET_SERVER", format!("http://{}", server.app.address));
    verify.env("PICKET_KEY", server.key("auditor"));
    verify.env("PICKET_AUDIT_ORIGIN", "log.example/picket");
    verify.env("PICKET_DATA_DIR", &server.app.config.data_dir).args(["audit", "verify"]);
    let verified = verify.output().unwrap();
    assert_found("verify", &(verified.status.code(), said(&verified)), 0, "agree");
    let count = witness.received().len();
    let mut post = auditor.command();
    post.env("PICKET_SERVER", format!("http://{}", server.app.address));
    post.env("PICKET_KEY", server.key("auditor"));
    post.args(["audit", "checkpoint", "--url", &url]);
    assert_eq!(post.output().unwrap().status.code(), Some(0));
    assert!(witness.received().len() > count);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_is_reached_over_tls_where_somebody_vouches_for_it() {
    let (certificate, secure) = receiver::vouched_for();
    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("witness.pem");
    fs::write(&ca_file, certificate).unwrap();
    let loopback = ([127, 0, 0, 1], 0).into();
    let witness = Receiver::start_at(loopback, Some(secure), |_| Does::Answer(200)).await;
    let url = witness.url().replace("http:", "https:");
    let change = |config: &mut picket::config::Config| {
        config.checkpoint_every_s = 1;
        config.checkpoint_url.clone_from(&url);
        config.checkpoint_ca_file.clone_from(&ca_file);
    };
    let server = Server::start_with(&Home::Sqlite, change).await;
    let sent = witness.until_count(1).await;
    assert!(sent[0].bytes.starts_with(b"picket/"), "{:?}", sent[0]);
    let auditor = Auditor::empty();
    let post = |words: &[&str]| {
        let mut post = auditor.command();
        post.env("PICKET_SERVER", format!("http://{}", server.app.address));
        post.env("PICKET_KEY", server.key("auditor"));
        let output =
            post.args(["audit", "checkpoint", "--url", &url]).args(words).output().unwrap();
        (output.status.code(), said(&output))
    };
    let count = witness.received().len();
    assert_eq!(post(&["--ca-file", ca_file.to_str().unwrap()]).0, Some(0));
    assert!(witness.received().len() > count);
    let (code, answer) = post(&[]);
    assert!(code == Some(2) && answer.contains("the checkpoint was not taken: "), "{answer}");
    server.app.stop().await;
    // Who cannot be vouched for is told at the start, not once a minute.
    let mut start = auditor.command();
    start.current_dir(dir.path()).env("PICKET_CHECKPOINT_URL", &url).arg("serve");
    start.env("PICKET_LISTEN", "127.0.0.1:0");
    let started = start.env("PICKET_CHECKPOINT_CA_FILE", "nothing.pem").output().unwrap();
    let answer = said(&started);
    assert!(!started.status.success() && answer.contains("`ca_file` nothing.pem"), "{answer}");
}

/// The checkpoints that the server kept.
fn kept(folder: &Path) -> String {
    let files = fs::read_dir(folder.join("data/checkpoints")).into_iter().flatten();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

async fn a_restart_does_not_forget_what_was_signed(home: Home) {
    let server = Server::start_with(&home, |config| config.checkpoint_every_s = 1).await;
    let url = server.app.config.database_url();
    let mut database = database(&url).await;
    decided(&server, "e-1").await;
    let head = Head::read(&mut database).await;
    decided(&server, "e-2").await;
    let newest = format!("\n{}\n", server.app.store.audit_head().await.unwrap().size);
    server
        .until("the newest entries are signed", async || kept(server.dir.path()).contains(&newest))
        .await;
    let Server { app, dir, .. } = server;
    app.stop().await;
    head.cut(&mut database).await;
    head.restore(&mut database).await;

    // It writes entries of its own, and is soon as long as it was; but it is another log.
    let server = Server::start_in(&home, dir, |config| config.checkpoint_every_s = 1).await;
    let refused = server.get("auditor", "/v1/audit/checkpoint").await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "audit-forked"));
    let failed = "picket_checkpoints_total{outlet=\"signing\",result=\"failed\"}";
    server
        .until("the metrics say so", async || {
            server.get("admin", "/metrics").await.text.contains(failed)
        })
        .await;
    server.app.stop().await;
}

async fn a_restart_does_not_forget_what_somebody_had_signed(home: Home) {
    // By itself it signs nothing: what is asked for is all that there is.
    for asked in
        ["/v1/audit/checkpoint", "/v1/audit/proof/DECISION", "/v1/decisions/DECISION/capsule"]
    {
        let home = if let Home::Postgres(_) = home { Home::postgres() } else { Home::Sqlite };
        let server = quiet(&home).await;
        let mut database = database(&server.app.config.database_url()).await;
        decided(&server, "e-1").await;
        let head = Head::read(&mut database).await;
        let id = decided(&server, "e-2").await;
        let signed = server.get("auditor", &asked.replace("DECISION", &id)).await;
        assert_eq!(signed.status, 200, "{asked}: {}", signed.text);
        let Server { app, dir, .. } = server;
        app.stop().await;
        head.cut(&mut database).await;
        head.restore(&mut database).await;

        let server = quiet_in(&home, dir).await;
        let refused = server.get("auditor", "/v1/audit/checkpoint").await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "audit-forked"), "{asked}");
        server.app.stop().await;
    }
}

async fn what_is_not_kept_is_not_handed_out(home: Home) {
    let server = quiet(&home).await;
    fs::write(server.path("data/checkpoints"), "in the way").unwrap();
    let refused = server.get("auditor", "/v1/audit/checkpoint").await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "unavailable"));
    // Decisions do not wait for that.
    let id = decided(&server, "e-1").await;
    fs::remove_file(server.path("data/checkpoints")).unwrap();
    assert_eq!(server.get("auditor", &format!("/v1/audit/proof/{id}")).await.status, 200);
    server.app.stop().await;
}

async fn checkpoints_are_written_to_standard_output(home: Home) {
    let auditor = Auditor::empty();
    let mut serve = auditor.command();
    serve.env("PICKET_LISTEN", "127.0.0.1:0").env("PICKET_CHECKPOINT_STDOUT", "true");
    if let Some(url) = home.url() {
        serve.env("PICKET_DATABASE_URL", url);
    }
    let serving = serve.arg("serve").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut serving = serving.unwrap();
    let lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.map_while(Result::ok).take(5).collect();
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(lines[0].starts_with("picket/"), "{lines:?}");
    assert!(lines[4].starts_with(&format!("\u{2014} {} ", lines[0])), "{lines:?}");
}
