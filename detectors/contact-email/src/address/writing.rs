//! How an address was written, and what each way is worth.

/// How the address was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writing {
    Plain,
    Spaced,
    Worded,
    /// Something is missing, such as the dot or the ending.
    Incomplete,
    Backwards,
    /// The provider and the account apart from each other.
    Account,
    /// A provider and a plain word that seems to be the account.
    Word,
    /// Only a disguised provider.
    Nickname,
}

impl Writing {
    /// The score and the confidence.
    pub fn strength(self) -> (f64, f64) {
        match self {
            Self::Plain => (0.95, 0.99),
            Self::Spaced | Self::Worded => (0.92, 0.95),
            Self::Backwards => (0.9, 0.95),
            Self::Incomplete => (0.85, 0.88),
            Self::Account => (0.8, 0.8),
            Self::Word => (0.6, 0.65),
            Self::Nickname => (0.5, 0.6),
        }
    }

    /// One sentence for a reviewer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Plain => "an e-mail address",
            Self::Spaced => "an e-mail address written with spaces",
            Self::Worded => "an e-mail address with its signs written as words",
            Self::Incomplete => "an e-mail address with a part left out",
            Self::Backwards => "an e-mail address written backwards",
            Self::Account => "a mail provider and the account there",
            Self::Word => "a mail provider and what seems to be the account there",
            Self::Nickname => "a mail provider in disguise",
        }
    }
}
