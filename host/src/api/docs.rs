//! The description of the API, generated from the handlers: as OpenAPI 3.1, and as a page.

use std::fmt::Write as _;

use axum::Json;
use axum::response::Html;
use serde_json::Value;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::detectors::{log, stage, trial, upload, versions};
use super::{
    alerts, audit, batch, cases, decisions, deliveries, destinations, detectors, events, health,
    holds, keys, policies, profiles, replays, reversals, rulings, sources, subjects,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Picket",
        description = "A detection engine for marketplaces: post events, get decisions. Errors are RFC 9457 problems with a stable `type`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        events::post, batch::post, decisions::list, decisions::get, replays::capsule, replays::post, replays::range, rulings::get,
        rulings::put, reversals::preview, reversals::post, reversals::list, reversals::get, deliveries::list, deliveries::replay_all, deliveries::get, deliveries::replay,
        cases::list, cases::get, cases::rule, destinations::list, destinations::enable,
        detectors::list, detectors::get,
        stage::roll_back, upload::arrived, versions::list, upload::put, versions::get, trial::diff,
        versions::file, log::get, stage::put, alerts::list, alerts::acknowledge, policies::list, policies::versions::list, policies::send::put, policies::stage::roll_back,
        policies::versions::get, policies::versions::file, policies::stage::put, policies::trial::get,
        sources::list, sources::set_mode, sources::preview, profiles::get, profiles::check, subjects::export, subjects::erase, subjects::erasures, holds::list, holds::post, holds::release, keys::list, keys::revoke,
        audit::list, audit::checkpoint, audit::proof::consistency, audit::proof::get, audit::tile::get, health::metrics, health::live, health::ready, json, page
    ),
    components(schemas(crate::model::Webhook, crate::model::AlertHook, events::Tried, upload::Arrived, super::Problem)),
    security(("key" = [])),
    modifiers(&Key)
)]
struct Description;

struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        components
            .add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The OpenAPI document.
pub fn document() -> Document {
    Description::openapi()
}

/// Read the OpenAPI document
#[utoipa::path(
    get, path = "/openapi.json", tag = "docs",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn json() -> Json<Document> {
    Json(document())
}

/// Read this page
#[utoipa::path(
    get, path = "/", tag = "docs",
    responses((status = 200, description = "The API for people", body = String, content_type = "text/html"))
)]
pub(super) async fn page() -> Html<String> {
    let document = serde_json::to_value(document()).unwrap_or_default();
    Html(render(&document))
}

/// The document as one page without script: what there is, what goes in, what comes out.
fn render(document: &Value) -> String {
    let mut out = String::from(HEAD);
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let info = &document["info"];
    let _ = write!(
        out,
        "<header><h1>{} <small>{}</small></h1><p>{}</p><p>Send <code>Authorization: Bearer &lt;key&gt;</code>. \
         The same as JSON: <a href=\"/openapi.json\">/openapi.json</a>.</p></header><nav aria-label=\"Endpoints\"><ul>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"])
    );
    let operations = operations(document);
    for (method, path, operation) in &operations {
        let _ = write!(
            out,
            "<li><a href=\"#{}\"><code>{} {}</code></a> {}</li>",
            anchor(method, path),
            method.to_uppercase(),
            escape(path),
            text(&operation["summary"])
        );
    }
    out.push_str("</ul></nav><main>");
    for (method, path, operation) in &operations {
        let _ = write!(
            out,
            "<section id=\"{}\"><h2><code>{} {}</code></h2><p><b>{}.</b> {}</p>",
            anchor(method, path),
            method.to_uppercase(),
            escape(path),
            text(&operation["summary"]),
            text(&operation["description"])
        );
        parameters(&mut out, &operation["parameters"]);
        responses(&mut out, &operation["responses"]);
        out.push_str("</section>");
    }
    out.push_str("<h2>Shapes</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        shape(&mut out, name, schema);
    }
    out.push_str("</main></body></html>\n");
    out
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let each = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    each.filter(|(method, ..)| ["get", "put", "post", "delete"].contains(method)).collect()
}

fn parameters(out: &mut String, parameters: &Value) {
    let Some(list) = parameters.as_array().filter(|list| !list.is_empty()) else { return };
    out.push_str("<table><caption>Parameters</caption><tr><th>name<th>where<th>meaning</tr>");
    for parameter in list {
        let text = |key: &str| escape(parameter[key].as_str().unwrap_or_default());
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}<td>{}</tr>",
            text("name"),
            text("in"),
            text("description")
        );
    }
    out.push_str("</table>");
}

fn responses(out: &mut String, responses: &Value) {
    out.push_str("<table><caption>Answers</caption><tr><th>status<th>meaning<th>body</tr>");
    for (status, response) in responses.as_object().into_iter().flatten() {
        let contents = response["content"].as_object().into_iter().flatten();
        let bodies: Vec<String> = contents.map(|(_, content)| kind(&content["schema"])).collect();
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td>{}</tr>",
            escape(status),
            escape(response["description"].as_str().unwrap_or_default()),
            bodies.join(", ")
        );
    }
    out.push_str("</table>");
}

fn shape(out: &mut String, name: &str, schema: &Value) {
    let _ = write!(
        out,
        "<section id=\"shape-{0}\"><h3>{0}</h3><p>{1}</p>",
        escape(name),
        escape(schema["description"].as_str().unwrap_or_default())
    );
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("<code>{}</code>", escape(word.as_str().unwrap_or_default())))
            .collect();
        let _ = write!(out, "<p>One of {}.</p>", words.join(", "));
    }
    if let Some(properties) = schema["properties"].as_object() {
        out.push_str("<table><tr><th>field<th>type<th>meaning</tr>");
        for (field, property) in properties {
            let _ = write!(
                out,
                "<tr><td><code>{}</code><td>{}<td>{}</tr>",
                escape(field),
                kind(property),
                escape(property["description"].as_str().unwrap_or_default())
            );
        }
        out.push_str("</table>");
    }
    out.push_str("</section>");
}

/// A schema in a few words, linked to its shape.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    for key in ["oneOf", "allOf", "anyOf"] {
        if let Some(options) = schema[key].as_array() {
            return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => escape(name),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            escape(&names.join(" or "))
        }
        _ => String::new(),
    }
}

fn anchor(method: &str, path: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("{method}{}", path.chars().map(plain).collect::<String>())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Picket API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
:root{--line:#8886;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem}
h1 small{font-weight:400;opacity:.7}h2{margin-top:2.5rem;font-size:1.15rem}
code{background:var(--soft);padding:.1em .3em;border-radius:.25em;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.5rem 0}caption{text-align:left;font-weight:600}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid var(--line);padding:.3rem .5rem .3rem 0}
nav ul{list-style:none;padding:0}nav li{padding:.15rem 0}section:target{background:var(--soft)}
</style></head><body>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Route, routes};

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = serde_json::to_value(document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut described: Vec<String> = operations(&document)
            .into_iter()
            .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
            .collect();
        // OpenAPI has no word for a parameter that holds slashes.
        let path = |route: &Route| route.path.replace("{*", "{");
        let mut routed: Vec<String> =
            routes().iter().map(|route| format!("{} {}", route.method, path(route))).collect();
        described.sort();
        routed.sort();
        assert_eq!(described, routed);
    }

    #[test]
    fn the_page_names_every_endpoint_and_escapes_what_it_shows() {
        let page = render(&serde_json::to_value(document()).unwrap());
        assert!(page.contains("<code>POST /v1/events/batch</code>"));
        assert!(page.contains("id=\"shape-Decision\""));
        assert_eq!(escape("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }
}
