//! What one evaluation may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmtime::{ResourceLimiter, Result};

use crate::model::manifest::Budget;

/// What one evaluation may use. A detector's own are those of its manifest, never above the
/// operator's ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor time of one evaluation.
    #[serde(rename = "deadline_ms", with = "milliseconds")]
    pub deadline: Duration,
    /// Linear memory, all memories together.
    pub memory_bytes: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Signals in one answer.
    pub signals: usize,
    /// Bytes that one answer may hold, strings and lists together.
    pub output_bytes: usize,
    /// Lines that may be logged.
    pub log_lines: usize,
    /// Bytes that may be logged.
    pub log_bytes: usize,
}

/// How many core instances, memories and tables one component may have.
pub(super) const INSTANCES_MAX: u32 = 64;
pub(super) const MEMORIES_MAX: u32 = 4;
pub(super) const TABLES_MAX: u32 = 8;

/// `describe` and `configure` run once and build tables, so they may take longer.
pub(super) const SETUP_DEADLINE: Duration = Duration::from_secs(5);

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    pub const DEFAULT: Self = Self {
        deadline: Duration::from_millis(10),
        memory_bytes: 64 << 20,
        table_elements: 20_000,
        signals: 64,
        output_bytes: 256 << 10,
        log_lines: 16,
        log_bytes: 4 << 10,
    };

    /// Of each the lesser.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        Self {
            deadline: self.deadline.min(other.deadline),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            table_elements: self.table_elements.min(other.table_elements),
            signals: self.signals.min(other.signals),
            output_bytes: self.output_bytes.min(other.output_bytes),
            log_lines: self.log_lines.min(other.log_lines),
            log_bytes: self.log_bytes.min(other.log_bytes),
        }
    }

    /// These limits, lowered to what a manifest asks for.
    #[must_use]
    pub fn within(&self, budget: &Budget) -> Self {
        let lower = |ceiling: usize, asked: Option<u64>| {
            asked
                .and_then(|asked| usize::try_from(asked).ok())
                .map_or(ceiling, |it| it.min(ceiling))
        };
        let deadline = budget.deadline_ms.map_or(self.deadline, Duration::from_millis);
        Self {
            deadline: deadline.min(self.deadline),
            memory_bytes: lower(self.memory_bytes, budget.memory_bytes),
            table_elements: self.table_elements,
            signals: lower(self.signals, budget.signals),
            output_bytes: lower(self.output_bytes, budget.output_bytes),
            log_lines: lower(self.log_lines, budget.log_lines),
            log_bytes: lower(self.log_bytes, budget.log_bytes),
        }
    }

    /// In the words of a manifest.
    pub fn budget(&self) -> Budget {
        let number = |it: usize| u64::try_from(it).ok();
        Budget {
            deadline_ms: u64::try_from(self.deadline.as_millis()).ok(),
            memory_bytes: number(self.memory_bytes),
            output_bytes: number(self.output_bytes),
            log_bytes: number(self.log_bytes),
            log_lines: number(self.log_lines),
            signals: number(self.signals),
        }
    }
}

/// As it is written in the configuration, and in the record.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// Counts what a store's instances take, and remembers whether any of it was denied.
pub(super) struct Limiter {
    /// What all memories together have grown to. They never shrink, so it is the peak too.
    pub memory_bytes: usize,
    memory_bytes_max: usize,
    table_elements_max: usize,
    pub denied: bool,
}

impl Limiter {
    pub fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes,
            table_elements_max: limits.table_elements,
            denied: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        // Limits of wasmtime are per memory; a detector's budget is for all of them together.
        let total = self.memory_bytes + desired.saturating_sub(current);
        let allowed = total <= self.memory_bytes_max;
        if allowed {
            self.memory_bytes = total;
        } else {
            self.denied = true;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let allowed = desired <= self.table_elements_max;
        self.denied |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lowers_a_limit_and_never_raises_it() {
        let ceiling = Limits::default();
        let asked = Budget {
            deadline_ms: Some(3),
            memory_bytes: Some(1 << 20),
            output_bytes: Some(1_000),
            log_bytes: Some(u64::MAX),
            log_lines: Some(2),
            signals: Some(65),
        };
        let expected = Limits {
            deadline: Duration::from_millis(3),
            memory_bytes: 1 << 20,
            output_bytes: 1_000,
            log_lines: 2,
            ..ceiling
        };
        assert_eq!(ceiling.within(&asked), expected);
        assert_eq!(ceiling.within(&Budget::default()), ceiling);
    }
}
