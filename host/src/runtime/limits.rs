//! What one evaluation may use.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Result};

use crate::model::manifest::Budget;

/// What one evaluation may use. A detector's own are those of its manifest, never above the
/// operator's ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Processor time of one evaluation.
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

/// How many core instances, memories and tables one component may have. A Python with its libraries is
/// some forty instances.
pub(super) const INSTANCES_MAX: u32 = 64;
pub(super) const MEMORIES_MAX: u32 = 4;
pub(super) const TABLES_MAX: u32 = 8;

/// `describe` and `configure` run once and build tables, so they may take longer.
pub(super) const SETUP_DEADLINE: Duration = Duration::from_secs(5);

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(10),
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            signals: 64,
            output_bytes: 256 << 10,
            log_lines: 16,
            log_bytes: 4 << 10,
        }
    }
}

impl Limits {
    /// These limits, lowered to what a manifest asks for.
    pub(super) fn within(&self, budget: &Budget) -> Self {
        let deadline = budget.deadline_ms.map_or(self.deadline, Duration::from_millis);
        let memory = budget.memory_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        Self {
            deadline: deadline.min(self.deadline),
            memory_bytes: memory.unwrap_or(self.memory_bytes).min(self.memory_bytes),
            ..*self
        }
    }
}

/// Counts what a store's instances take, and remembers whether any of it was denied.
pub(super) struct Limiter {
    memory_bytes: usize,
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
