//! Ids of what leaves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{DecisionId, DestinationId, Scope};

/// What stands in place of a scope where it is about an event.
const NOTICE: &str = "notice";
/// And where it is about an alert, whose id then stands in place of a decision's.
const ALERT: &str = "alert";
const RESOLVED: &str = "resolved";

/// The id of something that leaves. It follows from what it is about, so that whoever gets it twice
/// can tell: of an action it is the decision's id, a point, and the scope. What people say of it later has
/// the same and a number: `….message.1` takes it back, `….message.2` has it again. Where it is for a
/// destination with a name, that comes after the scope: `….message.audit.1`. What is said of an event by itself
/// is `….notice` and the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, example = "019926c5-7a90-7e51-b2a4-30f1c51a2f0d.message")]
pub struct DeliveryId(String);

impl DeliveryId {
    pub fn of_action(decision: DecisionId, scope: Scope) -> Self {
        Self(format!("{decision}.{}", scope.as_str()))
    }

    /// The `word`-th that people had to say of an action, from 1.
    pub fn of_word(decision: DecisionId, scope: Scope, word: u32) -> Self {
        Self(format!("{decision}.{}.{word}", scope.as_str()))
    }

    /// Of what is told of an event by itself; complete with the name of a destination.
    pub fn of_notice(decision: DecisionId) -> Self {
        Self(format!("{decision}.{NOTICE}"))
    }

    /// Of what is told of an alert: that it was raised, or is resolved.
    pub(super) fn of_alert(alert: DecisionId, resolved: bool) -> Self {
        let about = if resolved { RESOLVED } else { ALERT };
        Self(format!("{alert}.{about}"))
    }

    /// The same for a destination of this name; empty: the one that has none.
    #[must_use]
    pub fn to(&self, name: &str) -> Self {
        // Invariant: a decision's id and a scope hold no point, and a number is no name.
        let mut parts = self.0.splitn(3, '.');
        let (decision, scope, word) = (parts.next(), parts.next(), parts.next());
        let named = Some(name).filter(|name| !name.is_empty());
        let parts: Vec<&str> = [decision, scope, named, word].into_iter().flatten().collect();
        Self(parts.join("."))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not the id of a delivery: <decision>.<scope>, and then, where they are \
                 needed, .<destination> and .<number>"
            )
        };
        let (decision, rest) = text.split_once('.').ok_or_else(wrong)?;
        let decision: DecisionId = decision.parse().map_err(|_| wrong())?;
        let mut parts = rest.split('.').peekable();
        let about = parts.next().unwrap_or_default();
        let name = parts.next_if(|part| DestinationId::is_name(part));
        let (word, end) = (parts.next(), parts.next());
        if [ALERT, RESOLVED].contains(&about) {
            let id = Self::of_alert(decision, about == RESOLVED).to(name.unwrap_or_default());
            return (id.0 == text).then_some(id).ok_or_else(wrong);
        }
        if about == NOTICE {
            let id = name.map(|name| Self::of_notice(decision).to(name)).ok_or_else(wrong)?;
            return (id.0 == text).then_some(id).ok_or_else(wrong);
        }
        let scope = Scope::ALL.into_iter().find(|known| known.as_str() == about);
        let scope = scope.ok_or_else(wrong)?;
        let id = match word {
            None => Self::of_action(decision, scope),
            Some(word) => Self::of_word(decision, scope, word.parse().map_err(|_| wrong())?),
        };
        let id = id.to(name.unwrap_or_default());
        // A number has one form, so an id does.
        let good = id.0 == text && word != Some("0") && end.is_none();
        good.then_some(id).ok_or_else(wrong)
    }
}
