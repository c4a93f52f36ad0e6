//! The share of the subjects for which a canary counts.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A sticky share of subjects: who is in is settled by a keyed hash, so nobody can choose to be, and
/// who is in a share is also in every larger one of the same salt.
#[derive(Debug, Clone)]
pub struct Cohort {
    salt: [u8; 16],
    /// Of 2^32 possible hashes, how many are in.
    hashes: u64,
}

impl Cohort {
    /// `share` in 0..=1; what lies outside is brought in.
    pub fn new(salt: [u8; 16], share: f64) -> Self {
        // `as` saturates, and NaN becomes 0: nobody is in.
        let hashes = (share.clamp(0.0, 1.0) * f64::from(u32::MAX)).round() as u64;
        Self { salt, hashes: if share >= 1.0 { 1 << 32 } else { hashes } }
    }

    pub fn holds(&self, subject: &str) -> bool {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.salt).expect("HMAC takes keys of any length");
        mac.update(subject.as_bytes());
        let hash = mac.finalize().into_bytes();
        let number = hash.iter().take(4).fold(0, |number, byte| number << 8 | u64::from(*byte));
        number < self.hashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(cohort: &Cohort) -> Vec<usize> {
        (0..10_000).filter(|number| cohort.holds(&format!("user-{number}"))).collect()
    }

    #[test]
    fn a_share_is_kept_and_whoever_is_in_stays_in_while_it_grows() {
        let [small, large] = [0.05, 0.25].map(|share| members(&Cohort::new([7; 16], share)));
        assert!((400..600).contains(&small.len()), "{}", small.len());
        assert!((2_300..2_700).contains(&large.len()), "{}", large.len());
        assert!(small.iter().all(|member| large.contains(member)));
    }

    #[test]
    fn another_salt_takes_others_and_the_ends_are_exact() {
        let [one, two] = [1, 2].map(|salt| members(&Cohort::new([salt; 16], 0.05)));
        assert!(one.iter().filter(|member| two.contains(member)).count() < 60);
        assert!(members(&Cohort::new([7; 16], 0.0)).is_empty());
        assert_eq!(members(&Cohort::new([7; 16], 1.0)).len(), 10_000);
        assert!(members(&Cohort::new([7; 16], f64::NAN)).is_empty());
    }
}
