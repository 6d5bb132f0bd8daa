//! `POST /v1/requests/{id}/corrections`: a person's own key says that something recorded of a request was wrong. The call may be
//! carried by anyone who is logged in; the signature in it says who speaks.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Correction, CorrectionRequest};
use gatehold_core::correction::{CorrectionText, UnverifiedCorrection};
use gatehold_core::ids::RequestId;
use gatehold_gate::CorrectionInput;

use super::corrections::corrected;
use crate::api::body::Json;
use crate::api::target::{Id, None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Records a signed correction.
#[utoipa::path(
    post, path = "/v1/requests/{id}/corrections", tag = "reviews", operation_id = "correct",
    params(("id" = String, Path, description = "The request.")),
    request_body = CorrectionRequest,
    responses((status = 200, description = "It is recorded beside what it corrects, which stays as it is.", body = Correction)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Id(id): Id<RequestId>,
    Params(None {}): Params<None>,
    Json(request): Json<CorrectionRequest>,
) -> Result<Answer<Correction>, ApiError> {
    let input = correction_input(id, request)?;
    Ok(Answer(corrected(app.gate().correct(input).await?)))
}

/// What travelled as the gate takes it.
pub(crate) fn correction_input(
    request: RequestId,
    sent: CorrectionRequest,
) -> Result<CorrectionInput, ApiError> {
    let statement = String::from_utf8(sent.statement.0).map_err(|_| ApiError::Member {
        member: "statement",
        why: "it is not UTF-8, so not a canonical statement".to_owned(),
    })?;
    Ok(CorrectionInput {
        request,
        correction: UnverifiedCorrection {
            statement,
            signature: sent.signature,
        },
        text: CorrectionText {
            text: sent.text,
            salt: sent.salt,
        },
    })
}
