//! The program on something that can be made to fail, under load that goes on until it is killed.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use picket_crash::check;
use picket_crash::client::Client;
use picket_crash::event::SOURCES;
use picket_crash::fault::Fault;
use picket_crash::journal::Said;
use picket_crash::load::{self, Heard, Shared};
use picket_crash::record::Record;
use picket_crash::run::copy_warm;
use picket_crash::server::{Program, Server};
use tempfile::TempDir;
use tokio::task::JoinSet;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_picket");
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look at what is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A host key and the detectors that were compiled under it: made once, for it takes seconds.
pub fn warm() -> &'static Path {
    static WARM: OnceLock<PathBuf> = OnceLock::new();
    WARM.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("warm");
        if place.exists() {
            std::fs::remove_dir_all(&place).expect("it is ours");
        }
        std::fs::create_dir_all(&place).expect("a folder");
        let program = Program::new(PROGRAM, &place);
        // On a thread of its own: a test is on a runtime already.
        let started = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let server = program.start().expect("it runs").ready().await.expect("it starts");
                server.kill().expect("it is killed");
            });
        });
        started.join().expect("it starts once");
        place.join("data")
    })
}

/// A program that serves, and clients that send.
pub struct World {
    pub shared: Arc<Shared>,
    client: Client,
    server: Server,
    program: Program,
    key: String,
    clients: JoinSet<()>,
    /// The most memory that it was seen to hold, in bytes.
    resident_max: u64,
    _place: TempDir,
}

impl World {
    /// With what is changed about the program before it starts.
    pub async fn start(change: impl FnOnce(&mut Program)) -> Self {
        let place = tempfile::tempdir().expect("a temporary folder");
        let shared = Shared::new(7).await.expect("a port for the endpoint");
        let program = Program::new(PROGRAM, place.path());
        let mut program = program.deliver_to(&shared.endpoint, &SOURCES);
        copy_warm(warm(), &program.data_dir()).expect("the key and the compiled detectors");
        change(&mut program);
        let key = program.create_key().expect("a key");
        let server = program.start().expect("it runs").ready().await.expect("it starts");
        let client = Client::new(server.address, &key, PATIENCE).expect("a client");
        for source in SOURCES {
            client.enforce(source).await.expect("a source is enforced");
        }
        let clients = JoinSet::new();
        Self { shared, client, server, program, key, clients, resident_max: 0, _place: place }
    }

    /// Has so many clients send until the program is killed.
    pub fn load(&mut self, clients: u64) {
        for seed in 0..clients {
            let (shared, client) = (Arc::clone(&self.shared), self.client.clone());
            self.clients.spawn(load::client(shared, client, seed));
        }
    }

    /// Waits until something holds, watches over the program meanwhile, and says how long it took.
    pub async fn until(&mut self, what: &str, holds: impl AsyncFn(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !holds(self).await {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            self.watch();
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        begun.elapsed()
    }

    /// It lives, and this is what it holds.
    fn watch(&mut self) {
        assert!(self.server.is_alive(), "it ended by itself: {}", self.log());
        let resident = self.server.resident_bytes().expect("its status can be read");
        self.resident_max = self.resident_max.max(resident);
    }

    /// The most memory that it held since the last call, in bytes.
    pub fn take_resident_max(&mut self) -> u64 {
        self.watch();
        std::mem::take(&mut self.resident_max)
    }

    /// Events that were acknowledged so far.
    pub async fn acknowledged(&self) -> usize {
        let journal = self.shared.journal.lock().await;
        journal.since(0).filter(|(_, said)| **said != Said::Nothing).count()
    }

    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Whether a new event is decided.
    pub async fn decides(&self) -> bool {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        self.shared.send(&self.client, number).await == Heard::Answer
    }

    /// Kills it, does something, starts it again, sends again what was not answered, and returns what is
    /// wrong with the record or with what was performed.
    pub async fn killed(mut self, then: impl FnOnce()) -> Vec<Fault> {
        self.watch();
        self.server.kill().expect("it is killed");
        // Clients find it gone, and write down what they had heard.
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("a client ends");
        }
        then();
        let server = self.program.start().expect("it runs").ready().await.expect("it starts");
        let client = Client::new(server.address, &self.key, PATIENCE).expect("a client");
        let mut record = Record::default();
        let mut faults =
            check::after_crash(&self.shared, &client, &mut record, 0, 8).await.expect("it answers");
        faults.extend(record.unasked());
        faults.extend(self.shared.faults.lock().await.drain(..));
        server.kill().expect("it is killed");
        faults
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.program.log()).unwrap_or_default()
    }
}
