//! `POST /v1/delegations/end`: a delegation ends early, at once. The signatures are in the body; the call may be carried by
//! anyone who is logged in.

use axum::extract::State;
use gatehold_client::wire::DelegationEndRequest;
use gatehold_core::trust::SignedDelegationEnd;
use gatehold_core::trust::delegation::EndSignature;
use http::StatusCode;

use super::safe::signed;
use crate::api::body::Json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Ends a delegation, at once.
#[utoipa::path(
    post, path = "/v1/delegations/end", tag = "people", operation_id = "end_delegation",
    request_body = DelegationEndRequest,
    responses((status = 204, description = "Nobody decides by it any more.")),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    Json(request): Json<DelegationEndRequest>,
) -> Result<StatusCode, ApiError> {
    let signature = |human, key, signature| EndSignature {
        human,
        key,
        signature,
    };
    let (statement, signatures) = signed(request.statement, request.signatures, signature)?;
    app.gate()
        .end_delegation(SignedDelegationEnd {
            statement,
            signatures,
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
