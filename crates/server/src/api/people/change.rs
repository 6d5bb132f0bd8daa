//! `POST /v1/changes`: a human asks for a change of the gate itself. It is held like any action; the author's own
//! signature over it is part of the body.

use axum::extract::State;
use axum::response::Response;
use gatehold_client::wire::{ChangeRequest, Decision, Held};
use gatehold_core::trust::SubmitSignature;
use gatehold_gate::HumanSubmit;

use crate::api::body::Json;
use crate::api::requests::claims::claims;
use crate::api::requests::submit::answer;
use crate::api::target::{DryRun, Params};
use crate::app::App;
use crate::auth::Person;
use crate::metrics::Stopwatch;
use crate::problem::ApiError;

/// Asks for a change of the gate itself.
#[utoipa::path(
    post, path = "/v1/changes", tag = "people", operation_id = "change",
    params(("dry_run" = Option<bool>, Query, description = "Only say what would be decided; leaves no request.")),
    request_body = ChangeRequest,
    responses(
        (status = 200, description = "Decided, also when it is denied.", body = Decision),
        (status = 202, description = "Held: nothing has happened.", body = Held),
    ),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Params(params): Params<DryRun>,
    Json(request): Json<ChangeRequest>,
) -> Result<Response, ApiError> {
    let stopwatch = Stopwatch::start();
    let input = HumanSubmit {
        human: person.session.human.clone(),
        key: person.session.enrolled_key,
        envelope: request.envelope.0,
        payload: request.payload.0,
        claims: claims(request.claims, false)?,
        submit: SubmitSignature {
            nonce: request.nonce,
            signature: request.signature,
        },
        dry_run: params.dry_run,
    };
    let submitted = app.gate().submit_human(input).await?;
    app.metrics()
        .submitted(&submitted, params.dry_run, stopwatch);
    Ok(answer(&submitted, params.dry_run))
}
