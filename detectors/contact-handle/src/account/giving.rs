//! How an account was given, and what each way is worth.

/// How the account was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giving {
    /// By a name that can be nothing else.
    Named,
    /// By a name that could be a word.
    Word,
    /// "same username as here"
    Pointed,
    /// An at sign and a name, without the service.
    Signed,
    /// "find me on insta"
    Found,
}

impl Giving {
    /// The score and the confidence.
    pub fn strength(self) -> (f64, f64) {
        match self {
            Self::Named => (0.92, 0.93),
            Self::Pointed => (0.88, 0.9),
            Self::Word => (0.8, 0.75),
            Self::Signed => (0.75, 0.75),
            Self::Found => (0.55, 0.65),
        }
    }

    /// One sentence for a reviewer.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Named => "an account name on another service",
            Self::Pointed => "points to the same account name on another service",
            Self::Word => "what seems to be an account name on another service",
            Self::Signed => "asks to be looked up under an account name",
            Self::Found => "asks to be looked up on another service",
        }
    }
}
