//! The files that pages use: in the program itself, each with a strong tag of its bytes.

use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use gatehold_core::hash::Hash;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, StatusCode};

use super::frame::PageError;

/// Name, media type and bytes.
const FILES: &[(&str, &str, &[u8])] = &[
    (
        "console.css",
        "text/css; charset=utf-8",
        include_bytes!("../../static/console.css"),
    ),
    (
        "keys.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/keys.js"),
    ),
    (
        "seen.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../static/seen.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../static/icon.svg"),
    ),
];

/// `GET /static/{name}`.
pub(super) async fn file(
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, PageError> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, media_type, bytes) = found.ok_or(PageError::Nothing)?;
    let tag = format!("\"{}\"", Hash::of(bytes).hex());
    let value = HeaderValue::from_str(&tag).map_err(|_| PageError::Fault("a tag is no header"))?;
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (ETAG, value),
        // Asked again each time, so that page and file are of one version.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let known = request.headers().get_all(IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    if known.any(|known| known == tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, *bytes).into_response())
}
