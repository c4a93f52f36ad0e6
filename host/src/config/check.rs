//! Whether what is written makes sense together.

use std::collections::BTreeSet;

use super::destination::DESTINATIONS_MAX;
use super::{Config, ConfigError, alert, email, sms};
use crate::model::{DestinationId, Wants};

/// Waits between tries that may be written one by one, and how long each may be.
const RETRIES_MAX: usize = 100;
const RETRY_MS_MAX: u64 = 24 * 3_600_000;

impl Config {
    /// The first number that is out of its range.
    pub(super) fn check(&self, place: &str) -> Result<(), ConfigError> {
        let wrong = |problem: String| Err(ConfigError { place: place.to_owned(), problem });
        let positive = [
            ("body_bytes_max", self.body_bytes_max as u64),
            ("json_depth_max", self.json_depth_max as u64),
            ("batch_events_max", self.batch_events_max as u64),
            ("page_max", u64::from(self.page_max)),
            ("header_timeout_ms", self.header_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("connections_max", self.connections_max as u64),
            ("concurrent_requests_max", self.concurrent_requests_max as u64),
            ("rate_per_second", u64::from(self.rate_per_second)),
            ("rate_burst", u64::from(self.rate_burst)),
            ("event_deadline_ms", self.event_deadline_ms),
            ("detector_deadline_ms", self.detector_deadline_ms),
            ("detector_output_bytes", self.detector_output_bytes as u64),
            ("detector_signals", self.detector_signals as u64),
            ("compile_cpu_ms", self.compile_cpu_ms),
            ("compile_wall_ms", self.compile_wall_ms),
            ("upload_idle_timeout_ms", self.upload_idle_timeout_ms),
            ("upload_timeout_ms", self.upload_timeout_ms),
            ("evaluation_queue_max", self.evaluation_queue_max as u64),
            ("database_readers_max", u64::from(self.database_readers_max)),
            ("database_timeout_ms", self.database_timeout_ms),
            ("commit_queue_max", self.commit_queue_max as u64),
            ("commit_batch_max", self.commit_batch_max as u64),
            ("checkpoint_days_max", u64::from(self.checkpoint_days_max)),
            ("delivery_timeout_ms", self.delivery_timeout_ms),
            ("delivery_concurrent_max", self.delivery_concurrent_max as u64),
            ("delivery_attempts_max", u64::from(self.delivery_attempts_max)),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return wrong(format!("`{key}` must be at least 1"));
        }
        if self.json_depth_max > 100 {
            return wrong(
                "`json_depth_max` is at most 100: the parser's own bound is 128".to_owned(),
            );
        }
        if self.detector_memory_bytes < 1 << 20 || self.detector_memory_bytes > 1 << 30 {
            return wrong("`detector_memory_bytes` lies between 1 MiB and 1 GiB".to_owned());
        }
        if self.compile_memory_bytes < 128 << 20 {
            return wrong(
                "`compile_memory_bytes` is at least 128 MiB: the compiler itself needs some of it"
                    .to_owned(),
            );
        }
        if self.page_max > 500 {
            return wrong("`page_max` is at most 500: the store reads no longer page".to_owned());
        }
        if self.detector_file_bytes_max > 256 << 20 {
            return wrong("`detector_file_bytes_max` is at most 256 MiB".to_owned());
        }
        if let Some(Err(problem)) = self.witness().map(|witness| witness.check()) {
            return wrong(format!("`checkpoint_url`: {problem}"));
        }
        if let Some(problem) = self.undeliverable() {
            return wrong(problem);
        }
        // Only how it begins: the rest may hold a password, and the store knows what it means.
        let schemes = ["sqlite:", "postgres://", "postgresql://"];
        let known = schemes.iter().any(|scheme| self.database_url.starts_with(scheme));
        if !known && !self.database_url.is_empty() {
            return wrong(
                "`database_url` begins with sqlite:// or postgres://; leave it out for picket.db in \
                 `data_dir`"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// What is wrong with what is said about deliveries.
    fn undeliverable(&self) -> Option<String> {
        for (key, count) in [
            ("destinations", self.destinations.len()),
            ("email", self.email.len()),
            ("sms", self.sms.len()),
        ] {
            if count > DESTINATIONS_MAX {
                return Some(format!("`{key}` has at most {DESTINATIONS_MAX} entries"));
            }
        }
        let most = [
            ("delivery_timeout_ms", self.delivery_timeout_ms, 120_000),
            ("delivery_concurrent_max", self.delivery_concurrent_max as u64, 256),
            ("delivery_attempts_max", u64::from(self.delivery_attempts_max), 100),
        ];
        if let Some((key, _, most)) = most.iter().find(|(_, value, most)| value > most) {
            return Some(format!("`{key}` is at most {most}"));
        }
        if let Some(problem) = self.impatient() {
            return Some(problem);
        }
        let mut faults = self.destinations.iter().flat_map(|(source, destination)| {
            destination.all().filter_map(move |one| {
                let problem = one.check().err()?;
                let name = if one.name.is_empty() { "" } else { &*format!(" ({})", one.name) };
                Some(format!("`destinations.{source}`{name}: {problem}"))
            })
        });
        faults
            .next()
            .or_else(|| email::check_all(&self.email))
            .or_else(|| sms::check_all(&self.sms))
            .or_else(|| alert::check_all(&self.alerts))
            .or_else(|| self.called_alike())
    }

    /// Two destinations of one source that nobody could tell apart.
    fn called_alike(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let twice = self.wants().find(|(id, _)| !seen.insert(id.clone()))?.0;
        let DestinationId { source, name } = twice;
        Some(match name.as_str() {
            "" => format!("`destinations.{source}`: two have no `name`: give each its own"),
            name => format!(
                "`{source}` has two destinations called `{name}`: give each a `name` of its own, also \
                 e-mail and short messages"
            ),
        })
    }

    /// Every destination and what it wants to hear of: endpoints, then e-mail, then short messages.
    pub fn wants(&self) -> impl Iterator<Item = (DestinationId, Wants)> {
        let endpoints = self.destinations.iter().flat_map(|(source, first)| {
            first.all().map(move |one| {
                let (name, actions) = (one.name.clone(), one.actions.clone());
                (source, Wants { name, actions, notices: None, alerts: one.alerts })
            })
        });
        let email = self
            .email
            .iter()
            .flat_map(|(source, all)| all.iter().map(move |one| (source, one.telling.wants())));
        let sms = self
            .sms
            .iter()
            .flat_map(|(source, all)| all.iter().map(move |one| (source, one.telling.wants())));
        let all = endpoints.chain(email).chain(sms);
        all.map(|(source, wants)| (DestinationId::named(source, &wants.name), wants))
    }

    /// What is wrong with when deliveries are tried again.
    fn impatient(&self) -> Option<String> {
        const KEY: &str = "`delivery_retry_ms`";
        let waits = &self.delivery_retry_ms;
        if !(1..=RETRIES_MAX).contains(&waits.len()) {
            return Some(format!("{KEY} has 1 to {RETRIES_MAX} entries"));
        }
        if !waits.iter().all(|wait| (1..=RETRY_MS_MAX).contains(wait)) {
            return Some(format!("each of {KEY} lies in 1..={RETRY_MS_MAX}"));
        }
        (!waits.is_sorted())
            .then(|| format!("{KEY} ascends: what fails is tried again ever more seldom"))
    }
}
