//! Problems as the outside sees them: RFC 9457, with a stable `type`.
//!
//! Which to use: the constructors below name every one there is. What a caller can mend says how;
//! what they cannot says only that, and the log holds the cause.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ingest::IngestError;
use crate::keeper::CheckpointError;
use crate::model::Fault;
use crate::registry::Refused;
use crate::replay::ReplayError;
use crate::store::StoreError;

/// How the types of all problems begin.
const KINDS: &str = "urn:picket:problem:";

/// A problem, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Stable: `urn:picket:problem:` and a name.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    /// What is wrong, where, and how to mend it.
    pub detail: String,
    /// Every fault of the request, where there may be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// A problem on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Apart, so that the way of what goes well stays narrow.
    problem: Box<Problem>,
    retry_after_s: Option<u64>,
    /// Where an upload goes on.
    upload_offset: Option<u64>,
}

impl ApiError {
    fn new(status: StatusCode, name: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem {
                kind: format!("{KINDS}{name}"),
                title,
                status: status.as_u16(),
                detail: detail.into(),
                errors: Vec::new(),
            }),
            retry_after_s: None,
            upload_offset: None,
        }
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether it is the one of this name.
    pub fn is(&self, name: &str) -> bool {
        self.problem.kind.strip_prefix(KINDS) == Some(name)
    }

    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "No valid API key",
            "send `Authorization: Bearer <key>` with a key made by `picket key create`",
        )
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
    }

    pub fn absent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    pub fn erased(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "erased", "Erased", detail)
    }

    pub fn spent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "spent", "Decided before", detail)
    }

    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "Not understood", detail)
    }

    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} faults, listed in `errors`", many.len()),
        };
        let mut error =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not a valid request", detail);
        error.problem.errors = faults;
        error
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail)
    }

    pub fn media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Unknown media type", detail)
    }

    pub fn rate_limited(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate-limited",
            "Too many requests",
            "this key has used up its requests; wait as long as Retry-After says",
        )
        .retry_after(seconds)
    }

    pub fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "Busy",
            "the server has all the work that it can take; nothing was recorded, send it again",
        )
        .retry_after(1)
    }

    pub fn starting() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "starting",
            "Not ready yet",
            "the server has just started and what is deployed is not all live yet; nothing was recorded, send it again",
        )
        .retry_after(1)
    }

    /// A file that the machine had no time, memory or disk for.
    pub fn not_loaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-loaded", "Not loaded this time", detail)
            .retry_after(5)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Cannot be recorded now", detail)
            .retry_after(1)
    }

    pub fn timed_out() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timed-out",
            "Took too long",
            "an event that was accepted is finished all the same: send it again under the same id for its decision",
        )
    }

    /// An upload that does not go on where it stands.
    pub fn offset(true_offset: u64, sent: u64) -> Self {
        let detail = format!(
            "{true_offset} bytes have arrived and `Upload-Offset` says {sent}: go on from {true_offset}"
        );
        let mut error = Self::conflict("upload-offset", "Another offset", detail);
        error.upload_offset = Some(true_offset);
        error
    }

    /// `name` says what of it is in the way.
    pub fn conflict(name: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, name, title, detail)
    }

    /// Another request is at it: it may be over soon.
    pub fn in_progress(detail: impl Into<String>) -> Self {
        Self::conflict("in-progress", "Being uploaded", detail).retry_after(1)
    }

    pub fn stalled(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "stalled", "Nothing came for too long", detail)
    }

    pub fn digest_mismatch(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "digest-mismatch", "Other bytes", detail)
    }

    pub fn undecided(id: &str) -> Self {
        let detail = format!("`{id}` is accepted and not decided yet: ask again a little later");
        Self::conflict("undecided", "Not decided yet", detail)
    }

    /// With every fault of its text, if that is why.
    pub fn policy_refused(detail: impl Into<String>, faults: Vec<Fault>) -> Self {
        let title = "Refused, nothing has changed";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut error = Self::new(status, "policy-refused", title, detail);
        error.problem.errors = faults;
        error
    }

    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "A fault of the server",
            "the log holds the cause, under the request id of this answer",
        )
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { .. } => Self::overloaded(),
            StoreError::Nul => Self::invalid(vec![Fault::new("", error.to_string())]),
            StoreError::Named => Self::invalid(vec![Fault::new("/why", error.to_string())]),
            _ if error.is_passing() => {
                tracing::error!("the store does not answer: {error}");
                Self::unavailable(
                    "the record cannot be written or read now; nothing was acknowledged, send it again",
                )
            }
            StoreError::Absence { .. } => Self::absent(error.to_string()),
            StoreError::NotDead { .. } => {
                Self::conflict("not-dead", "Nothing to try again", error.to_string())
            }
            StoreError::Seen { .. } => {
                Self::conflict("seen", "Nothing to acknowledge", error.to_string())
            }
            StoreError::NotDisabled { .. } => {
                Self::conflict("not-disabled", "Nothing to enable", error.to_string())
            }
            StoreError::Erased { .. } => Self::erased(error.to_string()),
            StoreError::Spent => Self::spent(error.to_string()),
            StoreError::Held { .. } => Self::conflict("held", "Held", error.to_string()),
            _ => {
                tracing::error!("the store failed: {error}");
                Self::internal()
            }
        }
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let said = refused.to_string();
        if refused.is_of_the_machine() {
            return Self::not_loaded(format!("{said}; send it again"));
        }
        match refused {
            Refused::Store(error) => error.into(),
            Refused::Absent(_) => Self::absent(said),
            Refused::Reach(_) => Self::forbidden(said),
            Refused::Moved(_) => Self::conflict("moved", "Moved on meanwhile", said),
            Refused::Version(StoreError::Downgrade { .. }) => {
                Self::conflict("downgrade", "Older than what stands", said)
            }
            Refused::Version(_) => Self::conflict("version-taken", "Version in use", said),
            _ => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "detector-refused",
                "Refused, nothing has changed",
                said,
            ),
        }
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Conflict(_) => Self::new(
                StatusCode::CONFLICT,
                "id-conflict",
                "Event id in use",
                format!("{error}; send a new event under a new id"),
            ),
            IngestError::Erased => Self::erased(format!("{error}; a new event needs a new id")),
            IngestError::UnknownSource { .. } => {
                Self::invalid(vec![Fault::new("/source", error.to_string())])
            }
            IngestError::Busy => Self::overloaded(),
            IngestError::Starting => Self::starting(),
            IngestError::Store(error) => error.into(),
            IngestError::Lost => Self::internal(),
        }
    }
}

impl From<CheckpointError> for ApiError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Store(error) if !matches!(error, StoreError::Damaged { .. }) => {
                error.into()
            }
            CheckpointError::Store(_) | CheckpointError::Forked { .. } => {
                Self::conflict("audit-forked", "Audit log changed", error.to_string())
            }
            CheckpointError::Unkept { .. } => {
                tracing::error!("nothing was signed: {error}");
                Self::unavailable(
                    "the server's disk keeps no checkpoint now, so none is handed out",
                )
            }
        }
    }
}

impl From<ReplayError> for ApiError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => error.into(),
            ReplayError::Busy => Self::overloaded(),
            ReplayError::Panicked => Self::internal(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&*self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(offset) = self.upload_offset {
            headers.insert("upload-offset", HeaderValue::from(offset));
        }
        if status == StatusCode::UNAUTHORIZED {
            let schemes =
                "Bearer realm=\"picket\", Basic realm=\"picket: any name, the key as password\"";
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(schemes));
        }
        response
    }
}

pub(super) async fn not_found(request: Request) -> ApiError {
    ApiError::absent(format!(
        "there is nothing at {}; / describes what there is",
        request.uri().path()
    ))
}

pub(super) async fn method_not_allowed(request: Request) -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Wrong method",
        format!(
            "{} is not answered at {}; / describes what is",
            request.method(),
            request.uri().path()
        ),
    )
}
