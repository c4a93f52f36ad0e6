//! What strangers may send: each case of the hostile list is a file made for it, given to a real
//! server, which must go on as if nothing were.

mod cases;
mod component;
mod fallback;
#[path = "../fixture/mod.rs"]
mod fixture;
mod flaps;
mod folder;
mod leaks;
mod neighbours;
#[path = "../server/mod.rs"]
mod server;
mod table;
mod together;
mod versions;
#[path = "../wasm/mod.rs"]
mod wasm;
mod world;

/// Tests of this binary measure memory and times of one process: they take turns.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

/// What the process holds, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number");
    kib << 10
}
