//! Finds proposals to pay or be paid outside the platform or to skip its fee: "pay me cash and save
//! the 15%", "cancel here and book direct", in English, Spanish, French and Portuguese.
//!
//! Words become classes (`words`), rules are sequences of classes (`grammar`), and the sentence
//! around a match can take it back: "please don't pay outside the platform". What is innocent alone
//! only counts together with something else.

mod grammar;
mod words;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;
use picket_sdk::text::phrases::Phrases;

/// The label of every signal.
const LABEL: &str = "payment.circumvention";

/// A single hint is innocent: it takes two, or a plain proposal.
const SCORE_MIN: f64 = 0.5;

/// Words are never proof that a payment went round the platform.
const SCORE_MAX: f64 = 0.95;

/// A message.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
}

/// The detector: its vocabulary and grammar.
pub struct PaymentCircumvention {
    phrases: Phrases,
}

impl Detector for PaymentCircumvention {
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
        let Some(verdict) =
            self.phrases.judge(folded.as_str()).filter(|verdict| verdict.score >= SCORE_MIN)
        else {
            return Ok(Vec::new());
        };
        let spans =
            verdict.ranges.into_iter().map(|range| message.content.span(folded.sent(range)));
        let signal = Signal::new(LABEL, verdict.score.min(SCORE_MAX))
            .confidence((verdict.score + 0.1).min(0.95))
            .reason(format!("The writer proposes {}.", verdict.kinds.join(" and ")))
            .spans(spans);
        Ok(vec![signal])
    }
}

picket_sdk::export!(PaymentCircumvention);

#[cfg(test)]
mod tests;
