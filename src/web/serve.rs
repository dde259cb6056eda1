//! One HTTPS connection, from its TLS handshake to its end: HTTP/2 or HTTP/1.1, as the client chose.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Peer;
use crate::platform::clock::{Clock, within};

/// How long the TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long a request's head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// How old a connection may get: browsers open another one.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 60);
/// How long the answers under way may take once the appliance drains.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Streams that one HTTP/2 connection may have open.
const STREAMS: u32 = 64;

/// Serves `router` on one accepted connection from `peer` until it ends, or until `stopping` does and its answers are out.
pub async fn serve<S>(
    stream: S,
    peer: Peer,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    clock: Arc<dyn Clock>,
    stopping: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let stream = match within(&*clock, HANDSHAKE_LIMIT, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake for HTTPS did not complete"),
        Err(elapsed) => return tracing::debug!(error = %elapsed, "a TLS handshake for HTTPS did not complete"),
    };
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(Some(HEAD_LIMIT));
    // By what was agreed on in the handshake: guessing from the first bytes would wait for them without a limit.
    let server =
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") { server.http2_only() } else { server.http1_only() };
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let over = async {
        tokio::select! {
            () = stopping => {}
            () = clock.sleep(LONGEST_LIFE) => {}
        }
    };
    tokio::pin!(connection, over);
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = over => {
            connection.as_mut().graceful_shutdown();
            within(&*clock, DRAIN_LIMIT, connection).await
        }
    };
    if let Ok(Err(error)) = ended {
        tracing::debug!(error, "an HTTPS connection ended early");
    }
}
