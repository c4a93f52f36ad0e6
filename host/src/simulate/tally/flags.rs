//! What is kept of each account: one byte.

use super::super::report::Subjects;

/// What befell an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    pub const STRICTER: u8 = 1;
    pub const MILDER: u8 = 2;
    pub const STRUCK_BEFORE: u8 = 4;
    pub const STRUCK_AFTER: u8 = 8;
    pub const RESTRICTED_BEFORE: u8 = 16;
    pub const RESTRICTED_AFTER: u8 = 32;

    /// Remembers it, if it happened.
    pub fn set(&mut self, flag: u8, happened: bool) {
        if happened {
            self.0 |= flag;
        }
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// How many accounts each befell.
    pub fn sums<'f>(all: impl Iterator<Item = &'f Self>) -> Subjects {
        let mut sums = Subjects::default();
        for flags in all {
            let has = |flag| u64::from(flags.has(flag));
            let (before, after) = (has(Self::RESTRICTED_BEFORE), has(Self::RESTRICTED_AFTER));
            sums.seen += 1;
            sums.stricter += has(Self::STRICTER);
            sums.milder += has(Self::MILDER);
            sums.struck_before += has(Self::STRUCK_BEFORE);
            sums.struck_after += has(Self::STRUCK_AFTER);
            sums.restricted_before += before;
            sums.restricted_after += after;
            sums.newly_restricted += after & !before;
            sums.spared += before & !after;
        }
        sums
    }
}
