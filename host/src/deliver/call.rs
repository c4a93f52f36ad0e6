//! The channel of short messages: the HTTP call by which a provider sends one.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::connect::{Connections, Lookup, OURSELVES, connections};
use super::http::{Answer, exchange};
use super::mail::password;
use super::wording::Wording;
use crate::config::{CALL_PLACES, Sms};
use crate::model::{AttemptOutcome, DeliveryId, Outgoing, Template};

/// Characters of a short message: ten parts, as providers take at most.
const TEXT_CHARS_MAX: usize = 1_600;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// One provider, and what is called there.
pub(super) struct Call {
    client: Connections,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    sms: Sms,
    wording: Wording,
    patience: Duration,
}

impl Call {
    /// # Errors
    /// What the configuration says and cannot be done. No secret is quoted.
    pub fn new(sms: &Sms, patience: Duration, lookup: Lookup) -> Result<Self, String> {
        let (client, uri) = connections(&sms.endpoint(), lookup)?;
        let kind = match sms.form {
            Some(_) => "application/x-www-form-urlencoded",
            None => "application/json",
        };
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static(kind)),
            (USER_AGENT, HeaderValue::from_static(OURSELVES)),
        ]);
        let mut add = |name: HeaderName, value: &str| {
            let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            headers.insert(name, value);
            Ok::<(), String>(())
        };
        for (name, value) in &sms.headers {
            add(HeaderName::try_from(name).map_err(|error| error.to_string())?, value)?;
        }
        let password = password(&sms.password, sms.password_file.as_deref())?;
        if let Some((user, password)) = sms.user.as_ref().zip(password) {
            let both = Zeroizing::new(format!("{user}:{}", password.as_str()));
            let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())));
            add(AUTHORIZATION, &basic)?;
        }
        Ok(Self {
            client,
            uri,
            method: sms.method.parse().map_err(|_| "`method` is POST or PUT".to_owned())?,
            headers,
            sms: sms.clone(),
            wording: Wording::of(&sms.telling),
            patience,
        })
    }

    /// Sends all of these as one message, once.
    pub async fn send(&self, id: &DeliveryId, told: &[Outgoing]) -> Answer {
        let text = match self.wording.of_all(told) {
            Ok((_, text)) => cut(text),
            Err(error) => return Answer::unreadable(error),
        };
        let to = told.first().and_then(|one| one.notice.as_ref()).map_or("", |it| &it.to);
        let fill = |template: &str| {
            Template::lenient(template, &CALL_PLACES).render(|place| match place {
                "to" => to.to_owned(),
                "text" => text.clone(),
                _ => id.to_string(),
            })
        };
        let body = match (&self.sms.form, &self.sms.json) {
            (Some(form), _) => form_body(form, fill),
            (None, json) => {
                json.as_ref().map_or_else(String::new, |json| filled(json, &fill).to_string())
            }
        };
        let mut request = Request::new(Full::<Bytes>::from(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let id = HeaderValue::from_str(id.as_str()).expect("an id is plain ASCII");
        request.headers_mut().insert(IDEMPOTENCY_KEY, id);
        exchange(&self.client, request, self.patience, |status| {
            let status = status.as_u16();
            match self.sms.succeeds(status) {
                true => (AttemptOutcome::Delivered, None),
                false => (AttemptOutcome::Refused, Some(format!("it answered {status}"))),
            }
        })
        .await
    }
}

/// A text within [`TEXT_CHARS_MAX`], which shows where something is left out.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        let kept = text[..end].char_indices().next_back().map_or(0, |(last, _)| last);
        text.truncate(kept);
        text.push('…');
    }
    text
}

fn form_body(form: &BTreeMap<String, String>, fill: impl Fn(&str) -> String) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = form.iter().map(|(key, value)| format!("{}={}", encode(key), encode(&fill(value))));
    pairs.collect::<Vec<_>>().join("&")
}

/// The same JSON with what belongs in the places of its texts.
fn filled(json: &Json, fill: &dyn Fn(&str) -> String) -> Json {
    match json {
        Json::String(text) => fill(text).into(),
        Json::Array(items) => items.iter().map(|item| filled(item, fill)).collect(),
        Json::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), filled(value, fill))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_shows_that_it_goes_on() {
        let text = |count: usize| "é".repeat(count);
        assert_eq!(cut(text(TEXT_CHARS_MAX)), text(TEXT_CHARS_MAX));
        assert_eq!(cut(text(TEXT_CHARS_MAX + 1)), text(TEXT_CHARS_MAX - 1) + "…");
    }
}
