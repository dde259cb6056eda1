//! One plain HTTP connection: a request's head, an answer, an end. No body is read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::platform::clock::{Clock, within};

/// How long a request's head may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The longest head, in bytes; hyper answers longer ones with 431, and what is no HTTP with 400.
const HEAD_SIZE: usize = 8192;
/// The most fields of a head.
const HEAD_FIELDS: usize = 64;
/// How long, and for how many bytes, the end waits for a caller that still sends its body: to close before would reset the
/// connection, and the answer could be lost on its way.
const FAREWELL: (Duration, u64) = (Duration::from_secs(2), 64 * 1024);

/// Answers one request by `service` and closes; sooner when `stopping` ends.
pub async fn serve<S, A>(stream: S, service: A, clock: Arc<dyn Clock>, stopping: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let mut server = http1::Builder::new();
    server.keep_alive(false).max_buf_size(HEAD_SIZE).max_headers(HEAD_FIELDS);
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    let conversation = async {
        let parts = server.serve_connection(TokioIo::new(stream), service).without_shutdown().await?;
        part(parts.io.into_inner(), &*clock).await;
        Ok(())
    };
    let ended: Result<_, hyper::Error> = tokio::select! {
        ended = within(&*clock, LIMIT, conversation) => ended.unwrap_or(Ok(())),
        () = stopping => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a plain HTTP connection ended early");
    }
}

async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, clock: &dyn Clock) {
    let (limit, most) = FAREWELL;
    let farewell = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(most), &mut tokio::io::sink()).await
    };
    // Whoever is not done by then is cut off.
    let _ = within(clock, limit, farewell).await;
}
