//! What is counted of each build while it is live, and its last lines.

use std::collections::{BTreeMap, VecDeque};

use hdrhistogram::Histogram;

use crate::model::{Cost, Event, LogLevel, LogLine, Outcome, PurityChecks, Timestamp};

/// Lines that are kept of a build, and their bytes.
const LINES_MAX: usize = 200;
const LOG_BYTES_MAX: usize = 32 << 10;
/// A line is cut to this, before control characters are written out.
const LINE_BYTES_MAX: usize = 1_000;
/// Two digits: within 1%. No deadline is longer than a minute.
const DIGITS: u8 = 2;
const MICROS_MAX: u64 = 60_000_000;

/// The counts of one build.
pub(super) struct Tally {
    pub outcomes: BTreeMap<Outcome, u64>,
    pub fired: u64,
    micros: Histogram<u32>,
    pub used: Used,
    pub purity: PurityChecks,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            outcomes: BTreeMap::new(),
            fired: 0,
            micros: Histogram::new_with_max(MICROS_MAX, DIGITS).expect("a minute fits"),
            used: Used::default(),
            purity: PurityChecks::default(),
        }
    }

    pub fn count(&mut self, outcome: Outcome, micros: u64, used: Used, fired: bool) {
        *self.outcomes.entry(outcome).or_default() += 1;
        if outcome == Outcome::Skipped {
            return;
        }
        self.micros.saturating_record(micros);
        self.used.memory_bytes = self.used.memory_bytes.max(used.memory_bytes);
        self.used.output_bytes = self.used.output_bytes.max(used.output_bytes);
        self.fired += u64::from(fired);
    }

    pub fn calls(&self) -> u64 {
        let ran = self.outcomes.iter().filter(|(outcome, _)| **outcome != Outcome::Skipped);
        ran.map(|(_, count)| count).sum()
    }

    pub fn cost(&self) -> Cost {
        let at = |quantile| self.micros.value_at_quantile(quantile).min(self.micros.max());
        Cost { p50_micros: at(0.5), p99_micros: at(0.99), max_micros: self.micros.max() }
    }
}

/// What a run took, or the most that any took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub memory_bytes: usize,
    pub output_bytes: usize,
}

/// The last lines of one build, bounded in number and bytes.
#[derive(Default)]
pub(super) struct Lines {
    /// With the subject that each is about, who may be erased.
    kept: VecDeque<(String, LogLine)>,
    bytes: usize,
    last: u64,
}

impl Lines {
    pub fn push(&mut self, about: &Event, level: LogLevel, line: &str) {
        let time = Timestamp::now();
        // By the clock, so that numbers ascend across restarts too.
        let clock = u64::try_from(time.micros()).unwrap_or_default();
        self.last = clock.max(self.last + 1);
        let (source, event) = (about.source.clone(), about.id.clone());
        let line = LogLine { number: self.last, time, source, event, level, line: visible(line) };
        let line = (about.subject.clone(), line);
        self.bytes += bytes(&line);
        self.kept.push_back(line);
        while self.kept.len() > LINES_MAX || self.bytes > LOG_BYTES_MAX {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= bytes(&oldest);
        }
    }

    /// The lines with a greater number, oldest first.
    pub fn after(&self, number: u64) -> Vec<LogLine> {
        let first = self.kept.partition_point(|(_, line)| line.number <= number);
        self.kept.range(first..).map(|(_, line)| line.clone()).collect()
    }

    /// Drops the lines about whom `gone` says to.
    pub fn forget(&mut self, gone: impl Fn(&str, &str) -> bool) {
        self.kept.retain(|(subject, line)| !gone(&line.source, subject));
        self.bytes = self.kept.iter().map(bytes).sum();
    }
}

fn bytes((subject, line): &(String, LogLine)) -> usize {
    subject.len() + line.source.len() + line.event.len() + line.line.len()
}

/// A line as a terminal may show it: control characters, and those that turn the direction of text or
/// take no room, are written out.
fn visible(line: &str) -> String {
    let mut out = String::with_capacity(line.len().min(LINE_BYTES_MAX));
    for (at, char) in line.char_indices() {
        if at >= LINE_BYTES_MAX {
            out.push('…');
            break;
        }
        let hides = matches!(char,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match char.is_control() || hides {
            true => out.extend(char.escape_default()),
            false => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventBounds;

    fn event(subject: &str) -> Event {
        let envelope = serde_json::json!({
            "specversion": "1.0", "id": "e", "source": "market", "type": "t", "subject": subject,
            "data": {},
        });
        let bounds = EventBounds { json_depth_max: 9, ahead_ms_max: 0 };
        Event::parse(envelope, &bounds, Timestamp::now()).unwrap()
    }

    fn used(bytes: usize) -> Used {
        Used { memory_bytes: bytes, output_bytes: bytes }
    }

    #[test]
    fn percentiles_are_within_a_hundredth() {
        let mut tally = Tally::new();
        assert_eq!(tally.cost(), Cost::default());
        for micros in 1..=10_000 {
            tally.count(Outcome::Ok, micros, used(7), micros % 4 == 0);
        }
        let Cost { p50_micros, p99_micros, max_micros } = tally.cost();
        for (said, exact) in [(p50_micros, 5_000), (p99_micros, 9_900), (max_micros, 10_000)] {
            assert!(said.abs_diff(exact) <= exact / 100, "{said} for {exact}");
        }
        assert_eq!((tally.calls(), tally.fired, tally.used), (10_000, 2_500, used(7)));
    }

    #[test]
    fn what_was_skipped_is_no_call_and_costs_nothing() {
        let mut tally = Tally::new();
        tally.count(Outcome::Skipped, 9_999, used(9), false);
        tally.count(Outcome::Trap, 7, used(3), false);
        assert_eq!((tally.calls(), tally.cost().max_micros, tally.used), (1, 7, used(3)));
        assert_eq!(tally.outcomes, BTreeMap::from([(Outcome::Trap, 1), (Outcome::Skipped, 1)]));
    }

    #[test]
    fn lines_are_numbered_upwards_and_the_oldest_go_first() {
        let mut lines = Lines::default();
        for number in 0..300 {
            lines.push(&event("u"), LogLevel::Info, &format!("line {number}"));
        }
        let all = lines.after(0);
        assert_eq!((all.len(), all[0].line.as_str()), (200, "line 100"));
        assert!(all.is_sorted_by(|a, b| a.number < b.number));
        assert_eq!(lines.after(all[197].number), all[198..]);
        assert_eq!(lines.after(all[199].number), []);
    }

    #[test]
    fn long_lines_are_cut_and_all_together_are_bounded() {
        let mut lines = Lines::default();
        for _ in 0..200 {
            lines.push(&event("u"), LogLevel::Warn, &"é\u{1b}".repeat(10_000));
            assert!(lines.bytes <= LOG_BYTES_MAX);
            assert_eq!(lines.bytes, lines.kept.iter().map(bytes).sum::<usize>());
        }
        assert!(lines.kept.len() > 5);
    }

    #[test]
    fn who_is_erased_is_in_no_line_any_more() {
        let mut lines = Lines::default();
        for number in 0..9 {
            let subject = ["anna", "ben"][number % 2];
            lines.push(&event(subject), LogLevel::Info, &format!("{subject} {number}"));
        }
        lines.forget(|source, subject| (source, subject) == ("other", "anna"));
        assert_eq!(lines.after(0).len(), 9, "of another source it is somebody else");
        lines.forget(|source, subject| (source, subject) == ("market", "anna"));
        let left = lines.after(0);
        assert!(left.len() == 4 && left.iter().all(|line| line.line.starts_with("ben")));
        assert_eq!(lines.bytes, lines.kept.iter().map(bytes).sum::<usize>());
    }

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        assert_eq!(visible("a\u{1b}[31m\r\nb\u{202e}c é"), "a\\u{1b}[31m\\r\\nb\\u{202e}c é");
    }
}
