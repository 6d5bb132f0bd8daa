//! `POST /v1/keys/revoke`: a key loses its force, at once. The signatures are in the body; the call may be carried by
//! anyone who is logged in.

use axum::extract::State;
use gatehold_client::wire::KeyRevocationRequest;
use gatehold_core::trust::SignedRevocation;
use gatehold_core::trust::revocation::RevocationSignature;
use http::StatusCode;

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
    let statement = String::from_utf8(request.statement.0).map_err(|_| ApiError::Member {
        member: "statement",
        why: "it is not UTF-8, so not a canonical statement".to_owned(),
    })?;
    let mut signatures = Vec::with_capacity(request.signatures.len());
    for signature in request.signatures {
        signatures.push(RevocationSignature {
            human: signature.human.parse().map_err(ApiError::member("human"))?,
            key: signature.key.parse().map_err(ApiError::member("key"))?,
            signature: signature.signature,
        });
    }
    app.gate()
        .revoke_key(SignedRevocation {
            statement,
            signatures,
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
