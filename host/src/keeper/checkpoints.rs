//! Signs what the audit log says of itself, and sends it on, so that it can be kept where nobody who
//! changes the record can reach it.
//!
//! Invariant: nothing is signed that is not the continuation of what was signed before, whoever asked for
//! that. A checkpoint is on the disk before anybody has it, and the newest is read after a start.

mod outlets;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::audit::{Checkpoint, Head, NoteSigner, Plan, extends};
use crate::deliver::Witness;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use outlets::{History, Sent};

/// Where checkpoints go.
#[derive(Debug, Clone, Default)]
pub struct Outlets {
    /// A folder with a file for each day.
    pub history: PathBuf,
    pub history_days_max: u32,
    /// A file that always holds the newest.
    pub file: Option<PathBuf>,
    /// Where each is posted to.
    pub witness: Option<Witness>,
    pub stdout: bool,
}

/// The host's word on its audit log.
pub struct Checkpoints {
    store: Store,
    signer: NoteSigner,
    outlets: Outlets,
    history: History,
    metrics: Arc<Metrics>,
    /// The newest that was signed.
    signed: Mutex<Option<Head>>,
}

/// Why nothing was signed.
#[derive(Debug, Clone, Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the audit log is not the continuation of what was signed before: it had {} entries with the root {} then; find out what changed with `picket audit verify`, or, where a backup was restored, move the folder `checkpoints` of the data directory away",
        .signed.size, hex::encode(.signed.root)
    )]
    Forked { signed: Head },
    #[error(
        "a checkpoint is handed out when it is kept, and cannot be kept in {folder}: {source}; make room there, or let it be written to"
    )]
    Unkept {
        folder: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
}

impl Checkpoints {
    /// Reads what was signed last.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn open(
        store: Store,
        signer: NoteSigner,
        outlets: Outlets,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let history = History::new(outlets.history.clone(), outlets.history_days_max);
        let newest = history.newest(signer.verifier())?;
        let signed = Mutex::new(newest.map(|checkpoint| checkpoint.head));
        Ok(Self { store, signer, outlets, history, metrics, signed })
    }

    /// Signs the log as it is now. What is new is on the disk when it returns: no commit waits for that.
    ///
    /// # Errors
    /// Where the database does not answer, the log does not continue what was signed, or the disk does not
    /// keep it.
    pub async fn sign(&self) -> Result<Checkpoint, CheckpointError> {
        let mut signed = self.signed.lock().await;
        let head = self.store.audit_head().await?;
        if let Some(before) = *signed
            && !self.continues(&head, &before).await?
        {
            return Err(CheckpointError::Forked { signed: before });
        }
        let checkpoint = Checkpoint::sign(head, &self.signer);
        if *signed != Some(head) {
            self.keep(&checkpoint).await?;
            *signed = Some(head);
        }
        Ok(checkpoint)
    }

    async fn continues(&self, head: &Head, before: &Head) -> Result<bool, StoreError> {
        let Some(plan) = Plan::consistency(before.size, head.size) else { return Ok(false) };
        match self.store.audit_proof(&plan).await {
            Ok(proof) => Ok(extends(head, before, &proof)),
            // Hashes that somebody took away prove nothing.
            Err(StoreError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Signs and sends on, now and then, until told to stop.
    pub async fn run(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        let mut due = interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = Sent::default();
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = stop.cancelled() => return,
            }
            match self.sign().await {
                Ok(checkpoint) => self.send(&checkpoint, &mut sent).await,
                Err(error) => {
                    self.metrics.checkpoint("signing", false);
                    tracing::error!("no checkpoint of the audit log was signed: {error}");
                }
            }
        }
    }
}
