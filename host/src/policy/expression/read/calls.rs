//! Calls: which sign or function one is of, and what the functions want.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, operators};

use super::super::tree::{ClockPart, Comparison, Constant, Node, Operation, TextTest};
use super::super::types::{Domain, FUNCTIONS, TEXT, Type};
use super::{Part, Reader};
use crate::model::Timestamp;
use crate::policy::diagnostic::code;
use crate::policy::words::{quote, suggest};

impl Reader<'_> {
    pub(super) fn call(&mut self, call: &CallExpr) -> Option<Part> {
        let args = call.args.as_slice();
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            return self.method(target, name, args);
        }
        match (name, args) {
            (operators::LOGICAL_AND, [one, other]) => self.logic("&&", Node::And, one, other),
            (operators::LOGICAL_OR, [one, other]) => self.logic("||", Node::Or, one, other),
            (operators::LOGICAL_NOT, [of]) => self.sign_before("!", Type::Bool, Node::Not, of),
            (operators::NEGATE, [of]) => self.sign_before("-", Type::Number, Node::Negate, of),
            (operators::CONDITIONAL, [condition, yes, no]) => self.choice(condition, yes, no),
            (operators::IN, [item, of]) => self.is_in(item, of),
            (operators::INDEX, [of, index]) => self.index(of, index),
            (_, [one, other]) if comparison(name).is_some() => {
                self.compare(comparison(name)?, one, other)
            }
            (_, [one, other]) if operation(name).is_some() => {
                self.calculate(operation(name)?, one, other)
            }
            _ => self.function(name, args),
        }
    }

    /// Two parts with a sign between.
    pub(super) fn two(&mut self, one: &IdedExpr, other: &IdedExpr) -> Option<(Part, Part)> {
        let (one, other) = (self.part(one), self.part(other));
        Some((one?, other?))
    }

    pub(super) fn want(&mut self, sign: &str, wanted: &Type, part: &Part) -> Option<()> {
        if part.type_.may_be(wanted) {
            return Some(());
        }
        let message =
            format!("`{sign}` wants {}, and this is {}", wanted.name(), part.type_.name());
        let hint = match (wanted, &part.type_) {
            (Type::Number, Type::Text(_)) if sign == "+" => {
                Some("texts are not joined in a rule: compare them one by one".to_owned())
            }
            _ => None,
        };
        self.fault(code::TYPES, part.at.clone(), message, hint);
        None
    }

    fn function(&mut self, name: &str, args: &[IdedExpr]) -> Option<Part> {
        let start = self.word(name.trim_start_matches('.')).start;
        let args: Vec<Option<Part>> = args.iter().map(|arg| self.part(arg)).collect();
        let mut args: Vec<Part> = args.into_iter().collect::<Option<_>>()?;
        let end = self.sign(")").end;
        let at = start..end;
        match (name, args.as_mut_slice()) {
            ("evidence", [label]) => {
                let Some(text) = label.constant().map(str::to_owned) else {
                    let hint = "such as `evidence(\"contact.phone\")`".to_owned();
                    let message = "`evidence` wants a label as it is written";
                    self.fault(code::TYPES, label.at.clone(), message, hint);
                    return None;
                };
                self.check_word(Domain::Label, &text, label.at.clone());
                Some(Part::new(Node::Evidence(text), Type::Number, at))
            }
            ("accounts", [label, days]) => self.accounts(label, days, at),
            ("timestamp", [text]) => match text.constant().map(Timestamp::parse) {
                Some(Ok(time)) => {
                    Some(Part::new(Node::Constant(Constant::Time(time)), Type::Time, at))
                }
                _ => {
                    let hint = "such as `timestamp(\"2026-09-01T09:00:00Z\")`".to_owned();
                    let message = "`timestamp` wants a time in RFC 3339 as it is written";
                    self.fault(code::TYPES, text.at.clone(), message, hint);
                    None
                }
            },
            ("size", [_]) => self.size(args.remove(0), at),
            _ => self.no_function(name, at),
        }
    }

    fn method(&mut self, target: &IdedExpr, name: &str, args: &[IdedExpr]) -> Option<Part> {
        let target = self.part(target);
        let named = self.word(name);
        let args: Vec<Option<Part>> = args.iter().map(|arg| self.part(arg)).collect();
        let end = self.sign(")").end;
        let mut args: Vec<Part> = args.into_iter().collect::<Option<_>>()?;
        let target = target?;
        let at = target.at.start..end;
        let test = match name {
            "contains" => Some(TextTest::Contains),
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            _ => None,
        };
        let clock = match name {
            "getHours" => Some(ClockPart::Hour),
            "getDayOfWeek" => Some(ClockPart::DayOfWeek),
            _ => None,
        };
        match (test, clock, args.len()) {
            (Some(test), _, 1) => {
                let part = args.remove(0);
                self.want(name, &TEXT, &target)?;
                self.want(name, &TEXT, &part)?;
                let node = Node::TextTest(test, Box::new(target.node), Box::new(part.node));
                Some(Part::new(node, Type::Bool, at))
            }
            (_, Some(clock), 0) => {
                self.want(name, &Type::Time, &target)?;
                Some(Part::new(Node::Clock(clock, Box::new(target.node)), Type::Number, at))
            }
            (None, None, 0) if name == "size" => self.size(target, at),
            _ => self.no_function(name, named.start..end),
        }
    }

    fn size(&mut self, of: Part, at: std::ops::Range<usize>) -> Option<Part> {
        if !matches!(of.type_, Type::Any | Type::Text(_) | Type::List(_) | Type::Labels) {
            let message = format!("`size` wants a text or a list, and this is {}", of.type_.name());
            self.fault(code::TYPES, of.at, message, None);
            return None;
        }
        Some(Part::new(Node::Size(Box::new(of.node)), Type::Number, at))
    }

    fn no_function(&mut self, name: &str, at: std::ops::Range<usize>) -> Option<Part> {
        let (message, hint) = match name {
            "matches" => (
                "rules do not match patterns".to_owned(),
                "a detector finds patterns, with the places where they are; a rule asks for its \
                 label, or by `contains`, `startsWith` and `endsWith`"
                    .to_owned(),
            ),
            _ if FUNCTIONS.contains(&name) => {
                (format!("`{name}` is not called like this"), how_called(name).to_owned())
            }
            _ => (format!("unknown function {}", quote(name)), suggest(name, &FUNCTIONS)),
        };
        self.fault(code::UNKNOWN_NAME, at, message, hint);
        None
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::Unequal,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::AtMost,
        operators::GREATER => Comparison::More,
        operators::GREATER_EQUALS => Comparison::AtLeast,
        _ => return None,
    })
}

fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        operators::ADD => Operation::Add,
        operators::SUBSTRACT => Operation::Subtract,
        operators::MULTIPLY => Operation::Multiply,
        operators::DIVIDE => Operation::Divide,
        operators::MODULO => Operation::Remainder,
        _ => return None,
    })
}

fn how_called(name: &str) -> &'static str {
    match name {
        "evidence" => "`evidence(\"contact.phone\")`",
        "accounts" => "`accounts(\"contact.phone\", 30)`, the label of signals and days",
        "has" => "`has(event.data.amount_cents)`",
        "size" => "`size(event.data.photos)`, or `event.data.photos.size()`",
        "timestamp" => "`timestamp(\"2026-09-01T09:00:00Z\")`",
        "getHours" => "`event.time.getHours()`, from 0 to 23 in UTC",
        "getDayOfWeek" => "`event.time.getDayOfWeek()`, from 0 for Sunday, in UTC",
        "contains" | "startsWith" | "endsWith" => "`event.data.trade.startsWith(\"roof\")`",
        _ => "`signals.exists(s, s.score > 0.9)`",
    }
}
