//! What the program's record stands on, and how that ends: the program alone is killed, or its database
//! with it, or the database under the living program, or the power is cut.

use std::time::Duration;

use databases::Server;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::disk::Undone;
use crate::power::Power;
use crate::server::Program;

/// The address of the database.
const URL: &str = "PICKET_DATABASE_URL";
/// What `data_dir` holds besides the record: compiled detectors, which cost seconds to make and nothing to
/// lose. They do without flushes.
pub const CACHE: &str = "cache";
/// PostgreSQL does not start where this is there and half written, and says to remove it by hand.
const LOCK: &str = "postmaster.pid";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// Whether a kill is also a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    No,
    /// It takes what was not flushed.
    Power,
    /// It takes all that was done under load, for flushes do nothing: the control.
    PowerOfALiar,
}

/// What is killed under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Program,
    /// The database, and the program has to outlive it.
    Database,
    Both,
    Power,
}

/// What all databases of a run are on.
#[derive(Debug)]
pub struct Ground {
    cuts: Cuts,
    postgres: Option<Postgres>,
}

/// One server for all of them, in a folder of its own.
#[derive(Debug)]
struct Postgres {
    server: Server,
    power: Option<Power>,
}

/// What one database is on.
#[derive(Debug)]
pub struct Home<'g> {
    ground: &'g Ground,
    /// Of the disk that SQLite's file is on.
    power: Option<Power>,
}

impl Ground {
    /// # Errors
    /// Where the disk cannot be put under the server.
    ///
    /// # Panics
    /// Where there is no PostgreSQL: it says what to install.
    pub fn new(database: Database, cuts: Cuts) -> anyhow::Result<Self> {
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(Postgres::start(cuts)?),
        };
        Ok(Self { cuts, postgres })
    }

    /// Gives a program a database of its own.
    ///
    /// # Errors
    /// Where the disk cannot be put under it.
    pub fn home(&self, program: &mut Program, number: u64) -> anyhow::Result<Home<'_>> {
        let mut power = None;
        match &self.postgres {
            Some(Postgres { server, .. }) => {
                let name = name(number);
                server.create(&name);
                program.variables.push((URL.into(), server.url(&name).into()));
            }
            None if self.cuts != Cuts::No => {
                let aside = program.place.join("disk");
                let lying = self.cuts == Cuts::PowerOfALiar;
                let cut = Power::over(&program.data_dir(), &aside, CACHE, lying)?;
                program.variables.extend(cut.variables());
                power = Some(cut);
            }
            None => {}
        }
        Ok(Home { ground: self, power })
    }

    /// Removes a database that was good.
    pub fn raze(&self, number: u64) {
        if let Some(Postgres { server, .. }) = &self.postgres {
            server.run("postgres", &format!("DROP DATABASE {} WITH (FORCE)", name(number)));
        }
    }
}

impl Postgres {
    fn start(cuts: Cuts) -> anyhow::Result<Self> {
        // A small log is used again and again, which is what a power cut has to meet.
        let server = Server::make(&[
            ("max_wal_size", "64MB"),
            ("min_wal_size", "32MB"),
            ("recovery_init_sync_method", "syncfs"),
        ]);
        let power = match cuts {
            Cuts::No => None,
            Cuts::Power | Cuts::PowerOfALiar => {
                let aside = server.folder().join("disk");
                let lying = cuts == Cuts::PowerOfALiar;
                Some(Power::over(&server.data_dir(), &aside, LOCK, lying)?)
            }
        };
        if let Some(power) = &power {
            server.surround(power.variables());
        }
        server.resume();
        Ok(Self { server, power })
    }
}

impl Home<'_> {
    fn power(&self) -> Option<&Power> {
        let of_server = self.ground.postgres.as_ref().and_then(|postgres| postgres.power.as_ref());
        self.power.as_ref().or(of_server)
    }

    /// How it is to end this time.
    pub fn draw(&self, chance: &mut StdRng) -> Ending {
        match (&self.ground.postgres, self.power()) {
            (_, Some(_)) => Ending::Power,
            (None, None) => Ending::Program,
            (Some(_), None) => match chance.random_range(0..4) {
                0 => Ending::Database,
                1 => Ending::Both,
                _ => Ending::Program,
            },
        }
    }

    /// The same, where the program is dead already.
    pub fn draw_dead(&self, chance: &mut StdRng) -> Ending {
        match self.draw(chance) {
            Ending::Database => Ending::Both,
            ending => ending,
        }
    }

    /// Waits for the moment; where the power is to be cut, until it is.
    pub async fn under_load(&self, moment: Duration, chance: &mut StdRng) {
        match self.power() {
            Some(power) => power.cut_within(moment, chance).await,
            None => tokio::time::sleep(moment).await,
        }
    }

    /// Cuts the power, where that is how things end.
    pub fn cut(&self) {
        if let Some(power) = self.power() {
            power.cut();
        }
    }

    /// When the program is dead: ends what is to end with it, and has it back as it is after. What a power
    /// cut took, if there was one.
    ///
    /// # Errors
    /// Where the disk's log cannot be read.
    pub fn end(&self, ending: Ending, chance: &mut StdRng) -> anyhow::Result<Option<Undone>> {
        if ending == Ending::Program {
            return Ok(None);
        }
        let server = self.ground.postgres.as_ref().map(|postgres| &postgres.server);
        if let Some(server) = server {
            server.kill_all();
        }
        let undone = self.power().map(|power| power.lose(chance)).transpose()?;
        if let Some(server) = server {
            server.resume();
        }
        Ok(undone)
    }

    /// Kills the database under the living program, and has it back after a while.
    pub async fn interrupt(&self, pause: Duration) {
        if let Some(Postgres { server, .. }) = &self.ground.postgres {
            server.kill_all();
            tokio::time::sleep(pause).await;
            server.resume();
        }
    }
}

/// The name of a database on the server.
fn name(number: u64) -> String {
    format!("crash_{number}")
}
