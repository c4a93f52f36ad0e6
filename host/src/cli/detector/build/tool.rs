//! Running the tools of others: what is missing is said with the way to get it, what they print is shown
//! where they fail.

use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// A program, and how somebody gets it.
pub(super) struct Tool {
    pub program: &'static str,
    pub get: &'static str,
}

impl Tool {
    /// Runs it and keeps what it prints. `doing` is shown on a terminal meanwhile.
    pub fn run(&self, command: &mut Command, doing: &str) -> anyhow::Result<Output> {
        let bar = spinner(doing);
        let output = command.output();
        bar.finish_and_clear();
        let output = self.found(output)?;
        if !output.status.success() {
            let (said, printed) = (&output.stderr, &output.stdout);
            let said = if said.is_empty() { printed } else { said };
            bail!(
                "{doing}: `{}` failed\n{}\n  if something of it is not there: {}",
                self.program,
                String::from_utf8_lossy(said).trim_end(),
                self.get
            );
        }
        Ok(output)
    }

    /// The output, or the way to the tool where there is none.
    pub fn found(&self, output: std::io::Result<Output>) -> anyhow::Result<Output> {
        match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("`{}` is not installed: {}", self.program, self.get)
            }
            output => output.with_context(|| format!("`{}`", self.program)),
        }
    }
}

fn spinner(doing: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    let bar = ProgressBar::new_spinner().with_message(doing.to_owned());
    bar.set_style(style.expect("the template is valid"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Whether `made` has to be made again from `source`.
pub(super) fn is_stale(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
    match (changed(made), changed(source)) {
        (Ok(made), Ok(source)) => made < source,
        (made, _) => made.is_err(),
    }
}
