//! `GET /v1/audit/receipts/{leaf}`: one leaf with its proof. Workloads get those of their own requests; people get any,
//! but leaves of a request that is still held stay closed to everyone, or receipts would tell who has reviewed.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_core::ids::RequestId;
use gatehold_core::request::State as Stands;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::api::body::NoBody;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Asking;
use crate::problem::ApiError;

/// One leaf with its proof.
#[utoipa::path(
    get, path = "/v1/audit/receipts/{leaf}", tag = "audit", operation_id = "receipt",
    params(
        ("leaf" = u64, Path, description = "Index of the leaf."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses((status = 200, description = "A C2SP tlog-proof.", body = String, content_type = "text/plain")),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    asking: Asking,
    Id(leaf): Id<u64>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let about = app
        .ledger()
        .about(leaf)
        .await?
        .ok_or(ApiError::NoSuchLeaf)?;
    if let Some(request) = about.request {
        may_see(
            &app,
            &asking,
            params.workload.as_deref(),
            request,
            about.opens_request,
        )
        .await?;
    } else if !asking.is_person() {
        return Err(ApiError::NoSuchLeaf);
    }
    let receipt = app
        .ledger()
        .receipt(leaf)
        .await?
        .ok_or(ApiError::NoSuchLeaf)?;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, text)], receipt).into_response())
}

/// Whether the caller may see leaves of a request now.
pub(super) async fn may_see(
    app: &App,
    asking: &Asking,
    workload: Option<&str>,
    request: RequestId,
    opens_request: bool,
) -> Result<(), ApiError> {
    let caller = asking.caller(workload)?;
    let record = if asking.is_person() {
        app.gate().show(request).await?
    } else {
        app.gate().status(&caller, request).await?
    };
    if record.state == Stands::Held && !opens_request {
        return Err(ApiError::NoSuchLeaf);
    }
    Ok(())
}
