//! One connection, from handshake to its last answer, under the listener's limits. Plain connections speak HTTP/1.1;
//! over TLS the client chooses between HTTP/2 and HTTP/1.1.

use std::pin::pin;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ListenLimits;

/// Serves it to its end. A connection that fails is logged at debug level: strangers can cause that at will.
pub(super) async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: ListenLimits,
    watcher: Watcher,
) {
    // Answers are small; waiting for more bytes to send would only add latency.
    let _best_effort = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return http_1(stream, router, limits, watcher).await;
    };
    let handshake = tokio::time::timeout(limits.head_timeout, tls.accept(stream));
    match handshake.await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
            http_2(stream, router, limits, watcher).await;
        }
        Ok(Ok(stream)) => http_1(stream, router, limits, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn http_1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: ListenLimits,
    watcher: Watcher,
) {
    let head_bytes_max = usize::try_from(limits.header_bytes_max).unwrap_or(usize::MAX);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.headers_max)
        .max_header_size(head_bytes_max)
        .max_buf_size(head_bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    ended(watcher.watch(connection).await);
}

async fn http_2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: ListenLimits,
    watcher: Watcher,
) {
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits.header_bytes_max)
        // A peer that is gone frees its slot; one that is there answers.
        .keep_alive_interval(limits.head_timeout)
        .keep_alive_timeout(limits.head_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    ended(pin!(watcher.watch(connection)).await);
}

fn ended(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}
