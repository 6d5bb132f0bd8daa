//! `GET /openapi.json`: this API, as its handlers describe themselves.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::openapi::text;

/// This API as an OpenAPI 3.1 document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "gate", operation_id = "openapi",
    responses((status = 200, description = "The document.", body = Object, content_type = "application/json"))
)]
pub(in crate::api) async fn handle() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], text()).into_response()
}
