//! The screen: on a terminal a grid above a progress bar, piped one plain line per event, or NDJSON.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::caller::Answer;
use super::epilogue::Pair;
use super::play::Played;
use super::row::{self, Paint};
use super::script::{Line, Script};
use super::stage::Stage;
use super::summary::{Tally, counted};
use super::swap::{self, Swapped};
use crate::cli::table::plain;
use crate::model::Action;

/// Narrower than this nothing can be read; wider is not needed.
const WIDTH_MIN: usize = 60;
const WIDTH_MAX: usize = 160;
/// Of a line that no terminal bounds.
const WIDTH_PIPED: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Terminal,
    Plain,
    Json,
}

/// Where everything is shown. Nothing else writes to standard output.
pub(super) struct Screen {
    form: Form,
    width: usize,
    paint: Paint,
    bar: ProgressBar,
    /// How much of the swap was shown.
    acts: usize,
}

impl Screen {
    pub fn new(json: bool, events: usize) -> Self {
        let form = match (json, io::stdout().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Terminal,
            (false, false) => Form::Plain,
        };
        let watched = form == Form::Terminal;
        let width = match watched {
            true => usize::from(Term::stdout().size().1).clamp(WIDTH_MIN, WIDTH_MAX),
            false => WIDTH_PIPED,
        };
        // It is drawn where the rows go, so that neither overwrites the other.
        let bar = match watched {
            true => {
                ProgressBar::with_draw_target(Some(events as u64), ProgressDrawTarget::stdout())
            }
            false => ProgressBar::hidden(),
        };
        let paint = Paint(watched && console::colors_enabled());
        Self { form, width, paint, bar, acts: 0 }
    }

    /// Whether somebody sits before it.
    pub fn is_watched(&self) -> bool {
        self.form == Form::Terminal
    }

    /// Before the server is up.
    pub fn starting(&self) {
        self.bar.set_style(style("{spinner} {msg}"));
        self.bar.set_message("starting a server: compiling the detectors, making a database");
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    pub fn opening(&mut self, stage: &Stage, script: &Script) -> io::Result<()> {
        self.bar.disable_steady_tick();
        self.bar.set_style(style("[{bar:14}] {pos}/{len}  {msg}"));
        self.bar.set_message("");
        if self.form == Form::Json {
            return Ok(());
        }
        let title = format!("Picket {}", env!("CARGO_PKG_VERSION"));
        self.say(&format!(
            "{}: {} detectors and {} policies, ready after {:.1} s at {}",
            self.paint.bold(&title),
            stage.detectors(),
            stage.policies(),
            stage.took.as_secs_f64(),
            stage.caller.url()
        ))?;
        let events = counted(script.lines.len() as u64, "event");
        match self.form {
            Form::Terminal => {
                self.say(&format!(
                    "Playing {events}; those without any finding only move the bar."
                ))?;
                self.say("")?;
                self.say_all(&row::grid_head(self.paint))
            }
            _ => self.say(&row::line_head()),
        }
    }

    pub fn decision(&mut self, line: &Line, answer: &Answer, tally: &Tally) -> io::Result<()> {
        let decision = &answer.decision;
        match self.form {
            Form::Json => self.say(&answer.text)?,
            Form::Plain => self.say(&row::line(decision, &line.text))?,
            Form::Terminal if decision.action != Action::Allow || !decision.signals.is_empty() => {
                self.say_all(&row::grid(decision, &line.text, self.width, self.paint))?;
            }
            Form::Terminal => {}
        }
        self.advance(tally);
        Ok(())
    }

    /// An event that got no decision.
    pub fn problem(&mut self, line: usize, problem: &str, tally: &Tally) -> io::Result<()> {
        let problem = plain(problem);
        match self.form {
            Form::Json => {
                self.say(&json!({ "error": { "line": line, "problem": problem } }).to_string())?;
            }
            _ => self.say(&format!("line {line}: no decision, {problem}"))?,
        }
        self.advance(tally);
        Ok(())
    }

    fn advance(&self, tally: &Tally) {
        self.bar.set_position(tally.shown());
        if self.form == Form::Terminal {
            self.bar.set_message(tally.line());
        }
    }

    /// What is new about the swap.
    pub fn swapped(&mut self, swapped: &Swapped) -> io::Result<()> {
        if self.form == Form::Json {
            return Ok(());
        }
        let old = Swapped::version(&swapped.before);
        let name = swap::DETECTOR;
        let verdict = |answer: &Answer| {
            let who = format!("{name} {}", Swapped::version(answer));
            row::verdict(&who, &answer.decision, self.width, self.paint)
        };
        let said = format!("  \"{}\"", plain(swap::TEXT));
        if self.acts == 0 {
            self.acts = 1;
            self.say_all(&[
                String::new(),
                self.rule(&format!("One more message, from {} on {}", swap::SUBJECT, swap::SOURCE)),
                said,
                verdict(&swapped.before),
                format!("  Not found. Dropping the next {name} into the folder; the events go on."),
                "  This server is for development: a file dropped there is ACTIVE AT ONCE."
                    .to_owned(),
                String::new(),
            ])
        } else if let (Some(live), Some(after), 1) = (&swapped.live, &swapped.after, self.acts) {
            self.acts = 2;
            let title = format!(
                "{name} {old} -> {} live after {} ms, generation {}",
                live.version, live.millis, live.generation
            );
            self.say_all(&[
                String::new(),
                self.rule(&title),
                said,
                verdict(&swapped.before),
                verdict(after),
                format!(
                    "  decided meanwhile: {}, errors: {}",
                    counted(live.events, "event"),
                    live.errors
                ),
                String::new(),
            ])
        } else {
            Ok(())
        }
    }

    /// The last event is through.
    pub fn played(&self) {
        self.bar.finish_and_clear();
    }

    pub fn closing(&mut self, played: &Played, pair: &Pair) -> io::Result<()> {
        if self.form != Form::Json {
            let mut lines = vec![String::new()];
            lines.push(self.rule("Summary"));
            lines.extend(played.tally.tables());
            lines.push(String::new());
            lines.extend(pair.lines(self.width, self.paint));
            return self.say_all(&lines);
        }
        if let Some(swapped) = &played.swapped {
            self.say(&json!({ "reload": reload(swapped) }).to_string())?;
        }
        let mut summary = played.tally.json();
        summary["policies"] = pair.json();
        self.say(&json!({ "summary": summary }).to_string())
    }

    fn rule(&self, title: &str) -> String {
        let rest = self.width.saturating_sub(console::measure_text_width(title) + 4);
        format!("── {} {}", self.paint.bold(title), "─".repeat(rest))
    }

    pub fn say_all(&self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.say(line))
    }

    /// Above the bar, if there is one. A reader that has gone is an error, not a panic.
    fn say(&self, line: &str) -> io::Result<()> {
        if self.bar.is_hidden() || self.bar.is_finished() {
            return writeln!(io::stdout(), "{line}");
        }
        self.bar.println(line);
        Ok(())
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

fn reload(swapped: &Swapped) -> Value {
    let live = swapped.live.as_ref();
    json!({
        "detector": swap::DETECTOR,
        "from": Swapped::version(&swapped.before),
        "to": live.map(|live| &live.version),
        "live_after_ms": live.map(|live| u64::try_from(live.millis).unwrap_or(u64::MAX)),
        "generation": live.map(|live| live.generation),
        "events_meanwhile": live.map(|live| live.events),
        "errors_meanwhile": live.map(|live| live.errors),
        "text": swap::TEXT,
        "before": swapped.before.decision,
        "after": swapped.after.as_ref().map(|after| &after.decision),
    })
}
