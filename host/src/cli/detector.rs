//! `picket detector`: the author's bench, which needs no server, and what is live on one.

mod bench;
mod build;
mod check;
mod evidence;
mod language;
mod list;
mod new;
mod sandbox;
mod test;
mod trial;
mod watch;

use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::client::Server;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Measure what a detector costs, fresh and warm, against its budget
    #[command(after_help = bench::AFTER_HELP)]
    Bench(bench::Bench),
    /// Build a detector's folder into one .wasm file
    #[command(after_help = build::AFTER_HELP)]
    Build(build::Build),
    /// Say all that a server would say of a detector, without one
    #[command(after_help = check::AFTER_HELP)]
    Check(check::Check),
    /// List detectors with their state, and the files that were refused with the reason
    List(Server),
    /// Begin a detector: a folder that builds and passes its tests at once
    #[command(after_help = new::AFTER_HELP)]
    New(new::New),
    /// Run a detector's golden cases in the sandbox
    #[command(after_help = test::AFTER_HELP)]
    Test(test::Test),
    /// Show what detectors find in a text, with the evidence underlined
    #[command(after_help = trial::AFTER_HELP)]
    Try(trial::Try),
    /// Build, check and test again whenever a file is saved
    #[command(after_help = watch::AFTER_HELP)]
    Watch(watch::Watch),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Bench(bench) => at_the_bench(move || bench::run(&bench)).await,
        Command::Build(build) => at_the_bench(move || build::run(&build)).await,
        Command::Check(check) => at_the_bench(move || check::run(&check)).await,
        Command::List(server) => list::run(&server).await,
        Command::New(new) => at_the_bench(move || new::run(&new)).await,
        Command::Test(test) => at_the_bench(move || test::run(&test)).await,
        Command::Try(trial) => at_the_bench(move || trial::run(&trial)).await,
        Command::Watch(watch) => at_the_bench(move || watch::run(&watch)).await,
    }
}

/// Off the async threads: a guest's calls of WASI may not be made there, and tools take their time.
async fn at_the_bench(
    work: impl FnOnce() -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(work).await.context("the command panicked")?
}
