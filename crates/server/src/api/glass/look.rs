//! `POST /v1/break-glass/reviews`: somebody who had no part in it says, signed, what they found who looked at it afterwards. The call
//! may be carried by anyone who is logged in; the signature in it says who speaks.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{OpeningItem, PostReviewRequest};
use gatehold_core::correction::CorrectionText;
use gatehold_core::decide::LookAfterwards;
use gatehold_core::glass::UnverifiedPostReview;

use super::list::item;
use crate::api::body::Json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Records a signed look at what was let out by break-glass.
#[utoipa::path(
    post, path = "/v1/break-glass/reviews", tag = "reviews", operation_id = "look_afterwards",
    request_body = PostReviewRequest,
    responses((status = 200, description = "It is recorded; the answer says who has looked by now.", body = OpeningItem)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    Json(request): Json<PostReviewRequest>,
) -> Result<Answer<OpeningItem>, ApiError> {
    let unusable = |why: String| ApiError::Member {
        member: "statement",
        why,
    };
    let statement = String::from_utf8(request.statement.0)
        .map_err(|_| unusable("it is not UTF-8, so not a canonical statement".to_owned()))?;
    let words = CorrectionText {
        text: request.text,
        salt: request.salt,
    };
    let text = words
        .to_bytes()
        .map_err(|error| unusable(error.to_string()))?;
    let look = LookAfterwards {
        review: UnverifiedPostReview {
            statement,
            signature: request.signature,
        },
        text,
    };
    let opening = app.gate().look_afterwards(look).await?;
    let now = app.gate().now().await?;
    Ok(Answer(item(&opening, now)))
}
