//! `GET /v1/requests/{id}/deciders`: who could approve a held request, for people.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Against, Decider, Deciders, DecidesFor};
use gatehold_core::delegation::Through;
use gatehold_core::ids::RequestId;
use gatehold_gate::{Against as Found, Decider as Seated};

use crate::api::body::NoBody;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Who could approve a held request, as people and keys are now.
#[utoipa::path(
    get, path = "/v1/requests/{id}/deciders", tag = "reviews", operation_id = "deciders",
    params(("id" = String, Path, description = "The request.")),
    responses((status = 200, description = "Who has a seat, and whether they would be enough.", body = Deciders)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Deciders>, ApiError> {
    let found = app.gate().deciders(id).await?;
    Ok(Answer(Deciders {
        request: id.to_string(),
        people: found.people.into_iter().map(decider).collect(),
        people_needed: found.people_needed,
        enough: found.enough,
    }))
}

fn decides_for(through: &Through) -> DecidesFor {
    DecidesFor {
        human: through.from.to_string(),
        until: through.until.millis(),
        delegation: through.delegation.to_string(),
    }
}

fn decider(found: Seated) -> Decider {
    Decider {
        human: found.human.to_string(),
        assurance: found.assurance.to_string(),
        checkpoints: found.checkpoints,
        decides_for: found.through.iter().map(decides_for).collect(),
        but: found.but.map(|against| match against {
            Found::Asked => Against::Asked,
            Found::Key => Against::Key,
            Found::Signer => Against::Signer,
        }),
    }
}
