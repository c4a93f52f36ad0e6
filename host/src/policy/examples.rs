//! The example policies compile without a warning and judge what they were written for.

use std::collections::BTreeSet;

use super::judge::tests::{event, finding, findings, now, signal};
use super::{Diagnostic, Known, Labels, OnError, Policy, Verdict, code};
use crate::model::{Action, Finding, Outcome};

const QWICKSERVICES: &str = include_str!("../../../examples/policies/qwickservices.toml");
const FAIRTRADEWORKER: &str = include_str!("../../../examples/policies/fairtradeworker.toml");

/// The shipped detectors, each with its label.
const SHIPPED: [(&str, &str); 7] = [
    ("contact-phone", "contact.phone"),
    ("contact-email", "contact.email"),
    ("contact-link", "contact.link"),
    ("contact-handle", "contact.handle"),
    ("contact-intent", "contact.intent"),
    ("obfuscation", "evasion.obfuscation"),
    ("payment-circumvention", "payment.circumvention"),
];

fn compiled(text: &str) -> Policy {
    let labels: BTreeSet<String> = SHIPPED.map(|(_, label)| label.to_owned()).into();
    let known = Known {
        labels: Labels { stored: labels.clone(), loaded: labels },
        detectors: SHIPPED.map(|(detector, _)| detector.to_owned()).into(),
    };
    let compiled = Policy::compile(text, &known).unwrap();
    // The detectors of threats are to come.
    let to_come =
        |it: &&Diagnostic| it.code == code::LABEL_NOT_LOADED && it.message.contains("`safety.");
    assert_eq!(compiled.warnings.iter().find(|it| !to_come(it)), None);
    compiled.policy
}

fn judged(policy: &Policy, found: &[(&str, f64, f64)]) -> Verdict {
    policy.judge(&event("message.sent"), &now(), &findings(found))
}

const PHONE: (&str, f64, f64) = ("contact.phone", 0.95, 0.97);
const EMAIL: (&str, f64, f64) = ("contact.email", 0.95, 0.99);
const LINK: (&str, f64, f64) = ("contact.link", 0.92, 0.95);
const HANDLE: (&str, f64, f64) = ("contact.handle", 0.92, 0.95);
const INTENT: (&str, f64, f64) = ("contact.intent", 0.7, 0.7);
const DISGUISE: (&str, f64, f64) = ("evasion.obfuscation", 1.0, 1.0);
const PAYMENT: (&str, f64, f64) = ("payment.circumvention", 0.95, 0.9);

#[test]
fn qwickservices_blocks_contact_exchange() {
    let policy = compiled(QWICKSERVICES);
    assert_eq!(policy.on_error(), OnError::Review);
    assert_eq!(policy.requires(), SHIPPED.map(|(detector, _)| detector));
    type Found = [(&'static str, f64, f64)];
    let cases: &[(&Found, &str, Action)] = &[
        (&[], "low", Action::Allow),
        (&[INTENT], "low", Action::Allow),
        (&[("contact.intent", 1.0, 1.0)], "medium", Action::Nudge),
        (&[DISGUISE], "low", Action::Allow),
        (&[LINK], "medium", Action::Nudge),
        (&[PHONE], "high", Action::SoftBlock),
        (&[("contact.phone", 0.9, 0.88)], "high", Action::SoftBlock),
        (&[("contact.phone", 1.0, 1.0)], "high", Action::SoftBlock),
        (&[EMAIL], "high", Action::SoftBlock),
        (&[HANDLE], "high", Action::SoftBlock),
        (&[PAYMENT], "high", Action::SoftBlock),
        (&[("payment.circumvention", 1.0, 1.0)], "high", Action::SoftBlock),
        (&[PHONE, PHONE], "high", Action::SoftBlock),
        (&[LINK, INTENT], "high", Action::SoftBlock),
        (&[PHONE, INTENT], "critical", Action::HardBlock),
        (&[PHONE, DISGUISE], "critical", Action::HardBlock),
        (&[PHONE, EMAIL], "critical", Action::HardBlock),
        (&[LINK, HANDLE], "critical", Action::HardBlock),
        (&[PHONE, PAYMENT], "critical", Action::HardBlock),
    ];
    for &(found, tier, action) in cases {
        let verdict = judged(&policy, found);
        assert_eq!((verdict.tier.as_str(), verdict.strongest().0), (tier, action), "{found:?}");
        assert_eq!(verdict.message.is_some(), action != Action::Allow, "{found:?}");
    }
}

#[test]
fn fairtradeworker_minds_payments_and_nothing_else() {
    let policy = compiled(FAIRTRADEWORKER);
    let talk = judged(&policy, &[PHONE, EMAIL, LINK, HANDLE, INTENT, DISGUISE]);
    assert_eq!((talk.score.millionths(), talk.strongest().0), (0, Action::Allow));
    assert!(talk.signals.len() == 6 && talk.signals.iter().all(|signal| !signal.counted));
    let payment = judged(&policy, &[PHONE, PAYMENT]);
    assert_eq!((payment.tier.as_str(), payment.strongest().0), ("high", Action::SoftBlock));
    let weak = judged(&policy, &[("payment.circumvention", 0.7, 0.7)]);
    assert_eq!(weak.strongest().0, Action::Nudge);
}

#[test]
fn a_missing_detector_costs_qwickservices_a_look_and_fairtradeworker_nothing() {
    let absent = [
        Finding::absent("payment-circumvention"),
        finding("contact-phone", Outcome::Ok, vec![signal("contact.phone", 0.95, 0.97)]),
    ];
    for (text, review, action) in
        [(QWICKSERVICES, true, Action::SoftBlock), (FAIRTRADEWORKER, false, Action::Allow)]
    {
        let verdict = compiled(text).judge(&event("message.sent"), &now(), &absent);
        assert!(verdict.degraded && verdict.review == review);
        assert_eq!(verdict.strongest().0, action);
    }
}
