//! `POST /v1/requests/{id}/revoke`: a human takes away what was allowed, before it is used, or what was handed out.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::RequestStatus;
use gatehold_core::ids::RequestId;

use super::status::observed;
use crate::api::body::NoBody;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Takes away what was allowed.
#[utoipa::path(
    post, path = "/v1/requests/{id}/revoke", tag = "reviews", operation_id = "revoke",
    params(("id" = String, Path, description = "The request.")),
    responses((status = 200, description = "It is revoked, or what was handed out for it is being taken away: `lease` says how far that is.", body = RequestStatus)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<RequestStatus>, ApiError> {
    let record = app.gate().revoke(&person.session.human, id).await?;
    Ok(Answer(observed(&app, &record).await?))
}
