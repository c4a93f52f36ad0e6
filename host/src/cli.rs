//! The command line: parse, start, dispatch. Commands that change live state go through the HTTP API
//! of a running server; `key create` and `migrate` open the database.

mod alert;
mod ask;
mod audit;
mod backup;
mod case;
mod client;
mod compile_worker;
mod decision;
mod delivery;
mod demo;
mod destination;
mod detector;
mod doctor;
mod hold;
mod key;
mod known;
mod migrate;
mod policy;
mod progress;
mod replay;
mod reversal;
mod sandbox;
mod serve;
mod simulate;
mod source;
mod subject;
mod table;
mod which;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::telemetry;

/// A detection engine for marketplaces: post events, sandboxed WebAssembly detectors judge them, a
/// versioned policy decides, and every decision says why.
#[derive(Debug, Parser)]
#[command(name = "picket", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Begin with `picket demo`: it needs nothing and shows everything.
Then `picket key create --role admin --name me` and `picket serve`.

Every key of picket.toml is also a variable: `listen` is PICKET_LISTEN.
PICKET_LOG sets what is logged, such as info or picket=debug.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch it work: a server, two marketplaces, and a detector that goes live meanwhile
    #[command(after_help = demo::AFTER_HELP)]
    Demo(demo::Demo),
    /// Serve: detectors and policies of the folders, events over HTTP
    #[command(after_help = serve::AFTER_HELP)]
    Serve(ConfigFile),
    /// Make an API key, list them, revoke one; make keys that sign detectors and webhooks
    #[command(subcommand)]
    Key(key::Command),
    /// Write a detector, build, test and measure it; ship it, see what it would change, promote it
    #[command(subcommand)]
    Detector(detector::Command),
    /// Check a policy as a compiler would; send it, see what it would decide, promote it, go back
    #[command(subcommand)]
    Policy(policy::Command),
    /// See the sources and set whether their decisions are enforced
    #[command(subcommand)]
    Source(source::Command),
    /// See a decision; export one with all that it takes to make it again
    #[command(subcommand)]
    Decision(decision::Command),
    /// See what people have to look into, and rule on it
    #[command(subcommand)]
    Case(case::Command),
    /// See what platforms were told to do, and have tried again what could not be told
    #[command(subcommand)]
    Delivery(delivery::Command),
    /// See what somebody should look at, and say that one has
    #[command(subcommand)]
    Alert(alert::Command),
    /// See where actions are sent; have told again who wanted no more
    #[command(subcommand)]
    Destination(destination::Command),
    /// Make a decision again and compare every bit
    #[command(after_help = replay::AFTER_HELP)]
    Replay(replay::ReplayArgs),
    /// See what a policy or a detector would have decided on what happened: a report with plots
    #[command(after_help = simulate::AFTER_HELP)]
    Simulate(simulate::Simulate),
    /// Export what is held on a person, or erase it
    #[command(subcommand)]
    Subject(subject::Command),
    /// Verify the audit log, prove what is in it, have it signed, take it along
    #[command(subcommand)]
    Audit(audit::Command),
    /// Keep what there is of a subject, whatever its age and whoever asks; end that
    #[command(subcommand, after_help = hold::AFTER_HELP)]
    Hold(hold::Command),
    /// Overturn all that a version of a detector or of a policy caused
    #[command(subcommand, after_help = reversal::AFTER_HELP)]
    Reversal(reversal::Command),
    /// Copy the record into a folder, while a server runs, and look through the copy
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(backup::Backup),
    /// Put a backup in the place of the record
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(backup::RestoreArgs),
    #[command(after_help = doctor::AFTER_HELP)]
    Doctor(doctor::Doctor),
    /// Create the database or apply the migrations that it lacks
    Migrate(migrate::Migrate),
    #[command(hide = true)]
    CompileWorker(compile_worker::CompileWorker),
}

/// Where the configuration is.
#[derive(Debug, Clone, Args)]
pub(super) struct ConfigFile {
    /// The configuration; `picket.toml` here, if there is one, unless named
    #[arg(long, env = "PICKET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The configuration of a command that takes no `--config`: as it would be named for a server here.
fn configured() -> anyhow::Result<Config> {
    Ok(Config::load(std::env::var_os("PICKET_CONFIG").map(PathBuf::from).as_deref())?)
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

/// Parses the arguments and runs the command. Errors go to standard error, in one line and the mend.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("picket: {error:#}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(demo) => return demo::run(demo).await,
        Command::Serve(config) => {
            telemetry::start_logging("info");
            serve::run(config.load()?).await?;
        }
        Command::Key(command) => key::run(command).await?,
        Command::Detector(command) => return detector::run(command).await,
        Command::Policy(command) => return policy::run(command).await,
        Command::Decision(command) => decision::run(command).await?,
        Command::Replay(args) => return Ok(replay::run(&args).await),
        Command::Simulate(args) => return Ok(simulate::run(&args).await),
        Command::Audit(command) => return audit::run(command).await,
        Command::Source(command) => return source::run(command).await,
        Command::Case(command) => case::run(command).await?,
        Command::Delivery(command) => delivery::run(command).await?,
        Command::Alert(command) => alert::run(command).await?,
        Command::Destination(command) => destination::run(command).await?,
        Command::Subject(command) => return subject::run(command).await,
        Command::Hold(command) => hold::run(command).await?,
        Command::Reversal(command) => return reversal::run(command).await,
        Command::Backup(backup) => backup::run(backup).await?,
        Command::Restore(restore) => backup::run_restore(restore).await?,
        Command::Doctor(doctor) => return doctor::run(&doctor).await,
        Command::Migrate(migrate) => migrate::run(&migrate).await?,
        Command::CompileWorker(worker) => return Ok(compile_worker::run(&worker)),
    }
    Ok(ExitCode::SUCCESS)
}
