//! Whether destinations could be sent to, before anything is.

use std::time::Duration;

use thiserror::Error;

use super::channel::Channel;
use crate::config::Config;
use crate::model::DestinationId;

/// What is wrong with a destination.
#[derive(Debug, Error)]
#[error("`{place}`{name}: {detail}")]
pub struct DestinationError {
    place: String,
    name: String,
    detail: String,
}

impl DestinationError {
    pub(super) fn new(table: &str, to: &DestinationId, detail: String) -> Self {
        let name = if to.name.is_empty() { String::new() } else { format!(" ({})", to.name) };
        Self { place: format!("{table}.{}", to.source), name, detail }
    }
}

/// Whether each destination of a configuration could be sent to, and whether its receiver can tell that it is us;
/// or what is wrong with it, or with one of its files.
pub fn examine(config: &Config) -> Vec<(DestinationId, Result<bool, DestinationError>)> {
    let all = Channel::all(config, Duration::ZERO).into_iter();
    all.map(|(table, to, made)| match made {
        Ok(channel) => (to, Ok(channel.vouches())),
        Err(detail) => {
            let error = DestinationError::new(table, &to, detail);
            (to, Err(error))
        }
    })
    .collect()
}
