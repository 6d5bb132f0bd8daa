//! `POST /v1/requests/{id}/break-glass`: what two people signed with offline keys. The session that carries it adds nothing: it may be
//! anybody's who is enrolled, because whoever signed may have nothing with them but a key from a drawer.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{BreakGlassRequest, RequestStatus};
use gatehold_core::decide::BreakGlassNow;
use gatehold_core::glass::{GlassSignature, SignedGlass};
use gatehold_core::ids::RequestId;
use gatehold_core::review::Answers;

use crate::api::body::Json;
use crate::api::people::safe::signed;
use crate::api::requests::status::observed;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Lets a held request go on without its reviewers.
#[utoipa::path(
    post, path = "/v1/requests/{id}/break-glass", tag = "reviews", operation_id = "break_glass",
    params(("id" = String, Path, description = "The request.")),
    request_body = BreakGlassRequest,
    responses((status = 200, description = "Whoever asked may redeem it now, once; everybody is told.", body = RequestStatus)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    Json(request): Json<BreakGlassRequest>,
) -> Result<Answer<RequestStatus>, ApiError> {
    let signature = |human, key, signature| GlassSignature {
        human,
        key,
        signature,
    };
    let (statement, signatures) = signed(request.statement, request.signatures, signature)?;
    let opening = BreakGlassNow {
        glass: SignedGlass {
            statement,
            signatures,
        },
        answers: Answers {
            criteria: request.answers,
            justification: request.justification,
            salt: request.salt,
        },
    };
    let record = app.gate().break_glass(id, opening).await?;
    Ok(Answer(observed(&app, &record).await?))
}
