//! The tree of a condition, with every name resolved. Plain data: `read` makes it, `run` walks it.

use crate::model::{Input, Timestamp};

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Constant(Constant),
    Variable(Variable),
    /// The item that a macro is at: which macro, from the outermost.
    Item(usize),
    /// Whether the event is on a list, by the place of the list in the policy.
    OnList(usize),
    /// What a feature of the policy says, and its name.
    Feature(Box<Input>, String),
    /// Whether it says anything.
    HasFeature(Box<Input>),
    /// How many accounts had what the signals of a label carry.
    Accounts(Box<Input>),
    Account(AccountField),
    /// The strongest evidence for a label, 0 where there is none.
    Evidence(String),
    /// A field of something whose shape nobody declared.
    Field(Box<Self>, String),
    /// Whether such a field is there.
    Has(Box<Self>, String),
    OfSignal(Box<Self>, SignalField),
    /// An item of a list, or a value by its key.
    Index(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Negate(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Calculate(Operation, Box<Self>, Box<Self>),
    If(Box<[Self; 3]>),
    In(Box<Self>, Box<Self>),
    Items(Vec<Self>),
    Size(Box<Self>),
    TextTest(TextTest, Box<Self>, Box<Self>),
    Clock(ClockPart, Box<Self>),
    Each(Box<Each>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Time(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Score,
    Tier,
    Degraded,
    Signals,
    Labels,
    Id,
    Type,
    Source,
    Subject,
    Time,
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignalField {
    Detector,
    Label,
    Score,
    Confidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockPart {
    /// 0..=23, in UTC.
    Hour,
    /// 0..=6 from Sunday, in UTC.
    DayOfWeek,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountField {
    Strikes,
    Restricted,
    Restrictions,
    Score,
    Tier,
    Trust,
}

/// A macro: something done with each item of a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Each {
    pub kind: EachKind,
    pub list: Node,
    /// What is asked of an item, or made of it.
    pub body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EachKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

impl EachKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exists => "exists",
            Self::ExistsOne => "exists_one",
            Self::Filter => "filter",
            Self::Map => "map",
        }
    }
}

impl Comparison {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it asks for the same and not for an order.
    pub fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::Unequal)
    }
}

impl Operation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

impl TextTest {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
        }
    }
}
