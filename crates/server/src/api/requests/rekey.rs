//! `POST /v1/requests/{id}/rekey`: the credential that was handed out is made anew for whoever lost it. A path of its own: a call that is
//! only sent again never ends anybody's sessions.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::Redeemed;
use gatehold_core::ids::RequestId;

use super::redeem::said;
use crate::api::body::NoBody;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Acting;
use crate::problem::ApiError;

/// Has the credential of a living lease made anew; the earlier one is dead before this one is handed over.
#[utoipa::path(
    post, path = "/v1/requests/{id}/rekey", tag = "requests", operation_id = "rekey",
    params(
        ("id" = String, Path, description = "The request that the credential was handed out for."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses(
        (status = 200, description = "The same lease with a new credential. Sessions that began with the earlier one are over.", body = Redeemed),
    ),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Acting(acting): Acting,
    Id(id): Id<RequestId>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Answer<Redeemed>, ApiError> {
    let caller = acting.caller(params.workload.as_deref())?;
    let rekeyed = app.gate().rekey(&caller, id).await?;
    Ok(Answer(said(&app, rekeyed).await))
}
