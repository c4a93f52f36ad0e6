//! `picket detector`: the author's bench, which needs no server, and the life of a version on one,
//! from the file to the day when it is retired.

mod alerts;
mod bench;
mod build;
mod check;
pub(super) mod component;
mod diff;
mod evidence;
mod language;
mod list;
mod logs;
mod new;
mod push;
mod show;
mod sign;
mod stage;
mod test;
mod trial;
mod watch;
mod words;

use std::process::ExitCode;

use clap::Subcommand;

use super::client::Server;
use super::sandbox::at_the_bench;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What somebody should look at: quarantines, canaries that were ended, impure versions
    #[command(after_help = alerts::AFTER_HELP)]
    Alerts(alerts::Alerts),
    /// Measure what a detector costs, fresh and warm, against its budget
    #[command(after_help = bench::AFTER_HELP)]
    Bench(bench::Bench),
    /// Build a detector's folder into one .wasm file
    #[command(after_help = build::AFTER_HELP)]
    Build(build::Build),
    /// Say all that a server would say of a detector, without one
    #[command(after_help = check::AFTER_HELP)]
    Check(check::Check),
    /// Take a version back to shadow: it runs on and is recorded, and has no say
    #[command(after_help = stage::DEMOTE_HELP)]
    Demote(stage::Demote),
    /// Show what a version in shadow or canary would have changed
    #[command(after_help = diff::AFTER_HELP)]
    Diff(diff::Show),
    /// List detectors with their state, and the files that were refused with the reason
    #[command(after_help = list::AFTER_HELP)]
    List(Server),
    /// What a version wrote and how its runs failed, as it happens
    #[command(after_help = logs::AFTER_HELP)]
    Logs(logs::Logs),
    /// Begin a detector: a folder that builds and passes its tests at once
    #[command(after_help = new::AFTER_HELP)]
    New(new::New),
    /// Give a version a say, for a share of the subjects or for all
    #[command(after_help = stage::PROMOTE_HELP)]
    Promote(stage::Promote),
    /// Send a file to a server: it lands beside what serves, to be looked at
    #[command(after_help = push::AFTER_HELP)]
    Push(push::Push),
    /// Take a version out of service: it does not run any more, and its bytes are kept
    #[command(after_help = stage::RETIRE_HELP)]
    Retire(stage::Retire),
    /// Go back to the version that served before, at once
    #[command(after_help = stage::ROLLBACK_HELP)]
    Rollback(stage::Rollback),
    /// Show a detector with its versions, or all that is known of one version
    #[command(after_help = show::AFTER_HELP)]
    Show(show::Show),
    /// Vouch for a file: write NAME.wasm.sig beside it
    #[command(after_help = sign::AFTER_HELP)]
    Sign(sign::Sign),
    /// Run a detector's golden cases in the sandbox
    #[command(after_help = test::AFTER_HELP)]
    Test(test::Test),
    /// Show what detectors find in a text, with the evidence underlined
    #[command(after_help = trial::AFTER_HELP)]
    Try(trial::Try),
    /// See who vouches for a file, and whether that counts here
    Verify(sign::Verify),
    /// Build, check and test again whenever a file is saved
    #[command(after_help = watch::AFTER_HELP)]
    Watch(watch::Watch),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Alerts(alerts) => alerts::run(&alerts).await,
        Command::Bench(bench) => at_the_bench(move || bench::run(&bench)).await,
        Command::Build(build) => at_the_bench(move || build::run(&build)).await,
        Command::Check(check) => at_the_bench(move || check::run(&check)).await,
        Command::Demote(demote) => stage::demote(&demote).await,
        Command::Diff(show) => diff::run(&show).await,
        Command::List(server) => list::run(&server).await,
        Command::Logs(logs) => logs::run(&logs).await,
        Command::New(new) => at_the_bench(move || new::run(&new)).await,
        Command::Promote(promote) => stage::promote(&promote).await,
        Command::Push(push) => push::run(&push).await,
        Command::Retire(retire) => stage::retire(&retire).await,
        Command::Rollback(rollback) => stage::roll_back(&rollback).await,
        Command::Show(show) => show::run(&show).await,
        Command::Sign(sign) => {
            at_the_bench(move || sign::sign(&sign).map(|()| ExitCode::SUCCESS)).await
        }
        Command::Test(test) => at_the_bench(move || test::run(&test)).await,
        Command::Try(trial) => at_the_bench(move || trial::run(&trial)).await,
        Command::Verify(verify) => at_the_bench(move || sign::verify(&verify)).await,
        Command::Watch(watch) => at_the_bench(move || watch::run(&watch)).await,
    }
}
