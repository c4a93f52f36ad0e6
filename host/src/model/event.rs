//! Events: what happened on a platform, as a CloudEvents 1.0 envelope with `data`.
//! Source of the rules: CloudEvents 1.0.2, section 3 (context attributes).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::Timestamp;

/// A valid event. Made by [`Event::parse`] alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The account that is judged.
    pub subject: String,
    /// When it happened, or when it was received where the sender did not say.
    pub time: Timestamp,
    /// Whether the sender gave the time: only then is it part of the fingerprint.
    pub time_sent: bool,
    pub data: Json,
    /// Attributes that CloudEvents leaves to others, such as `traceparent`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extensions: Map<String, Json>,
}

/// The limits of an event, from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct EventBounds {
    pub json_depth_max: usize,
    /// How far in the future `time` may lie, in milliseconds.
    pub ahead_ms_max: i64,
}

/// One thing that is wrong with a request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// A JSON pointer (RFC 6901) into what was sent.
    pub pointer: String,
    /// What is wrong and how to mend it.
    pub detail: String,
    /// Of a document: where in its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<Place>>,
}

/// Where in the text of a document something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// Stable, such as `P003`.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// How many characters it is about, all on `line`.
    pub width: usize,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), place: None }
    }
}

const TEXT_BYTES_MAX: usize = 256;
const KNOWN: [&str; 9] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
];

impl Event {
    /// Checks an envelope in structured mode.
    ///
    /// # Errors
    /// Every fault, not only the first.
    pub fn parse(envelope: Json, bounds: &EventBounds, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let Json::Object(mut envelope) = envelope else {
            return Err(vec![Fault::new(
                "",
                "an event is a JSON object: a CloudEvents 1.0 envelope",
            )]);
        };
        check_version(&envelope, &mut faults);
        let id = text(&mut envelope, "id", &mut faults);
        let source = text(&mut envelope, "source", &mut faults);
        let kind = text(&mut envelope, "type", &mut faults);
        let subject = text(&mut envelope, "subject", &mut faults);
        let sent = time(&mut envelope, bounds, now, &mut faults);
        let data = data(&mut envelope, bounds, &mut faults);
        for name in KNOWN {
            envelope.remove(name);
        }
        check_extensions(&envelope, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            id,
            source,
            kind,
            subject,
            time: sent.unwrap_or(now),
            time_sent: sent.is_some(),
            data,
            extensions: envelope,
        })
    }

    /// The value at a dotted path: `subject`, `data.content`, `data.photos.0`.
    pub fn field(&self, path: &str) -> Option<Field<'_>> {
        let (first, rest) =
            path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let attribute = match first {
            "id" => Some(&self.id),
            "source" => Some(&self.source),
            "type" => Some(&self.kind),
            "subject" => Some(&self.subject),
            _ => None,
        };
        if let Some(attribute) = attribute {
            return rest.is_none().then_some(Field::Attribute(attribute));
        }
        let mut at = match first {
            "data" => &self.data,
            _ => self.extensions.get(first)?,
        };
        for key in rest.into_iter().flat_map(|rest| rest.split('.')) {
            at = match at {
                Json::Array(items) => items.get(key.parse::<usize>().ok()?)?,
                _ => at.get(key)?,
            };
        }
        Some(Field::Json(at))
    }
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    Attribute(&'a str),
    Json(&'a Json),
}

fn check_version(envelope: &Map<String, Json>, faults: &mut Vec<Fault>) {
    match envelope.get("specversion") {
        Some(Json::String(version)) if version == "1.0" => {}
        Some(_) => {
            faults.push(Fault::new("/specversion", "only CloudEvents \"1.0\" is spoken here"))
        }
        None => faults.push(Fault::new("/specversion", "missing: add \"specversion\": \"1.0\"")),
    }
}

fn text(envelope: &mut Map<String, Json>, name: &str, faults: &mut Vec<Fault>) -> String {
    let pointer = format!("/{name}");
    let wrong = match envelope.remove(name) {
        Some(Json::String(text)) if text.is_empty() => "empty: it must name something".to_owned(),
        Some(Json::String(text)) if text.len() > TEXT_BYTES_MAX => {
            format!("{} bytes; {TEXT_BYTES_MAX} are allowed", text.len())
        }
        Some(Json::String(text)) if text.chars().any(char::is_control) => {
            "holds a control character".to_owned()
        }
        Some(Json::String(text)) => return text,
        Some(other) => format!("must be a string, not {}", kind_of(&other)),
        None => match name {
            "subject" => "missing: name the account that is judged".to_owned(),
            _ => "missing: CloudEvents requires it".to_owned(),
        },
    };
    faults.push(Fault::new(pointer, wrong));
    String::new()
}

fn time(
    envelope: &mut Map<String, Json>,
    bounds: &EventBounds,
    now: Timestamp,
    faults: &mut Vec<Fault>,
) -> Option<Timestamp> {
    let mut refuse = |detail: String| {
        faults.push(Fault::new("/time", detail));
        None
    };
    match envelope.remove("time")? {
        Json::String(text) => match Timestamp::parse(&text) {
            Err(_) => refuse("not RFC 3339: write it such as 2026-09-01T09:00:00Z".to_owned()),
            Ok(at) if at > now.plus_millis(bounds.ahead_ms_max) => refuse(format!(
                "in the future by more than {} s: check the sender's clock",
                bounds.ahead_ms_max / 1_000
            )),
            Ok(at) => Some(at),
        },
        other => refuse(format!("must be a string in RFC 3339, not {}", kind_of(&other))),
    }
}

fn data(envelope: &mut Map<String, Json>, bounds: &EventBounds, faults: &mut Vec<Fault>) -> Json {
    if let Some(content_type) = envelope.get("datacontenttype") {
        let json = content_type.as_str().is_some_and(is_json);
        if !json {
            faults.push(Fault::new(
                "/datacontenttype",
                "only JSON data is understood: application/json",
            ));
        }
    }
    if envelope.remove("data_base64").is_some() {
        faults.push(Fault::new(
            "/data_base64",
            "binary data is not understood: send a JSON object as `data`",
        ));
        return Json::Null;
    }
    match envelope.remove("data") {
        Some(data @ Json::Object(_)) => {
            if depth(&data) >= bounds.json_depth_max {
                faults.push(Fault::new(
                    "/data",
                    format!("nested deeper than {} levels", bounds.json_depth_max),
                ));
            }
            data
        }
        Some(other) => {
            faults.push(Fault::new("/data", format!("must be an object, not {}", kind_of(&other))));
            Json::Null
        }
        None => {
            faults.push(Fault::new(
                "/data",
                "missing: it holds what happened, such as {\"content\": \"...\"}",
            ));
            Json::Null
        }
    }
}

/// Whether a media type is JSON, its parameters aside.
pub fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

fn check_extensions(extensions: &Map<String, Json>, faults: &mut Vec<Fault>) {
    for (name, value) in extensions {
        let pointer = || format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !name.bytes().all(plain) || name.is_empty() {
            faults.push(Fault::new(
                pointer(),
                "not an attribute of CloudEvents: names are lower-case letters and digits; facts of the event go into `data`",
            ));
        } else if value.is_object() || value.is_array() || value.is_null() {
            faults.push(Fault::new(pointer(), "an attribute is a string, a number or a boolean"));
        }
    }
}

/// How deep a value nests: 1 for a scalar. The parser bounds it, so recursion is safe.
fn depth(json: &Json) -> usize {
    let below = match json {
        Json::Array(items) => items.iter().map(depth).max(),
        Json::Object(fields) => fields.values().map(depth).max(),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOUNDS: EventBounds = EventBounds { json_depth_max: 32, ahead_ms_max: 300_000 };

    fn parse(envelope: Json) -> Result<Event, Vec<Fault>> {
        Event::parse(envelope, &BOUNDS, Timestamp::parse("2026-09-01T09:00:00Z").unwrap())
    }

    fn good() -> Json {
        json!({
            "specversion": "1.0", "id": "e1", "source": "qwickservices", "type": "message.sent",
            "subject": "user-17", "time": "2026-09-01T08:59:00Z", "traceparent": "00-x",
            "data": {"content": "hello", "photos": ["a", "b"]},
        })
    }

    #[test]
    fn fields_are_found_by_dotted_path() {
        let event = parse(good()).unwrap();
        assert_eq!(event.field("subject"), Some(Field::Attribute("user-17")));
        assert_eq!(event.field("data.photos.1"), Some(Field::Json(&json!("b"))));
        assert_eq!(event.field("traceparent"), Some(Field::Json(&json!("00-x"))));
        assert_eq!(event.field("data.none"), None);
        assert_eq!(event.field("subject.x"), None);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = parse(json!({
            "specversion": "0.3", "id": 7, "source": "", "time": "yesterday",
            "Bad-Name": 1, "nested": {}, "data": [],
        }))
        .unwrap_err();
        let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/specversion",
                "/id",
                "/source",
                "/type",
                "/subject",
                "/time",
                "/data",
                "/Bad-Name",
                "/nested"
            ]
        );
    }

    #[test]
    fn the_far_future_is_refused_and_the_near_is_not() {
        let mut event = good();
        event["time"] = json!("2026-09-01T09:04:59Z");
        assert!(parse(event.clone()).is_ok());
        event["time"] = json!("2026-09-01T09:05:01Z");
        assert_eq!(parse(event).unwrap_err()[0].pointer, "/time");
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |levels: usize| {
            let mut inner = json!("x");
            for _ in 0..levels {
                inner = json!([inner]);
            }
            let mut event = good();
            event["data"] = json!({"deep": inner});
            event
        };
        assert!(parse(nest(29)).is_ok());
        assert_eq!(parse(nest(31)).unwrap_err()[0].pointer, "/data");
    }
}
