//! `GET /v1/leases/{id}`: one of what was handed out.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::LeaseOf;
use gatehold_core::refusal::Refusal;
use gatehold_gate::{GateError, LeaseName};

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
    responses((status = 200, description = "What was handed out, if anything was.", body = LeaseOf)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Id(name): Id<LeaseName>,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<LeaseOf>, ApiError> {
    let human = &person.session.human;
    let seen = app.gate().lease_named(human, name).await;
    let lease = match (seen, name) {
        (Ok(seen), _) => said::seen_lease(seen),
        // There is such a request, and nothing was handed out for it.
        (Err(GateError::Refused(Refusal::NoSuchRequest)), LeaseName::Request(id)) => {
            let request = app.gate().show(id).await?.id.to_string();
            return Ok(Answer(LeaseOf {
                request,
                lease: Option::None,
            }));
        }
        (Err(error), _) => return Err(error.into()),
    };
    Ok(Answer(LeaseOf {
        request: lease.request.clone(),
        lease: Some(lease),
    }))
}
