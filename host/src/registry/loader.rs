//! Code for what is deployed: at the start, when another server has put a version somewhere, and what
//! failed here by no fault of its own. What is live meanwhile is what served before.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::Registry;
use super::backoff::Backoff;
use super::refresh::{build_of, needed};
use crate::model::Build;
use crate::runtime::{LoadError, Prepared};
use crate::store::{Deployment, StoreError};

/// What failed by no fault of its own, and when it is tried again.
type Again = HashMap<Build, Backoff>;

impl Registry {
    /// Makes live what the record says is deployed and what the program carries. What was accepted
    /// before and is not in the cache any more compiles again; a file that is new in a folder does not.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn restore(&self) -> Result<(), StoreError> {
        let mut held = Vec::new();
        loop {
            let bundled = self.offer_bundle(&mut *self.entering.lock().await).await?;
            if bundled.is_empty() {
                break;
            }
            held.extend(self.make_together(bundled).await);
        }
        self.load_lacking(&mut Again::new()).await?;
        self.refresh().await?;
        self.restored.store(true, Ordering::Release);
        Ok(())
    }

    /// Compiles what is deployed and not at hand whenever there is such, until told to stop.
    pub(super) async fn keep_loaded(&self, stop: CancellationToken) {
        let mut again = Again::new();
        loop {
            if let Err(error) = self.load_lacking(&mut again).await {
                tracing::error!("what is deployed could not be looked up: {error}");
            }
            let next = again.values().map(Backoff::due).min();
            let due = async {
                match next {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.lacking.notified() => {}
                () = due => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Compiles what is lacking, one after the other, and makes each live as it is ready. The rows are
    /// read anew each time, for they may have moved on while one compiled.
    async fn load_lacking(&self, again: &mut Again) -> Result<(), StoreError> {
        self.load_own().await?;
        loop {
            let rows = self.store.deployments().await?;
            let needed = needed(&rows);
            again.retain(|build, _| needed.iter().any(|row| build_of(row) == *build));
            let now = Instant::now();
            let due = |row: &&&Deployment| match again.get(&build_of(row)) {
                Some(backoff) => backoff.is_due(now),
                None => self.shelf.get(&build_of(row)).is_none_or(|code| {
                    code.prepared().is_err_and(|error| error.is_of_the_machine())
                }),
            };
            // What nobody vouches for any more is not compiled either.
            let wanted = needed.iter().filter(due).find(|row| self.admit(row).is_ok());
            let Some(row) = wanted else { return Ok(()) };
            let build = build_of(row);
            self.shelf.forget_failed(&build);
            let loaded = self.load_row(row).await?;
            self.refresh().await?;
            match loaded {
                Err(error) if error.is_of_the_machine() => {
                    let before = again.get(&build).copied();
                    again.insert(build, Backoff::after(before, Instant::now()));
                }
                _ => drop(again.remove(&build)),
            }
        }
    }

    /// What the program carries itself is trusted and many: it compiles side by side.
    async fn load_own(&self) -> Result<(), StoreError> {
        let rows = self.store.deployments().await?;
        let own = needed(&rows).into_iter().filter(|row| {
            self.trusted.contains(&row.digest) && self.shelf.get(&build_of(row)).is_none()
        });
        let each = own.map(async |row| self.load_row(row).await);
        for loaded in futures::future::join_all(each).await {
            // Why one does not load is said when the snapshot is built.
            let _: Result<_, _> = loaded?;
        }
        Ok(())
    }

    /// Has the code of a row, compiling it where it must.
    async fn load_row(&self, row: &Deployment) -> Result<Result<Prepared, LoadError>, StoreError> {
        let code = match self.at_hand(row.digest, &row.settings).await {
            Some(code) => code,
            None => match self.store.detector_bytes(row.digest).await? {
                Some(file) => self.make(file, &row.settings).await,
                // Another server may still put them back.
                None => return Ok(Err(LoadError::Machine("its bytes are gone".to_owned()))),
            },
        };
        Ok(code.prepared())
    }
}
