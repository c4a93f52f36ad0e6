//! Holds the rules of alerts to what was counted: raises one where a rate is beyond its bound, and resolves it
//! where the rate is back. What rules of a policy asked for is resolved here, too. Several servers do so for one
//! record: of one rule and source one alert is open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::model::alert::WINDOWS_BEFORE;
use crate::model::{AlertRule, Counts, DestinationId, Timestamp, Wants, Watch};
use crate::store::{Found, Store, StoreError, minute_of};

/// How often the rules are held to what was counted.
const LOOK: Duration = Duration::from_secs(2);
/// How often counts are forgotten.
const TRIM: Duration = Duration::from_secs(3_600);

/// Who holds rules to what was counted.
pub struct Alerts {
    pub rules: Vec<AlertRule>,
    /// Who is told.
    pub told: Vec<(DestinationId, Wants)>,
    pub store: Store,
    /// Rung where somebody is to be told.
    pub written: Arc<Notify>,
}

impl Alerts {
    /// Looks now and then until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut trimmed = None::<Instant>;
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.cancelled() => return,
            }
            let now = Timestamp::now();
            if let Err(error) = self.look(now).await {
                tracing::error!(
                    "the rules of alerts could not be held to what was counted: {error}"
                );
            }
            if let Err(error) = self.calm(now).await {
                tracing::error!("alerts of policies could not be resolved: {error}");
            }
            if trimmed.is_none_or(|at| at.elapsed() > TRIM) {
                match self.store.trim_rates(now).await {
                    Ok(()) => trimmed = Some(Instant::now()),
                    Err(error) => tracing::error!("old counts could not be forgotten: {error}"),
                }
            }
        }
    }

    /// Holds each rule to what was counted up to this moment, once.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn look(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let sources: Vec<String> =
            self.store.sources().await?.into_iter().map(|row| row.source).collect();
        for rule in &self.rules {
            let watched = |source: &&String| rule.source.as_ref().is_none_or(|own| own == *source);
            for source in sources.iter().filter(watched) {
                let Some(counts) = self.counts(rule, source, now).await? else { continue };
                let breach = rule.breach(&counts);
                let told = self.told_of(source);
                let found = Found { rule, source, breach: breach.as_deref(), told: &told, at: now };
                if self.store.find_alert(&found).await? {
                    match &breach {
                        Some(why) => tracing::warn!(rule = rule.name, source, why, "alert raised"),
                        None => tracing::info!(rule = rule.name, source, "alert resolved"),
                    }
                    self.written.notify_one();
                }
            }
        }
        Ok(())
    }

    /// Resolves what rules of policies asked for and no decision has asked for since.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn calm(&self, now: Timestamp) -> Result<(), StoreError> {
        for alert in self.store.calm_alerts(now).await? {
            let source = alert.source.as_deref().unwrap_or_default();
            if self.store.resolve_alert(&alert, &self.told_of(source), now).await? {
                tracing::info!(rule = alert.object, source, "alert resolved");
                self.written.notify_one();
            }
        }
        Ok(())
    }

    fn told_of(&self, source: &str) -> Vec<&Wants> {
        let told = self.told.iter().filter(|(to, wants)| to.source == source && wants.alerts);
        told.map(|(_, wants)| wants).collect()
    }

    /// What came in the minutes that a rule looks back on, this one included; `None` where nothing can be said.
    async fn counts(
        &self,
        rule: &AlertRule,
        source: &str,
        now: Timestamp,
    ) -> Result<Option<Counts>, StoreError> {
        let window = i64::from(rule.window_minutes);
        let until = minute_of(now) + 1;
        let from = until - window;
        let what = rule.watch.counted();
        if rule.watch == Watch::Silence {
            // A source of which nothing ever came is not silent, it has not begun.
            let Some(last) = self.store.last_minute(source).await? else { return Ok(None) };
            let part = u64::from(last >= minute_of(now) - window);
            return Ok(Some(Counts { part, ..Counts::default() }));
        }
        let part = self.store.rate(source, &what, from, until).await?;
        let whole = self.store.rate(source, rule.watch.whole(), from, until).await?;
        let begun = from - window * i64::from(WINDOWS_BEFORE);
        let mut before = None;
        if rule.times_above.is_some()
            && self.store.first_minute(source).await?.is_some_and(|first| first <= begun)
        {
            before = Some(self.store.rate(source, &what, begun, from).await?);
        }
        Ok(Some(Counts { part, whole, before }))
    }
}
