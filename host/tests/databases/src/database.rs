//! Databases of the shared server, one for each test.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{LazyLock, Mutex};

use crate::Server;

/// The server of this process, started when it is first asked for.
pub fn shared() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&[]));
    &SERVER
}

/// A database of the shared server. When it is dropped the next test gets it, emptied: making one
/// costs more.
#[derive(Debug)]
pub struct Database {
    name: String,
}

/// Those that nobody uses, the longest unused first.
static FREE: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
/// So many rest: a test that has ended may have tasks that have not.
const RESTING: usize = 16;
static MADE: Mutex<u32> = Mutex::new(0);

impl Database {
    pub(crate) fn take() -> Self {
        let mut free = FREE.lock().expect("nobody panics with it");
        let rested = (free.len() > RESTING).then(|| free.pop_front()).flatten();
        drop(free);
        match rested {
            Some(name) => {
                shared().empty(&name);
                Self { name }
            }
            None => {
                let mut made = MADE.lock().expect("nobody panics with it");
                *made += 1;
                let name = format!("test_{made}");
                drop(made);
                shared().create(&name);
                Self { name }
            }
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn url(&self) -> String {
        shared().url(&self.name)
    }

    /// Runs statements as the owner of all, and returns what they print.
    pub fn run(&self, text: &str) -> String {
        shared().run(&self.name, text)
    }

    /// Runs the statements of a file.
    pub fn run_file(&self, file: &Path) {
        shared().run(&self.name, &format!("\\i {}", file.display()));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut free) = FREE.lock() {
            free.push_back(std::mem::take(&mut self.name));
        }
    }
}
