//! `POST /v1/requests/{id}/answer`: the requester answers a reviewer. The answer is a claim; it extends the claims chain
//! and disarms open screens.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{AnswerRequest, RequestStatus};
use gatehold_core::ids::RequestId;

use super::status::observed;
use crate::api::body::Json;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Asking;
use crate::problem::ApiError;

/// Answers a reviewer's question.
#[utoipa::path(
    post, path = "/v1/requests/{id}/answer", tag = "requests", operation_id = "answer",
    params(
        ("id" = String, Path, description = "The request."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    request_body = AnswerRequest,
    responses((status = 200, description = "The answer is recorded.", body = RequestStatus)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    asking: Asking,
    Id(id): Id<RequestId>,
    Params(params): Params<ActingFor>,
    Json(request): Json<AnswerRequest>,
) -> Result<Answer<RequestStatus>, ApiError> {
    let caller = asking.caller(params.workload.as_deref())?;
    let record = app.gate().answer(&caller, id, &request.text).await?;
    Ok(Answer(observed(&app, &record).await?))
}
