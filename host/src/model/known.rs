//! What is known about an event beyond itself, as its detectors declared it: read once, given to all of
//! them, and stored with the decision, so that a replay is told the same.

use serde::{Deserialize, Serialize};

use super::{DecisionId, DefinitionId, Digest, Feature, Function, Input, Timestamp};

/// The declared inputs that are no field of the event, each once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known(Vec<Fact>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub input: Input,
    pub is: Told,
}

/// What a detector is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    Absent,
    /// What it would be could not be found out, and why: nobody is asked who wants to know it.
    Unknown(String),
    Boolean(bool),
    Integer(i64),
    Number(f64),
    /// Texts of earlier events, oldest first.
    Recent(Vec<Recalled>),
}

/// A text of an earlier event: stored as where it is, never as what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// The decision about that event.
    pub decision: DecisionId,
    /// Of that event's document: this one and no other.
    pub event: Digest,
    /// What that event is called.
    #[serde(skip)]
    pub event_id: String,
    /// The text.
    #[serde(skip)]
    pub text: String,
}

/// That an event happened, as the record keeps it for one definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub definition: DefinitionId,
    /// A keyed hash of what stood at `by`.
    pub entity: [u8; 16],
    /// When it happened, but not later than when it was received.
    pub at: Timestamp,
    /// Whether it goes with its subject: what is about the subject alone, or leads to what somebody wrote.
    pub personal: bool,
    /// Where values are told apart: a keyed hash of this one.
    pub value: Option<[u8; 16]>,
    /// Where they are added up: this one.
    pub number: Option<f64>,
}

impl Told {
    /// As if nothing had happened before.
    pub fn of_nothing(input: &Input) -> Self {
        match input {
            Input::Feature(Feature { function: Function::Count | Function::Distinct, .. }) => {
                Self::Integer(0)
            }
            Input::Feature(Feature { function: Function::Sum, .. }) => Self::Number(0.0),
            _ => Self::Absent,
        }
    }
}

impl Known {
    /// Nothing beyond the event.
    pub const NOTHING: Self = Self(Vec::new());

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what an input says, where nothing is known of it yet.
    pub fn tell(&mut self, input: &Input, is: Told) {
        if self.of(input).is_none() {
            self.0.push(Fact { input: input.clone(), is });
        }
    }

    /// Adds what is known besides.
    pub fn extend(&mut self, more: Self) {
        more.0.into_iter().for_each(|Fact { input, is }| self.tell(&input, is));
    }

    /// The same without what is known for some inputs.
    pub fn without(&self, is_left_out: impl Fn(&Input) -> bool) -> Self {
        Self(self.0.iter().filter(|fact| !is_left_out(&fact.input)).cloned().collect())
    }

    /// As if nothing had happened before.
    pub fn of_nothing<'a>(inputs: impl IntoIterator<Item = &'a Input>) -> Self {
        let mut known = Self::default();
        let told = inputs.into_iter().filter(|it| !matches!(it, Input::Field { .. }));
        told.for_each(|input| known.tell(input, Told::of_nothing(input)));
        known
    }

    /// Why one of these inputs cannot be told, if so.
    pub fn lacks(&self, inputs: &[Input]) -> Option<String> {
        let mut facts = self.0.iter();
        facts.find_map(|fact| match &fact.is {
            Told::Unknown(why) if inputs.contains(&fact.input) => {
                Some(format!("`{}` is not known: {why}", fact.input))
            }
            _ => None,
        })
    }

    pub fn of(&self, input: &Input) -> Option<&Told> {
        self.0.iter().find(|fact| fact.input == *input).map(|fact| &fact.is)
    }

    /// Every text that is told, with the input that it is told for.
    pub fn recalled(&self) -> impl Iterator<Item = (&Input, &Recalled)> {
        self.0.iter().flat_map(|fact| {
            let texts: &[Recalled] = match &fact.is {
                Told::Recent(texts) => texts,
                _ => &[],
            };
            texts.iter().map(|text| (&fact.input, text))
        })
    }

    /// The same, to be filled in.
    pub fn recalled_mut(&mut self) -> impl Iterator<Item = (&Input, &mut Recalled)> {
        self.0.iter_mut().flat_map(|Fact { input, is }| {
            let (input, texts): (&Input, &mut [Recalled]) = match is {
                Told::Recent(texts) => (input, texts),
                _ => (input, &mut []),
            };
            texts.iter_mut().map(move |text| (input, text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_reads_back_as_it_was_without_any_text() {
        let list = |name: &str| Input::List { name: name.to_owned() };
        let recalled = Recalled {
            decision: DecisionId::new(),
            event: Digest::of(b"event"),
            event_id: "e-1".to_owned(),
            text: "call 555 0142".to_owned(),
        };
        let mut known = Known::default();
        for (name, told) in [
            ("a", Told::Absent),
            ("f", Told::Unknown("the record did not answer".to_owned())),
            ("b", Told::Boolean(true)),
            ("c", Told::Integer(3)),
            ("d", Told::Number(3.0)),
            ("e", Told::Recent(vec![recalled])),
        ] {
            known.tell(&list(name), told);
        }
        known.tell(&list("a"), Told::Boolean(false));
        let why = known.lacks(&[list("b"), list("f")]);
        assert_eq!(why.as_deref(), Some("`lists.f` is not known: the record did not answer"));
        assert_eq!(known.lacks(&[list("a"), list("b")]), None);
        let written = json!(known).to_string();
        assert!(!written.contains("555") && !written.contains("e-1"), "{written}");
        let mut read: Known = serde_json::from_str(&written).unwrap();
        for (_, recalled) in read.recalled_mut() {
            recalled.event_id = "e-1".to_owned();
            recalled.text = "call 555 0142".to_owned();
        }
        assert_eq!(read, known);
    }
}
