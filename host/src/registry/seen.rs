//! What is remembered of the folders from one look to the next, so that a refusal is not repeated
//! before something is different.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Refused;
use super::backoff::Backoff;
use crate::model::Digest;

/// Before a digest: what is tried of the program's own detectors.
pub(super) const BUNDLED: &str = "bundle/";
/// A file that has gone serves on for so long while others compile: one of them may be what follows it,
/// under a new name.
const SUCCESSION: Duration = Duration::from_secs(5);

/// What is remembered of the folders from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What was last tried of each file, so that a refusal is not repeated.
    pub tried: HashMap<String, Attempt>,
    /// When a file was first found to have gone, while that has no consequence yet.
    gone: HashMap<String, Instant>,
}

/// A file as it was when it was tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub of: Shape,
    /// It failed by no fault of its own: when it is tried again as it is.
    pub again: Option<Backoff>,
}

/// A file, its settings and its signatures.
pub(super) type Shape = (Digest, Digest, Option<Digest>);

impl Attempt {
    /// Whether it is left alone for now.
    pub fn rests(&self, now: Instant) -> bool {
        self.again.is_none_or(|again| !again.is_due(now))
    }
}

impl Seen {
    /// Lets go of what was tried of files that are not there any more.
    pub fn keep(&mut self, there: &HashSet<String>) {
        self.tried.retain(|file, _| file.starts_with(BUNDLED) || there.contains(file));
    }

    /// Follows whether a file is there. Returns whether its going has its consequence now.
    pub fn has_gone(&mut self, file: &str, is_there: bool, others_compile: bool) -> bool {
        if is_there {
            self.gone.remove(file);
            return false;
        }
        let since = *self.gone.entry(file.to_owned()).or_insert_with(Instant::now);
        let is_over = !others_compile || since.elapsed() >= SUCCESSION;
        if is_over {
            self.gone.remove(file);
        }
        is_over
    }

    /// Remembers a refusal, so that it is not repeated before something is different.
    pub fn failed(&mut self, file: String, of: Shape, refused: &Refused) {
        let before = self.tried.remove(&file).filter(|attempt| attempt.of == of);
        let again = match refused {
            // The other file may go: then this one is good.
            Refused::Claimed { .. } => return,
            _ if refused.is_of_the_machine() => {
                Some(Backoff::after(before.and_then(|it| it.again), Instant::now()))
            }
            _ => None,
        };
        self.tried.insert(file, Attempt { of, again });
    }
}
