//! One decision as text: two lines of a grid where a person watches, one line where a program reads.
//! Pure; what others wrote is made harmless here.

use console::{Alignment, Style, pad_str, truncate_str};

use crate::cli::table::plain;
use crate::model::{Action, Decision, Signal, Timestamp};

/// Columns of the grid, in cells of a terminal. The text and the labels get what is left.
const TIME: usize = 11;
const WHAT: usize = 15;
const WHO: usize = 8;
const SCORE: usize = 4;
const ACTION: usize = 10;
const LEFT: usize = TIME + WHAT + WHO + 6;
/// The same in one line, where names are not cut.
const KIND: usize = 20;
const LABELS: usize = 33;
const TEXT: usize = 80;

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint(pub bool);

impl Paint {
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    /// The more severe, the louder.
    pub fn action(self, action: Action, text: &str) -> String {
        let style = match action {
            Action::Allow => Style::new(),
            Action::Nudge | Action::Warning => Style::new().yellow(),
            Action::SoftBlock | Action::Cooldown => Style::new().red(),
            _ => Style::new().red().bold(),
        };
        self.with(style, text)
    }

    fn with(self, style: Style, text: &str) -> String {
        style.force_styling(self.0).apply_to(text).to_string()
    }
}

/// What the two lines of the grid hold.
pub(super) fn grid_head(paint: Paint) -> [String; 2] {
    let first =
        format!("{:TIME$}  {:WHAT$}  {:WHO$}  what was written", "time", "source", "subject");
    let second = format!(
        "{:TIME$}  {:WHAT$}  {:WHO$}  {:SCORE$}  {:ACTION$}  labels (without weight here)",
        "", "type", "tier", "score", "action"
    );
    [first, second].map(|line| paint.dim(&line))
}

/// Who wrote what, and below it what was made of it. Never wider than `width`.
pub(super) fn grid(decision: &Decision, text: &str, width: usize, paint: Paint) -> [String; 2] {
    let room = width.saturating_sub(LEFT);
    let first = format!(
        "{}  {}  {}  {}",
        short_time(decision.time),
        cell(&decision.source, WHAT),
        cell(&decision.subject, WHO),
        truncate_str(&plain(text), room, "…"),
    );
    let labels = labels(&decision.signals, room.saturating_sub(SCORE + ACTION + 4));
    let second = format!(
        "{:TIME$}  {}  {}  {:.2}  {}  {labels}",
        "",
        paint.dim(&cell(&decision.kind, WHAT)),
        paint.action(decision.action, &cell(&decision.tier, WHO)),
        decision.score.as_f64(),
        paint.action(decision.action, &cell(decision.action.as_str(), ACTION)),
    );
    [first, second.trim_end().to_owned()]
}

pub(super) fn line_head() -> String {
    format!(
        "{:20}  {:WHAT$}  {:KIND$}  {:WHO$}  {:WHO$}  {:5} {:ACTION$}  {:LABELS$}  {}",
        "time", "source", "type", "subject", "tier", "score", "action", "labels", "text"
    )
}

/// All of it in one line, without colour.
pub(super) fn line(decision: &Decision, text: &str) -> String {
    let pad = |text: &str, width| pad_str(&plain(text), width, Alignment::Left, None).into_owned();
    let labels = match decision.signals.is_empty() {
        true => "-".to_owned(),
        false => labels(&decision.signals, usize::MAX),
    };
    let line = format!(
        "{}  {}  {}  {}  {}  {:.2}  {}  {}  {}",
        pad(&decision.time.to_string(), 20),
        pad(&decision.source, WHAT),
        pad(&decision.kind, KIND),
        pad(&decision.subject, WHO),
        pad(&decision.tier, WHO),
        decision.score.as_f64(),
        pad(decision.action.as_str(), ACTION),
        pad(&labels, LABELS),
        truncate_str(&plain(text), TEXT, "…"),
    );
    line.trim_end().to_owned()
}

/// A verdict without the event: of the same message, again and again.
pub(super) fn verdict(who: &str, decision: &Decision, width: usize, paint: Paint) -> String {
    const NAME: usize = 20;
    let room = width.saturating_sub(NAME + WHO + SCORE + ACTION + 10);
    let verdict = format!(
        "  {}  {}  {:.2}  {}  {}",
        cell(who, NAME),
        paint.action(decision.action, &cell(&decision.tier, WHO)),
        decision.score.as_f64(),
        paint.action(decision.action, &cell(decision.action.as_str(), ACTION)),
        labels(&decision.signals, room),
    );
    verdict.trim_end().to_owned()
}

/// Exactly so wide.
fn cell(text: &str, width: usize) -> String {
    let text = plain(text);
    pad_str(&truncate_str(&text, width, "…"), width, Alignment::Left, None).into_owned()
}

/// `09-14 10:22`.
fn short_time(time: Timestamp) -> String {
    let text = time.to_string();
    let part = |range| text.get(range).unwrap_or_default();
    cell(&format!("{} {}", part(5..10), part(11..16)), TIME)
}

/// Each label once, the strongest first, and in parentheses what the policy gave no weight. What has
/// no room is counted.
fn labels(signals: &[Signal], room: usize) -> String {
    let mut sorted: Vec<&Signal> = signals.iter().collect();
    let strength = |signal: &Signal| signal.score * signal.confidence;
    sorted.sort_by(|a, b| b.counted.cmp(&a.counted).then(strength(b).total_cmp(&strength(a))));
    let mut names: Vec<String> = Vec::new();
    for signal in sorted {
        let name = match signal.counted {
            true => plain(&signal.label),
            false => format!("({})", plain(&signal.label)),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut shown = names.join(" ");
    let mut left = names.len();
    while shown.chars().count() > room && left > 1 {
        left -= 1;
        shown = format!("{} +{}", names[..left].join(" "), names.len() - left);
    }
    truncate_str(&shown, room, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;
    use serde_json::json;

    use super::*;

    fn signal(label: &str, score: f64, counted: bool) -> Signal {
        Signal {
            detector: "d".into(),
            version: None,
            label: label.into(),
            score,
            confidence: 1.0,
            reason: String::new(),
            spans: Vec::new(),
            entities: Vec::new(),
            counted,
        }
    }

    fn decision(subject: &str) -> Decision {
        let digest = format!("sha256:{}", "0".repeat(64));
        serde_json::from_value(json!({
            "id": "01990000-0000-7000-8000-000000000000", "event_id": "1",
            "source": "fairtradeworker", "type": "completion.submitted", "subject": subject,
            "time": "2026-09-14T10:22:05Z", "decided_at": "2026-09-14T10:22:05Z",
            "mode": "active", "score": 0.845, "tier": "critical", "action": "suspension_candidate",
            "scope": "account", "actions": [], "reason": "", "message": null, "strike": null,
            "case_id": null, "degraded": false, "review": false,
            "policy": {"name": "p", "version": 1, "digest": digest},
            "signals": [], "findings": [], "generation": 1, "semantics": 1,
        }))
        .unwrap()
    }

    #[test]
    fn no_line_of_the_grid_is_wider_than_the_terminal() {
        let mut decision = decision("user-with-a-long-name-👻👻");
        decision.signals = vec![signal(&"label.".repeat(30), 0.5, true), signal("b", 0.4, true)];
        for width in [60, 100, 140] {
            for text in ["", "short", &"ｗide 👻 ".repeat(50)] {
                for line in grid(&decision, text, width, Paint(true)) {
                    assert!(measure_text_width(&line) <= width, "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn what_others_wrote_stays_on_its_line_and_without_escapes() {
        let decision = decision("\u{1b}[31mred\n");
        let shown = line(&decision, "two\nlines \u{1b}[2J\u{202e}");
        assert!(!shown.contains(['\n', '\u{1b}', '\u{202e}']), "{shown:?}");
        let shown = grid(&decision, "a\u{1b}b", 100, Paint(false)).concat();
        assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
    }

    #[test]
    fn labels_come_once_the_counted_and_strong_first() {
        let signals = [
            signal("contact.phone", 0.9, false),
            signal("contact.intent", 0.2, true),
            signal("contact.handle", 0.7, true),
            signal("contact.handle", 0.6, true),
        ];
        assert_eq!(labels(&signals, 99), "contact.handle contact.intent (contact.phone)");
        assert_eq!(labels(&signals, 32), "contact.handle contact.intent +1");
        assert_eq!(labels(&signals, 8), "contact…");
        assert_eq!(labels(&[], 8), "");
    }
}
