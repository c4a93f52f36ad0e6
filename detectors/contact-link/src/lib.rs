//! Finds links that lead off the platform: addresses with and without a scheme, short links,
//! invitations, numeric hosts, and domains with their dots written as words.
//!
//! One automaton finds the anchors (a dot in some form, a scheme). From there bounded scanners read
//! the host around it, and `judge` decides whether it is a host or the end of a sentence: that is
//! the hard part, because `.no`, `.it`, `.me` and `.is` are words too. The domain of an e-mail
//! address is left to the detector of addresses.

mod anchors;
mod endings;
mod host;
mod judge;
mod own;
mod places;
mod read;

use std::ops::Range;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;
use serde::Deserialize;

use anchors::{Anchor, Anchors};
use host::Host;
use judge::{Judge, Kind};
use own::OwnDomains;

/// More signals than this say nothing new about one message.
const SIGNALS_MAX: usize = 16;
const LABEL: &str = "contact.link";

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
    /// Links to these domains, or to their subdomains, are the platform's own.
    own_domains: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let own = ["qwickservices.com", "fairtradeworker.com"];
        Self { own_domains: own.map(str::to_owned).to_vec() }
    }
}

/// The configured detector.
pub struct ContactLink {
    anchors: Anchors,
    own: OwnDomains,
}

/// A link that was found.
struct Link {
    /// Where, in the folded text.
    range: Range<usize>,
    /// The canonical domain; with the first part of the path where a domain is shared by many.
    domain: String,
    kind: Kind,
}

impl Detector for ContactLink {
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
        let judge = Judge::new(&folded, &message.content, &self.anchors);
        let mut signals = Vec::new();
        // Dots left of `floor` were read already. A scheme is looked at even there: the path of one
        // of our own links may carry another link.
        let (mut floor, mut end) = (0, 0);
        for anchor in self.anchors.find_iter(folded.as_str()) {
            let start = anchor.range().start;
            if start < end || (start < floor && !matches!(anchor, Anchor::Scheme(_))) {
                continue;
            }
            let Some(host) = Host::read(folded.as_str(), &anchor, end) else { continue };
            let link = judge.link(&anchor, &host);
            floor = link.as_ref().map_or(host.read_to, |link| link.range.end);
            let Some(link) = link else { continue };
            let sent = folded.sent(link.range.clone());
            let written = message.content.get(folded.sent(host.range())).unwrap_or_default();
            if self.own.holds(&link.domain, written) {
                continue;
            }
            end = link.range.end;
            signals.push(signal(link, message.content.span(sent)));
            if signals.len() == SIGNALS_MAX {
                break;
            }
        }
        Ok(signals)
    }
}

fn signal(link: Link, span: Span) -> Signal {
    let (score, confidence) = link.kind.strength();
    Signal::new(LABEL, score)
        .confidence(confidence)
        .reason(link.kind.reason())
        .span(span)
        .entity("domain", link.domain)
}

picket_sdk::export!(ContactLink);

#[cfg(test)]
mod tests;
