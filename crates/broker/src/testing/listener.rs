//! Listeners that count connections and record bytes, so that a test sees what really went over the wire.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How a server treats a request it has read whole.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Answers with these bytes and closes.
    Answer(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Keeps the connection and never answers.
    Silence,
    /// Answers with these bytes and never closes.
    Linger(Vec<u8>),
}

/// An HTTP server on a loopback port.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    accepted: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Treats every request alike.
    pub(crate) async fn start(manner: Manner) -> Self {
        Self::serve(manner, None).await
    }

    /// The same behind TLS.
    pub(crate) async fn start_tls(manner: Manner, acceptor: tokio_rustls::TlsAcceptor) -> Self {
        Self::serve(manner, Some(acceptor)).await
    }

    async fn serve(manner: Manner, acceptor: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (count, log) = (accepted.clone(), requests.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                match &acceptor {
                    None => treat(stream, &manner, &log).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            treat(stream, &manner, &log).await;
                        }
                    }
                }
            }
        });
        Self {
            port,
            accepted,
            requests,
            task,
        }
    }

    /// How many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Requests as they came, byte for byte.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn treat(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: &Manner,
    log: &Mutex<Vec<String>>,
) {
    let request = read_request(&mut stream).await;
    log.lock().unwrap().push(request);
    match manner {
        Manner::Answer(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
        Manner::Close => {}
        Manner::Silence => {
            let _ = stream.read_u8().await;
        }
        Manner::Linger(bytes) => {
            let _ = stream.write_all(bytes).await;
            let _ = stream.flush().await;
            let _ = stream.read_u8().await;
        }
    }
}

/// Reads a head and the body its content-length names.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut wanted = usize::MAX;
    while bytes.len() < wanted {
        let Ok(byte) = stream.read_u8().await else {
            break;
        };
        bytes.push(byte);
        if wanted == usize::MAX && bytes.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |text| text.parse().unwrap());
            wanted = bytes.len() + length;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
