//! One connection, one request. Before its first byte is sent, nothing can have happened; after it, only an answer tells.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::HttpTarget;
use super::request::Wire;
use crate::metered::{Duplex, Meter, Metered};
use crate::outcome::{Stop, code};

/// What an answer may hold beyond its body: status line, headers, chunk marks, TLS.
const BUDGET_BYTES: usize = 1 << 20;
/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most headers of an answer.
const HEAD_LINES_MAX: usize = 100;

/// An answer whose head has come. Its connection ends with it.
pub(super) struct Sent {
    pub(super) response: http::Response<Incoming>,
    _connection: Driver,
}

/// The task that moves the bytes; it dies with the call.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
}

/// Sends the request once.
pub(super) async fn send(
    target: &HttpTarget,
    times: Times,
    wire: Wire,
    harmless: bool,
) -> Result<Sent, Stop> {
    let (mut sender, connection, meter) = tokio::time::timeout(times.connect, connect(target))
        .await
        .map_err(|_| Stop::failed(code::UNREACHABLE, "the target did not answer in time"))??;
    let answer = sender.send_request(wire);
    match tokio::time::timeout(times.answer, answer).await {
        Ok(Ok(response)) => Ok(Sent {
            response,
            _connection: connection,
        }),
        // Errors of the client may quote the request; only where it broke is told.
        Ok(Err(_)) => Err(gone(code::LOST, &meter, harmless)),
        Err(_elapsed) => Err(gone(code::TIMEOUT, &meter, harmless)),
    }
}

fn gone(code: &'static str, meter: &Meter, harmless: bool) -> Stop {
    if !meter.sent() {
        return Stop::failed(
            code::UNREACHABLE,
            "the connection broke before anything was sent",
        );
    }
    if harmless {
        return Stop::failed(code, "there was no answer; the action only reads");
    }
    let text =
        "the request was sent and no answer came; look at the target before anything is repeated";
    Stop::unknown(code, text)
}

/// A connection to the first address of its name that may be reached and answers.
async fn reached(target: &HttpTarget) -> Result<TcpStream, Stop> {
    let base = &target.base;
    let mut text = "no connection to the target";
    let addresses = tokio::net::lookup_host((base.host.as_str(), base.port)).await;
    for address in addresses.into_iter().flatten() {
        if !target.reach.allows(address.ip()) {
            text = "its name means a private address, and that is not allowed here";
            continue;
        }
        if let Ok(stream) = TcpStream::connect(address).await {
            return Ok(stream);
        }
    }
    Err(Stop::failed(code::UNREACHABLE, text))
}

async fn connect(target: &HttpTarget) -> Result<(SendRequest<Full<Bytes>>, Driver, Meter), Stop> {
    let unreachable = |text: &'static str| Stop::failed(code::UNREACHABLE, text);
    let base = &target.base;
    let stream = reached(target).await?;
    let stream: Box<dyn Duplex> = match (&target.tls, &base.server_name) {
        (Some(client), Some(name)) => Box::new(
            TlsConnector::from(client.clone())
                .connect(name.clone(), stream)
                .await
                .map_err(|_| unreachable("the target has no certificate from tls_roots"))?,
        ),
        (None, None) => Box::new(stream),
        _ => return Err(unreachable("the target is configured with half of TLS")),
    };
    // Metered inside TLS: a handshake is not yet a request.
    let budget = target.bytes_max.saturating_add(BUDGET_BYTES);
    let (stream, meter) = Metered::new(stream, budget);
    let mut builder = http1::Builder::new();
    builder.max_headers(HEAD_LINES_MAX);
    builder.max_buf_size(HEAD_BYTES_MAX);
    let (sender, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| unreachable("no connection to the target"))?;
    let driver = tokio::spawn(async move {
        // How it ended is told to whoever waits for the answer.
        let _ended = connection.await;
    });
    Ok((sender, Driver(driver), meter))
}
