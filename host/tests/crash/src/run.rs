//! The cycles: load, a kill at a random moment, a restart, what was not answered once more, and the
//! comparison. One database lives through many kills, and then makes room for a fresh one, so that first
//! starts are killed too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use crate::check;
use crate::client::Client;
use crate::disk::Undone;
use crate::event::SOURCES;
use crate::fault::{Fault, Kind};
use crate::ground::{Cuts, Database, Ending, Ground, Home};
use crate::journal::Said;
use crate::load::{self, Shared};
use crate::record::Record;
use crate::report::Report;
use crate::server::{Program, Server};

/// How long a client waits for an answer. Only a dead server keeps it waiting.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time that the database is away while the server runs.
const PAUSE_MICROS_MAX: u64 = 200_000;
/// How often to look whether it is back.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// The longest time that sending again is let alone, where it is to be killed.
const RESENDING_MICROS_MAX: u64 = 50_000;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    pub program: PathBuf,
    pub database: Database,
    pub cuts: Cuts,
    /// The folder for all databases, one after the other; they are removed when they were good.
    pub work: PathBuf,
    pub cycles: u64,
    pub clients: usize,
    pub seed: u64,
    /// The longest time under load before a kill; the moment is drawn.
    pub load: Duration,
    /// Cycles that one database lives through.
    pub database_cycles: u64,
    /// A folder with the host key and the compiled detectors that each database begins with; without one
    /// the first database of a run makes them, and the others have them from it.
    pub warm: Option<PathBuf>,
}

/// Runs all cycles. `progress` is told about each.
///
/// # Errors
/// What kept the harness itself from its work. What is wrong with the program is in the report.
pub async fn run(options: &Options, mut progress: impl FnMut(&Report)) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut report = Report::default();
    let mut chance = StdRng::seed_from_u64(options.seed);
    let ground = Ground::new(options.database, options.cuts)?;
    while report.cycles < options.cycles && report.faults.is_empty() {
        let number = report.databases;
        let place = options.work.join(format!("database-{number}"));
        std::fs::create_dir_all(&place)?;
        let shared = Shared::new(options.seed.wrapping_add(number)).await?;
        let program = Program::new(&options.program, &place);
        let mut program = program.deliver_to(&shared.endpoint, &SOURCES);
        let warm = options.warm.clone().unwrap_or_else(|| options.work.join("warm"));
        copy_warm(&warm, &program.data_dir())?;
        let home = ground.home(&mut program, number)?;
        let record = Record::default();
        let mut life =
            Life { options, program, home, shared, clients: JoinSet::new(), record, since: 0 };
        let cycles = options.database_cycles.min(options.cycles - report.cycles);
        life.live(cycles, &mut chance, &mut report, &mut progress).await?;
        report.closed(&life.shared, &life.record);
        report.databases += 1;
        if report.faults.is_empty() {
            if !warm.exists() {
                copy_warm(&place.join("data"), &warm)?;
            }
            ground.raze(number);
            std::fs::remove_dir_all(&place)?;
        }
    }
    report.elapsed = begun.elapsed();
    Ok(report)
}

/// Copies the host key and what was compiled under it, which takes seconds to make again.
///
/// # Errors
/// Where a file cannot be copied.
pub fn copy_warm(from: &Path, to: &Path) -> std::io::Result<()> {
    let Ok(compiled) = std::fs::read_dir(from.join("cache")) else { return Ok(()) };
    std::fs::create_dir_all(to.join("cache"))?;
    for file in compiled {
        let file = file?;
        std::fs::copy(file.path(), to.join("cache").join(file.file_name()))?;
    }
    std::fs::copy(from.join("host.key"), to.join("host.key")).map(drop)
}

/// One database and all that is known about it.
struct Life<'o> {
    options: &'o Options,
    program: Program,
    home: Home<'o>,
    shared: Arc<Shared>,
    clients: JoinSet<()>,
    record: Record,
    /// The first event that has not been compared yet.
    since: u64,
}

impl Life<'_> {
    async fn live(
        &mut self,
        cycles: u64,
        chance: &mut StdRng,
        report: &mut Report,
        progress: &mut impl FnMut(&Report),
    ) -> anyhow::Result<()> {
        // Before there is a key, there is nothing to lose but the start itself.
        for _ in 0..chance.random_range(0..3) {
            self.kill_start(chance, report).await?;
        }
        let key = self.program.create_key()?;
        let Some((mut server, mut client)) = self.start(&key, report).await? else { return Ok(()) };
        for source in SOURCES {
            client.enforce(source).await?;
        }
        std::fs::create_dir_all(self.anchors())?;
        for _ in 0..cycles {
            self.load(&client, chance);
            self.anchor(&client, report).await?;
            match self.home.draw(chance) {
                Ending::Database => self.outlive(&client, chance, report).await?,
                ending => {
                    self.end_load(server, ending, chance, report).await?;
                    let Some(again) = self.start_again(&key, chance, report).await? else {
                        return Ok(());
                    };
                    (server, client) = again;
                }
            }
            self.compare(&client, report).await?;
            report.cycles += 1;
            progress(report);
            if !report.faults.is_empty() {
                return Ok(());
            }
        }
        let faults = check::at_the_end(&self.shared, &client, &mut self.record).await?;
        report.faults.extend(faults);
        report.faults.extend(check::log(&self.program, server.address, &key, &self.anchors())?);
        self.kill(server, report)
    }

    /// Where what the log said of itself is kept, which it is held to at the end.
    fn anchors(&self) -> PathBuf {
        self.program.place.join("anchors")
    }

    /// Has the log signed under load, before something is killed.
    async fn anchor(&self, client: &Client, report: &mut Report) -> anyhow::Result<()> {
        match client.checkpoint().await {
            Ok(note) => std::fs::write(self.anchors().join(report.cycles.to_string()), note)?,
            // It is up, and the log should go on where it was.
            Err(error) => report.faults.add(Fault::new(Kind::Rewritten, format!("{error:#}"))),
        }
        Ok(())
    }

    /// Starts the program; a start that fails is a fault.
    async fn start(
        &self,
        key: &str,
        report: &mut Report,
    ) -> anyhow::Result<Option<(Server, Client)>> {
        match self.program.start()?.ready().await {
            Ok(server) => {
                report.starts.push(server.started_in);
                let client = Client::new(server.address, key, PATIENCE)?;
                Ok(Some((server, client)))
            }
            Err(error) => {
                report.faults.add(Fault::new(Kind::Died, format!("{error:#}")));
                Ok(None)
            }
        }
    }

    /// Starts it after a kill. A start may be killed too, as may be what catches up after it.
    async fn start_again(
        &mut self,
        key: &str,
        chance: &mut StdRng,
        report: &mut Report,
    ) -> anyhow::Result<Option<(Server, Client)>> {
        while chance.random_ratio(1, 8) {
            self.kill_start(chance, report).await?;
        }
        if chance.random_ratio(1, 8) && !self.kill_resending(key, chance, report).await? {
            return Ok(None);
        }
        self.start(key, report).await
    }

    /// Kills a start at any of its moments.
    async fn kill_start(&self, chance: &mut StdRng, report: &mut Report) -> anyhow::Result<()> {
        let usual = report.starts.last().copied().unwrap_or(Duration::from_millis(500));
        let moment = usual.mul_f64(chance.random_range(0.0..1.2));
        let killed = async {
            tokio::time::sleep(moment).await;
            self.home.cut();
        };
        self.program.start()?.kill_when(killed).await?;
        report.kills_while_starting += 1;
        self.end(self.home.draw_dead(chance), chance, report)
    }

    /// Kills it while what was not answered is sent again; whether it started.
    async fn kill_resending(
        &self,
        key: &str,
        chance: &mut StdRng,
        report: &mut Report,
    ) -> anyhow::Result<bool> {
        let Some((server, client)) = self.start(key, report).await? else { return Ok(false) };
        let patience = Duration::from_micros(chance.random_range(0..RESENDING_MICROS_MAX));
        let resending = self.shared.resend(&client, self.since, self.options.clients);
        // Cut short or done: in either case it is killed now.
        let _ = tokio::time::timeout(patience, resending).await;
        self.home.cut();
        self.kill(server, report)?;
        report.kills_while_resending += 1;
        self.end(self.home.draw_dead(chance), chance, report)?;
        Ok(true)
    }

    /// Clients begin to send, and end when the server is gone or they are told to.
    fn load(&mut self, client: &Client, chance: &mut StdRng) {
        self.shared.stop.store(false, Ordering::Relaxed);
        for _ in 0..self.options.clients {
            let (shared, client) = (Arc::clone(&self.shared), client.clone());
            self.clients.spawn(load::client(shared, client, chance.random()));
        }
    }

    /// The moment under load at which something happens.
    fn moment(&self, chance: &mut StdRng) -> Duration {
        let micros = self.options.load.as_micros().max(1) as u64;
        Duration::from_micros(chance.random_range(0..micros))
    }

    /// Kills the server at a random moment under load.
    async fn end_load(
        &mut self,
        server: Server,
        ending: Ending,
        chance: &mut StdRng,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let moment = self.moment(chance);
        self.home.under_load(moment, chance).await;
        self.kill(server, report)?;
        report.kills_under_load += 1;
        // They find it gone.
        self.calm(report).await?;
        self.end(ending, chance, report)
    }

    /// Kills the database under load. The server is left alone, and has to come back by itself.
    async fn outlive(
        &mut self,
        client: &Client,
        chance: &mut StdRng,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        tokio::time::sleep(self.moment(chance)).await;
        self.home.interrupt(Duration::from_micros(chance.random_range(0..PAUSE_MICROS_MAX))).await;
        report.kills_outlived += 1;
        // Load goes on for as long again.
        tokio::time::sleep(self.moment(chance)).await;
        self.shared.stop.store(true, Ordering::Relaxed);
        self.calm(report).await?;
        let begun = Instant::now();
        while !client.ready().await && begun.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// Waits until the clients have written down what they have heard.
    async fn calm(&mut self, report: &mut Report) -> anyhow::Result<()> {
        while let Some(ended) = self.clients.join_next().await {
            ended?;
        }
        let journal = self.shared.journal.lock().await;
        let silent = journal.since(self.since).filter(|(_, said)| **said == Said::Nothing);
        report.unanswered += silent.count() as u64;
        Ok(())
    }

    fn kill(&self, server: Server, report: &mut Report) -> anyhow::Result<()> {
        if let Some(status) = server.kill()? {
            let what = format!("the server ended by itself: {status}");
            report.faults.add(Fault::new(Kind::Died, what));
        }
        self.shared.stop.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What ends with the program ends, and is back.
    fn end(&self, ending: Ending, chance: &mut StdRng, report: &mut Report) -> anyhow::Result<()> {
        report.kills_with_database += u64::from(ending == Ending::Both);
        if let Some(Undone { writes, names }) = self.home.end(ending, chance)? {
            report.power_cuts += 1;
            report.writes_undone += writes as u64;
            report.names_undone += names as u64;
        }
        Ok(())
    }

    async fn compare(&mut self, client: &Client, report: &mut Report) -> anyhow::Result<()> {
        let next = self.shared.next.load(Ordering::Relaxed);
        let clients = self.options.clients;
        match check::after_crash(&self.shared, client, &mut self.record, self.since, clients).await
        {
            Ok(faults) => report.faults.extend(faults),
            // It is up and nothing is being done to it, so it should have answered.
            Err(error) => report.faults.add(Fault::new(Kind::Died, format!("{error:#}"))),
        }
        report.faults.extend(self.shared.faults.lock().await.drain(..));
        self.since = next;
        Ok(())
    }
}
