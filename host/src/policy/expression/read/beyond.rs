//! What a condition asks beyond the event and its findings: features, how the account stands, and how many
//! accounts had what a signal carries.

use std::ops::Range;

use super::super::tree::{AccountField, Constant, Node};
use super::super::types::{ACCOUNT_FIELDS, Domain, TEXT, Type};
use super::{Part, Reader, Unsure};
use crate::model::{Feature, Input};
use crate::policy::diagnostic::code;
use crate::policy::words::{quote, suggest};

/// Days that a past may be long.
const DAYS_MAX: i64 = 90;

impl Reader<'_> {
    pub(super) fn of_feature(&mut self, name: &str, at: Range<usize>, test: bool) -> Option<Part> {
        let Some(features) = self.declared.features else {
            // They could not be read, which was reported.
            return Some(Part::new(Node::Constant(Constant::Null), Type::Any, at));
        };
        let Some(feature) = features.iter().find(|feature| feature.name == name) else {
            let names: Vec<&str> = features.iter().map(|feature| &*feature.name).collect();
            let hint = match names.is_empty() {
                true => "write it below a `[[features]]`".to_owned(),
                false => suggest(name, &names),
            };
            let message = format!("the policy has no feature {}", quote(name));
            self.fault(code::UNKNOWN_NAME, at, message, hint);
            return None;
        };
        self.asks.features.insert(name.to_owned());
        let path = format!("features.{name}");
        let input = Box::new(feature.input.clone());
        if test {
            self.guards.insert(path);
            return Some(Part::new(Node::HasFeature(input), Type::Bool, at));
        }
        if !feature.is_sure() {
            self.unsure.push(Unsure { path, at: at.clone(), label: None });
        }
        Some(Part::new(Node::Feature(input, name.to_owned()), Type::Number, at))
    }

    pub(super) fn of_account(&mut self, field: &str, at: Range<usize>, test: bool) -> Option<Part> {
        let (which, type_) = match field {
            "strikes" => (AccountField::Strikes, Type::Number),
            "restricted" => (AccountField::Restricted, Type::Bool),
            "restrictions" => (AccountField::Restrictions, Type::list(TEXT)),
            "score" => (AccountField::Score, Type::Number),
            "tier" => (AccountField::Tier, Type::Text(Domain::Tier)),
            "trust" => (AccountField::Trust, Type::Number),
            _ => {
                let message = format!("`subject` has no field {}", quote(field));
                self.fault(code::UNKNOWN_NAME, at, message, suggest(field, &ACCOUNT_FIELDS));
                return None;
            }
        };
        if test {
            // Every account has them all.
            return Some(Part::new(Node::Constant(Constant::Bool(true)), Type::Bool, at));
        }
        let of_risk =
            matches!(which, AccountField::Score | AccountField::Tier | AccountField::Trust);
        match of_risk {
            true => self.asks.reads.risk = true,
            false => self.asks.reads.standing = true,
        }
        Some(Part::new(Node::Account(which), type_, at))
    }

    /// `accounts("contact.phone", 30)`.
    pub(super) fn accounts(&mut self, label: &Part, days: &Part, at: Range<usize>) -> Option<Part> {
        let Some(text) = label.constant().map(str::to_owned) else {
            let hint = "such as `accounts(\"contact.phone\", 30)`".to_owned();
            let message = "`accounts` wants a label as it is written";
            self.fault(code::TYPES, label.at.clone(), message, hint);
            return None;
        };
        self.check_word(Domain::Label, &text, label.at.clone());
        let days = match days.node {
            Node::Constant(Constant::Int(days)) if (1..=DAYS_MAX).contains(&days) => days,
            _ => {
                let hint = format!("write whole days from 1 to {DAYS_MAX}");
                let message = "`accounts` wants days as they are written";
                self.fault(code::TYPES, days.at.clone(), message, hint);
                return None;
            }
        };
        let days = u32::try_from(days).unwrap_or(1);
        let input = Input::Feature(Feature::accounts(&text, days));
        if !self.asks.accounts.contains(&input) {
            self.asks.accounts.push(input.clone());
        }
        Some(Part::new(Node::Accounts(Box::new(input)), Type::Number, at))
    }
}
