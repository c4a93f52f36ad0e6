//! Says what it is told of the past, and joins a number that was split over messages: the fixture with which
//! features, recent values and lists are tested.

use picket_sdk::prelude::*;

/// What it reads.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
    #[input(list = "known")]
    known: Option<bool>,
    #[input(count, by = "subject", window_s = 3600, events = ["message.*"])]
    count: Option<i64>,
    #[input(sum = "data.amount", by = "subject", window_s = 3600)]
    sum: Option<f64>,
    #[input(mean = "data.amount", by = "subject", window_s = 3600)]
    mean: Option<f64>,
    #[input(distinct = "data.to", by = "subject", window_s = 3600)]
    distinct: Option<i64>,
    #[input(distinct = "subject", by = "data.to", window_s = 3600)]
    senders: Option<i64>,
    #[input(first_seen, by = "subject", window_s = 3600)]
    first: Option<i64>,
    #[input(last_seen = "data.to", by = "data.to", window_s = 3600)]
    last: Option<i64>,
    #[input(recent = "data.content", by = "data.thread", last = 3, window_s = 3600)]
    recent: Option<Vec<Text>>,
}

/// The detector.
pub struct Past;

/// Digits of a telephone number.
const DIGITS: usize = 10;

impl Detector for Past {
    type Inputs = Message;
    type Settings = NoSettings;

    fn manifest() -> Manifest {
        Manifest::new("past", "1.0.0")
            .summary("Says what it is told of the past.")
            .label("safety.past")
            .label("contact.phone")
            .events("message.*")
    }

    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let recent = message.recent.as_deref().unwrap_or_default();
        let told = Signal::new("safety.past", 0.1).reason(format!(
            "known {} count {} sum {} mean {} distinct {} senders {} first {} last {} recent {}",
            said(message.known),
            said(message.count),
            said(message.sum),
            said(message.mean),
            said(message.distinct),
            said(message.senders),
            said(message.first),
            said(message.last),
            recent.len()
        ));
        let mut signals = vec![told];
        let texts = || recent.iter().chain([&message.content]);
        let number: String = texts().flat_map(|text| digits(text)).collect();
        if number.len() == DIGITS && digits(&message.content).next().is_some() {
            let parts = texts().filter(|text| digits(text).next().is_some());
            let mut signal = Signal::new("contact.phone", 0.9)
                .reason(format!("a number in parts, the last in {:?}", &*message.content))
                .entity("phone", &number);
            for part in parts {
                signal = signal.span(part.span(0..part.len()));
            }
            signals.push(signal);
        }
        Ok(signals)
    }
}

fn said<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn digits(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(char::is_ascii_digit)
}

picket_sdk::export!(Past);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_case_says_what_is_known() {
        let harness = Harness::<Past>::new().unwrap();
        harness.golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
        let silent = harness.text("call me");
        assert!(
            silent.signals[0].reason.starts_with("known none count 0 sum 0 mean none distinct 0")
        );
    }

    #[test]
    #[should_panic(expected = "no input is called `count by thread`")]
    fn what_no_input_is_called_is_refused() {
        let known = BTreeMap::from([("count by thread".to_owned(), 1.into())]);
        let event = serde_json::json!({"data": {"content": "x"}});
        Harness::<Past>::new().unwrap().event_knowing(&event, &known);
    }
}
