//! Signs between values, and what goes together with what.

use cel::IdedExpr;
use cel::common::ast::Expr;

use super::super::tree::{Comparison, Constant, Node, Operation};
use super::super::types::{Domain, TEXT, Type};
use super::{Part, Reader, Unsure};
use crate::policy::diagnostic::code;

/// Makes a node of two.
type Both = fn(Box<Node>, Box<Node>) -> Node;

impl Reader<'_> {
    pub(super) fn logic(
        &mut self,
        sign: &str,
        node: Both,
        one: &IdedExpr,
        other: &IdedExpr,
    ) -> Option<Part> {
        let (one, other) = self.two(one, other)?;
        let good = [&one, &other].map(|part| self.want(sign, &Type::Bool, part));
        let at = one.at.start..other.at.end;
        good.iter()
            .all(Option::is_some)
            .then(|| Part::new(node(Box::new(one.node), Box::new(other.node)), Type::Bool, at))
    }

    pub(super) fn sign_before(
        &mut self,
        sign: &str,
        type_: Type,
        node: fn(Box<Node>) -> Node,
        of: &IdedExpr,
    ) -> Option<Part> {
        let start = self.sign(sign).start;
        let of = self.part(of)?;
        self.want(sign, &type_, &of)?;
        Some(Part::new(node(Box::new(of.node)), type_, start..of.at.end))
    }

    pub(super) fn compare(
        &mut self,
        how: Comparison,
        one: &IdedExpr,
        other: &IdedExpr,
    ) -> Option<Part> {
        let (one, other) = self.two(one, other)?;
        self.check_domain(&one.type_, &other);
        self.check_domain(&other.type_, &one);
        let at = one.at.start..other.at.end;
        let ordered = [Type::Number, TEXT, Type::Time];
        let in_order = |part: &Part| ordered.iter().any(|type_| part.type_.may_be(type_));
        let fits = one.type_.meets(&other.type_)
            && (how.is_equality() || (in_order(&one) && in_order(&other)));
        if !fits {
            let (sign, one, other) = (how.as_str(), one.type_.name(), other.type_.name());
            let message = format!("`{sign}` of {one} and {other}");
            let hint = match one == "null" || other == "null" {
                true => "what is not of the event is never null",
                false => "compare what is of one type: numbers stand without quotes, texts in them",
            };
            self.fault(code::TYPES, at, message, hint.to_owned());
            return None;
        }
        let node = Node::Compare(how, Box::new(one.node), Box::new(other.node));
        Some(Part::new(node, Type::Bool, at))
    }

    pub(super) fn calculate(
        &mut self,
        operation: Operation,
        one: &IdedExpr,
        other: &IdedExpr,
    ) -> Option<Part> {
        let (one, other) = self.two(one, other)?;
        let good = [&one, &other].map(|part| self.want(operation.as_str(), &Type::Number, part));
        let at = one.at.start..other.at.end;
        good.iter().all(Option::is_some).then(|| {
            let node = Node::Calculate(operation, Box::new(one.node), Box::new(other.node));
            Part::new(node, Type::Number, at)
        })
    }

    pub(super) fn choice(
        &mut self,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
    ) -> Option<Part> {
        let condition = self.part(condition);
        let (yes, no) = self.two(yes, no)?;
        let condition = condition?;
        self.want("?", &Type::Bool, &condition)?;
        let at = condition.at.start..no.at.end;
        let type_ = yes.type_.or(no.type_);
        Some(Part::new(Node::If(Box::new([condition.node, yes.node, no.node])), type_, at))
    }

    pub(super) fn is_in(&mut self, item: &IdedExpr, of: &IdedExpr) -> Option<Part> {
        let (item, of) = self.two(item, of)?;
        let at = item.at.start..of.at.end;
        let fits = match &of.type_ {
            Type::Any => true,
            Type::List(items) => {
                self.check_domain(items, &item);
                item.type_.meets(items)
            }
            Type::Labels => {
                if let Some(label) = item.constant() {
                    self.check_word(Domain::Label, label, item.at.clone());
                    self.guards.insert(evidence_path(label));
                }
                item.type_.may_be(&TEXT)
            }
            _ => false,
        };
        if let (Type::Text(domain), Node::Items(items)) = (&item.type_, &of.node) {
            for one in items {
                if let Node::Constant(Constant::Text(text)) = one {
                    self.check_word(*domain, text, of.at.clone());
                }
            }
        }
        if !fits {
            let message = format!("`in` of {} and {}", item.type_.name(), of.type_.name());
            let hint = "`in` looks for an item in a list of its kind, or for a label in `labels`";
            self.fault(code::TYPES, at, message, hint.to_owned());
            return None;
        }
        Some(Part::new(Node::In(Box::new(item.node), Box::new(of.node)), Type::Bool, at))
    }

    pub(super) fn index(&mut self, of: &IdedExpr, index: &IdedExpr) -> Option<Part> {
        if let Expr::Ident(name) = &of.expr
            && name == "lists"
            && self.item(name).is_none()
        {
            let start = self.word(name).start;
            let index = self.part(index)?;
            let end = self.sign("]").end;
            return match index.constant() {
                Some(list) => self.on_list(list, start..end),
                None => {
                    let hint = "write `lists.NAME`".to_owned();
                    self.fault(code::TYPES, index.at, "a list is named as it is written", hint);
                    None
                }
            };
        }
        let (of, index) = self.two(of, index)?;
        let end = self.sign("]").end;
        let at = of.at.start..end;
        let item = match &of.type_ {
            Type::Any => match index.constant() {
                // The same as a field.
                Some(key) => {
                    let key = key.to_owned();
                    return self.field(of, &key, end, false);
                }
                None => Some(Type::Any)
                    .inspect(|_| self.warn_of_item(at.clone()))
                    .filter(|_| index.type_.may_be(&Type::Number) || index.type_.may_be(&TEXT)),
            },
            Type::List(items) => {
                self.warn_of_item(at.clone());
                Some((**items).clone()).filter(|_| index.type_.may_be(&Type::Number))
            }
            Type::Labels => {
                if let Some(label) = index.constant() {
                    self.check_word(Domain::Label, label, index.at.clone());
                    let (path, label) = (evidence_path(label), Some(label.to_owned()));
                    self.unsure.push(Unsure { path, at: at.clone(), label });
                }
                Some(Type::Number).filter(|_| index.type_.may_be(&TEXT))
            }
            _ => None,
        };
        let Some(item) = item else {
            let message = format!("`[]` of {} and {}", of.type_.name(), index.type_.name());
            self.fault(code::TYPES, at, message, None);
            return None;
        };
        Some(Part::new(Node::Index(Box::new(of.node), Box::new(index.node)), item, at))
    }
}

/// What is asked for by `"contact.phone" in labels`.
fn evidence_path(label: &str) -> String {
    format!("labels[\"{label}\"]")
}
