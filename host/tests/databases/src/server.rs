//! A server, from its making to its end.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::binaries;

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
    settings: Vec<(String, String)>,
    postmaster: Mutex<Option<Child>>,
    guard: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Makes a server with these settings besides the usual ones, and starts it.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let (binaries, user) = (binaries::folder(), binaries::user());
        // The path of a socket has to be short.
        let folder = tempfile::Builder::new().prefix("picket-pg-").tempdir_in("/tmp");
        let folder = folder.expect("a temporary folder").keep();
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("a private folder");
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("root may");
        }
        let guard = guard(&folder);
        let settings = SETTINGS.iter().chain(settings);
        let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let server = Self {
            binaries,
            folder,
            user,
            settings: settings.collect(),
            postmaster: Mutex::new(None),
            guard: Some(guard),
        };
        let mut initdb = server.command("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        initdb.args(["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]);
        initdb.arg("--pgdata").arg(server.folder.join("data"));
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        server.resume();
        server
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// Where all is that it writes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The socket that it listens at.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
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
        let output = psql.arg(&self.folder).output().expect("psql runs");
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

    /// Starts it again on what it has on the disk, and returns when it takes connections.
    pub fn resume(&self) {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        for (name, value) in &self.settings {
            postgres.arg("-c").arg(format!("{name}={value}"));
        }
        // Its own group: an interrupt from the terminal is for the tests, whose end is its own.
        postgres.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
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

fn guard(folder: &Path) -> (Child, ChildStdin) {
    let mut guard = Command::new("/bin/sh");
    guard.args(["-c", GUARD, "guard"]).arg(folder).current_dir("/").process_group(0);
    guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = guard.spawn().expect("a shell runs");
    let input = child.stdin.take().expect("it was piped");
    (child, input)
}
