//! The events of a run. Each follows from the run's seed and its own number, so that the same event can
//! be sent again long after, and nothing but a number has to be remembered of it.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// The platforms that the events are of.
pub const SOURCES: [&str; 2] = ["qwickservices", "fairtradeworker"];

/// Accounts of which many events meet, and accounts of which hardly two do.
const FEW: u32 = 12;
const MANY: u32 = 10_000;

const MESSAGES: [&str; 6] = [
    "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?",
    "Call me on 415-555-0142 and we arrange the rest",
    "write me, four one five, five five five, zero one four two",
    "Can we do it off the site? Bank transfer is cheaper for both of us",
    "my mail is someone at example dot com, same name as here",
    "Thanks, see you on Friday",
];

/// All events of one run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    seed: u64,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The id of an event.
    pub fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.seed)
    }

    /// Which event an id is of, if it is of this run.
    pub fn number(&self, id: &str) -> Option<u64> {
        let (seed, number) = id.split_once('-')?;
        (u64::from_str_radix(seed, 16) == Ok(self.seed)).then(|| number.parse().ok())?
    }

    /// The event as it is sent.
    pub fn event(&self, number: u64) -> Value {
        let mut chance = self.chance(number);
        let source = SOURCES[usize::from(chance.random_ratio(1, 5))];
        let subject = match chance.random::<bool>() {
            true => format!("few-{}", chance.random_range(0..FEW)),
            false => format!("many-{}", chance.random_range(0..MANY)),
        };
        let content = MESSAGES.choose(&mut chance).copied().unwrap_or_default();
        json!({
            "specversion": "1.0", "id": self.id(number), "source": source, "type": "message.sent",
            "subject": subject, "time": "2026-09-01T09:00:00Z",
            "data": {"content": content, "thread_id": format!("t-{}", number % 97), "recipient": "user-1"},
        })
    }

    /// Another event under the same id, which must be refused.
    pub fn forged(&self, number: u64) -> Value {
        let mut event = self.event(number);
        event["data"]["content"] = json!("something else altogether");
        event
    }

    fn chance(&self, number: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_follows_from_seed_and_number() {
        let plan = Plan::new(0xabc);
        assert_eq!(plan.event(7), Plan::new(0xabc).event(7));
        assert_ne!(plan.event(7), plan.event(8));
        assert_ne!(plan.event(7), plan.forged(7));
        assert_eq!(plan.event(7)["id"], plan.forged(7)["id"]);
        assert_eq!(plan.number(&plan.id(7)), Some(7));
        assert_eq!(plan.number("abd-7"), None);
        assert_eq!(plan.number("abc"), None);
    }
}
