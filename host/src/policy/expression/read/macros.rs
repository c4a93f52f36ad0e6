//! The macros, which the parser has taken apart into loops.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr, operators};

use super::super::tree::{Each, EachKind, Node};
use super::super::types::Type;
use super::{Part, Reader};
use crate::policy::diagnostic::code;

impl Reader<'_> {
    pub(super) fn each(&mut self, each: &ComprehensionExpr) -> Option<Part> {
        let Some(written) = macro_of(each) else {
            return self.beyond("such a macro", 0..self.text.len());
        };
        let list = self.part(&each.iter_range)?;
        let item = match &list.type_ {
            Type::Any => Type::Any,
            Type::List(item) => (**item).clone(),
            other => {
                let (name, other) = (written.kind.as_str(), other.name());
                let message = format!("`{name}` wants a list, and this is {other}");
                self.fault(code::TYPES, list.at, message, None);
                return None;
            }
        };
        self.word(&each.iter_var);
        self.items.push((each.iter_var.clone(), item.clone()));
        let filter = written.filter.map(|filter| self.part(filter));
        let body = self.part(written.body);
        self.items.pop();
        let end = self.sign(")").end;
        let at = list.at.start..end;
        let (filter, body) = (filter.map_or(Some(None), |filter| filter.map(Some))?, body?);
        let mut list = list.node;
        if let Some(filter) = filter {
            self.want("filter", &Type::Bool, &filter)?;
            list = Node::Each(Box::new(Each { kind: EachKind::Filter, list, body: filter.node }));
        }
        let type_ = match written.kind {
            EachKind::Map => Type::list(body.type_.clone()),
            EachKind::Filter => Type::list(item),
            EachKind::All | EachKind::Exists | EachKind::ExistsOne => Type::Bool,
        };
        if written.kind != EachKind::Map {
            self.want(written.kind.as_str(), &Type::Bool, &body)?;
        }
        let node = Node::Each(Box::new(Each { kind: written.kind, list, body: body.node }));
        Some(Part::new(node, type_, at))
    }
}

/// A macro as it was written.
struct Written<'e> {
    kind: EachKind,
    /// Of `map` with three arguments.
    filter: Option<&'e IdedExpr>,
    body: &'e IdedExpr,
}

/// Puts together again what the parser took apart: each macro has a loop of its own shape.
fn macro_of(each: &ComprehensionExpr) -> Option<Written<'_>> {
    let Expr::Call(step) = &each.loop_step.expr else { return None };
    let collects = matches!(each.accu_init.expr, Expr::List(_));
    let plain = |kind, body| Some(Written { kind, filter: None, body });
    match (step.func_name.as_str(), step.args.as_slice()) {
        (operators::LOGICAL_OR, [_, body]) => plain(EachKind::Exists, body),
        (operators::LOGICAL_AND, [_, body]) => plain(EachKind::All, body),
        (operators::CONDITIONAL, [body, _, _]) if !collects => plain(EachKind::ExistsOne, body),
        (operators::CONDITIONAL, [filter, then, _]) => {
            let made = made_of(then)?;
            match &made.expr {
                Expr::Ident(name) if *name == each.iter_var => plain(EachKind::Filter, filter),
                _ => Some(Written { kind: EachKind::Map, filter: Some(filter), body: made }),
            }
        }
        (operators::ADD, _) if collects => plain(EachKind::Map, made_of(&each.loop_step)?),
        _ => None,
    }
}

/// The one item that a step adds to what was collected.
fn made_of(step: &IdedExpr) -> Option<&IdedExpr> {
    let Expr::Call(call) = &step.expr else { return None };
    match call.args.as_slice() {
        [_, IdedExpr { expr: Expr::List(list), .. }] => list.elements.first(),
        _ => None,
    }
}
