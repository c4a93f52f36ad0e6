//! What a policy may name: the labels and detectors that the host knows. Which of them are stored
//! and loaded is the caller's to find out.

use std::collections::BTreeSet;

/// The labels of the shipped detectors.
const SHIPPED: [&str; 7] = [
    "contact.email",
    "contact.handle",
    "contact.intent",
    "contact.link",
    "contact.phone",
    "evasion.obfuscation",
    "payment.circumvention",
];

/// Families whose detectors are to come: any label in them can be weighed already.
const FAMILIES: [&str; 8] =
    ["account", "bid", "dispute", "escrow", "listing", "review", "safety", "velocity"];

/// What a policy may name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub labels: Labels,
    /// The names of the detectors that are loaded.
    pub detectors: BTreeSet<String>,
}

/// The labels that the host has heard of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Of every stored manifest, of retired versions too.
    pub stored: BTreeSet<String>,
    /// Of the detectors that are loaded.
    pub loaded: BTreeSet<String>,
}

impl Labels {
    /// Whether a stored manifest or the product names the label.
    pub fn knows(&self, label: &str) -> bool {
        self.stored.contains(label)
            || self.loaded.contains(label)
            || SHIPPED.contains(&label)
            || label.split_once('.').is_some_and(|(family, _)| FAMILIES.contains(&family))
    }

    /// Every label that is known by its whole name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.stored.iter().chain(&self.loaded).map(String::as_str).chain(SHIPPED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_known_by_manifest_by_product_or_by_family() {
        let set = |label: &str| BTreeSet::from([label.to_owned()]);
        let labels = Labels { stored: set("photo.reused"), loaded: set("tone.rude") };
        for known in ["photo.reused", "tone.rude", "contact.phone", "bid.collusion", "safety.a.b"] {
            assert!(labels.knows(known), "{known}");
        }
        for unknown in ["contact.fone", "contact", "bid", "bids.collusion", "photo.new", ""] {
            assert!(!labels.knows(unknown), "{unknown}");
        }
    }
}
