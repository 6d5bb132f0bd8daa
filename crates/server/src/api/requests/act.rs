//! `POST /v1/requests/{id}/acts`: deny, ask, escalate, claim, release, suspicious, by a session. Nothing here lets anything out.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Act, ActRequest, DenyReason, ReviewResult};
use gatehold_core::decide::ActKind;
use gatehold_core::ids::RequestId;

use crate::api::body::Json;
use crate::api::said;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// How these acts are recorded: by the key of a login session, not by the person's own.
const CHANNEL: &str = "session";

/// Denies, asks, escalates, claims or reports.
#[utoipa::path(
    post, path = "/v1/requests/{id}/acts", tag = "reviews", operation_id = "act",
    params(("id" = String, Path, description = "The request.")),
    request_body = ActRequest,
    responses((status = 200, description = "Recorded.", body = ReviewResult)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    Json(request): Json<ActRequest>,
) -> Result<Answer<ReviewResult>, ApiError> {
    let kind = match request.act {
        Act::Deny => ActKind::Deny,
        Act::Ask => ActKind::Ask,
        Act::Escalate => ActKind::Escalate,
        Act::Claim => ActKind::Claim,
        Act::Release => ActKind::Release,
        Act::Suspicious => ActKind::Suspicious,
    };
    let text = match (request.reason.map(reason), request.text) {
        (Some(reason), Some(text)) => format!("{reason}: {text}"),
        (Some(reason), None) => reason.to_owned(),
        (None, text) => text.unwrap_or_default(),
    };
    let record = app
        .gate()
        .act(&person.session.human, id, kind, &text, CHANNEL)
        .await?;
    app.metrics().reviewed(&record);
    Ok(Answer(said::review(&record)))
}

const fn reason(reason: DenyReason) -> &'static str {
    match reason {
        DenyReason::NotJustified => "not_justified",
        DenyReason::TooBroad => "too_broad",
        DenyReason::OperationallyUnsafe => "operationally_unsafe",
        DenyReason::ContextMissing => "context_missing",
        DenyReason::Suspicious => "suspicious",
        DenyReason::AgainstPolicy => "against_policy",
        DenyReason::BetterAlternative => "better_alternative",
        DenyReason::Duplicate => "duplicate",
        DenyReason::Other => "other",
    }
}
