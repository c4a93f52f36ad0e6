//! Finds e-mail addresses in any disguise: plain, spaced, with the signs written as words, with a
//! missing dot, by the nickname of the provider, or backwards.
//!
//! One automaton finds the anchors (an at sign in some form, or the name of a mail provider). From
//! there short scanners read a bounded piece to the left and to the right, so the whole is linear.
//! What an address is worth is the policy's business, not ours.

mod address;
mod anchors;
mod hint;
mod own;
mod read;
mod words;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;
use serde::Deserialize;

use address::Address;
use anchors::{Anchor, Anchors};
use own::OwnDomains;

/// More signals than this say nothing new about one message.
const SIGNALS_MAX: usize = 16;
const LABEL: &str = "contact.email";

/// What this detector reads.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
}

/// What an operator may set.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Addresses at these domains, or at their subdomains, are the platform's own.
    own_domains: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let own = ["qwickservices.com", "fairtradeworker.com"];
        Self { own_domains: own.map(str::to_owned).to_vec() }
    }
}

/// The configured detector.
pub struct ContactEmail {
    anchors: Anchors,
    own: OwnDomains,
}

impl Detector for ContactEmail {
    type Inputs = Message;
    type Settings = Settings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!().label(LABEL).events("message.*").settings(own::schema())
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        Ok(Self { anchors: Anchors::new()?, own: OwnDomains::new(settings.own_domains)? })
    }

    fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let folded = Folded::new(&message.content);
        let text = folded.as_str();
        let mut signals = Vec::new();
        // Nothing left of `floor` is read again: evidence never overlaps, and the work is bounded.
        let mut floor = 0;
        let mut anchors = self.anchors.find_iter(text).peekable();
        while let Some(anchor) = anchors.next() {
            if anchor.range().start < floor {
                continue;
            }
            let address = match &anchor {
                Anchor::At { range, strength } => {
                    let provider = anchors.peek().and_then(Anchor::provider);
                    address::around(text, range.clone(), *strength, floor, provider, &self.anchors)
                }
                Anchor::Provider(mention) => hint::near(text, mention, floor, &self.anchors),
                Anchor::Backwards(range) => address::backwards(text, range.clone()),
                Anchor::Glued(range) => address::glued(text, range.clone(), floor),
            };
            let Some(address) = address else { continue };
            floor = address.range.end;
            let sent = folded.sent(address.range.clone());
            if self.own.holds(&address, message.content.get(sent.clone()).unwrap_or_default()) {
                continue;
            }
            signals.push(signal(address, message.content.span(sent)));
            if signals.len() == SIGNALS_MAX {
                break;
            }
        }
        Ok(signals)
    }
}

fn signal(address: Address, span: Span) -> Signal {
    let (score, confidence) = address.writing.strength();
    let signal = Signal::new(LABEL, score)
        .confidence(confidence)
        .reason(address.writing.reason())
        .span(span);
    match address.value {
        Some(value) => signal.entity("email", value),
        None => signal,
    }
}

picket_sdk::export!(ContactEmail);

#[cfg(test)]
mod tests;
