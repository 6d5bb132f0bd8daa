//! An HTTP service on this machine: it refuses calls without its secret, and remembers the others.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::scenario::Saw;
use crate::trouble::{Outcome, trouble};

/// A running service. It ends when dropped.
pub struct WebService {
    address: SocketAddr,
    saw: Arc<Mutex<Vec<Saw>>>,
    running: JoinHandle<()>,
}

impl WebService {
    /// Starts one that always answers `answer` to calls that bring `Authorization: Bearer {secret}`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(secret: &str, answer: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(trouble("web"))?;
        let address = listener.local_addr().map_err(trouble("web"))?;
        let saw = Arc::new(Mutex::new(Vec::new()));
        let service = Arc::new(Service {
            authorization: format!("Bearer {secret}"),
            answer: Bytes::from(answer.to_owned()),
            saw: Arc::clone(&saw),
        });
        let running = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = Arc::clone(&service);
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let service = Arc::clone(&service);
                        async move { Ok::<_, Infallible>(service.answer(request).await) }
                    });
                    // A connection that breaks is the gate's to report.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Ok(Self {
            address,
            saw,
            running,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it saw, in order.
    #[must_use]
    pub fn saw(&self) -> Vec<Saw> {
        self.saw
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for WebService {
    fn drop(&mut self) {
        self.running.abort();
    }
}

struct Service {
    authorization: String,
    answer: Bytes,
    saw: Arc<Mutex<Vec<Saw>>>,
}

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let known = request
            .headers()
            .get("authorization")
            .is_some_and(|value| value.as_bytes() == self.authorization.as_bytes());
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let line = format!("{} {target}", request.method());
        let body = match request.into_body().collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(_) => return status(StatusCode::BAD_REQUEST),
        };
        if !known {
            return status(StatusCode::UNAUTHORIZED);
        }
        self.saw
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Saw { line, body });
        let mut response = Response::new(Full::new(self.answer.clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
