//! Finds proposals to move the conversation off the platform: "call me", "let's talk on WhatsApp",
//! "what's your number", in English, Spanish, French and Portuguese, whether or not a contact is
//! given. Contacts themselves are for the `contact-*` detectors of each kind.
//!
//! Words become classes (`words`), rules are sequences of classes (`grammar`), and the sentence
//! around a match can take it back: "please don't send your number", "call me through the app".

mod grammar;
mod words;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;
use picket_sdk::text::phrases::Phrases;

/// The label of every signal.
const LABEL: &str = "contact.intent";

/// An intent is not a contact, however plainly it is put.
const SCORE_MAX: f64 = 0.8;

/// A message.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
}

/// The detector: its vocabulary and grammar.
pub struct ContactIntent {
    phrases: Phrases,
}

impl Detector for ContactIntent {
    type Inputs = Message;
    type Settings = NoSettings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!().label(LABEL).events("message.*")
    }

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self { phrases: Phrases::new(&words::WORDS, grammar::SETS, grammar::RULES)? })
    }

    fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let folded = Folded::new(&message.content);
        let Some(verdict) = self.phrases.judge(folded.as_str()) else {
            return Ok(Vec::new());
        };
        let spans =
            verdict.ranges.into_iter().map(|range| message.content.span(folded.sent(range)));
        let signal = Signal::new(LABEL, verdict.score.min(SCORE_MAX))
            .confidence((verdict.score + 0.3).min(0.95))
            .reason(format!("The writer proposes {}.", verdict.kinds.join(" and ")))
            .spans(spans);
        Ok(vec![signal])
    }
}

picket_sdk::export!(ContactIntent);

#[cfg(test)]
mod tests;
