//! Connections to a destination. Its name is looked up once for each, every address that it has is looked
//! at, and the connection goes to one of those: nobody is asked again in between, who could then say
//! something else. TLS has the receiver vouched for under its name all the same.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::uri::InvalidUri;
use hyper::{Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;
use tower::Service;

use super::tls;
use crate::config::{Barred, Destination, Reach};

/// How requests say whose they are.
pub(super) const OURSELVES: &str = concat!("picket/", env!("CARGO_PKG_VERSION"));
/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read; nobody looks at it, but an answer that ends leaves the connection
/// good for the next request.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest error that is kept.
const ERROR_BYTES_MAX: usize = 500;

/// Finds the addresses of a host.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;
pub(super) type Connections = Client<HttpsConnector<HttpConnector<Names>>, Full<Bytes>>;

/// As the system knows them.
pub(super) fn system() -> Lookup {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// An address, and connections to what lies there, over TLS where it says so.
///
/// # Errors
/// What is wrong with the destination, or with who may vouch for it.
pub(super) fn connections(at: &Destination, lookup: Lookup) -> Result<(Connections, Uri), String> {
    // An address that is written as a number is looked up nowhere: it is looked at here.
    at.check()?;
    let uri: Uri = at.address()?.parse().map_err(|error: InvalidUri| error.to_string())?;
    let tls = match uri.scheme_str() {
        Some("https") => tls::client(at.ca_file.as_deref())?,
        _ => tls::nobody()?,
    };
    let names = Names { lookup, reach: Arc::new(at.reach()?) };
    let mut http = HttpConnector::new_with_resolver(names);
    http.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    let client = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector.wrap_connector(http));
    Ok((client, uri))
}

/// Finds a host's addresses and lets none through that the destination may not have.
#[derive(Clone)]
pub(super) struct Names {
    lookup: Lookup,
    reach: Arc<Reach>,
}

/// Why a host has no address to connect to.
#[derive(Debug, Error)]
enum NameError {
    #[error("{0}")]
    Unknown(#[from] io::Error),
    #[error("`{0}` has no address")]
    Nowhere(String),
    #[error("`{host}` leads elsewhere: {barred}")]
    Barred { host: String, barred: Barred },
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str().to_owned();
        let (found, reach) = ((self.lookup)(host.clone()), Arc::clone(&self.reach));
        Box::pin(async move { Ok(admitted(host, found.await, &reach)?.into_iter()) })
    }
}

/// Where a host may be connected to, each with this port.
///
/// # Errors
/// Why nowhere; and whether that is because of where its name leads.
pub(super) async fn addresses(
    lookup: &Lookup,
    reach: &Reach,
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, (bool, String)> {
    let found = match host.parse::<IpAddr>() {
        Ok(address) => Ok(vec![address]),
        Err(_) => lookup(host.to_owned()).await,
    };
    let admitted = admitted(host.to_owned(), found, reach)
        .map_err(|error| (is_out_of_bounds(&error), causes(&error)))?;
    Ok(admitted.into_iter().map(|at| SocketAddr::new(at.ip(), port)).collect())
}

/// All of a host's addresses, or none where one of them is out of bounds: who answers for the name is then
/// mistaken or means ill.
fn admitted(
    host: String,
    found: io::Result<Vec<IpAddr>>,
    reach: &Reach,
) -> Result<Vec<SocketAddr>, NameError> {
    let found = found?;
    if found.is_empty() {
        return Err(NameError::Nowhere(host));
    }
    if let Some(barred) = found.iter().find_map(|address| reach.admits(*address).err()) {
        return Err(NameError::Barred { host, barred });
    }
    // Port 0: that of the address counts.
    Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
}

/// Whether nothing was sent because of where the name leads.
pub(super) fn is_out_of_bounds(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if matches!(inner.downcast_ref(), Some(NameError::Barred { .. })) {
            return true;
        }
        cause = inner.source();
    }
    false
}

/// Reads an answer to its end, or as much of it as is read at all.
pub(super) async fn drain(response: Response<Incoming>) -> Result<(), hyper::Error> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < ANSWER_BYTES_MAX {
        let Some(frame) = body.frame().await else { break };
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}

/// An error with its causes: the outer ones say what failed, the inner ones why.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said.truncate(said.floor_char_boundary(ERROR_BYTES_MAX));
    said
}
