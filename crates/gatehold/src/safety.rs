//! A listener of its own for what only stops: another address, another limit of connections, and a thread and runtime that serve
//! nothing else. It answers while the gate's other listener has no room or its handlers all wait. The store is shared: on PostgreSQL
//! both read over the same few connections, and a call waits its turn behind those of a flood.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use gatehold_server::App;
use gatehold_server::listen::{ListenLimits, ListenSettings, Listener};
use tokio::sync::oneshot;

use crate::exit::Failure;

/// Connections at once. Whoever stops something needs one; a flood here takes none of another listener's.
const CONNECTIONS_MAX: usize = 64;

/// An open address that is not served yet.
pub struct SafetyListener {
    socket: TcpListener,
    settings: ListenSettings,
}

/// A thread that serves it until it is told to end.
pub struct Serving {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl SafetyListener {
    /// Opens this address, if there is one; everything else is as at the gate's other listener.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn beside(
        other: &ListenSettings,
        address: Option<SocketAddr>,
    ) -> Result<Option<Self>, Failure> {
        let Some(address) = address else {
            return Ok(None);
        };
        let settings = ListenSettings {
            address,
            limits: ListenLimits {
                connections_max: CONNECTIONS_MAX,
                ..other.limits
            },
            ..other.clone()
        };
        let next = "correct `safety_listen`";
        if let Some(problem) = settings.problems().into_iter().next() {
            return Err(Failure::usage(format!("safety_listen: {problem}"), next));
        }
        let socket = TcpListener::bind(address);
        let socket = socket
            .map_err(|error| Failure::usage(format!("safety_listen: {address}: {error}"), next))?;
        Ok(Some(Self { socket, settings }))
    }

    /// The address, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let taken = self.socket.local_addr();
        taken.unwrap_or(self.settings.address)
    }

    /// Serves it on a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn serve(self, app: App) -> Result<Serving, Failure> {
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("safety".to_owned())
            .spawn(move || self.run(&app, ended))
            .map_err(|error| Failure::fault(error, "let the gate have more threads"))?;
        Ok(Serving { end, thread })
    }

    fn run(self, app: &App, ended: oneshot::Receiver<()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "what only stops is not served on an address of its own");
                return;
            }
        };
        runtime.block_on(async move {
            match Listener::on(self.socket, &self.settings) {
                Ok(listener) => {
                    let router = gatehold_server::safety_router(app);
                    let _ended = listener.serve(router, async { drop(ended.await) }).await;
                }
                Err(error) => {
                    tracing::error!(%error, "what only stops is not served on an address of its own");
                }
            }
        });
    }
}

impl Serving {
    /// Lets open calls finish, and ends.
    pub async fn end(self) {
        drop(self.end);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the thread that serves what only stops broke off");
        }
    }
}
