//! Says back each input that it was given, so that a host which reads any part of the interface in
//! another way than at 1.0.0 is found out.

use picket_sdk::prelude::*;
use serde::Deserialize;

#[derive(Inputs)]
pub struct Message {
    #[input("data.content")]
    content: Text,
    #[input("data.urgent")]
    urgent: Option<bool>,
    #[input("data.count")]
    count: Option<i64>,
    #[input("data.amount")]
    amount: Option<f64>,
    #[input("data.photos")]
    photos: Option<Vec<Text>>,
    #[input("data.cents")]
    cents: Option<Vec<i64>>,
    #[input("data.ratios")]
    ratios: Option<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    word: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { word: "cash".to_owned() }
    }
}

/// The detector.
pub struct Witness {
    word: String,
}

impl Detector for Witness {
    type Inputs = Message;
    type Settings = Settings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!().label("safety.witness").label("safety.word").events("message.*")
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        match settings.word.is_empty() {
            true => Err("the word is empty".to_owned()),
            false => Ok(Self { word: settings.word }),
        }
    }

    fn evaluate(&self, event: &Event, message: &Message) -> Result<Vec<Signal>, String> {
        let Message { content, urgent, count, amount, photos, cents, ratios } = message;
        match &**content {
            "fail" => return Err("told to fail".to_owned()),
            "panic" => panic!("told to panic"),
            _ => {}
        }
        let photos = photos.as_deref().unwrap_or_default();
        let said = format!(
            "{} {} {} {urgent:?} {count:?} {amount:?} {} {cents:?} {ratios:?}",
            event.id,
            event.kind,
            event.time_ms,
            photos.iter().map(|photo| &**photo).collect::<Vec<_>>().join("+"),
        );
        let mut witness = Signal::new("safety.witness", 0.1 + 0.2).confidence(1.0 / 3.0).reason(said);
        for photo in photos {
            witness = witness.span(photo.span(0..photo.len()));
        }
        let mut signals = vec![witness];
        if let Some(at) = content.find(&self.word) {
            let word = Signal::new("safety.word", 1.0).reason("the word of the settings");
            let span = content.span(at..at + self.word.len());
            signals.push(word.span(span).entity("word", self.word.to_uppercase()));
        }
        Ok(signals)
    }
}

picket_sdk::export!(Witness);
