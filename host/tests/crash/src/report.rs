//! What a run came to, as a table.

use std::sync::atomic::Ordering;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::fault::{Kind, Tally};
use crate::load::Shared;
use crate::record::Record;

/// What was done, and what was wrong.
#[derive(Debug, Default)]
pub struct Report {
    pub cycles: u64,
    pub databases: u64,
    pub kills_under_load: u64,
    pub kills_while_starting: u64,
    pub kills_while_resending: u64,
    /// Kills of the database with the server, and of the database alone.
    pub kills_with_database: u64,
    pub kills_outlived: u64,
    /// Kills that were power cuts.
    pub power_cuts: u64,
    /// Writes that power cuts have taken back, and files that were made, renamed or removed.
    pub writes_undone: u64,
    pub names_undone: u64,
    pub sent: u64,
    /// Of these, such as were not answered when the program or its database was killed.
    pub unanswered: u64,
    /// Events that clients sent a second time without need.
    pub repeated: u64,
    pub refused: u64,
    pub decisions: u64,
    pub audit_entries: u64,
    pub actions: u64,
    pub starts: Vec<Duration>,
    pub elapsed: Duration,
    pub faults: Tally,
}

impl Report {
    /// Adds what happened to one database, at the end of its life.
    pub fn closed(&mut self, shared: &Shared, record: &Record) {
        self.sent += shared.next.load(Ordering::Relaxed) - 1;
        self.repeated += shared.repeated.load(Ordering::Relaxed);
        self.refused += shared.refused.load(Ordering::Relaxed);
        self.decisions += record.decisions() as u64;
        self.audit_entries += record.last_seq();
        self.actions += record.effects() as u64;
    }

    /// Events that were acknowledged under load, before the program or its database was killed.
    pub fn acknowledged(&self) -> u64 {
        self.sent.saturating_sub(self.unanswered)
    }

    pub fn kills(&self) -> u64 {
        self.kills_under_load + self.kills_while_starting + self.kills_while_resending
    }

    /// The program's own time from its start to `ready`, at this quantile.
    pub fn start(&self, quantile: f64) -> Duration {
        let mut starts = self.starts.clone();
        starts.sort();
        let at = (starts.len() as f64 * quantile) as usize;
        starts.get(at.min(starts.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING);
        let ms = |duration: Duration| format!("{:.0} ms", duration.as_secs_f64() * 1e3);
        for (name, value) in [
            ("cycles", self.cycles.to_string()),
            ("databases, one after the other", self.databases.to_string()),
            ("kills under load", self.kills_under_load.to_string()),
            ("kills while starting", self.kills_while_starting.to_string()),
            ("kills while sending again", self.kills_while_resending.to_string()),
            ("of these, with the database", self.kills_with_database.to_string()),
            ("of these, power cuts", self.power_cuts.to_string()),
            ("writes that these took back", self.writes_undone.to_string()),
            ("names that these took back", self.names_undone.to_string()),
            ("kills of the database alone", self.kills_outlived.to_string()),
            ("events sent", self.sent.to_string()),
            ("of these, acknowledged before the kill", self.acknowledged().to_string()),
            ("of these, sent again after it", self.unanswered.to_string()),
            ("acknowledged events repeated", self.repeated.to_string()),
            ("requests refused for now", self.refused.to_string()),
            ("decisions in the record", self.decisions.to_string()),
            ("audit entries", self.audit_entries.to_string()),
            ("actions delivered", self.actions.to_string()),
            ("start, median", ms(self.start(0.5))),
            ("start, p99", ms(self.start(0.99))),
            ("start, longest", ms(self.start(1.0))),
            ("took", format!("{:.1} s", self.elapsed.as_secs_f64())),
        ] {
            table.add_row([name.to_owned(), value]);
        }
        for kind in Kind::ALL {
            table.add_row([kind.title().to_owned(), self.faults.count(kind).to_string()]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }
}
