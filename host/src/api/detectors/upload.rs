//! Shipping a version over HTTP. What arrives is kept on the disk and goes the way of a file that
//! lies in the folder.
//!
//! An upload that names its `digest` may come in several requests, in the words of
//! draft-ietf-httpbis-resumable-upload: `Upload-Offset` says where a request goes on,
//! `Upload-Complete: ?0` that more is to come.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Asked, Caller, unexplained};
use super::super::{Api, ApiError, Problem};
use super::parts::Incoming;
use super::source_of;
use crate::model::manifest::is_name;
use crate::model::{Digest, Fault, Identity, Landing};
use crate::registry::{Candidate, Refused, Uploaded};
use crate::signing::SignatureFile;
use crate::store::Origin;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Shipping {
    /// The only source that it serves; every one (`*`) unless the key is bound to one.
    source: Option<String>,
    /// `shadow` or `active`; where the configuration says unless given, and not above that.
    #[param(inline)]
    stage: Option<Landing>,
    /// Whether it may be older than what stands there.
    allow_downgrade: bool,
    /// A JSON object; the detector's own defaults unless given.
    settings: Option<String>,
    /// `sha256:...` of the file: it is checked, and the upload can go on if it breaks off.
    digest: Option<String>,
    /// Why, for the audit log.
    why: Option<String>,
}

/// How much of a file has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Arrived {
    /// In bytes; where to go on.
    pub received: u64,
    /// Whether the host has it all: then a request without a body publishes it.
    pub complete: bool,
}

/// What a request asks for, once it is known to be valid.
struct Wish {
    candidate: Candidate,
    digest: Option<Digest>,
    /// Where it goes on; `None`: it begins.
    offset: Option<u64>,
    /// Whether this is the last request of the upload.
    last: bool,
    /// Of the body, in bytes.
    announced: u64,
}

/// Ship a version
///
/// The body is the component. It is loaded, tried, and put beside what serves; `stage` says where it
/// landed. With `digest` it may come in parts: see `Upload-Offset` and `Upload-Complete`.
#[utoipa::path(
    put, path = "/v1/detectors/{name}/versions", tag = "detectors",
    params(
        ("name" = String, Path), Shipping,
        ("Upload-Offset" = Option<u64>, Header, description = "How much of the file came before, as `uploads/{digest}` says"),
        ("Upload-Complete" = Option<String>, Header, description = "`?0`: more is to come"),
        ("Picket-Signature" = Option<String>, Header, description = "The text of its signature file, in base64"),
    ),
    request_body(content = String, content_type = "application/wasm"),
    responses(
        (status = 201, description = "It stands there; the next event sees it", body = Uploaded),
        (status = 200, description = "All was so already", body = Uploaded),
        (status = 202, description = "So far so good, more is to come", body = Arrived),
        (status = 403, description = "Of another source, or not without a trial", body = Problem),
        (status = 408, description = "Nothing came for too long; what came is kept", body = Problem),
        (status = 409, description = "The version has other bytes, is older than what stands, or the offset is another", body = Problem),
        (status = 413, description = "Larger than `detector_file_bytes_max`", body = Problem),
        (status = 422, description = "Refused, with the reason; nothing has changed", body = Problem),
        (status = 503, description = "Not loaded, by no fault of the file: send it again", body = Problem),
    )
)]
pub(in crate::api) async fn put(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
    Asked(shipping): Asked<Shipping>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let wish = wish(&api, &identity, name, shipping, &headers)?;
    let incoming = api.0.uploads.begin(wish.digest)?;
    // What is kept came from somebody: a key that is bound to a source sends its own.
    let unbound = identity.source.is_none();
    if let (Some(digest), Some(offset), true) = (wish.digest, wish.offset, body.is_end_stream())
        && unbound
        && api.0.store.version(digest).await?.is_some_and(|version| version.size == offset)
    {
        return finish(api, identity, wish, incoming, Kept::InStore(digest)).await;
    }
    let received = incoming.received();
    match wish.offset {
        Some(offset) if offset != received => return Err(ApiError::offset(received, offset)),
        _ => {}
    }
    let at = wish.offset.unwrap_or(0);
    let received = incoming.append(at, wish.announced, body).await?;
    if !wish.last {
        let arrived = Arrived { received, complete: false };
        return Ok((StatusCode::ACCEPTED, Json(arrived)).into_response());
    }
    finish(api, identity, wish, incoming, Kept::InPart).await
}

/// See how far an upload came
#[utoipa::path(
    get, path = "/v1/detectors/{name}/uploads/{digest}", tag = "detectors",
    params(("name" = String, Path), ("digest" = String, Path, description = "`sha256:...` of the file")),
    responses(
        (status = 200, description = "How much has arrived; 0 where nothing has", body = Arrived),
        (status = 422, description = "Not a digest", body = Problem),
    )
)]
pub(in crate::api) async fn arrived(
    State(api): State<Api>,
    Path((_, digest)): Path<(String, String)>,
) -> Result<Json<Arrived>, ApiError> {
    let digest = parse_digest(&digest).map_err(|fault| ApiError::invalid(vec![fault]))?;
    Ok(Json(match api.0.store.version(digest).await? {
        Some(version) => Arrived { received: version.size, complete: true },
        None => Arrived { received: api.0.uploads.received(digest), complete: false },
    }))
}

fn wish(
    api: &Api,
    identity: &Identity,
    name: String,
    shipping: Shipping,
    headers: &HeaderMap,
) -> Result<Wish, ApiError> {
    let source = source_of(identity, shipping.source)?;
    let landing = api.0.registry.upload_stage(&source);
    if shipping.stage == Some(Landing::Active) && landing == Landing::Shadow {
        return Err(ApiError::forbidden(format!(
            "what is sent for `{source}` lands in shadow (upload_stage, two_person): send it without `stage`, look at what it would change, and promote it after"
        )));
    }
    let mut faults = Vec::new();
    if !is_name(&name) {
        faults.push(Fault::new("/name", format!("`{name}` is not lower-case words joined by `-`")));
    }
    let settings = shipping.settings.as_deref().map_or(Ok(json!({})), |text| {
        let wrong = |what: String| Fault::new("/settings", format!("not a JSON object: {what}"));
        match serde_json::from_str(text) {
            Ok(settings @ Value::Object(_)) => Ok(settings),
            Ok(other) => Err(wrong(other.to_string())),
            Err(error) => Err(wrong(error.to_string())),
        }
    });
    let settings = settings.unwrap_or_else(|fault| {
        faults.push(fault);
        json!({})
    });
    let digest = shipping.digest.as_deref().map(parse_digest).transpose();
    let digest = digest.unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    faults.extend(shipping.why.as_deref().and_then(unexplained));
    let signature = signature(headers).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let (offset, last) = match (number(headers, "upload-offset"), complete(headers)) {
        (Ok(offset), Ok(last)) => (offset, last),
        (offset, last) => {
            faults.extend(offset.err());
            faults.extend(last.err());
            (None, true)
        }
    };
    if digest.is_none() && faults.is_empty() && (offset.unwrap_or(0) > 0 || !last) {
        let detail = "missing: only an upload that names its digest can come in parts";
        faults.push(Fault::new("/digest", detail));
    }
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    let candidate = Candidate {
        file: Vec::new(),
        name: Some(name),
        settings,
        origin: Origin::Api,
        source,
        stage: shipping.stage.unwrap_or(landing),
        allow_downgrade: shipping.allow_downgrade,
        signature,
        why: shipping.why,
    };
    let announced = number(headers, header::CONTENT_LENGTH.as_str()).ok().flatten().unwrap_or(0);
    Ok(Wish { candidate, digest, offset, last, announced })
}

fn parse_digest(text: &str) -> Result<Digest, Fault> {
    text.parse().map_err(|error: String| Fault::new("/digest", error))
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| Fault::new("", format!("`{name}` is not a number of bytes")))
}

/// The text of the signature file that came along.
fn signature(headers: &HeaderMap) -> Result<Option<Vec<u8>>, Fault> {
    let Some(value) = headers.get("picket-signature") else { return Ok(None) };
    let wrong = |what: String| Fault::new("", format!("`picket-signature` {what}"));
    let text = STANDARD.decode(value.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    match text.len() as u64 <= SignatureFile::BYTES_MAX && str::from_utf8(&text).is_ok() {
        true => Ok(Some(text)),
        false => Err(wrong(format!("is not a text of at most {} bytes", SignatureFile::BYTES_MAX))),
    }
}

/// A boolean of RFC 9651; what does not say that more is to come is all.
fn complete(headers: &HeaderMap) -> Result<bool, Fault> {
    match headers.get("upload-complete").map(|value| value.as_bytes().trim_ascii()) {
        None | Some(b"?1") => Ok(true),
        Some(b"?0") => Ok(false),
        Some(_) => Err(Fault::new("", "`upload-complete` is ?1 or ?0")),
    }
}

/// Where the whole file is.
enum Kept {
    InPart,
    InStore(Digest),
}

/// Publishes what is whole, on a task of its own: a client that leaves must not leave half of it.
async fn finish(
    api: Api,
    identity: Identity,
    wish: Wish,
    incoming: Incoming,
    kept: Kept,
) -> Result<Response, ApiError> {
    let work = tokio::spawn(publish(api, identity, wish, incoming, kept));
    let uploaded = work.await.map_err(|_| ApiError::internal())??;
    let status = if uploaded.changed { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(uploaded)).into_response())
}

async fn publish(
    api: Api,
    identity: Identity,
    wish: Wish,
    incoming: Incoming,
    kept: Kept,
) -> Result<Uploaded, ApiError> {
    let (file, _alone) = match kept {
        Kept::InPart => incoming.whole().await?,
        Kept::InStore(digest) => {
            let alone = incoming.alone().await?;
            let gone = || ApiError::absent(format!("the bytes of {digest} are gone"));
            (api.0.store.detector_bytes(digest).await?.ok_or_else(gone)?, alone)
        }
    };
    let file = Arc::new(file);
    if let Some(expected) = wish.digest {
        let hashed = Arc::clone(&file);
        let hashing = tokio::task::spawn_blocking(move || Digest::of(&hashed));
        let digest = hashing.await.map_err(|_| ApiError::internal())?;
        if digest != expected {
            incoming.discard();
            return Err(ApiError::digest_mismatch(format!(
                "what arrived is {digest} and not {expected}: nothing of it is kept, send it again"
            )));
        }
    }
    let file = Arc::into_inner(file).ok_or_else(ApiError::internal)?;
    let candidate = Candidate { file, ..wish.candidate };
    let uploaded = api.0.registry.upload(&candidate, &identity).await;
    // What the store or the machine could not take may come again without its bytes.
    let passing =
        |refused: &Refused| matches!(refused, Refused::Store(_)) || refused.is_of_the_machine();
    if !uploaded.as_ref().is_err_and(passing) {
        incoming.discard();
    }
    Ok(uploaded?)
}
