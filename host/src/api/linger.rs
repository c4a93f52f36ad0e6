//! An answer that leaves before its request was read whole, such as a refusal of an upload: the rest is
//! taken and thrown away for a while, or the connection would be reset and the answer lost with it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use http_body_util::Limited;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;

/// Nobody is listened to for longer.
const PATIENCE: Duration = Duration::from_secs(2);
const BYTES_MAX: usize = 4 << 20;

/// A body of which the rest is read when nobody else does.
struct Lingering {
    /// `None` once all of it was read, or it broke off.
    rest: Option<Body>,
}

pub(super) async fn linger(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::new(Lingering { rest: Some(body) }))).await
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.rest else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(PATIENCE, drain(rest)));
        }
    }
}

async fn drain(rest: Body) {
    let mut rest = Body::new(Limited::new(rest, BYTES_MAX)).into_data_stream();
    while let Some(Ok(_)) = rest.next().await {}
}
