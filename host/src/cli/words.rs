//! How rates and warnings are worded, and how a reason is had, whatever it is about.

use anyhow::bail;
use console::style;

use super::ask::{ask, can_ask};
use super::table::plain;

/// A rate for people: `5%`, `0.12%`.
pub(super) fn percent(rate: f64) -> String {
    let text = format!("{:.2}", rate * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Says what somebody should know; in colour where somebody looks.
pub(super) fn warn(text: &str) {
    eprintln!("{} {}", style("warning:").for_stderr().yellow().bold(), plain(text));
}

/// The reason for a change: as given, or asked for.
pub(super) fn why(given: Option<&str>) -> anyhow::Result<String> {
    match given {
        Some(why) => Ok(why.to_owned()),
        None if can_ask() => ask("Why? It goes into the audit log:"),
        None => bail!("say why, for the audit log: --why 'it was right for a week'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_short() {
        let said = [0.05, 1.0, 0.0012, 0.0, 0.125].map(percent);
        assert_eq!(said, ["5%", "100%", "0.12%", "0%", "12.5%"]);
    }
}
