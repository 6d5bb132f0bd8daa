//! The doors of an executor in a process of its own, for one gate over mutual TLS. Transports only: what is proven, and what was done
//! before, is decided in `gatehold_gate::Apart`.

mod credentials;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gatehold_gate::{
    Answer, Apart, CASE_BYTES_MAX, Case, LINKS_BYTES_MAX, No, Refused, TrustLinks,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{self, Unread};

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// The routes. Whoever may connect was decided by TLS.
pub fn executor_router(apart: Apart) -> Router {
    Router::new()
        .route("/v1/targets", get(targets))
        .route("/v1/links", post(links))
        .route("/v1/execute", post(execute))
        .route("/v1/issue", post(credentials::issue))
        .route("/v1/shut", post(credentials::shut))
        .route("/v1/remove", post(credentials::remove))
        .route("/v1/found", post(credentials::found))
        .fallback(no_such_door)
        .with_state(apart)
}

/// Which targets there are, what each enforces, and how far the chain of trust was seen.
async fn targets(State(apart): State<Apart>) -> Response {
    said(StatusCode::OK, &apart.standing().await)
}

/// Learns links of the chain of trust.
async fn links(State(apart): State<Apart>, body: Body) -> Response {
    let links: TrustLinks = match read(body, LINKS_BYTES_MAX).await {
        Ok(links) => links,
        Err(response) => return response,
    };
    match apart.learn(links.links).await {
        Ok(standing) => said(StatusCode::OK, &standing),
        Err(refused) => said_no(&refused),
    }
}

/// Executes what is proven, once.
async fn execute(State(apart): State<Apart>, body: Body) -> Response {
    let case: Case = match read(body, CASE_BYTES_MAX).await {
        Ok(case) => case,
        Err(response) => return response,
    };
    match apart.execute(&case).await {
        Ok(execution) => said(StatusCode::OK, &Answer::from(execution)),
        Err(refused) => said_no(&refused),
    }
}

async fn read<T: DeserializeOwned>(body: Body, bytes_max: usize) -> Result<T, Response> {
    let bytes = bytes(body, bytes_max).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // Where, and not what: an error of the parser quotes other people's text.
        let (line, column) = (error.line(), error.column());
        tracing::error!(line, column, "a gate sent what cannot be read");
        let text = format!(
            "what was sent cannot be read at line {line}, column {column}; run the same gatehold on both sides"
        );
        no(StatusCode::BAD_REQUEST, "unreadable", &text)
    })
}

/// The body is read all the same: a sender that is answered while it still sends may take the answer for a connection that broke off.
async fn no_such_door(body: Body) -> Response {
    match bytes(body, CASE_BYTES_MAX).await {
        Ok(_unused) => no(
            StatusCode::NOT_FOUND,
            "no_such_door",
            "there is no such door",
        ),
        Err(response) => response,
    }
}

async fn bytes(body: Body, bytes_max: usize) -> Result<Bytes, Response> {
    body::whole(body, bytes_max, BODY)
        .await
        .map_err(|unread| match unread {
            Unread::TooLarge => {
                let text = format!("more than {bytes_max} bytes were sent");
                no(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &text)
            }
            Unread::Broken => {
                let text = "what was sent broke off";
                no(StatusCode::BAD_REQUEST, "broken", text)
            }
            Unread::TooSlow => {
                let text = "what was sent did not arrive in time";
                no(StatusCode::REQUEST_TIMEOUT, "too_slow", text)
            }
        })
}

fn said_no(refused: &Refused) -> Response {
    no(StatusCode::FORBIDDEN, refused.code(), &refused.to_string())
}

fn no(status: StatusCode, code: &str, text: &str) -> Response {
    let no = No {
        code: code.to_owned(),
        text: text.to_owned(),
    };
    said(status, &no)
}

fn said(status: StatusCode, document: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(document) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (status, headers, body).into_response()
}
