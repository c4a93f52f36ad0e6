//! Killed at random moments, also by power cuts.

use std::time::Duration;

use picket_crash::check;
use picket_crash::client::Client;
use picket_crash::disk::{Disk, Keeping};
use picket_crash::fault::Kind;
use picket_crash::ground::{Cuts, Database};
use picket_crash::report::Report;
use picket_crash::run::{self, Options};
use picket_crash::server::{Program, Server};
use sqlx::Connection as _;

use crate::world::{PROGRAM, warm};

async fn run(database: Database, cuts: Cuts, cycles: u64) -> Report {
    let work = tempfile::tempdir().expect("a temporary folder");
    let options = Options {
        program: PROGRAM.into(),
        database,
        cuts,
        work: work.path().to_owned(),
        cycles,
        clients: 8,
        seed: 1,
        load: Duration::from_millis(150),
        database_cycles: cycles,
        warm: Some(warm().to_owned()),
    };
    let report = run::run(&options, |_| {}).await.expect("the harness does its work");
    println!("{}", report.table());
    report
}

/// The record of what was acknowledged, performed and logged is whole.
async fn fifty_kills(database: Database) {
    let report = run(database, Cuts::No, 50).await;
    assert_eq!(report.faults.said(), [""; 0]);
    assert_eq!(report.kills_under_load + report.kills_outlived, 50);
    assert!(report.acknowledged() > 200, "{} events are too few to tell", report.acknowledged());
    assert!(report.actions > 100, "{} actions are too few to tell", report.actions);
}

async fn power_cuts(database: Database) {
    let report = run(database, Cuts::Power, 12).await;
    assert_eq!(report.faults.said(), [""; 0]);
    assert!(report.power_cuts >= 12 && report.writes_undone > 0, "{}", report.table());
}

/// The control: flushes that do nothing are what `synchronous=OFF` is.
async fn power_cuts_without_flushes(database: Database) {
    let report = run(database, Cuts::PowerOfALiar, 10).await;
    assert!(report.faults.count(Kind::Lost) > 0, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_do_nothing_twice_on_sqlite() {
    fifty_kills(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_do_nothing_twice_on_postgres() {
    fifty_kills(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_lose_nothing_that_was_acknowledged_on_sqlite() {
    power_cuts(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn power_cuts_lose_nothing_that_was_acknowledged_on_postgres() {
    power_cuts(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_flushes_a_power_cut_loses_rows_and_that_is_found_on_sqlite() {
    power_cuts_without_flushes(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_flushes_a_power_cut_loses_rows_and_that_is_found_on_postgres() {
    power_cuts_without_flushes(Database::Postgres).await;
}

/// The control for the log: an entry that is not what it was does not get through.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_verify_is_found() {
    let place = tempfile::tempdir().unwrap();
    let program = Program::new(PROGRAM, place.path()).with("PICKET_BUNDLED", "false");
    let key = program.create_key().unwrap();
    let anchors = place.path().join("anchors");
    std::fs::create_dir(&anchors).unwrap();
    let verify = |server: &Server| check::log(&program, server.address, &key, &anchors).unwrap();
    let server = program.start().unwrap().ready().await.unwrap();
    let client = Client::new(server.address, &key, Duration::from_secs(30)).unwrap();
    std::fs::write(anchors.join("0"), client.checkpoint().await.unwrap()).unwrap();
    assert_eq!(verify(&server), None);
    server.kill().unwrap();

    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", program.data_dir().join("picket.db").display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    for change in [
        "DROP TRIGGER audit_never_changes",
        "UPDATE audit SET leaf = CAST(replace(CAST(leaf AS TEXT), 'system', 'nobody') AS BLOB) \
         WHERE seq = 1",
    ] {
        sqlx::query(change).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    let server = program.start().unwrap().ready().await.unwrap();
    let fault = verify(&server).expect("an entry was changed");
    assert!(fault.kind == Kind::Rewritten && fault.what.contains("index 0 "), "{fault}");
    server.kill().unwrap();
}

/// Before it serves, at each of its first calls to the disk, and then at every few: nothing that is made
/// then may be half there, for nobody could mend it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_may_be_cut_off_anywhere() {
    let mut calls = 1;
    loop {
        let place = tempfile::tempdir().unwrap();
        let mut program = Program::new(PROGRAM, place.path()).with("PICKET_BUNDLED", "false");
        let disk = Disk::over(&program.data_dir(), &place.path().join("disk")).unwrap();
        program.variables.extend(disk.variables(None));
        disk.cut_after(calls);
        let cut = async {
            while !disk.is_cut() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let served = program.start().unwrap().kill_when(cut).await.unwrap();
        let keeping = if calls % 2 == 0 { Keeping::Nothing } else { Keeping::Some };
        disk.lose_unflushed(keeping, calls.into()).unwrap();
        let started = program.start().unwrap().ready().await;
        started.unwrap_or_else(|error| panic!("cut at call {calls}: {error:#}")).kill().unwrap();
        if served {
            break;
        }
        calls += if calls < 24 { 1 } else { 9 };
    }
    assert!(calls > 24, "a start makes more calls than {calls}");
}
