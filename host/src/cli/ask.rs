//! Asking whoever sits at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::Context;

/// Whether somebody sits there who can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line.
pub(super) fn ask(question: &str) -> anyhow::Result<String> {
    eprint!("{question} ");
    io::stderr().flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("no answer")?;
    Ok(line.trim().to_owned())
}

/// Whether the answer is yes.
pub(super) fn agrees(question: &str) -> anyhow::Result<bool> {
    Ok(["y", "yes"].contains(&ask(question)?.to_lowercase().as_str()))
}
