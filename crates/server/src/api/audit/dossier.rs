//! `GET /v1/audit/dossiers/{id}`: everything that proves one request, as a closed set of receipts.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_core::ids::RequestId;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::receipt::may_see;
use crate::api::body::NoBody;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Asking;
use crate::problem::ApiError;

/// Everything that proves one request.
#[utoipa::path(
    get, path = "/v1/audit/dossiers/{id}", tag = "audit", operation_id = "dossier",
    params(
        ("id" = String, Path, description = "The request; no longer held."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses((status = 200, description = "The dossier.", body = String, content_type = "application/octet-stream")),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    asking: Asking,
    Id(request): Id<RequestId>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    may_see(&app, &asking, params.workload.as_deref(), request, false).await?;
    let dossier = app
        .ledger()
        .dossier(request)
        .await?
        .ok_or(ApiError::NoSuchLeaf)?;
    let bytes = HeaderValue::from_static("application/octet-stream");
    Ok(([(CONTENT_TYPE, bytes)], dossier).into_response())
}
