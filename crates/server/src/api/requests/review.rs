//! `POST /v1/requests/{id}/reviews`: a human hands in what their enrolled key signed. The session that carries it adds
//! nothing: core verifies the signature, and the reviewer is whoever signed.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{ReviewRequest, ReviewResult};
use gatehold_core::ids::RequestId;
use gatehold_core::review::{Answers, UnverifiedReview};
use gatehold_gate::ReviewInput;

use crate::api::body::Json;
use crate::api::said;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Hands in a signed review.
#[utoipa::path(
    post, path = "/v1/requests/{id}/reviews", tag = "reviews", operation_id = "review",
    params(("id" = String, Path, description = "The request.")),
    request_body = ReviewRequest,
    responses((status = 200, description = "Recorded. While others are still needed it says no more.", body = ReviewResult)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    Json(request): Json<ReviewRequest>,
) -> Result<Answer<ReviewResult>, ApiError> {
    let input = review_input(id, request)?;
    let reviewed = app.gate().review_told(input).await?;
    app.metrics().reviewed(&reviewed.record);
    Ok(Answer(said::reviewed(&reviewed)))
}

/// A signed review as the gate takes it.
pub(crate) fn review_input(id: RequestId, request: ReviewRequest) -> Result<ReviewInput, ApiError> {
    let context = String::from_utf8(request.context.0).map_err(|_| ApiError::Member {
        member: "context",
        why: "it is not UTF-8, so not the canonical context".to_owned(),
    })?;
    Ok(ReviewInput {
        request: id,
        review: UnverifiedReview::new(context, request.signature),
        answers: Answers {
            criteria: request.answers,
            justification: request.justification,
            salt: request.salt,
        },
    })
}
