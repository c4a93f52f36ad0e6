//! Finds runs of digits as long as a phone number.

use picket_sdk::prelude::*;

/// What it is given of an event. Without a content there is nothing to judge.
#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
}

pub struct Digits;

impl Detector for Digits {
    type Inputs = Message;
    type Settings = NoSettings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!().label("contact.phone").events("message.*")
    }

    /// Tables and automata are built here, once; this detector needs none.
    fn configure(_: NoSettings) -> Result<Self, String> {
        Ok(Self)
    }

    fn evaluate(&self, _: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let content = message.content.as_bytes();
        let (mut signals, mut at) = (Vec::new(), 0);
        while at < content.len() {
            let Some(run) = run_at(content, at) else {
                at += 1;
                continue;
            };
            at = run.end;
            let digits: String =
                message.content[run.clone()].chars().filter(char::is_ascii_digit).collect();
            if (7..=15).contains(&digits.len()) {
                let signal = Signal::new("contact.phone", 0.8)
                    .confidence(0.6)
                    .reason("A run of digits as long as a phone number.")
                    .span(message.content.span(run))
                    .entity("phone", digits);
                signals.push(signal);
            }
        }
        Ok(signals)
    }
}

picket_sdk::export!(Digits);

/// The digits from here on, with at most two separators between one and the next.
fn run_at(content: &[u8], start: usize) -> Option<std::ops::Range<usize>> {
    content.get(start).filter(|byte| byte.is_ascii_digit())?;
    let mut end = start + 1;
    while let Some(next) = content[end..].iter().take(3).position(u8::is_ascii_digit) {
        if !content[end..end + next].iter().all(|byte| b" .()-".contains(byte)) {
            break;
        }
        end += next + 1;
    }
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let harness = Harness::<Digits>::new().unwrap();
        harness.golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    }
}
