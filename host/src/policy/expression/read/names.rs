//! Variables, their fields, and paths into an event.

use cel::IdedExpr;
use cel::common::ast::Expr;

use super::super::tree::{Constant, Node, SignalField, Variable};
use super::super::types::{
    ACCOUNT_FIELDS, Domain, EVENT_FIELDS, SIGNAL_FIELDS, TEXT, Type, VARIABLES,
};
use super::{Part, Reader, Unsure};
use crate::policy::diagnostic::code;
use crate::policy::words::{quote, suggest};

impl Reader<'_> {
    pub(super) fn name(&mut self, name: &str) -> Option<Part> {
        let at = self.word(name.trim_start_matches('.'));
        if let Some(place) = self.item(name) {
            let type_ = self.items[place].1.clone();
            let path = Some(name.to_owned());
            return Some(Part { path, ..Part::new(Node::Item(place), type_, at) });
        }
        let (variable, type_) = match name {
            "score" => (Variable::Score, Type::Number),
            "tier" => (Variable::Tier, Type::Text(Domain::Tier)),
            "degraded" => (Variable::Degraded, Type::Bool),
            "signals" => (Variable::Signals, Type::list(Type::Signal)),
            "labels" => (Variable::Labels, Type::Labels),
            "event" | "lists" | "features" | "subject" => {
                let hint = match name {
                    "event" => format!("name one of its fields: `{}`", EVENT_FIELDS.join("`, `")),
                    "features" => "name one of them: `features.NAME`".to_owned(),
                    "subject" => format!(
                        "name one of its fields: `{}`; who it is, is `event.subject`",
                        ACCOUNT_FIELDS.join("`, `")
                    ),
                    _ => "name one of them: `lists.NAME` is whether the event is on it".to_owned(),
                };
                self.fault(code::TYPES, at, format!("`{name}` is no value by itself"), hint);
                return None;
            }
            _ => {
                let quoted = quote(name);
                let tier = self.declared.tiers.as_ref().is_some_and(|all| all.contains(&name));
                let hint = match tier {
                    true => format!("texts stand in quotes: write `\"{name}\"`"),
                    false => suggest(name, &VARIABLES),
                };
                self.fault(code::UNKNOWN_NAME, at, format!("unknown variable {quoted}"), hint);
                return None;
            }
        };
        Some(Part::new(Node::Variable(variable), type_, at))
    }

    /// A field, or with `test` whether it is there.
    pub(super) fn select(&mut self, of: &IdedExpr, field: &str, test: bool) -> Option<Part> {
        match &of.expr {
            Expr::Ident(name) if name == "event" && self.item(name).is_none() => {
                self.of_event(field, test)
            }
            Expr::Ident(name) if name == "lists" && self.item(name).is_none() => {
                let start = self.word(name).start;
                let at = self.word(field);
                self.on_list(field, start..at.end)
            }
            Expr::Ident(name) if name == "features" && self.item(name).is_none() => {
                let start = self.word(name).start;
                let at = self.word(field);
                self.of_feature(field, start..at.end, test)
            }
            Expr::Ident(name) if name == "subject" && self.item(name).is_none() => {
                let start = self.word(name).start;
                let at = self.word(field);
                self.of_account(field, start..at.end, test)
            }
            _ => {
                let of = self.part(of)?;
                let at = self.word(field);
                self.field(of, field, at.end, test)
            }
        }
    }

    /// Which macro's item a name is, the innermost first.
    pub(super) fn item(&self, name: &str) -> Option<usize> {
        self.items.iter().rposition(|(item, _)| item == name)
    }

    fn of_event(&mut self, field: &str, test: bool) -> Option<Part> {
        let start = self.word("event").start;
        let at = self.word(field);
        let (variable, type_) = match field {
            "id" => (Variable::Id, TEXT),
            "type" => (Variable::Type, Type::Text(Domain::EventType)),
            "source" => (Variable::Source, TEXT),
            "subject" => (Variable::Subject, TEXT),
            "time" => (Variable::Time, Type::Time),
            "data" => (Variable::Data, Type::Any),
            _ => {
                let message = format!("an event has no field {}", quote(field));
                self.fault(code::UNKNOWN_NAME, at, message, suggest(field, &EVENT_FIELDS));
                return None;
            }
        };
        if test {
            // Every event has them all.
            return Some(Part::new(
                Node::Constant(Constant::Bool(true)),
                Type::Bool,
                start..at.end,
            ));
        }
        let path = Some(format!("event.{field}"));
        Some(Part { path, ..Part::new(Node::Variable(variable), type_, start..at.end) })
    }

    pub(super) fn on_list(&mut self, name: &str, at: std::ops::Range<usize>) -> Option<Part> {
        let place = match &self.declared.lists {
            Some(lists) => match lists.iter().position(|list| *list == name) {
                Some(place) => place,
                None => {
                    let hint = match lists.is_empty() {
                        true => "write it below a `[[lists]]`".to_owned(),
                        false => suggest(name, lists),
                    };
                    let message = format!("the policy has no list {}", quote(name));
                    self.fault(code::UNKNOWN_NAME, at, message, hint);
                    return None;
                }
            },
            // They could not be read, which was reported.
            None => 0,
        };
        self.lists.insert(place);
        Some(Part::new(Node::OnList(place), Type::Bool, at))
    }

    /// A field of something that was read, which ends at this byte.
    pub(super) fn field(&mut self, of: Part, field: &str, end: usize, test: bool) -> Option<Part> {
        let at = of.at.start..end;
        match of.type_ {
            Type::Any => {
                let path = of.path.as_ref().map(|path| format!("{path}.{field}"));
                if let Some(path) = &path {
                    if test {
                        self.guards.insert(path.clone());
                    } else {
                        // Whoever asks for the whole way asks for its parts.
                        self.unsure.pop_if(|last| Some(&last.path) == of.path.as_ref());
                        let (path, at) = (path.clone(), at.clone());
                        self.unsure.push(Unsure { path, at, label: None });
                    }
                }
                let (of, field) = (Box::new(of.node), field.to_owned());
                Some(match test {
                    true => Part::new(Node::Has(of, field), Type::Bool, at),
                    false => Part { path, ..Part::new(Node::Field(of, field), Type::Any, at) },
                })
            }
            Type::Signal => {
                let (which, type_) = match field {
                    "detector" => (SignalField::Detector, TEXT),
                    "label" => (SignalField::Label, Type::Text(Domain::Label)),
                    "score" => (SignalField::Score, Type::Number),
                    "confidence" => (SignalField::Confidence, Type::Number),
                    _ => {
                        let message = format!("a signal has no field {}", quote(field));
                        let at = end.saturating_sub(field.len())..end;
                        self.fault(code::UNKNOWN_NAME, at, message, suggest(field, &SIGNAL_FIELDS));
                        return None;
                    }
                };
                Some(match test {
                    true => Part::new(Node::Constant(Constant::Bool(true)), Type::Bool, at),
                    false => Part::new(Node::OfSignal(Box::new(of.node), which), type_, at),
                })
            }
            Type::Labels => {
                let hint = "a label stands in quotes: `evidence(\"contact.phone\")`, or \
                            `\"contact.phone\" in labels`";
                let message = "labels are not fields, for they have dots in them";
                self.fault(code::TYPES, at, message, hint.to_owned());
                None
            }
            other => {
                let message = format!("{} has no field {}", other.name(), quote(field));
                self.fault(code::TYPES, at, message, None);
                None
            }
        }
    }
}
