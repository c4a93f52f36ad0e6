//! Evaluating a condition. Every visit of a node is a step, and long texts cost more of them, so that
//! no condition and no event makes it slow; the tree is of bounded depth, so recursion is safe.
//!
//! Invariant: the same condition on the same scene gives the same answer or the same failure,
//! everywhere.

mod beyond;
mod compare;

use thiserror::Error;

use super::tree::{ClockPart, Each, EachKind, Node, SignalField, TextTest, Variable};
use super::value::Value;
use crate::model::{Account, Event, Known, Signal};

/// Steps of one condition on one event.
const STEPS_MAX: u32 = 4_096;
/// Bytes of a text that are looked at in one step.
const STEP_BYTES: usize = 256;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// What a condition can see.
#[derive(Debug)]
pub(in crate::policy) struct Scene<'a> {
    pub event: &'a Event,
    /// Those that count, in an order of their own.
    pub signals: Vec<&'a Signal>,
    /// The strongest evidence of each label that has a signal, sorted by label.
    pub labels: Vec<(&'a str, f64)>,
    /// 0..=1, rounded to millionths.
    pub score: f64,
    pub tier: &'a str,
    /// Whether a finding is missing.
    pub degraded: bool,
    /// For each list of the policy, whether the event is on it.
    pub lists: Vec<bool>,
    /// What is known of the past.
    pub known: &'a Known,
    pub account: &'a Account,
    /// The tier of the account's score.
    pub account_tier: &'a str,
}

/// Why a condition has no answer. It quotes nothing of the event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(in crate::policy) enum Failure {
    #[error("there is no `{0}`")]
    Absent(String),
    /// What may have happened, but could not be found out.
    #[error("`{input}` is not known: {why}")]
    Unknown { input: String, why: String },
    #[error("no signal has the label `{0}`")]
    NoEvidence(String),
    #[error("there is no item {0}")]
    NoItem(i64),
    /// A key that was computed, perhaps from what somebody wrote.
    #[error("there is nothing under the key")]
    NoKey,
    #[error("{operation} wants {wanted} and got {found}")]
    WrongType { operation: &'static str, wanted: &'static str, found: &'static str },
    #[error("`{operation}` of {one} and {other}")]
    Mismatch { operation: &'static str, one: &'static str, other: &'static str },
    #[error("it divides by zero")]
    DividesByZero,
    #[error("`%` wants whole numbers")]
    Parts,
    #[error("a number is too large")]
    TooLarge,
    #[error("it takes more than {STEPS_MAX} steps")]
    Spent,
}

/// Whether a condition holds.
pub(super) fn holds(node: &Node, scene: &Scene<'_>) -> Result<bool, Failure> {
    let mut run = Run { scene, items: Vec::new(), made: Vec::new(), steps: 0 };
    let truth = run.value(node).and_then(|value| truth("a condition", &value));
    truth.map_err(|failure| *failure)
}

struct Run<'a> {
    scene: &'a Scene<'a>,
    /// The items that the macros are at, from the outermost.
    items: Vec<Value<'a>>,
    /// The lists that were made, which are few: each of their items took a step.
    made: Vec<Vec<Value<'a>>>,
    steps: u32,
}

/// Boxed, so that what is handed up from node to node stays small.
type Failed = Box<Failure>;

type Evaluated<'a> = Result<Value<'a>, Failed>;

impl<'a> Run<'a> {
    fn value(&mut self, node: &'a Node) -> Evaluated<'a> {
        self.spend(1)?;
        match node {
            Node::Constant(constant) => Ok(constant.into()),
            Node::Variable(variable) => Ok(self.variable(*variable)),
            // Invariant: `read` made this number of an item that is there.
            Node::Item(at) => Ok(self.items.get(*at).copied().unwrap_or(Value::Null)),
            Node::OnList(at) => Ok(Value::Bool(self.scene.lists.get(*at).is_some_and(|on| *on))),
            Node::Feature(input, name) => {
                let says = self.told(input)?;
                says.ok_or_else(|| Failure::Absent(format!("features.{name}")).into())
            }
            Node::HasFeature(input) => Ok(Value::Bool(self.told(input)?.is_some())),
            Node::Accounts(input) => Ok(self.told(input)?.unwrap_or(Value::Int(0))),
            Node::Account(field) => Ok(self.account(*field)),
            Node::Evidence(label) => Ok(Value::Double(self.evidence(label).unwrap_or(0.0))),
            Node::Field(of, field) => {
                let of = self.value(of)?;
                self.key(&of, field)
            }
            Node::Has(of, field) => self.has(of, field),
            Node::OfSignal(of, field) => of_signal(&self.value(of)?, *field),
            Node::Index(of, index) => self.index(of, index),
            Node::Not(of) => Ok(Value::Bool(!truth("`!`", &self.value(of)?)?)),
            Node::Negate(of) => {
                let value = self.value(of)?;
                value.number().ok_or_else(|| wrong("`-`", "a number", &value))?.negate()
            }
            Node::And(one, other) => self.logic("`&&`", false, one, other),
            Node::Or(one, other) => self.logic("`||`", true, one, other),
            Node::Compare(how, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                self.compare(*how, &one, &other).map(Value::Bool)
            }
            Node::Calculate(operation, one, other) => {
                let (one, other) = (self.value(one)?, self.value(other)?);
                match (one.number(), other.number()) {
                    (Some(one), Some(other)) => one.calculate(*operation, other),
                    _ => Err(mismatch(operation.as_str(), &one, &other)),
                }
            }
            Node::If(parts) => {
                let [condition, yes, no] = &**parts;
                let holds = truth("`?`", &self.value(condition)?)?;
                self.value(if holds { yes } else { no })
            }
            Node::In(item, of) => self.is_in(item, of),
            Node::Items(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                Ok(self.make(items?))
            }
            Node::Size(of) => self.size(of),
            Node::TextTest(test, text, part) => self.text_test(*test, text, part),
            Node::Clock(part, of) => clock(*part, &self.value(of)?),
            Node::Each(each) => self.each(each),
        }
    }

    fn spend(&mut self, steps: u32) -> Result<(), Failed> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS_MAX { Err(Failure::Spent.into()) } else { Ok(()) }
    }

    fn spend_bytes(&mut self, bytes: usize) -> Result<(), Failed> {
        self.spend(u32::try_from(bytes / STEP_BYTES).unwrap_or(u32::MAX))
    }

    fn variable(&self, variable: Variable) -> Value<'a> {
        let event = self.scene.event;
        match variable {
            Variable::Score => Value::Double(self.scene.score),
            Variable::Tier => Value::Text(self.scene.tier),
            Variable::Degraded => Value::Bool(self.scene.degraded),
            Variable::Signals => Value::Signals(&self.scene.signals),
            Variable::Labels => Value::Labels(&self.scene.labels),
            Variable::Id => Value::Text(&event.id),
            Variable::Type => Value::Text(&event.kind),
            Variable::Source => Value::Text(&event.source),
            Variable::Subject => Value::Text(&event.subject),
            Variable::Time => Value::Time(event.time),
            Variable::Data => (&event.data).into(),
        }
    }

    fn evidence(&self, label: &str) -> Option<f64> {
        let labels = &self.scene.labels;
        let at = labels.binary_search_by(|(found, _)| (*found).cmp(label)).ok()?;
        Some(labels[at].1)
    }

    /// A value by its key.
    fn key(&self, of: &Value<'a>, key: &str) -> Evaluated<'a> {
        match of {
            Value::Object(fields) => {
                let field = fields.get(key).map(Value::from);
                field.ok_or_else(|| Failure::Absent(key.to_owned()).into())
            }
            Value::Labels(_) => {
                let evidence = self.evidence(key).map(Value::Double);
                evidence.ok_or_else(|| Failure::NoEvidence(key.to_owned()).into())
            }
            other => Err(wrong("a field", "an object", other)),
        }
    }

    /// Total: what cannot have the field does not have it. So `has(a.b.c)` asks for all the way.
    fn has(&mut self, of: &'a Node, field: &str) -> Evaluated<'a> {
        match self.value(of) {
            Ok(Value::Object(fields)) => Ok(Value::Bool(fields.contains_key(field))),
            Ok(_) => Ok(Value::Bool(false)),
            Err(failure) if *failure == Failure::Spent => Err(failure),
            Err(_) => Ok(Value::Bool(false)),
        }
    }

    fn index(&mut self, of: &'a Node, index: &'a Node) -> Evaluated<'a> {
        let written = matches!(index, Node::Constant(_));
        let (of, index) = (self.value(of)?, self.value(index)?);
        match index {
            Value::Text(key) => self.key(&of, key).map_err(|failure| match *failure {
                Failure::Absent(_) | Failure::NoEvidence(_) if !written => Failure::NoKey.into(),
                _ => failure,
            }),
            Value::Int(at) if self.length(of).is_some() => {
                let item = usize::try_from(at).ok().and_then(|at| self.item(of, at));
                item.ok_or_else(|| Failure::NoItem(at).into())
            }
            _ => Err(mismatch("[]", &of, &index)),
        }
    }

    /// `&&` and `||`: where one side decides, it does not matter that the other has no answer.
    fn logic(
        &mut self,
        operation: &'static str,
        decides: bool,
        one: &'a Node,
        other: &'a Node,
    ) -> Evaluated<'a> {
        let one = self.value(one).and_then(|value| truth(operation, &value));
        match &one {
            Ok(is) if *is == decides => return Ok(Value::Bool(decides)),
            Err(failure) if **failure == Failure::Spent => return one.map(Value::Bool),
            _ => {}
        }
        let other = truth(operation, &self.value(other)?)?;
        match one {
            Err(failure) if other != decides => Err(failure),
            _ => Ok(Value::Bool(other)),
        }
    }

    /// How many characters, keys or items.
    fn size(&mut self, of: &'a Node) -> Evaluated<'a> {
        let of = self.value(of)?;
        let size = match of {
            Value::Text(text) => {
                self.spend_bytes(text.len())?;
                Some(text.chars().count())
            }
            Value::Object(fields) => Some(fields.len()),
            Value::Labels(labels) => Some(labels.len()),
            _ => self.length(of),
        };
        let size = size.ok_or_else(|| wrong("size", "a text, a list or an object", &of))?;
        i64::try_from(size).map(Value::Int).map_err(|_| Failure::TooLarge.into())
    }

    fn make(&mut self, list: Vec<Value<'a>>) -> Value<'a> {
        self.made.push(list);
        Value::Made(self.made.len() - 1)
    }

    /// How many items a list has; `None` where it is none.
    fn length(&self, of: Value<'a>) -> Option<usize> {
        match of {
            Value::Array(items) => Some(items.len()),
            Value::Made(list) => self.made.get(list).map(Vec::len),
            Value::Signals(signals) => Some(signals.len()),
            _ => None,
        }
    }

    /// An item of a list.
    fn item(&self, of: Value<'a>, at: usize) -> Option<Value<'a>> {
        match of {
            Value::Array(items) => items.get(at).map(Value::from),
            Value::Made(list) => self.made.get(list)?.get(at).copied(),
            Value::Signals(signals) => signals.get(at).map(|signal| Value::Signal(signal)),
            _ => None,
        }
    }

    fn text_test(&mut self, test: TextTest, text: &'a Node, part: &'a Node) -> Evaluated<'a> {
        let (text, part) = (self.value(text)?, self.value(part)?);
        let (Value::Text(text), Value::Text(part)) = (&text, &part) else {
            return Err(mismatch(test.as_str(), &text, &part));
        };
        self.spend_bytes(text.len())?;
        Ok(Value::Bool(match test {
            TextTest::Contains => text.contains(part),
            TextTest::StartsWith => text.starts_with(part),
            TextTest::EndsWith => text.ends_with(part),
        }))
    }

    fn each(&mut self, each: &'a Each) -> Evaluated<'a> {
        let list = self.value(&each.list)?;
        let length = self.length(list).ok_or_else(|| wrong(each.kind.as_str(), "a list", &list))?;
        let (mut found, mut kept, mut failed) = (0_usize, Vec::new(), None);
        for at in 0..length {
            self.spend(1)?;
            let Some(item) = self.item(list, at) else { break };
            self.items.push(item);
            let made = self.value(&each.body);
            self.items.pop();
            if each.kind == EachKind::Map {
                kept.push(made?);
                continue;
            }
            match (made.and_then(|made| truth(each.kind.as_str(), &made)), each.kind) {
                (Ok(true), EachKind::Exists) => return Ok(Value::Bool(true)),
                (Ok(false), EachKind::All) => return Ok(Value::Bool(false)),
                (Ok(true), EachKind::Filter) => kept.push(item),
                (Ok(holds), _) => found += usize::from(holds),
                // As with `&&` and `||`, another item may decide.
                (Err(failure), EachKind::Exists | EachKind::All) if *failure != Failure::Spent => {
                    failed.get_or_insert(failure);
                }
                (Err(failure), _) => return Err(failure),
            }
        }
        match (failed, each.kind) {
            (Some(failure), _) => Err(failure),
            (None, EachKind::All) => Ok(Value::Bool(true)),
            (None, EachKind::Exists) => Ok(Value::Bool(false)),
            (None, EachKind::ExistsOne) => Ok(Value::Bool(found == 1)),
            (None, EachKind::Filter | EachKind::Map) => Ok(self.make(kept)),
        }
    }
}

fn of_signal<'a>(of: &Value<'a>, field: SignalField) -> Evaluated<'a> {
    let Value::Signal(signal) = of else { return Err(wrong("a field", "a signal", of)) };
    Ok(match field {
        SignalField::Detector => Value::Text(&signal.detector),
        SignalField::Label => Value::Text(&signal.label),
        SignalField::Score => Value::Double(signal.score),
        SignalField::Confidence => Value::Double(signal.confidence),
    })
}

fn clock<'a>(part: ClockPart, of: &Value<'a>) -> Evaluated<'a> {
    let Value::Time(time) = of else { return Err(wrong("a clock", "a time", of)) };
    let hours = time.micros().div_euclid(MICROS_PER_HOUR);
    Ok(Value::Int(match part {
        ClockPart::Hour => hours.rem_euclid(24),
        // 1970 began on a Thursday.
        ClockPart::DayOfWeek => (hours.div_euclid(24) + 4).rem_euclid(7),
    }))
}

fn truth(operation: &'static str, value: &Value<'_>) -> Result<bool, Failed> {
    match value {
        Value::Bool(is) => Ok(*is),
        other => Err(wrong(operation, "a boolean", other)),
    }
}

#[cold]
fn wrong(operation: &'static str, wanted: &'static str, found: &Value<'_>) -> Failed {
    Failure::WrongType { operation, wanted, found: found.kind() }.into()
}

#[cold]
fn mismatch(operation: &'static str, one: &Value<'_>, other: &Value<'_>) -> Failed {
    Failure::Mismatch { operation, one: one.kind(), other: other.kind() }.into()
}
