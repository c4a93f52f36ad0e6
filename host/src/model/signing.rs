//! What an operator asks of the signatures of detectors.

use serde::{Deserialize, Serialize};

/// Whether a detector's file must carry a good signature to go live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureMode {
    /// Signatures are not looked at.
    #[default]
    Off,
    /// A file without a good one goes live with a warning.
    Warn,
    /// A file without a good one is refused.
    Require,
}
