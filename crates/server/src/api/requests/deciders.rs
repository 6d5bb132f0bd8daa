//! `GET /v1/requests/{id}/deciders`: who could approve a held request, for people.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Against, Decider, Deciders, DecidesFor, OnCall};
use gatehold_core::delegation::Through;
use gatehold_core::ids::RequestId;
use gatehold_gate::ports::facts::OnCall as OnCallOf;
use gatehold_gate::{Against as Found, Decider as Seated, GateError};

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
    Ok(Answer(deciders(&app, id).await?))
}

/// The same for the page.
pub(crate) async fn deciders(app: &App, id: RequestId) -> Result<Deciders, GateError> {
    let found = app.gate().deciders(id).await?;
    Ok(Deciders {
        request: id.to_string(),
        people: found.people.into_iter().map(decider).collect(),
        people_needed: found.people_needed,
        enough: found.enough,
        on_call: found.on_call.into_iter().map(on_call).collect(),
    })
}

fn on_call(found: OnCallOf) -> OnCall {
    let (people, unknown) = match found.told.answer {
        Ok(people) => (people.iter().map(ToString::to_string).collect(), None),
        Err(why) => (Vec::new(), Some(why)),
    };
    OnCall {
        team: found.team.to_string(),
        people,
        unknown,
        from: found.told.from,
        age_seconds: found.told.age_seconds,
    }
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
