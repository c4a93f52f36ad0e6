//! Reading a condition: from the tree of the `cel` crate's parser to one whose names are resolved and
//! whose types are checked as far as they can be known. Only the parser of the crate is used: its
//! evaluator has no bound on steps or sizes.
//!
//! Each part is visited in the order of the text, so that its place can be found among the tokens.

mod beyond;
mod calls;
mod domains;
mod macros;
mod names;
mod signs;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue};
use cel::parser::Parser;

use super::tokens::{self, Kind, Token};
use super::tree::{Constant, Node};
use super::types::{Declared, TEXT, Type};
use super::{Asks, Expression, Fault};
use crate::policy::diagnostic::code;

/// How deep a condition nests, in calls, fields and signs.
const DEPTH_MAX: usize = 48;

/// Reads a condition and checks it. `None` only where a fault was reported.
pub(super) fn read(
    text: &str,
    declared: &Declared<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Expression> {
    let tokens = match tokens::scan(text) {
        Ok(tokens) => tokens,
        Err((at, message)) => {
            let hint = "say it in several rules".to_owned();
            faults.push(Fault::error(code::TOO_LARGE, at, message, Some(hint)));
            return None;
        }
    };
    let tree = match Parser::new().parse(text) {
        Ok(tree) => tree,
        Err(errors) => {
            faults.extend(errors.errors.first().map(|first| syntax(text, first.pos, &first.msg)));
            return None;
        }
    };
    let mut reader = Reader {
        text,
        tokens,
        next: 0,
        declared,
        depth: 0,
        items: Vec::new(),
        labels: BTreeSet::new(),
        lists: BTreeSet::new(),
        asks: Asks::default(),
        guards: HashSet::new(),
        unsure: Vec::new(),
        faults: Vec::new(),
    };
    let whole = reader.part(&tree);
    if let Some(whole) = &whole
        && !whole.type_.may_be(&Type::Bool)
    {
        let message = format!("a condition is true or false, and this is {}", whole.type_.name());
        let hint = "compare it with something: `score >= 0.645`".to_owned();
        reader.fault(code::TYPES, whole.at.clone(), message, hint);
    }
    reader.warn_of_the_unsure();
    let good = reader.faults.iter().all(|fault| !fault.is_error);
    faults.append(&mut reader.faults);
    let node = whole.filter(|_| good)?.node;
    let labels = reader.labels.into_iter().collect();
    Some(Expression { node, labels, lists: reader.lists.into_iter().collect(), asks: reader.asks })
}

/// A condition that is being read.
struct Reader<'r> {
    text: &'r str,
    tokens: Vec<Token>,
    /// The first token that belongs to no part yet.
    next: usize,
    declared: &'r Declared<'r>,
    depth: usize,
    /// What the macros around call their items.
    items: Vec<(String, Type)>,
    /// The labels that are named.
    labels: BTreeSet<String>,
    /// The lists that are named, by their places.
    lists: BTreeSet<usize>,
    /// What is asked beyond the event and its findings.
    asks: Asks,
    /// What is asked for before it is used, as it is written.
    guards: HashSet<String>,
    /// What may not be there, as it is written.
    unsure: Vec<Unsure>,
    faults: Vec<Fault>,
}

/// Something that is used and may not be there.
struct Unsure {
    path: String,
    at: Range<usize>,
    /// The label, where it is the evidence for one.
    label: Option<String>,
}

/// A part that was understood.
struct Part {
    node: Node,
    type_: Type,
    at: Range<usize>,
    /// As it is written, if it is a path into the event.
    path: Option<String>,
}

impl Part {
    fn new(node: Node, type_: Type, at: Range<usize>) -> Self {
        Self { node, type_, at, path: None }
    }

    /// The text, if it is one that stands in the condition.
    fn constant(&self) -> Option<&str> {
        match &self.node {
            Node::Constant(Constant::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl<'r> Reader<'r> {
    fn part(&mut self, part: &IdedExpr) -> Option<Part> {
        self.depth += 1;
        let read = match self.depth > DEPTH_MAX {
            true => {
                let message = format!("the condition nests deeper than {DEPTH_MAX} levels");
                let hint =
                    "a chain such as `a + b + c` nests by its length: say it in several rules";
                self.fault(code::TOO_LARGE, 0..self.text.len(), message, hint.to_owned());
                None
            }
            false => self.shallow(part),
        };
        self.depth -= 1;
        read
    }

    fn shallow(&mut self, part: &IdedExpr) -> Option<Part> {
        match &part.expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.select(&select.operand, &select.field, select.test),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(&list.elements),
            Expr::Comprehension(each) => self.each(each),
            Expr::Map(_) | Expr::Struct(_) => {
                let at = self.sign("{");
                self.beyond("a map", at)
            }
            Expr::Unspecified => self.beyond("this", 0..self.text.len()),
        }
    }

    fn literal(&mut self, literal: &LiteralValue) -> Option<Part> {
        let number = |constant| (constant, Type::Number, Kind::Number);
        let (constant, type_, kind) = match literal {
            LiteralValue::Null => (Constant::Null, Type::Null, Kind::Word),
            LiteralValue::Boolean(is) => (Constant::Bool(*is.inner()), Type::Bool, Kind::Word),
            LiteralValue::Int(int) => number(Constant::Int(*int.inner())),
            LiteralValue::Double(double) => number(Constant::Double(*double.inner())),
            LiteralValue::String(text) => {
                (Constant::Text(text.inner().to_owned()), TEXT, Kind::Text)
            }
            LiteralValue::UInt(_) => {
                let at = self.token(|token, _| token.kind == Kind::Number);
                return self.beyond("an unsigned number", at);
            }
            LiteralValue::Bytes(_) => {
                let at = self.token(|token, _| token.kind == Kind::Text);
                return self.beyond("a text of bytes", at);
            }
        };
        let at = match kind {
            Kind::Word => {
                let word = match constant {
                    Constant::Null => "null",
                    Constant::Bool(true) => "true",
                    _ => "false",
                };
                self.word(word)
            }
            _ => self.token(|token, _| token.kind == kind),
        };
        Some(Part::new(Node::Constant(constant), type_, at))
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Option<Part> {
        let open = self.sign("[");
        let parts: Vec<Option<Part>> = elements.iter().map(|element| self.part(element)).collect();
        let end = self.tokens.get(self.next).map_or(self.text.len(), |token| token.at.end);
        let parts: Vec<Part> = parts.into_iter().collect::<Option<_>>()?;
        let type_ = parts.iter().map(|part| part.type_.clone()).reduce(Type::or);
        let type_ = Type::list(type_.unwrap_or(Type::Any));
        let nodes = parts.into_iter().map(|part| part.node).collect();
        Some(Part::new(Node::Items(nodes), type_, open.start..end.max(open.end)))
    }

    /// Refuses what CEL has and rules have not.
    fn beyond<T>(&mut self, what: &str, at: Range<usize>) -> Option<T> {
        let hint = "rules know numbers, texts, booleans, null, times and lists".to_owned();
        self.fault(code::CONDITION, at, format!("{what} cannot stand in a rule"), hint);
        None
    }

    /// Where the next word of this name stands.
    fn word(&mut self, word: &str) -> Range<usize> {
        self.token(|token, text| token.kind == Kind::Word && text == word)
    }

    fn sign(&mut self, sign: &str) -> Range<usize> {
        self.token(|token, text| token.kind == Kind::Sign && text == sign)
    }

    /// Where the next token of a kind stands: it and those before it are then behind. What cannot be
    /// found is somewhere in the condition.
    fn token(&mut self, is: impl Fn(&Token, &str) -> bool) -> Range<usize> {
        let mut rest = self.tokens[self.next..].iter();
        let found = rest.position(|token| is(token, &self.text[token.at.clone()]));
        found.map_or(0..self.text.len(), |at| {
            self.next += at + 1;
            self.tokens[self.next - 1].at.clone()
        })
    }

    fn fault(
        &mut self,
        code: &'static str,
        at: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.faults.push(Fault::error(code, at, message.into(), hint.into()));
    }

    /// An item is taken of a list, which may have none: on most events there is no signal at all.
    fn warn_of_item(&mut self, at: Range<usize>) {
        if self.text.contains("size(") {
            return;
        }
        let message = "the rule fails where the list has no such item";
        let hint = "ask all of them: `signals.exists(s, s.score > 0.9)`; or first how many there are: \
            `size(signals) > 0 && ...`";
        let fault = Fault::error(code::UNSURE, at, message.to_owned(), Some(hint.to_owned()));
        self.faults.push(Fault { is_error: false, ..fault });
    }

    /// What is used without being asked for: where an event lacks it, the rule fails.
    fn warn_of_the_unsure(&mut self) {
        for Unsure { path, at, label } in std::mem::take(&mut self.unsure) {
            let guarded = |guard: &String| {
                guard
                    .strip_prefix(&path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if self.guards.iter().any(guarded) {
                continue;
            }
            let (message, hint) = match label {
                Some(label) => (
                    format!("the rule fails where no signal has the label `{label}`"),
                    format!("write `evidence(\"{label}\")`, which is 0 then"),
                ),
                None => (
                    format!("nothing is known of `{path}`: the rule fails where an event lacks it"),
                    format!("ask first: `has({path}) && ...`"),
                ),
            };
            self.faults.push(Fault {
                is_error: false,
                ..Fault::error(code::UNSURE, at, message, Some(hint))
            });
        }
    }
}

/// What the parser says, at its place: line and column from 1, in characters.
fn syntax(text: &str, (line, column): (isize, isize), message: &str) -> Fault {
    let line = usize::try_from(line).unwrap_or(0);
    let column = usize::try_from(column).unwrap_or(0);
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[before..];
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    let start = before + within;
    let end = text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    let said = message.strip_prefix("Syntax error: ").unwrap_or(message);
    // The parser lists every token that would have done.
    let said = said.split(" expecting {").next().unwrap_or(said);
    let (said, place) = match line {
        0 => ("it is not understood", 0..text.len()),
        _ => (said, start..end),
    };
    let said = said.replace("mismatched input '<EOF>'", "something is missing at its end");
    let hint = match text[start..].starts_with('=') && !text[start..].starts_with("==") {
        true => "two values are compared by `==`",
        false => "a condition is an expression of CEL, such as `tier == \"low\" && score > 0.2`",
    };
    Fault::error(
        code::CONDITION,
        place,
        format!("the condition is no CEL: {said}"),
        Some(hint.to_owned()),
    )
}
