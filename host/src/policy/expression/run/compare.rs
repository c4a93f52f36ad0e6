//! Whether two values are the same, which is greater, and whether one is among others.

use super::super::tree::{Comparison, Node};
use super::super::value::Value;
use super::{Evaluated, Failed, Run, mismatch};

impl<'a> Run<'a> {
    pub(super) fn compare(
        &mut self,
        how: Comparison,
        one: &Value<'a>,
        other: &Value<'a>,
    ) -> Result<bool, Failed> {
        if how.is_equality() {
            return Ok(self.equal(one, other)? == (how == Comparison::Equal));
        }
        let order = match (one, other) {
            (Value::Text(one), Value::Text(other)) => {
                self.spend_bytes(one.len().min(other.len()))?;
                Some(one.cmp(other))
            }
            (Value::Time(one), Value::Time(other)) => Some(one.cmp(other)),
            _ => match (one.number(), other.number()) {
                (Some(one), Some(other)) => one.compare(other),
                _ => None,
            },
        };
        let order = order.ok_or_else(|| mismatch(how.as_str(), one, other))?;
        Ok(match how {
            Comparison::Less => order.is_lt(),
            Comparison::AtMost => order.is_le(),
            Comparison::More => order.is_gt(),
            _ => order.is_ge(),
        })
    }

    /// Whether two are the same. What is of another type is another thing; objects are not compared.
    fn equal(&mut self, one: &Value<'a>, other: &Value<'a>) -> Result<bool, Failed> {
        Ok(match (one, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Time(one), Value::Time(other)) => one == other,
            (Value::Text(one), Value::Text(other)) => {
                self.spend_bytes(one.len().min(other.len()))?;
                one == other
            }
            (Value::Object(_) | Value::Signal(_) | Value::Labels(_), _)
                if one.kind() == other.kind() =>
            {
                return Err(mismatch("==", one, other));
            }
            _ => match (self.length(*one), self.length(*other), one.number(), other.number()) {
                (_, _, Some(one), Some(other)) => one.compare(other).is_some_and(|it| it.is_eq()),
                (Some(length), Some(other_length), ..) if length == other_length => {
                    return self.equal_items(one, other, length);
                }
                _ => false,
            },
        })
    }

    fn equal_items(
        &mut self,
        one: &Value<'a>,
        other: &Value<'a>,
        length: usize,
    ) -> Result<bool, Failed> {
        for at in 0..length {
            self.spend(1)?;
            if let (Some(one), Some(other)) = (self.item(*one, at), self.item(*other, at))
                && !self.equal(&one, &other)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn is_in(&mut self, item: &'a Node, of: &'a Node) -> Evaluated<'a> {
        let item = self.value(item)?;
        if let Node::Items(nodes) = of {
            // A list that stands in the condition need not be made.
            for node in nodes {
                let one = self.value(node)?;
                if self.equal(&one, &item)? {
                    return Ok(Value::Bool(true));
                }
            }
            return Ok(Value::Bool(false));
        }
        let of = self.value(of)?;
        if let (Value::Text(key), Value::Object(_) | Value::Labels(_)) = (&item, &of) {
            return Ok(Value::Bool(match &of {
                Value::Object(fields) => fields.contains_key(*key),
                _ => self.evidence(key).is_some(),
            }));
        }
        let length = self.length(of).ok_or_else(|| mismatch("in", &item, &of))?;
        for at in 0..length {
            self.spend(1)?;
            if let Some(one) = self.item(of, at)
                && self.equal(&one, &item)?
            {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }
}
