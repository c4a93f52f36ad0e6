//! A server whose record is simulated, and the command that does it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use databases::Home;

use crate::server::{self, Server};

pub const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// What a policy says of strikes.
pub const STRIKES: &str = r#"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
[[strikes.steps]]
action = "restriction"
for_h = 72
[[strikes.steps]]
action = "suspension_candidate"
for_h = 72
"#;

/// A server whose source `market` has this policy.
pub async fn started(home: &Home, policy: &str) -> Server {
    let dir = tempfile::tempdir().expect("a temporary folder");
    server::furnish(dir.path());
    server::write(&dir.path().join("policies/market.toml"), policy.as_bytes());
    Server::start_in(home, dir, |config| {
        config.watch = false;
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
    })
    .await
}

/// `picket simulate` in a folder.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.current_dir(dir).arg("simulate").args(args).stdin(Stdio::null());
    picket
}

/// The same on the record of a server.
pub async fn run(server: &Server, args: &[&str]) -> Output {
    let config = &server.app.config;
    let mut picket = command(server.dir.path(), args);
    picket
        .env("PICKET_DATA_DIR", &config.data_dir)
        .env("PICKET_DATABASE_URL", config.database_url());
    let running = tokio::task::spawn_blocking(move || picket.output());
    running.await.expect("nobody panicked").expect("picket runs")
}

pub fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
