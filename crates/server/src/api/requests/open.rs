//! `POST /v1/requests/{id}/open`: a reviewer looks at the exact action. Draws the nonce that their review will consume.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Base64Bytes, Criterion, CriterionKind, Limits, Opened};
use gatehold_core::checkpoint;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_gate::{GateError, OpenedRequest};

use crate::api::body::NoBody;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Opens a held request for review.
#[utoipa::path(
    post, path = "/v1/requests/{id}/open", tag = "reviews", operation_id = "open",
    params(("id" = String, Path, description = "The request.")),
    responses((status = 200, description = "What is shown, and what is to be signed.", body = Opened)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Opened>, ApiError> {
    let session = &person.session;
    let looked_at = app
        .gate()
        .open_request(&session.human, &session.enrolled_key, id)
        .await?;
    Ok(Answer(opened(&app, looked_at)?))
}

/// What was opened, as it travels.
pub(crate) fn opened(app: &App, looked_at: OpenedRequest) -> Result<Opened, ApiError> {
    let descriptor = descriptor(app, &looked_at)?;
    shown(looked_at, descriptor)
}

/// The definition that the envelope names by hash. When it is not active any more there is nothing to render with.
fn descriptor(app: &App, opened: &OpenedRequest) -> Result<Vec<u8>, ApiError> {
    let named = &opened.record.envelope.descriptor;
    let bundle = app.gate().bundle();
    let active = bundle
        .descriptors()
        .get(&named.id)
        .filter(|active| active.hash() == named.hash)
        .ok_or(GateError::Refused(Refusal::ChangedSinceShown))?;
    canonical::to_bytes(active).map_err(|_| ApiError::Fault("a descriptor has no canonical form"))
}

fn shown(opened: OpenedRequest, descriptor: Vec<u8>) -> Result<Opened, ApiError> {
    let context = &opened.context;
    let template = context
        .to_bytes()
        .map_err(|_| ApiError::Fault("a review context has no canonical form"))?;
    Ok(Opened {
        request: opened.record.id.to_string(),
        display: Base64Bytes(opened.display),
        view: Base64Bytes(opened.view),
        envelope: Base64Bytes(opened.envelope),
        payload: Base64Bytes(opened.payload),
        asked: Base64Bytes(opened.asked),
        claims: opened.claims.0,
        answers: opened.answers,
        descriptor: Base64Bytes(descriptor),
        request_nonce: opened.record.request_nonce.to_string(),
        context_template: Base64Bytes(template),
        authority: Base64Bytes(opened.authority),
        review_nonce: context.review_nonce.clone(),
        words: opened.words,
        criteria: opened.criteria.into_iter().map(criterion).collect(),
        limits: Limits {
            ttl_seconds: context.limits.ttl_seconds,
            uses: context.limits.uses,
            caps: context.limits.caps.clone(),
            not_before: context.limits.not_before.millis(),
            not_after: context.limits.not_after.millis(),
        },
        decide_by: context.decide_by.millis(),
        spend_by: context.spend_by.millis(),
    })
}

fn criterion(criterion: checkpoint::Criterion) -> Criterion {
    let (kind, choices) = match criterion.kind {
        checkpoint::CriterionKind::Yes => (CriterionKind::Yes, Vec::new()),
        checkpoint::CriterionKind::Choice(words) => (CriterionKind::Choice, words),
        checkpoint::CriterionKind::Text => (CriterionKind::Text, Vec::new()),
    };
    Criterion {
        id: criterion.id,
        text: criterion.text,
        kind,
        choices,
        required: criterion.required,
    }
}
