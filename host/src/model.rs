//! The words of the domain as plain data: no I/O, no clock, no other module of the house.

pub mod action;
pub mod audit;
pub mod decision;
pub mod delivery;
pub mod erasure;
pub mod event;
pub mod finding;
pub mod grant;
pub mod held;
pub mod id;
pub mod key;
pub mod manifest;
pub mod pattern;
pub mod policy_trial;
pub mod preview;
pub mod profile;
pub mod retention;
pub mod reversal;
pub mod ruling;
pub mod score;
pub mod signal;
pub mod signing;
pub mod stage;
pub mod standing;
pub mod time;
pub mod trial;
pub mod vitals;

pub use action::{Action, Scope, ScopedAction};
pub use audit::AuditEntry;
pub use decision::{Decision, Mode, PolicyRef, Would};
pub use delivery::{
    Attempt, AttemptOutcome, Delivery, DeliveryId, DeliveryState, Outgoing, OutgoingKind, Webhook,
};
pub use erasure::{Erased, Erasure};
pub use event::{Event, EventBounds, Fault, Place};
pub use finding::{Finding, Outcome};
pub use grant::{DetectorRule, DetectorRules};
pub use held::{HeldEvent, HeldKey, HeldLedgers, HeldSubject};
pub use id::{Build, DecisionId, Digest, KeyId};
pub use key::{Identity, Role};
pub use manifest::{Input, Manifest};
pub use pattern::TypePattern;
pub use policy_trial::{PolicyDifference, PolicyRun, PolicyTrial, PolicyTurn, Said};
pub use preview::{ModePreview, Withheld, WouldEnforce};
pub use retention::{Hold, RetentionClass};
pub use reversal::{Cause, CauseKind, Reversal, ReversalPreview, ReversalSums, Reversed, Wrong};
pub use score::Score;
pub use signal::{EntityHash, EvidenceSpan, Signal};
pub use signing::SignatureMode;
pub use stage::{Bounds, Canary, Isolation, Landing, Stage};
pub use standing::{Restriction, Standing, StandingChange, Strike};
pub use time::Timestamp;
pub use trial::{Difference, Direction, Trial, TrialDifference, TrialRun, Trials};
pub use vitals::{Cost, LogLevel, LogLine, PurityChecks, Quarantine, Vitals};
