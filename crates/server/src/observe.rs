//! Around every call: an id, its duration, and the one place where an error is rendered, logged and counted.
//!
//! It logs methods, route templates, statuses and stable words. It must never log a path, a query, a header, a body, a key
//! or a name: those are other people's text (threat C14).

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};

use crate::app::App;
use crate::metrics::Stopwatch;
use crate::problem::{ApiError, Failed};

/// Longest request target, bytes: the profile of the submit proof takes no longer one.
const TARGET_BYTES_MAX: usize = 4096;

pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let stopwatch = Stopwatch::start();
    let call = app.next_call_id();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| Arc::from("unmatched"), |path| Arc::from(path.as_str()));
    let target_bytes = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let response = if target_bytes > TARGET_BYTES_MAX {
        ApiError::TargetTooLong.into_response()
    } else {
        next.run(request).await
    };
    let mut response = say(&app, response, &call, &route);
    let headers = response.headers_mut();
    // A file of the console says for itself how it is kept.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    app.metrics()
        .called(&method, &route, response.status(), stopwatch.elapsed());
    response
}

/// Renders an error that a handler or an extractor left behind.
fn say(app: &App, mut response: Response, call: &str, route: &str) -> Response {
    let Some(Failed(error)) = response.extensions_mut().remove::<Failed>() else {
        return response;
    };
    let said = error.said();
    if said.status.is_server_error() {
        // The cause stands here and nowhere else.
        tracing::error!(call, route, %error, "call failed");
    } else {
        tracing::debug!(call, route, kind = said.kind, "call refused");
    }
    app.metrics().refused(&error);
    let mut rendered = said.into_response(call.to_owned());
    // What the routing set, such as `Allow`, stays.
    for (name, value) in response.headers() {
        if name == http::header::ALLOW {
            rendered.headers_mut().insert(name, value.clone());
        }
    }
    rendered
}
