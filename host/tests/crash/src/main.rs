//! `picket-crash`: see `--help`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use picket_crash::ground::{Cuts, Database};
use picket_crash::run::{self, Options};
use picket_crash::server;

/// Kills Picket at random moments under load, starts it again, and compares what it remembers with what it
/// had promised: nothing lost, nothing twice, no gap in the audit log.
#[derive(Debug, Parser)]
#[command(name = "picket-crash", after_help = AFTER_HELP)]
struct Arguments {
    /// What the record is kept in. A PostgreSQL of its own is started, and killed as well
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// How often to kill it under load and compare
    #[arg(long, default_value_t = 50)]
    cycles: u64,
    /// Clients that send at once
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// What all chance follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The longest time under load before a kill
    #[arg(long, default_value_t = 400, value_name = "MS")]
    load_ms: u64,
    /// Cycles that one database lives through before there is a fresh one
    #[arg(long, default_value_t = 100, value_name = "CYCLES")]
    database_cycles: u64,
    /// Make each kill a power cut: what no flush has covered is taken back
    #[arg(long)]
    power_cuts: bool,
    /// The control: power cuts of a disk whose flushes do nothing under load. It must be caught
    #[arg(long)]
    lying_disk: bool,
    /// The program to kill; the `picket` beside this one unless named
    #[arg(long, env = "CRASH_PROGRAM")]
    program: Option<PathBuf>,
    /// A folder for the databases, which are kept there when something was wrong
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Each cycle: clients send single events, some with `Prefer: respond-async`, some in batches, some a second
time and some forged, until the program is killed (SIGKILL) at a random moment. It is started again, some
starts are killed as well, what was never answered is sent again with the same ids, and the record is read
and compared with the journal of what was told.

  cargo build -p picket && cargo run -p picket-crash -- --cycles 1000

Exit 0: nothing was wrong. 1: something was; the table says what and how often, and the work folder is kept.";

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("picket-crash: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was wrong.
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let temporary = tempfile::Builder::new().prefix("picket-crash").tempdir()?;
    let options = Options {
        program: arguments.program.map_or_else(server::beside, Ok)?,
        work: arguments.work.unwrap_or_else(|| temporary.path().to_owned()),
        database: arguments.database,
        cuts: match (arguments.power_cuts, arguments.lying_disk) {
            (_, true) => Cuts::PowerOfALiar,
            (true, false) => Cuts::Power,
            (false, false) => Cuts::No,
        },
        cycles: arguments.cycles,
        clients: arguments.clients,
        seed: arguments.seed,
        load: Duration::from_millis(arguments.load_ms),
        database_cycles: arguments.database_cycles.max(1),
        warm: None,
    };
    let report = run::run(&options, |report| {
        if report.cycles % 10 == 0 {
            eprintln!("{} cycles, {} kills", report.cycles, report.kills());
        }
    })
    .await?;
    println!("{}", report.table());
    for fault in report.faults.said() {
        eprintln!("{fault}");
    }
    let good = report.faults.is_empty();
    if !good && options.work == temporary.path() {
        eprintln!("kept: {}", temporary.keep().display());
    }
    Ok(good)
}
