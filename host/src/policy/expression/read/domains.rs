//! Texts that can only be one of few: tiers, labels, types of events.

use super::super::types::{Domain, Type};
use super::{Part, Reader};
use crate::model::TypePattern;
use crate::model::manifest::is_label;
use crate::policy::diagnostic::code;
use crate::policy::expression::Fault;
use crate::policy::words::{nearest, quote, suggest};

impl Reader<'_> {
    /// Holds the texts that a part says to what the part beside it can be.
    pub(super) fn check_domain(&mut self, of: &Type, beside: &Part) {
        let Type::Text(domain) = of else { return };
        if let Some(text) = beside.constant() {
            self.check_word(*domain, text, beside.at.clone());
        }
    }

    pub(super) fn check_word(&mut self, domain: Domain, word: &str, at: std::ops::Range<usize>) {
        match domain {
            Domain::Anything => {}
            Domain::Tier => {
                let Some(tiers) = &self.declared.tiers else { return };
                if !tiers.contains(&word) {
                    let hint = suggest(word, tiers);
                    let message = format!("the policy has no tier {}", quote(word));
                    self.fault(code::UNKNOWN_WORD, at, message, hint);
                }
            }
            Domain::EventType => {
                let events = self.declared.events;
                if !events.is_empty() && !events.iter().any(|pattern| pattern.matches(word)) {
                    let patterns: Vec<&str> = events.iter().map(TypePattern::as_str).collect();
                    let message = format!("the policy judges no event of type {}", quote(word));
                    self.fault(code::UNKNOWN_WORD, at, message, suggest(word, &patterns));
                }
            }
            Domain::Label => self.check_label(word, at),
        }
    }

    fn check_label(&mut self, label: &str, at: std::ops::Range<usize>) {
        self.labels.insert(label.to_owned());
        if !is_label(label) {
            let message = format!("{} is not a label", quote(label));
            let hint = "a label is a family and a name, such as `contact.phone`".to_owned();
            return self.fault(code::MALFORMED, at, message, hint);
        }
        let Some(known) = self.declared.known else { return };
        if known.labels.knows(label) {
            if !known.labels.loaded.contains(label) {
                let message = format!("no loaded detector reports `{label}`");
                let hint = "the rule sees it as soon as one is loaded".to_owned();
                let fault = Fault::error(code::LABEL_NOT_LOADED, at, message, Some(hint));
                self.faults.push(Fault { is_error: false, ..fault });
            }
            return;
        }
        let hint = match nearest(label, known.labels.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a label is known once a detector that reports it is stored".to_owned(),
        };
        self.fault(code::UNKNOWN_LABEL, at, format!("unknown label `{label}`"), hint);
    }
}
