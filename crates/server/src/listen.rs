//! Where connections come in: an address, TLS, limits, and an orderly end.
//!
//! It moves bytes and knows no rule of the gate. It must never serve plain HTTP to a network, believe a header about who
//! is calling, or accept without a bound on connections, header bytes and time. `tls` reads certificates, `connection`
//! serves one connection.

mod connection;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use tls::{ClientCertificates, TlsSettings};

/// How a listener behaves. Everything here was read and bounded by the configuration.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificate and key; absent means plain HTTP.
    pub tls: Option<TlsSettings>,
    /// A proxy in front terminates TLS. Client certificates mean nothing then, so they are refused.
    pub behind_proxy: bool,
    /// What one client may take.
    pub limits: ListenLimits,
}

/// Bounds of a listener. Beyond them a connection waits or is closed.
#[derive(Debug, Clone, Copy)]
pub struct ListenLimits {
    /// Connections at once; the next ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Bytes of one request's head.
    pub header_bytes_max: u32,
    /// Header lines of one request.
    pub headers_max: usize,
    /// Requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// Time for a TLS handshake, and for the head of a request, also while a kept connection is idle.
    pub head_timeout: Duration,
    /// Time that open requests get to finish when the server ends.
    pub shutdown_timeout: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            header_bytes_max: 32 * 1024,
            headers_max: 64,
            streams_max: 128,
            head_timeout: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// Why a listener was not opened. Each entry is one thing to correct.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The settings contradict each other or cannot be used.
    #[error("the listener cannot start: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// The address is not available.
    #[error("cannot listen on {address}: {cause}; free the port or configure another address")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// An open listener that does not accept yet.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    limits: ListenLimits,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// Every open request was answered.
    Orderly,
    /// The time for finishing was up; so many connections were cut.
    Cut(usize),
}

impl Listener {
    /// Checks the settings and opens the address.
    ///
    /// # Errors
    /// [`ListenError`] with every problem of the settings at once.
    pub async fn bind(settings: &ListenSettings) -> Result<Self, ListenError> {
        let tls = settings.check().map_err(ListenError::Settings)?;
        let tcp = TcpListener::bind(settings.address)
            .await
            .map_err(settings.unavailable())?;
        Self::over(tcp, tls, settings)
    }

    /// The same over an address that is open already, so that nobody else can take it meanwhile.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn on(
        socket: std::net::TcpListener,
        settings: &ListenSettings,
    ) -> Result<Self, ListenError> {
        let tls = settings.check().map_err(ListenError::Settings)?;
        let tcp = socket
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(socket))
            .map_err(settings.unavailable())?;
        Self::over(tcp, tls, settings)
    }

    fn over(
        tcp: TcpListener,
        tls: Option<tokio_rustls::TlsAcceptor>,
        settings: &ListenSettings,
    ) -> Result<Self, ListenError> {
        let address = tcp.local_addr().map_err(settings.unavailable())?;
        Ok(Self {
            tcp,
            address,
            tls,
            limits: settings.limits,
        })
    }

    /// The address that was bound, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end` completes, then stops accepting and lets open requests finish within their time.
    pub async fn serve(self, router: Router, end: impl Future<Output = ()>) -> Ended {
        let slots = Arc::new(Semaphore::new(self.limits.connections_max));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut end = std::pin::pin!(end);
        loop {
            // Taken before accepting: what is beyond the limit waits in the kernel, without memory of ours.
            let slot = tokio::select! {
                biased;
                () = &mut end => break,
                Ok(slot) = slots.clone().acquire_owned() => slot,
            };
            let stream = tokio::select! {
                biased;
                () = &mut end => break,
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        // Out of file descriptors: without a pause this would spin.
                        match tokio::time::timeout(ACCEPT_PAUSE, &mut end).await {
                            Ok(()) => break,
                            Err(_) => continue,
                        }
                    }
                },
            };
            while connections.try_join_next().is_some() {}
            let serving = connection::serve(
                stream,
                self.tls.clone(),
                router.clone(),
                self.limits,
                graceful.watcher(),
            );
            connections.spawn(async move {
                serving.await;
                drop(slot);
            });
        }
        drop(self.tcp);
        finish(graceful, connections, self.limits.shutdown_timeout).await
    }
}

async fn finish(
    graceful: GracefulShutdown,
    mut connections: JoinSet<()>,
    within: Duration,
) -> Ended {
    let drained = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(within, drained).await.is_ok() {
        return Ended::Orderly;
    }
    while connections.try_join_next().is_some() {}
    let left = connections.len();
    connections.shutdown().await;
    if left == 0 {
        Ended::Orderly
    } else {
        Ended::Cut(left)
    }
}

impl ListenSettings {
    /// Everything that keeps a listener with these settings from starting; empty when nothing does.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.check().err().unwrap_or_default()
    }

    fn unavailable(&self) -> impl Fn(std::io::Error) -> ListenError {
        let address = self.address;
        move |cause| ListenError::Bind { address, cause }
    }

    /// Every problem at once, or the TLS configuration.
    fn check(&self) -> Result<Option<tokio_rustls::TlsAcceptor>, Vec<String>> {
        let mut problems = Vec::new();
        let mut say = |wrong: bool, text: &str| {
            if wrong {
                problems.push(text.to_owned());
            }
        };
        say(
            self.tls.is_none() && !self.behind_proxy && !self.address.ip().is_loopback(),
            "plain HTTP is served on loopback only; configure `tls`, or `behind_proxy` when a proxy terminates TLS",
        );
        let wants_certificates = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.clients != ClientCertificates::NotAsked);
        say(
            self.behind_proxy && wants_certificates,
            "client certificates end at the proxy; drop `client_ca` or `behind_proxy`",
        );
        let limits = &self.limits;
        say(
            limits.connections_max == 0,
            "`connections_max` is 0; nobody could connect",
        );
        say(
            limits.connections_max > Semaphore::MAX_PERMITS,
            "`connections_max` is too large",
        );
        say(
            limits.header_bytes_max < 8192,
            "`header_bytes_max` is below 8192; signed calls would not fit",
        );
        say(
            limits.headers_max < 16,
            "`headers_max` is below 16; signed calls would not fit",
        );
        say(
            limits.streams_max == 0,
            "`streams_max` is 0; nobody could ask over HTTP/2",
        );
        say(
            limits.head_timeout.is_zero(),
            "`head_timeout` is 0; nobody could be heard",
        );
        let acceptor = match self.tls.as_ref().map(TlsSettings::acceptor).transpose() {
            Ok(acceptor) => acceptor,
            Err(more) => {
                problems.extend(more);
                None
            }
        };
        if problems.is_empty() {
            Ok(acceptor)
        } else {
            Err(problems)
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
