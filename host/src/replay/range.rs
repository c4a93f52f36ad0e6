//! The decisions of a span of time, or a sample of them, made again one after the other and told as they
//! come.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::{Missing, Replay, ReplayError, Replayer, Sameness};
use crate::model::{DecisionId, Timestamp};
use crate::store::{Span, StoreError};

/// Lines that wait for whoever reads them; then the replays wait.
const LINES_MAX: usize = 64;
/// Replays that are read from the record while others run.
const IN_FLIGHT: usize = 4;

/// Which decisions.
#[derive(Debug, Clone)]
pub struct Range {
    pub source: Option<String>,
    /// Begun at this time or later, to the millisecond.
    pub since: Timestamp,
    /// Begun before.
    pub until: Timestamp,
    /// The share of them, 0..=1, rounded up: of a range that holds a decision, above 0, at least one.
    pub sample: f64,
    /// The same number takes the same sample of the same decisions.
    pub seed: u64,
}

/// A line of what a range comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum RangeLine {
    /// The first: how many decisions lie in the range.
    Begun { decisions: u64 },
    /// One of the sample, in the order of ids.
    Replayed {
        /// Decisions of the range up to this one, sampled or not.
        seen: u64,
        replay: Replay,
    },
    /// The last.
    Ended(RangeSums),
    /// The last, where it could not go on.
    Broken { detail: String },
}

/// What a range came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RangeSums {
    /// Decisions of the range.
    pub seen: u64,
    /// Of these, that were made again.
    pub replayed: u64,
    pub identical: u64,
    pub different: u64,
    pub cannot_tell: u64,
}

/// Whoever asked has gone.
struct Gone;

impl Replayer {
    /// Makes the decisions of a range again, until nobody reads the lines any more.
    ///
    /// # Errors
    /// [`ReplayError::Busy`] where as many ranges are under way as may be.
    pub fn range(self: &Arc<Self>, range: Range) -> Result<mpsc::Receiver<RangeLine>, ReplayError> {
        let permit = Arc::clone(&self.ranges).try_acquire_owned().map_err(|_| ReplayError::Busy)?;
        let (lines, received) = mpsc::channel(LINES_MAX);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let _permit = permit;
            let last = tokio::select! {
                walked = this.walk(&range, &lines) => match walked {
                    Ok(Ok(sums)) => RangeLine::Ended(sums),
                    Ok(Err(Gone)) => return,
                    Err(error) => RangeLine::Broken { detail: error.to_string() },
                },
                () = this.stop.cancelled() => {
                    RangeLine::Broken { detail: "the server stops".to_owned() }
                }
            };
            // Nobody may be there to hear it.
            let _ = lines.send(last).await;
        });
        Ok(received)
    }

    async fn walk(
        &self,
        range: &Range,
        lines: &mpsc::Sender<RangeLine>,
    ) -> Result<Result<RangeSums, Gone>, ReplayError> {
        let mut span = Span {
            source: range.source.clone(),
            after: DecisionId::from_time(range.since),
            before: DecisionId::from_time(range.until),
        };
        let decisions = self.store.decisions_within(&span).await?;
        if lines.send(RangeLine::Begun { decisions }).await.is_err() {
            return Ok(Err(Gone));
        }
        let sample = Sample::new(decisions, range.sample, range.seed);
        let mut sums = RangeSums::default();
        loop {
            let ids = self.store.ids_within(&span).await?;
            let Some(last) = ids.last() else { return Ok(Ok(sums)) };
            span.after = *last;
            let count = ids.len() as u64;
            let numbered = (sums.seen + 1..).zip(ids);
            let sampled: Vec<_> = numbered.filter(|(seen, _)| sample.holds(seen - 1)).collect();
            let replays = sampled.into_iter().map(|(seen, id)| async move {
                let replayed = self.of_id(id).await;
                (seen, replayed)
            });
            let mut replays = stream::iter(replays).buffered(IN_FLIGHT);
            while let Some((seen, replayed)) = replays.next().await {
                let Some(replay) = replayed? else { continue };
                sums.count(replay.result);
                if lines.send(RangeLine::Replayed { seen, replay }).await.is_err() {
                    return Ok(Err(Gone));
                }
            }
            sums.seen += count;
        }
    }

    /// `None` where it has gone meanwhile.
    async fn of_id(&self, id: DecisionId) -> Result<Option<Replay>, ReplayError> {
        match self.store.replayable(id).await {
            Ok(Some(replayable)) => self.replay(replayable).await.map(Some),
            Ok(None) => Ok(None),
            Err(StoreError::Erased { .. }) => Ok(Some(Replay::cannot_tell(id, Missing::erased()))),
            Err(error) => Err(error.into()),
        }
    }
}

/// A stratified sample: as many strata as decisions are to be taken, alike in size and in the order of
/// time, and one decision of each by chance. So its size is no matter of chance, and no hour is left out.
struct Sample {
    /// Then also what was committed after the count.
    all: bool,
    decisions: u64,
    taken: u64,
    seed: u64,
}

impl Sample {
    fn new(decisions: u64, share: f64, seed: u64) -> Self {
        // As exact as a share has to be: below 2^53 decisions.
        let taken = (decisions as f64 * share).ceil() as u64;
        Self { all: share >= 1.0, decisions, taken: taken.min(decisions), seed }
    }

    /// Whether it holds the decision of this place in the range, from 0.
    fn holds(&self, place: u64) -> bool {
        if self.all || self.taken == 0 || place >= self.decisions {
            return self.all;
        }
        let (place, decisions, taken) =
            (u128::from(place), u128::from(self.decisions), u128::from(self.taken));
        let stratum = place * taken / decisions;
        let start = (stratum * decisions).div_ceil(taken);
        let end = ((stratum + 1) * decisions).div_ceil(taken);
        let hash =
            Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(stratum.to_be_bytes());
        let chance =
            hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u128::from(*byte));
        place == start + chance % (end - start)
    }
}

impl RangeSums {
    fn count(&mut self, result: Sameness) {
        self.replayed += 1;
        match result {
            Sameness::Identical => self.identical += 1,
            Sameness::Different => self.different += 1,
            Sameness::CannotTell => self.cannot_tell += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(decisions: u64, share: f64, seed: u64) -> Vec<u64> {
        let sample = Sample::new(decisions, share, seed);
        // Also those that came after the count.
        (0..decisions + 10).filter(|place| sample.holds(*place)).collect()
    }

    #[test]
    fn a_sample_is_the_share_to_the_decision_and_the_same_for_the_same_number() {
        assert_eq!(sample(10_000, 0.01, 1).len(), 100);
        assert_eq!(sample(10_000, 0.01, 1), sample(10_000, 0.01, 1));
        assert_ne!(sample(10_000, 0.01, 1), sample(10_000, 0.01, 2));
        assert_eq!(sample(10_000, 1.0, 1), (0..10_010).collect::<Vec<_>>(), "all is all");
        for seed in 0..100 {
            assert_eq!(sample(4, 0.5, seed).len(), 2, "seed {seed}");
            assert_eq!(sample(7, 0.001, seed).len(), 1, "of a few at least one, seed {seed}");
            assert_eq!(sample(1_001, 0.3, seed).len(), 301, "seed {seed}");
        }
        assert_eq!((sample(10_000, 0.0, 1).len(), sample(0, 0.5, 1).len()), (0, 0));
    }

    #[test]
    fn every_decision_is_taken_as_often_as_another() {
        let mut taken = [0_u32; 10];
        (0..3_000).flat_map(|seed| sample(10, 0.3, seed)).for_each(|place| {
            taken[usize::try_from(place).expect("below 10")] += 1;
        });
        // Strata of 4, 3 and 3: 750 or 1,000 expected.
        assert!(taken.iter().all(|times| (650..1_100).contains(times)), "{taken:?}");
    }
}
