//! What a server is asked for: every answer that reads the record, with each way of narrowing it down.

use picket::model::DecisionId;
use serde_json::{Value, json};

use crate::{SUBJECTS, delivery_of};

/// What stands in the record and has to be named.
#[derive(Debug, Clone)]
pub struct Known {
    pub newest: DecisionId,
    /// The version of `contact-email`.
    pub version: String,
    /// Entries of the audit log.
    pub log_size: u64,
}

/// Where one asks.
type Path = dyn Fn(u64, Option<&str>) -> String;

/// One thing to ask for.
pub struct Ask {
    pub title: String,
    /// As the document of the API has it.
    pub route: &'static str,
    /// Where, by the round and the page after which to go on.
    pub path: Box<Path>,
    /// What is posted; `None`: it is a GET.
    pub body: Option<Value>,
    /// Whose key asks: of this source alone; `None`: of all.
    pub bound_to: Option<&'static str>,
}

/// Answers that read no list: texts of the program, files of detectors, what a folder or one server knows, all
/// that is held on a person, and a capsule, which is made of one decision with all its detectors.
pub const ELSEWHERE: [&str; 11] = [
    "/",
    "/openapi.json",
    "/metrics",
    "/health/live",
    "/health/ready",
    "/v1/decisions/{id}/capsule",
    "/v1/detectors/{name}/uploads/{digest}",
    "/v1/detectors/{name}/versions/{version}/file",
    "/v1/detectors/{name}/versions/{version}/log",
    "/v1/subjects/{source}/{subject}/export",
    "/v1/reversals/{id}",
];

pub fn all(known: &Known) -> Vec<Ask> {
    let mut asks = decisions();
    asks.extend(deliveries());
    asks.extend(cases());
    asks.extend(holds_and_alerts());
    asks.extend(of_one(known));
    asks.extend(subjects());
    asks.extend(audit(known));
    asks
}

/// One who did much and one who did little, in turn.
fn somebody(round: u64) -> u64 {
    if round.is_multiple_of(2) { 1 } else { round * 97 % SUBJECTS }
}

/// A list that is paged through by `after`, or from the beginning again.
fn list(title: &str, route: &'static str, query: String) -> Ask {
    let path = move |_, after: Option<&str>| match after {
        Some(after) => format!("{route}?limit=50{query}&after={after}"),
        None => format!("{route}?limit=50{query}"),
    };
    Ask { title: title.to_owned(), route, path: Box::new(path), body: None, bound_to: None }
}

/// Always the same.
fn plain(route: &'static str, path: String) -> Ask {
    Ask {
        title: path.clone(),
        route,
        path: Box::new(move |_, _| path.clone()),
        body: None,
        bound_to: None,
    }
}

/// By every set of filters; by sources that have much, had much and are unknown; and by a detector that finds
/// often and one that finds seldom.
fn decisions() -> Vec<Ask> {
    let sources = ["", "&source=market", "&source=left", "&source=nobody"];
    let tiers = ["", "&tier=high", "&tier=low"];
    let detectors = ["", "&detector=contact-email", "&detector=contact-link"];
    let mut asks = Vec::new();
    for [source, tier, detector] in sources
        .into_iter()
        .flat_map(|source| tiers.map(|tier| [source, tier]))
        .flat_map(|[source, tier]| detectors.map(|detector| [source, tier, detector]))
    {
        let query = format!("{source}{tier}{detector}");
        asks.push(list(&format!("decisions {query}"), "/v1/decisions", query.clone()));
        // Another account each time, so a page of its own.
        let title = format!("decisions {query}&subject=...");
        let path = move |round, _: Option<&str>| {
            format!("/v1/decisions?limit=50{query}&subject=user-{}", somebody(round))
        };
        asks.push(Ask {
            title,
            route: "/v1/decisions",
            path: Box::new(path),
            body: None,
            bound_to: None,
        });
    }
    asks
}

fn deliveries() -> Vec<Ask> {
    let mut asks = Vec::new();
    for source in ["", "&source=market", "&source=left", "&source=nobody"] {
        for state in ["", "&state=dead", "&state=pending", "&state=erased", "&state=delivered"] {
            let query = format!("{source}{state}");
            asks.push(list(&format!("deliveries {query}"), "/v1/deliveries", query));
        }
    }
    asks
}

fn cases() -> Vec<Ask> {
    let mut asks = Vec::new();
    for source in ["", "&source=market", "&source=left", "&source=nobody"] {
        for state in ["", "&state=open", "&state=resolved", "&state=overturned"] {
            let query = format!("{source}{state}");
            asks.push(list(&format!("cases {query}"), "/v1/cases", query.clone()));
            let path = move |round, _: Option<&str>| {
                format!("/v1/cases?limit=50{query}&subject=user-{}", somebody(round))
            };
            asks.push(Ask {
                title: format!("cases {source}{state}&subject=..."),
                route: "/v1/cases",
                path: Box::new(path),
                body: None,
                bound_to: None,
            });
        }
    }
    asks
}

fn holds_and_alerts() -> Vec<Ask> {
    let mut asks = Vec::new();
    for source in [None, Some("market"), Some("left")] {
        let title = format!("holds, by a key of {}", source.unwrap_or("all"));
        let ask = list(&title, "/v1/holds", String::new());
        asks.push(Ask { bound_to: source, ..ask });
    }
    asks.push(list("alerts", "/v1/alerts", String::new()));
    asks.push(list("alerts &before=...", "/v1/alerts", "&before=00005000".to_owned()));
    asks
}

fn of_one(known: &Known) -> Vec<Ask> {
    let Known { newest, version, .. } = known;
    vec![
        plain("/v1/decisions/{id}", format!("/v1/decisions/{newest}")),
        plain("/v1/decisions/{id}/ruling", format!("/v1/decisions/{newest}/ruling")),
        plain("/v1/cases/{id}", format!("/v1/cases/{newest}")),
        plain("/v1/cases/{id}", "/v1/cases/00000000-0000-7000-8000-000000000012".to_owned()),
        plain("/v1/deliveries/{id}", format!("/v1/deliveries/{}", delivery_of(*newest))),
        plain("/v1/destinations", "/v1/destinations".to_owned()),
        plain("/v1/detectors", "/v1/detectors".to_owned()),
        plain("/v1/detectors/{name}", "/v1/detectors/contact-email".to_owned()),
        plain("/v1/detectors/{name}/versions", "/v1/detectors/contact-email/versions".to_owned()),
        plain(
            "/v1/detectors/{name}/versions/{version}",
            format!("/v1/detectors/contact-email/versions/{version}"),
        ),
        plain(
            "/v1/detectors/{name}/versions/{version}/diff",
            format!("/v1/detectors/contact-email/versions/{version}/diff"),
        ),
        plain("/v1/policies", "/v1/policies".to_owned()),
        plain("/v1/policies/{name}", "/v1/policies/market".to_owned()),
        plain("/v1/policies/{name}/{version}", "/v1/policies/market/1".to_owned()),
        plain("/v1/policies/{name}/{version}/file", "/v1/policies/market/1/file".to_owned()),
        plain("/v1/policies/{name}/{version}/trial", "/v1/policies/market/1/trial".to_owned()),
        plain("/v1/sources", "/v1/sources".to_owned()),
        plain("/v1/sources/{source}/mode/preview", "/v1/sources/market/mode/preview".to_owned()),
        plain("/v1/keys", "/v1/keys".to_owned()),
        list("reversals", "/v1/reversals", String::new()),
        list("erasures", "/v1/erasures", String::new()),
        Ask {
            title: "erasures, somewhere among them".to_owned(),
            route: "/v1/erasures",
            path: Box::new(|round, _| format!("/v1/erasures?limit=50&after={}", round * 197)),
            body: None,
            bound_to: None,
        },
    ]
}

fn subjects() -> Vec<Ask> {
    let asked: Vec<String> = (1..=1_000).map(|number| format!("user-{}", number * 19)).collect();
    vec![
        Ask {
            title: "a subject".to_owned(),
            route: "/v1/subjects/{source}/{subject}",
            path: Box::new(|round, _| format!("/v1/subjects/market/user-{}", somebody(round))),
            body: None,
            bound_to: None,
        },
        Ask {
            title: "may each of 1,000 subjects do this?".to_owned(),
            route: "/v1/restrictions/check",
            path: Box::new(|_, _| "/v1/restrictions/check".to_owned()),
            body: Some(json!({"source": "market", "subjects": asked})),
            bound_to: None,
        },
    ]
}

fn audit(known: &Known) -> Vec<Ask> {
    let Known { newest, log_size: size, .. } = *known;
    let somewhere = move |round: u64| round * 4_999 % size;
    vec![
        Ask {
            title: "audit entries".to_owned(),
            route: "/v1/audit",
            path: Box::new(move |round, _| {
                format!("/v1/audit?limit=100&after={}", somewhere(round))
            }),
            body: None,
            bound_to: None,
        },
        Ask {
            title: "audit entries about one thing".to_owned(),
            route: "/v1/audit",
            path: Box::new(|round, _| format!("/v1/audit?limit=100&object=n-{}", round * 911 + 1)),
            body: None,
            bound_to: None,
        },
        plain("/v1/audit/checkpoint", "/v1/audit/checkpoint".to_owned()),
        Ask {
            title: "consistency of two sizes of the audit log".to_owned(),
            route: "/v1/audit/consistency",
            path: Box::new(move |round, _| {
                format!("/v1/audit/consistency?old={}&new={size}", somewhere(round) + 1)
            }),
            body: None,
            bound_to: None,
        },
        plain("/v1/audit/proof/{id}", format!("/v1/audit/proof/{newest}")),
        Ask {
            title: "a tile of the audit log".to_owned(),
            route: "/v1/audit/tile/{level}/{index}",
            path: Box::new(|round, _| format!("/v1/audit/tile/0/{:03}", round % 3 + 1)),
            body: None,
            bound_to: None,
        },
        Ask {
            title: "a tile of its entries".to_owned(),
            route: "/v1/audit/tile/{level}/{index}",
            path: Box::new(|round, _| format!("/v1/audit/tile/entries/{:03}", round % 3 + 1)),
            body: None,
            bound_to: None,
        },
    ]
}
