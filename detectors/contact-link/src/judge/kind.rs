//! What kind of link it is, and what each kind is worth.

/// What kind of link it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invitation,
    Shortener,
    Numeric,
    Url,
    Disguised,
    Domain,
    /// A domain whose ending is also a word.
    Likely,
    /// A messenger's own page, which names no account.
    Service,
    Reference,
}

impl Kind {
    /// The score and the confidence.
    pub fn strength(self) -> (f64, f64) {
        match self {
            Self::Invitation => (0.95, 0.98),
            Self::Disguised => (0.9, 0.92),
            Self::Numeric => (0.9, 0.95),
            Self::Shortener => (0.88, 0.96),
            Self::Url => (0.85, 0.97),
            Self::Domain => (0.8, 0.92),
            Self::Likely => (0.65, 0.75),
            Self::Service => (0.5, 0.7),
            Self::Reference => (0.3, 0.6),
        }
    }

    /// One sentence for a reviewer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Invitation => "a link to an account or a group in a messenger or social network",
            Self::Disguised => "a domain with its dots disguised",
            Self::Numeric => "a link to a numeric host",
            Self::Shortener => "a short link that hides where it leads",
            Self::Url => "a link that leads off the platform",
            Self::Domain => "a domain without a scheme",
            Self::Likely => "what seems to be a domain without a scheme",
            Self::Service => "the site of a messenger or a social network",
            Self::Reference => "a link to a shop or a reference work",
        }
    }
}
