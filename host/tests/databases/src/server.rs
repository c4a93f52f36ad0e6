//! A server, from its making to its end.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::binaries;
use crate::certificate::Certificate;

/// How often to look whether what was killed is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// For many tests at once, each with a few connections.
const SETTINGS: [(&str, &str); 4] = [
    ("listen_addresses", ""),
    ("max_connections", "400"),
    ("shared_buffers", "64MB"),
    ("log_min_messages", "log"),
];

/// Waits until whoever holds the other end of its input is gone, then ends the server and cleans up.
const GUARD: &str = r#"
trap '' INT TERM HUP
while read -r _; do :; done
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -QUIT "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
fi
rm -rf "$1"
"#;

/// A PostgreSQL in a folder of its own. Ended by its guard, also where this process is killed.
#[derive(Debug)]
pub struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    /// Names its socket, also where it listens at no port.
    port: u16,
    settings: Vec<(String, String)>,
    variables: Mutex<Vec<(OsString, OsString)>>,
    postmaster: Mutex<Option<Child>>,
    guard: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Makes a server with these settings besides the usual ones, and starts it.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let server = Self::make(settings);
        server.resume();
        server
    }

    /// Makes one that speaks TLS on a port of the loopback interface. Returns with it the file of the
    /// authority that signed for it.
    pub fn start_with_tls() -> (Self, PathBuf) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut server = Self::make_at(port, &[("listen_addresses", "127.0.0.1"), ("ssl", "on")]);
        let made = Certificate::make(&server.folder);
        for (name, file) in [("ssl_cert_file", made.certificate), ("ssl_key_file", made.key)] {
            fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it is ours");
            server.give(&file);
            server.settings.push((name.to_owned(), file.display().to_string()));
        }
        server.resume();
        (server, made.authority)
    }

    /// Makes a server and does not start it: [`Server::resume`] does.
    pub fn make(settings: &[(&str, &str)]) -> Self {
        Self::make_at(5432, settings)
    }

    fn make_at(port: u16, settings: &[(&str, &str)]) -> Self {
        let (binaries, user) = (binaries::folder(), binaries::user());
        // The path of a socket has to be short.
        let folder = tempfile::Builder::new().prefix("picket-pg-").tempdir_in("/tmp");
        let folder = folder.expect("a temporary folder").keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("a private folder");
        let guard = guard(&folder);
        let settings = SETTINGS.iter().chain(settings);
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let server = Self {
            binaries,
            folder,
            user,
            port,
            settings: settings.collect(),
            variables: Mutex::default(),
            postmaster: Mutex::new(None),
            guard: Some(guard),
        };
        server.give(&server.folder);
        let mut initdb = server.command("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.args(["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]);
        initdb.arg("--pgdata").arg(server.folder.join("data"));
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        server
    }

    /// Makes a file the server's own.
    fn give(&self, file: &Path) {
        if let Some((uid, gid)) = self.user {
            std::os::unix::fs::chown(file, Some(uid), Some(gid)).expect("root may");
        }
    }

    /// What it is started with from the next time on, such as something that stands between it and its disk.
    pub fn surround(&self, variables: Vec<(OsString, OsString)>) {
        *self.variables.lock().expect("nobody panics with it") = variables;
    }

    /// The folder that is all its own, socket and files; removed with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its files are.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// The same over TCP, where it listens at a port.
    pub fn tcp_url(&self, host: &str, database: &str) -> String {
        format!("postgres://postgres@{host}:{}/{database}", self.port)
    }

    /// The socket that it listens at.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        self.run("postgres", &format!("CREATE DATABASE {database} TEMPLATE template0"));
    }

    /// Throws out whoever uses a database, and all that is in it.
    pub(crate) fn empty(&self, database: &str) {
        let others = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        );
        self.run("postgres", &others);
        self.run(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }

    /// Runs statements as the owner of all, and returns what they print, without heads or frames.
    pub fn run(&self, database: &str, text: &str) -> String {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--command", text, "--dbname", database, "--host"]);
        psql.arg(&self.folder).arg("--port").arg(self.port.to_string());
        let output = psql.output().expect("psql runs");
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// Ends it at once, as a crash of its machine would, but that what it wrote is on the disk.
    pub fn kill(&self) {
        let mut postmaster = self.postmaster.lock().expect("nobody panics with it");
        let Some(mut child) = postmaster.take() else { return };
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a child has a number");
        rustix::process::kill_process(pid, rustix::process::Signal::QUIT).expect("it is ours");
        child.wait().expect("it ends");
    }

    /// SIGKILL to each of its processes: none of them does anything more.
    pub fn kill_all(&self) {
        let mut postmaster = self.postmaster.lock().expect("nobody panics with it");
        let Some(mut child) = postmaster.take() else { return };
        // Stopped, it starts no others.
        signal(child.id(), Signal::STOP);
        let backends = children(child.id());
        for pid in &backends {
            signal(*pid, Signal::KILL);
        }
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        // Their parent is gone, so the end of each is taken note of by the system.
        while backends.iter().any(|pid| runs(*pid)) {
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Has each of its processes stand still, until [`Server::go_on`].
    pub fn stand_still(&self) {
        self.signal_all(Signal::STOP);
    }

    /// Ends [`Server::stand_still`].
    pub fn go_on(&self) {
        self.signal_all(Signal::CONT);
    }

    fn signal_all(&self, sign: Signal) {
        let postmaster = self.postmaster.lock().expect("nobody panics with it");
        let Some(pid) = postmaster.as_ref().map(Child::id) else { return };
        signal(pid, sign);
        children(pid).into_iter().for_each(|pid| signal(pid, sign));
    }

    /// Starts it again on what it has on the disk, and returns when it takes connections.
    pub fn resume(&self) {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        postgres.arg("-p").arg(self.port.to_string());
        for (name, value) in &self.settings {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        // Its own group: an interrupt from the terminal is for the tests, whose end is its own.
        postgres.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
        postgres.envs(self.variables.lock().expect("nobody panics with it").iter().cloned());
        let mut child = postgres.spawn().expect("postgres runs");
        let log = BufReader::new(child.stderr.take().expect("it was piped"));
        *self.postmaster.lock().expect("nobody panics with it") = Some(child);
        self.await_ready(log);
    }

    /// Reads what it says until it is ready; the rest is kept in a file, on a thread of its own.
    fn await_ready(&self, log: BufReader<impl std::io::Read + Send + 'static>) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))
            .expect("a log file");
        let mut lines = log.lines().map_while(Result::ok);
        let mut said = String::new();
        for line in lines.by_ref() {
            said = said + &line + "\n";
            if line.contains("ready to accept connections") {
                thread::spawn(move || lines.for_each(|line| drop(writeln!(file, "{line}"))));
                return;
            }
        }
        panic!("PostgreSQL does not start: {said}");
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null()).env_clear().env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Server {
    /// Lets the guard do its work and waits for it.
    fn drop(&mut self) {
        if let Some((mut guard, input)) = self.guard.take() {
            drop(input);
            // Its child is ours: nobody else takes note of its end.
            if let Some(mut child) = self.postmaster.lock().ok().and_then(|mut child| child.take())
            {
                child.wait().ok();
            }
            guard.wait().ok();
        }
    }
}

/// The processes that a process has started and that have not ended.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether a process does anything still: one that has ended may be listed until somebody takes note.
fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(") ").map(|(_, rest)| rest.starts_with('Z'));
    state.is_some_and(|ended| !ended)
}

/// To a process of ours; one that has just ended does not mind.
fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a process has a number"), signal).ok();
}

fn guard(folder: &Path) -> (Child, ChildStdin) {
    let mut guard = Command::new("/bin/sh");
    guard.args(["-c", GUARD, "guard"]).arg(folder).current_dir("/").process_group(0);
    guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = guard.spawn().expect("a shell runs");
    let input = child.stdin.take().expect("it was piped");
    (child, input)
}
