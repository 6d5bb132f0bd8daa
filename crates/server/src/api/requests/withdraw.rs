//! `POST /v1/requests/{id}/withdraw`: whoever asked takes it back.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::RequestStatus;
use gatehold_core::ids::RequestId;

use super::status::observed;
use crate::api::body::NoBody;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Asking;
use crate::problem::ApiError;

/// Takes a request back.
#[utoipa::path(
    post, path = "/v1/requests/{id}/withdraw", tag = "requests", operation_id = "withdraw",
    params(
        ("id" = String, Path, description = "The request."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses((status = 200, description = "It is withdrawn.", body = RequestStatus)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    asking: Asking,
    Id(id): Id<RequestId>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Answer<RequestStatus>, ApiError> {
    let caller = asking.caller(params.workload.as_deref())?;
    let record = app.gate().withdraw(&caller, id).await?;
    Ok(Answer(observed(&app, &record).await?))
}
