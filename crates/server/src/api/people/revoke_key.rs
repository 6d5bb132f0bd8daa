//! `POST /v1/keys/revoke`: a key loses its force, at once. The signatures are in the body; the call may be carried by
//! anyone who is logged in.

use axum::extract::State;
use gatehold_client::wire::KeyRevocationRequest;
use gatehold_core::trust::SignedRevocation;
use gatehold_core::trust::revocation::RevocationSignature;
use http::StatusCode;

use super::safe::signed;
use crate::api::body::Json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Revokes a human's key, at once.
#[utoipa::path(
    post, path = "/v1/keys/revoke", tag = "people", operation_id = "revoke_key",
    request_body = KeyRevocationRequest,
    responses((status = 204, description = "The key has no force any more.")),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    Json(request): Json<KeyRevocationRequest>,
) -> Result<StatusCode, ApiError> {
    let signature = |human, key, signature| RevocationSignature {
        human,
        key,
        signature,
    };
    let (statement, signatures) = signed(request.statement, request.signatures, signature)?;
    app.gate()
        .revoke_key(SignedRevocation {
            statement,
            signatures,
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
