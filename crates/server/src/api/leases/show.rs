//! `GET /v1/leases/{id}`: one of what was handed out.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::LeaseItem;
use gatehold_gate::LeaseName;

use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// What was handed out for one request.
#[utoipa::path(
    get, path = "/v1/leases/{id}", tag = "people", operation_id = "lease",
    params(("id" = String, Path, description = "The request, or the grant.")),
    responses((status = 200, description = "What was handed out.", body = LeaseItem)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Id(name): Id<LeaseName>,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<LeaseItem>, ApiError> {
    let human = &person.session.human;
    let seen = app.gate().lease_named(human, name).await?;
    Ok(Answer(said::seen_lease(seen)))
}
