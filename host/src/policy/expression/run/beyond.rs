//! What is known beyond the event and its findings: its past, and how the account stands.

use super::super::tree::AccountField;
use super::super::value::Value;
use super::{Failed, Failure, Run, Scene};
use crate::model::{Input, Told};

impl<'a> Run<'a> {
    /// What an input about the past says; `None` where it says nothing. One that could not be found out is
    /// no answer, whoever asks: taken for nothing it would look like an account without a past.
    pub(super) fn told(&self, input: &Input) -> Result<Option<Value<'a>>, Failed> {
        Ok(match self.scene.known.of(input) {
            Some(Told::Unknown(why)) => {
                return Err(Failure::Unknown { input: input.in_full(), why: why.clone() }.into());
            }
            Some(Told::Integer(integer)) => Some(Value::Int(*integer)),
            Some(Told::Number(number)) if number.is_finite() => Some(Value::Double(*number)),
            Some(Told::Number(_) | Told::Absent | Told::Boolean(_) | Told::Recent(_)) | None => {
                None
            }
        })
    }

    pub(super) fn account(&mut self, field: AccountField) -> Value<'a> {
        let Scene { account, account_tier, .. } = *self.scene;
        match field {
            AccountField::Strikes => Value::Int(i64::from(account.strikes)),
            AccountField::Restricted => Value::Bool(!account.restrictions.is_empty()),
            AccountField::Restrictions => {
                let names = account.restrictions.iter().map(|action| Value::Text(action.as_str()));
                self.make(names.collect())
            }
            AccountField::Score => Value::Double(account.score.as_f64()),
            AccountField::Tier => Value::Text(account_tier),
            AccountField::Trust => Value::Double(account.trust.as_f64()),
        }
    }
}
