//! `picket audit`: the log of who did what, for whoever does not take our word for it.

mod archive;
mod checkpoint;
mod consistency;
mod documents;
mod export;
mod prove;
mod trust;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

pub(super) use trust::log_key;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look through the whole log, live or exported: was anything changed since it was written?
    #[command(after_help = verify::AFTER_HELP)]
    Verify(verify::Verify),
    /// Write the log into a folder that can be verified without this server
    #[command(after_help = export::AFTER_HELP)]
    Export(export::Export),
    /// Have the log signed as it is now: keep that elsewhere
    #[command(after_help = checkpoint::AFTER_HELP)]
    Checkpoint(checkpoint::CheckpointArgs),
    /// Print the public key that the log is signed with
    #[command(after_help = trust::AFTER_HELP)]
    Key(trust::Key),
    /// Prove that a decision or another entry is in the log
    #[command(after_help = prove::AFTER_HELP)]
    Prove(prove::Prove),
    /// Check such a proof: needs no server
    #[command(after_help = prove::CHECK_HELP)]
    Check(prove::Check),
    /// Check that the log of one day is the beginning of that of another
    #[command(after_help = consistency::AFTER_HELP)]
    Consistency(consistency::Consistency),
}

/// What is told of a log or a proof, and as which exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Intact,
    Tampered,
    CannotTell,
}

impl Finding {
    fn as_str(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Tampered => "tampered",
            Self::CannotTell => "cannot tell",
        }
    }

    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Intact => 0,
            Self::Tampered => 1,
            Self::CannotTell => 2,
        })
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let found = match command {
        Command::Export(export) => export::run(&export).await,
        Command::Checkpoint(checkpoint) => checkpoint::run(&checkpoint).await,
        Command::Key(key) => trust::run(&key).map(|()| Finding::Intact),
        Command::Verify(verify) => verify::run(&verify).await,
        Command::Prove(prove) => prove::run(&prove).await,
        Command::Check(check) => prove::check(&check),
        Command::Consistency(consistency) => consistency::run(&consistency).await,
    };
    // Any failure is a 2: it could not be told.
    Ok(found
        .unwrap_or_else(|error| {
            eprintln!("picket: cannot tell: {error:#}");
            Finding::CannotTell
        })
        .code())
}

/// The server signs nothing, for its log is not the continuation of what it signed.
fn refused(why: &str) -> Finding {
    eprintln!("tampered  {why}");
    Finding::Tampered
}

/// What a file says. One that a changed byte has made no text any more is read as well: no signature fits
/// it, and so it is told as what it is.
fn text_of(file: &Path) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(file)?).into_owned())
}

/// Of a log's head: its root, as checkpoints write it.
fn base64(hash: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(hash)
}
