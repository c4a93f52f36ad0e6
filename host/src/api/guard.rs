//! What stands before every handler: how many at once, who, how often.

use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::{Api, ApiError};
use crate::auth::{Access, allows};
use crate::model::{Identity, KeyId};

/// One bucket per key.
pub(super) struct RateLimits {
    limiter: RateLimiter<KeyId, DashMapStateStore<KeyId>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    per_second: u32,
    burst: u32,
}

impl RateLimits {
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let limiter = RateLimiter::dashmap(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, clock: DefaultClock::default(), per_second, burst }
    }

    /// How many requests the key has left, or how long it must wait.
    fn take(&self, key: KeyId) -> Result<u32, Duration> {
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.clock.now())),
        }
    }

    /// The fields of draft-ietf-httpapi-ratelimit-headers-10.
    fn describe(&self, headers: &mut HeaderMap, left: u32, reset: Duration) {
        let window = self.burst.div_ceil(self.per_second).max(1);
        let fields = [
            ("ratelimit-policy", format!("\"key\";q={};w={window}", self.burst)),
            ("ratelimit", format!("\"key\";r={left};t={}", reset.as_secs() + 1)),
        ];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

/// Ways in that load what a stranger wrote, which may take minutes: what they wait for has limits of
/// its own, and a body that they read has a patience of its own. And what a person is erased by, which
/// may be much.
const PATIENT: [(Method, &str); 5] = [
    (Method::POST, "/v1/subjects/{source}/{subject}/erase"),
    (Method::POST, "/v1/decisions/{id}/replay"),
    (Method::PUT, "/v1/detectors/{name}/versions"),
    (Method::PUT, "/v1/detectors/{name}/versions/{version}/stage"),
    (Method::POST, "/v1/detectors/{name}/rollback"),
];

/// Lets in as many requests as the configuration says, all routes together, and no request for
/// longer than it says. Health is always answered.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/health/") {
        return next.run(request).await;
    }
    let Ok(_permit) = api.0.requests.try_acquire() else {
        return ApiError::overloaded().into_response();
    };
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if PATIENT.iter().any(|(method, path)| request.method() == method && route == Some(*path)) {
        return next.run(request).await;
    }
    match tokio::time::timeout(api.0.config.request_timeout(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::timed_out().into_response(),
    }
}

/// Finds out who calls, whether they may, and whether not too often.
pub(super) async fn identify(
    State((api, access)): State<(Api, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(key) = key_of(&request) else {
        return ApiError::unauthenticated().into_response();
    };
    let identity = match api.0.auth.identify(&key).await {
        Ok(Some(identity)) => identity,
        Ok(None) => return ApiError::unauthenticated().into_response(),
        Err(error) => return ApiError::from(error).into_response(),
    };
    let rates = &api.0.rates;
    let left = match rates.take(identity.key) {
        Ok(left) => left,
        Err(wait) => {
            let mut response = ApiError::rate_limited(wait.as_secs() + 1).into_response();
            rates.describe(response.headers_mut(), 0, wait);
            return response;
        }
    };
    let mut response = match refusal(&identity, access) {
        Some(why) => ApiError::forbidden(why).into_response(),
        None => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
    };
    let used = rates.burst.saturating_sub(left);
    let reset = Duration::from_secs(u64::from(used / rates.per_second.max(1)));
    rates.describe(response.headers_mut(), left, reset);
    response
}

/// Why the caller may not, if so.
fn refusal(identity: &Identity, access: Access) -> Option<String> {
    if !allows(identity.role, access) {
        return Some(format!("a key of role {} may not do this", identity.role));
    }
    (access.is_global() && identity.source.is_some())
        .then(|| "this is about all sources, and this key is bound to one".to_owned())
}

/// The key of a request: as a bearer token; for a person who reads a page, as a password. The latter
/// for GET alone: a browser sends it by itself, also where another site asks it to.
fn key_of(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") && request.method() == Method::GET {
        let decoded = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

/// A handler that panics is a fault of ours, and answered as one.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            tracing::error!("a handler panicked: {}", said.unwrap_or("without a message"));
            ApiError::internal().into_response()
        }
    }
}
