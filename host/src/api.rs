//! HTTP: requests in, words of the domain through, JSON out. With the console the only place that
//! names axum. What is decided and recorded is `ingest`'s business.

mod alerts;
mod audit;
mod batch;
mod cases;
mod decisions;
mod deliveries;
mod destinations;
mod detectors;
mod docs;
mod error;
mod events;
mod form;
mod guard;
mod health;
mod holds;
mod keys;
mod linger;
mod policies;
mod profiles;
mod replays;
mod request;
mod reversals;
mod rulings;
mod serve;
mod sources;
mod subjects;

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::auth::{Access, Auth};
use crate::config::Config;
use crate::engine::Engine;
use crate::ingest::Ingest;
use crate::keeper::Checkpoints;
use crate::registry::Registry;
use crate::replay::Replayer;
use crate::reverse::Reverser;
use crate::store::Store;
use crate::telemetry::Metrics;

pub use alerts::Alert;
pub use audit::proof::Consistency;
pub use cases::{CaseDetail, CaseRuled, Cases};
pub use deliveries::{Deliveries, DeliveryDetail, ReplayedAll};
pub use destinations::DestinationDetail;
pub use detectors::{
    Arrived, DetectorDetail, DetectorVersion, Diff, Stands, TrialSums, VersionDetail,
};
pub use docs::document;
pub use error::{ApiError, Problem};
pub use holds::Holds;
pub use policies::{Policies, PolicyCompared, PolicyDetail, PolicyStatus, PolicyVersions};
pub use serve::serve;

use detectors::Uploads;
use guard::RateLimits;

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    store: Store,
    registry: Arc<Registry>,
    ingest: Ingest,
    replayer: Arc<Replayer>,
    reverser: Arc<Reverser>,
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    auth: Auth,
    checkpoints: Arc<Checkpoints>,
    rates: RateLimits,
    uploads: Arc<Uploads>,
    /// Requests in flight, all routes together.
    requests: Semaphore,
}

/// What `app` hands over.
pub struct Parts {
    pub config: Arc<Config>,
    pub store: Store,
    pub registry: Arc<Registry>,
    pub ingest: Ingest,
    pub replayer: Arc<Replayer>,
    pub reverser: Arc<Reverser>,
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
    pub auth: Auth,
    pub checkpoints: Arc<Checkpoints>,
}

impl Api {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            config,
            store,
            registry,
            ingest,
            replayer,
            reverser,
            engine,
            metrics,
            auth,
            checkpoints,
        } = parts;
        Self(Arc::new(Inner {
            rates: RateLimits::new(config.rate_per_second, config.rate_burst),
            uploads: Uploads::new(&config),
            requests: Semaphore::new(config.concurrent_requests_max),
            config,
            store,
            registry,
            ingest,
            replayer,
            reverser,
            engine,
            metrics,
            auth,
            checkpoints,
        }))
    }
}

/// A way in: method, path, and what the caller must be allowed.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// `None` is open to everybody: health alone.
    pub access: Option<Access>,
    handler: MethodRouter<Api>,
}

/// Every way in. There is no other list: a route without a rule cannot be written.
pub fn routes() -> Vec<Route> {
    use Access::{
        AcknowledgeAlerts, DryRun, EnableDestinations, EraseSubjects, ExportSubjects, HoldSubjects,
        MoveDetectors, MovePolicies, PostEvents, PublishDetectors, PublishPolicies, ReadAlerts,
        ReadAudit, ReadCapsules, ReadDecisions, ReadDeliveries, ReadDetectors, ReadDocs,
        ReadErasures, ReadFiles, ReadHolds, ReadKeys, ReadMetrics, ReadPolicies, ReadSources,
        ReadSubjects, ReadTrials, Replay, ReplayDeliveries, Reverse, RevokeKeys, Rule, SetMode,
    };
    use detectors::{log, stage, trial, upload, versions};
    vec![
        // Whoever may only try out is told so by the handler, which knows the query.
        route("POST", "/v1/events", DryRun, events::post),
        route("POST", "/v1/events/batch", PostEvents, batch::post),
        route("GET", "/v1/decisions", ReadDecisions, decisions::list),
        route("GET", "/v1/decisions/{id}", ReadDecisions, decisions::get),
        route("GET", "/v1/decisions/{id}/capsule", ReadCapsules, replays::capsule),
        route("POST", "/v1/decisions/{id}/replay", Replay, replays::post),
        route("GET", "/v1/decisions/{id}/ruling", ReadDecisions, rulings::get),
        route("PUT", "/v1/decisions/{id}/ruling", Rule, rulings::put),
        route("GET", "/v1/cases", ReadDecisions, cases::list),
        route("GET", "/v1/cases/{id}", ReadDecisions, cases::get),
        route("PUT", "/v1/cases/{id}/ruling", Rule, cases::rule),
        route("POST", "/v1/replays", Replay, replays::range),
        route("GET", "/v1/reversals", ReadTrials, reversals::list),
        route("POST", "/v1/reversals", Reverse, reversals::post),
        route("POST", "/v1/reversals/preview", ReadTrials, reversals::preview),
        route("GET", "/v1/reversals/{id}", ReadTrials, reversals::get),
        route("GET", "/v1/deliveries", ReadDeliveries, deliveries::list),
        route("POST", "/v1/deliveries/replay", ReplayDeliveries, deliveries::replay_all),
        route("GET", "/v1/deliveries/{id}", ReadDeliveries, deliveries::get),
        route("POST", "/v1/deliveries/{id}/replay", ReplayDeliveries, deliveries::replay),
        route("GET", "/v1/destinations", ReadDeliveries, destinations::list),
        route("POST", "/v1/destinations/{source}/enable", EnableDestinations, destinations::enable),
        route("GET", "/v1/detectors", ReadDetectors, detectors::list),
        route("GET", "/v1/detectors/{name}", ReadDetectors, detectors::get),
        route("POST", "/v1/detectors/{name}/rollback", MoveDetectors, stage::roll_back),
        route("GET", "/v1/detectors/{name}/uploads/{digest}", PublishDetectors, upload::arrived),
        route("GET", "/v1/detectors/{name}/versions", ReadDetectors, versions::list),
        route("PUT", "/v1/detectors/{name}/versions", PublishDetectors, upload::put),
        route("GET", "/v1/detectors/{name}/versions/{version}", ReadDetectors, versions::get),
        route("GET", "/v1/detectors/{name}/versions/{version}/diff", ReadTrials, trial::diff),
        route("GET", "/v1/detectors/{name}/versions/{version}/file", ReadFiles, versions::file),
        route("GET", "/v1/detectors/{name}/versions/{version}/log", ReadTrials, log::get),
        route("PUT", "/v1/detectors/{name}/versions/{version}/stage", MoveDetectors, stage::put),
        route("GET", "/v1/alerts", ReadAlerts, alerts::list),
        route("POST", "/v1/alerts/{id}/acknowledge", AcknowledgeAlerts, alerts::acknowledge),
        route("GET", "/v1/policies", ReadPolicies, policies::list),
        route("GET", "/v1/policies/{name}", ReadPolicies, policies::versions::list),
        route("PUT", "/v1/policies/{name}", PublishPolicies, policies::send::put),
        route("POST", "/v1/policies/{name}/rollback", MovePolicies, policies::stage::roll_back),
        route("GET", "/v1/policies/{name}/{version}", ReadPolicies, policies::versions::get),
        route("GET", "/v1/policies/{name}/{version}/file", ReadPolicies, policies::versions::file),
        route("PUT", "/v1/policies/{name}/{version}/stage", MovePolicies, policies::stage::put),
        route("GET", "/v1/policies/{name}/{version}/trial", ReadTrials, policies::trial::get),
        route("GET", "/v1/sources", ReadSources, sources::list),
        route("PUT", "/v1/sources/{source}/mode", SetMode, sources::set_mode),
        route("GET", "/v1/sources/{source}/mode/preview", ReadSources, sources::preview),
        route("GET", "/v1/subjects/{source}/{subject}", ReadSubjects, profiles::get),
        route("POST", "/v1/restrictions/check", ReadSubjects, profiles::check),
        route("GET", "/v1/subjects/{source}/{subject}/export", ExportSubjects, subjects::export),
        route("POST", "/v1/subjects/{source}/{subject}/erase", EraseSubjects, subjects::erase),
        route("GET", "/v1/erasures", ReadErasures, subjects::erasures),
        route("GET", "/v1/holds", ReadHolds, holds::list),
        route("POST", "/v1/holds", HoldSubjects, holds::post),
        route("POST", "/v1/holds/{id}/release", HoldSubjects, holds::release),
        route("GET", "/v1/keys", ReadKeys, keys::list),
        route("DELETE", "/v1/keys/{id}", RevokeKeys, keys::revoke),
        route("GET", "/v1/audit", ReadAudit, audit::list),
        route("GET", "/v1/audit/checkpoint", ReadAudit, audit::checkpoint),
        route("GET", "/v1/audit/consistency", ReadAudit, audit::proof::consistency),
        route("GET", "/v1/audit/proof/{id}", ReadAudit, audit::proof::get),
        route("GET", "/v1/audit/tile/{level}/{*index}", ReadAudit, audit::tile::get),
        route("GET", "/metrics", ReadMetrics, health::metrics),
        route("GET", "/openapi.json", ReadDocs, docs::json),
        route("GET", "/", ReadDocs, docs::page),
        open("/health/live", health::live),
        open("/health/ready", health::ready),
    ]
}

fn route<H, T>(method: &'static str, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Api>,
    T: 'static,
{
    let filter = match method {
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    Route { method, path, access: Some(access), handler: on(filter, handler) }
}

fn open<H, T>(path: &'static str, handler: H) -> Route
where
    H: Handler<T, Api>,
    T: 'static,
{
    Route { method: "GET", path, access: None, handler: on(MethodFilter::GET, handler) }
}

/// The whole server as one service.
pub fn router(api: &Api) -> Router {
    let routed = routes().into_iter().fold(Router::new(), |router, route| {
        let handler = match route.access {
            Some(access) => route
                .handler
                .route_layer(from_fn_with_state((api.clone(), access), guard::identify)),
            None => route.handler,
        };
        router.route(route.path, handler)
    });
    let outside = ServiceBuilder::new()
        .layer(from_fn_with_state(api.clone(), request::observe))
        .layer(header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(header_layer(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header_layer(header::CACHE_CONTROL, "no-store"))
        .layer(header_layer(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ))
        .layer(from_fn(linger::linger))
        .layer(from_fn(guard::catch_panic))
        .layer(from_fn_with_state(api.clone(), guard::admit));
    routed
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(outside)
        .with_state(api.clone())
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
