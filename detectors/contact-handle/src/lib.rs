//! Finds account names on other services: given ("tg: name", "@name on insta") or pointed to ("same
//! username on insta"), with the service plain, misspelt, spelled out or by its nickname.
//!
//! One automaton finds mentions of services. A mention alone is nothing: each way of giving or
//! pointing to an account is a rule in [`account`], and how much a rule asks for depends on how
//! clearly the mention is a service (see [`services::Clarity`]): "line" and "signal" are words.

mod account;
mod read;
mod release;
mod services;
mod sign;
mod words;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;

use account::{Account, Phrases, Said};
use services::Services;

/// More signals than this say nothing new about one message.
const SIGNALS_MAX: usize = 16;
/// Services looked at in one text: a message that names more is a flood, and each look costs.
const MENTIONS_MAX: usize = 1_000;
const LABEL: &str = "contact.handle";

/// What this detector reads.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
}

/// The configured detector.
pub struct ContactHandle {
    services: Services,
    phrases: Phrases,
}

impl Detector for ContactHandle {
    type Inputs = Message;
    type Settings = NoSettings;

    fn manifest() -> Manifest {
        release::manifest().label(LABEL).events("message.*")
    }

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self {
            services: Services::new(release::NICKNAMES, release::EMOJI)?,
            phrases: Phrases::new()?,
        })
    }

    fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let folded = Folded::new(&message.content);
        let text = folded.as_str();
        let said = Said::new(text, &self.phrases);
        let mut signals = Vec::new();
        // Nothing left of `floor` is read again: evidence never overlaps, and the work is bounded.
        let mut floor = 0;
        for mention in self.services.find_iter(text).take(MENTIONS_MAX) {
            if mention.range.start < floor {
                continue;
            }
            let account = match mention.service {
                Some(service) => account::of(text, &mention, service, floor, &said),
                None => sign::account(text, mention.range.start, floor, &said),
            };
            let Some(account) = account else { continue };
            floor = account.range.end;
            let sent = folded.sent(account.range.clone());
            signals.push(signal(account, message.content.span(sent)));
            if signals.len() == SIGNALS_MAX {
                break;
            }
        }
        Ok(signals)
    }
}

fn signal(account: Account, span: Span) -> Signal {
    let (score, confidence) = account.giving.strength();
    let signal =
        Signal::new(LABEL, score).confidence(confidence).reason(account.giving.reason()).span(span);
    match account.handle {
        Some(handle) => signal.entity("handle", format!("{}:{handle}", account.service)),
        None => signal,
    }
}

picket_sdk::export!(ContactHandle);

#[cfg(test)]
mod tests;
