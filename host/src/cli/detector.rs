//! `picket detector`: the life of a version, from the file to the day when it is retired.

mod alerts;
mod diff;
mod list;
mod push;
mod show;
mod sign;
mod stage;
mod words;

use std::process::ExitCode;

use clap::Subcommand;

use super::client::Server;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What somebody should look at: quarantines, canaries that were ended, impure versions
    #[command(after_help = alerts::AFTER_HELP)]
    Alerts(alerts::Alerts),
    /// Take a version back to shadow: it runs on and is recorded, and has no say
    #[command(after_help = stage::DEMOTE_HELP)]
    Demote(stage::Demote),
    /// Show what a version in shadow or canary would have changed
    #[command(after_help = diff::AFTER_HELP)]
    Diff(diff::Show),
    /// List detectors with their state, and the files that were refused with the reason
    #[command(after_help = list::AFTER_HELP)]
    List(Server),
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
    /// See who vouches for a file, and whether that counts here
    Verify(sign::Verify),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Alerts(alerts) => alerts::run(&alerts).await?,
        Command::Demote(demote) => stage::demote(&demote).await?,
        Command::Diff(show) => diff::run(&show).await?,
        Command::List(server) => list::run(&server).await?,
        Command::Promote(promote) => stage::promote(&promote).await?,
        Command::Push(push) => push::run(&push).await?,
        Command::Retire(retire) => stage::retire(&retire).await?,
        Command::Rollback(rollback) => stage::roll_back(&rollback).await?,
        Command::Show(show) => show::run(&show).await?,
        Command::Sign(sign) => sign::sign(&sign)?,
        Command::Verify(verify) => return sign::verify(&verify),
    }
    Ok(ExitCode::SUCCESS)
}
