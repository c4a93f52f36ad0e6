//! Short messages: the HTTP call that has one sent. The form of most providers fits.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::destination::Destination;
use super::each;
use super::secrets::Secrets;
use super::telling::{Telling, Told};
use crate::model::Template;

/// What the body of a call may say.
pub const CALL_PLACES: [&str; 3] = ["to", "text", "id"];
/// Bytes of one value of a body, as it is written.
const VALUE_BYTES_MAX: usize = 4 << 10;

/// Whom a source writes short messages to, and by which call.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// `https://...`
    pub url: String,
    /// `POST` unless written; `PUT` is the other.
    #[serde(default = "post")]
    pub method: String,
    /// What each call carries besides.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body as a form: `{ To = "{to}", From = "+15550100", Body = "{text}" }`.
    pub form: Option<BTreeMap<String, String>>,
    /// Or as JSON, of any shape, with such places in its texts.
    pub json: Option<Json>,
    /// As whom the provider knows us (HTTP's `Basic`); left out where a header says it.
    pub user: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// The password itself, for where the configuration comes from the environment.
    #[serde(default, skip_serializing)]
    pub password: Secrets,
    /// The statuses by which it is delivered; empty: any from 200 to 299.
    #[serde(default)]
    pub success: Vec<u16>,
    /// As of destinations.
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub allow_http: bool,
    #[serde(default)]
    pub allow_private: bool,
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Whom, of what, in which words and when. In the file its keys stand beside the others.
    #[serde(skip)]
    pub telling: Telling,
}

fn post() -> String {
    "POST".to_owned()
}

impl fmt::Debug for Sms {
    /// Without the values of headers and body, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sms")
            .field("endpoint", &self.endpoint())
            .field("method", &self.method)
            .field("form", &self.form.as_ref().map(|form| form.keys().collect::<Vec<_>>()))
            .field("password_file", &self.password_file)
            .field("password", &self.password)
            .field("success", &self.success)
            .field("telling", &self.telling)
            .finish_non_exhaustive()
    }
}

impl Sms {
    /// Where it is called, by the rules that hold for all that is posted.
    pub fn endpoint(&self) -> Destination {
        Destination {
            headers: self.headers.clone(),
            allow_http: self.allow_http,
            allow_private: self.allow_private,
            allow_networks: self.allow_networks.clone(),
            ..Destination::plain(self.url.clone(), self.ca_file.clone())
        }
    }

    /// Whether this status says that it is delivered.
    pub fn succeeds(&self, status: u16) -> bool {
        match self.success.is_empty() {
            true => (200..300).contains(&status),
            false => self.success.contains(&status),
        }
    }

    fn check(&self) -> Result<(), String> {
        self.endpoint().check()?;
        if !["POST", "PUT"].contains(&self.method.as_str()) {
            return Err("`method` is POST or PUT".to_owned());
        }
        if self.form.is_some() == self.json.is_some() {
            return Err("say what is sent, and once: `form` or `json`".to_owned());
        }
        let mut texts: Vec<&str> = self.form.iter().flatten().map(|(_, text)| &**text).collect();
        self.json.iter().for_each(|json| each_text(json, &mut texts));
        let mut places = Vec::new();
        for text in texts {
            let parsed = Template::parse(text, &CALL_PLACES);
            let Some(template) = parsed.ok().filter(|_| text.len() <= VALUE_BYTES_MAX) else {
                return Err(format!(
                    "a value of the body is longer than {VALUE_BYTES_MAX} bytes, or has a place that \
                     it cannot have: those are {{to}}, {{text}} and {{id}}, and {{{{ stands for a brace"
                ));
            };
            places.extend(template.places());
        }
        if !["to", "text"].iter().all(|needed| places.contains(needed)) {
            return Err("the body has to say both {to} and {text}".to_owned());
        }
        let passwords = self.password.iter().count() + usize::from(self.password_file.is_some());
        if passwords > 1 || (passwords == 1) != self.user.is_some() {
            return Err(
                "`user` goes with one password, in `password_file` or `password`".to_owned()
            );
        }
        if self.user.is_some()
            && self.headers.keys().any(|it| it.eq_ignore_ascii_case("authorization"))
        {
            return Err(
                "`user` and a header `Authorization` both say who calls: leave one out".into()
            );
        }
        if self.success.iter().any(|status| !(200..600).contains(status)) {
            return Err("`success` holds statuses from 200 to 599".to_owned());
        }
        self.telling.check(false)
    }
}

/// The texts of a JSON value, wherever they stand.
fn each_text<'a>(json: &'a Json, texts: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| each_text(item, texts)),
        Json::Object(map) => map.values().for_each(|item| each_text(item, texts)),
        _ => {}
    }
}

/// One for each source, or a list.
pub(super) fn by_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<Sms>>, D::Error> {
    let all: BTreeMap<String, Vec<Told<Sms>>> = each::by_source(deserializer)?;
    let one = |Told { by, telling }: Told<Sms>| Sms { telling: telling.named("sms"), ..by };
    let all = all.into_iter();
    Ok(all.map(|(source, all)| (source, all.into_iter().map(one).collect())).collect())
}

/// What is wrong with the first that something is wrong with.
pub(super) fn check_all(all: &BTreeMap<String, Vec<Sms>>) -> Option<String> {
    let mut each = all.iter().flat_map(|(source, all)| all.iter().map(move |one| (source, one)));
    each.find_map(|(source, one)| {
        let problem = one.check().err()?;
        Some(format!("`sms.{source}`: {problem}"))
    })
}
