//! The real program: started, waited for, watched and killed.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::endpoint::Endpoint;

/// How long a start may take, recovery of the database included.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Lines of the log that are quoted where a start failed.
const QUOTED: usize = 5;

/// How to start the program: which file, on which folder, with what around it.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    /// What the server keeps, and beside it its inboxes and its log.
    pub place: PathBuf,
    /// Keys of the configuration, and what the shim is told.
    pub variables: Vec<(OsString, OsString)>,
}

/// A program that serves. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    /// From the start to the log's `ready`.
    pub started_in: Duration,
    process: Process,
}

/// A program that has been started and does not serve yet. Killed when dropped.
#[derive(Debug)]
pub struct Starting {
    process: Process,
    /// Where it listens, as soon as it does; closed where it ends before.
    ready: oneshot::Receiver<SocketAddr>,
    begun: Instant,
    log: PathBuf,
}

impl Program {
    pub fn new(path: impl Into<PathBuf>, place: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), place: place.into(), variables: Vec::new() }
    }

    /// The folder with all that must survive.
    pub fn data_dir(&self) -> PathBuf {
        self.place.join("data")
    }

    /// With a key of the configuration, as its variable.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has what is decided about these sources delivered there, and tried again soon.
    pub fn deliver_to(mut self, endpoint: &Endpoint, sources: &[&str]) -> Self {
        for (name, value) in [
            ("PICKET_DESTINATIONS", endpoint.destinations(sources).as_str()),
            ("PICKET_DELIVERY_TIMEOUT_MS", "250"),
            ("PICKET_DELIVERY_RETRY_MS", "[20, 40, 80, 160, 200]"),
            ("PICKET_DELIVERY_ATTEMPTS_MAX", "100"),
        ] {
            self = self.with(name, value);
        }
        self
    }

    /// Makes an API key, as an operator would before the first start.
    ///
    /// # Errors
    /// What the program says.
    pub fn create_key(&self) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(["key", "create", "--role", "admin", "--name", "crash"]);
        let output = command.output().with_context(|| self.cannot_run())?;
        if !output.status.success() {
            bail!("`key create` failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Has `picket audit verify` look through the log of a server that runs, and hold it to the checkpoints
    /// in a folder. What it says where the log is anything but intact.
    ///
    /// # Errors
    /// Where it cannot be run.
    pub fn verify_log(
        &self,
        server: SocketAddr,
        key: &str,
        anchors: &Path,
    ) -> anyhow::Result<Option<String>> {
        let mut command = self.command();
        command.env("PICKET_SERVER", format!("http://{server}")).env("PICKET_KEY", key);
        command.args(["audit", "verify", "--anchor"]).arg(anchors);
        let output = command.output().with_context(|| self.cannot_run())?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok((!output.status.success()).then_some(said))
    }

    /// Starts to serve.
    ///
    /// # Errors
    /// Where the file is no program.
    pub fn start(&self) -> anyhow::Result<Starting> {
        let begun = Instant::now();
        let mut command = self.command();
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut child = command.spawn().with_context(|| self.cannot_run())?;
        let lines = BufReader::new(child.stderr.take().context("its log is piped")?);
        let (say, ready) = oneshot::channel();
        let reader = std::thread::spawn(move || copy_log(lines, log, say));
        let process = Process { child, reader: Some(reader) };
        Ok(Starting { process, ready, begun, log: self.log() })
    }

    /// Where the program's log goes: all of its lives, one after the other.
    pub fn log(&self) -> PathBuf {
        self.place.join("picket.log")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        // What a developer has set must not decide what is tested.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PICKET_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.place)
            .env("PICKET_LISTEN", "127.0.0.1:0")
            .env("PICKET_DATA_DIR", self.data_dir())
            .env("PICKET_DETECTORS_DIR", self.place.join("detectors"))
            .env("PICKET_POLICIES_DIR", self.place.join("policies"))
            .env("PICKET_RATE_PER_SECOND", "1000000")
            .env("PICKET_RATE_BURST", "1000000")
            .envs(self.variables.iter().cloned());
        command
    }

    fn cannot_run(&self) -> String {
        format!("cannot run {}: build it with `cargo build -p picket`", self.path.display())
    }
}

impl Starting {
    /// Waits until it serves.
    ///
    /// # Errors
    /// What it said last, where it ended or took too long.
    pub async fn ready(self) -> anyhow::Result<Server> {
        let Self { mut process, ready, begun, log } = self;
        match tokio::time::timeout(START_PATIENCE, ready).await {
            Ok(Ok(address)) => Ok(Server { address, started_in: begun.elapsed(), process }),
            _ => {
                let ended = process.kill()?;
                let said = std::fs::read_to_string(log)?;
                let lines: Vec<&str> = said.lines().collect();
                let last = lines[lines.len().saturating_sub(QUOTED)..].join("\n");
                bail!("the server did not start ({ended:?}): {last}");
            }
        }
    }

    /// Waits until it serves, or something else happens, and kills it; whether it served.
    ///
    /// # Errors
    /// Where it ended by itself, or cannot be killed.
    pub async fn kill_when(mut self, happens: impl Future<Output = ()>) -> anyhow::Result<bool> {
        let served = tokio::select! {
            ready = &mut self.ready => ready.is_ok(),
            () = happens => false,
        };
        match self.process.kill()? {
            Some(status) => bail!("the server ended by itself while starting: {status}"),
            None => Ok(served),
        }
    }
}

impl Server {
    /// SIGKILL: whatever it was doing, it does no more. How it had ended, if it had by itself.
    ///
    /// # Errors
    /// Where it cannot be killed.
    pub fn kill(mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.process.kill()?)
    }

    /// Whether it runs still.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.child.try_wait(), Ok(None))
    }

    /// The memory that it holds now, in bytes.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    }
}

/// A process and the thread that copies its log.
#[derive(Debug)]
struct Process {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// Kills it, waits until it is gone, and says how it had ended before.
    fn kill(&mut self) -> io::Result<Option<ExitStatus>> {
        let ended = self.child.try_wait()?;
        if ended.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        if let Some(reader) = self.reader.take() {
            // It cannot panic, and has nothing to say.
            reader.join().ok();
        }
        Ok(ended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Copies a log to a file and says when it says where the program listens.
fn copy_log(lines: impl BufRead, mut file: File, say: oneshot::Sender<SocketAddr>) {
    let mut say = Some(say);
    for line in lines.split(b'\n').map_while(Result::ok) {
        // It is there for whoever looks into a failure; that it is short then is all that can be done.
        file.write_all(&[line.as_slice(), b"\n"].concat()).ok();
        let Some(waiting) = say.take() else { continue };
        let said: Value = serde_json::from_slice(&line).unwrap_or_default();
        let address = said["address"].as_str().and_then(|address| address.parse().ok());
        match address {
            Some(address) if said["message"] == "ready" => {
                waiting.send(address).ok();
            }
            _ => say = Some(waiting),
        }
    }
}

/// The `picket` that lies beside this program, as cargo puts it.
///
/// # Errors
/// Where there is none.
pub fn beside() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let path = here.parent().unwrap_or(Path::new(".")).join("picket");
    if !path.exists() {
        bail!(
            "{} is missing: build it with `cargo build -p picket`, or name one with --program",
            path.display()
        );
    }
    Ok(path)
}
