//! `POST /v1/delegations`: a person who is away lets another decide for them. The call may be carried by anyone who is logged
//! in; the signature in it says who speaks.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{DelegationItem, DelegationRequest};
use gatehold_core::trust::{DelegationReason, SignedDelegation};
use gatehold_gate::DelegationInput;

use super::delegations::item;
use crate::api::body::Json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Records a signed delegation.
#[utoipa::path(
    post, path = "/v1/delegations", tag = "people", operation_id = "delegate",
    request_body = DelegationRequest,
    responses((status = 200, description = "It has force, within its times.", body = DelegationItem)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    Json(request): Json<DelegationRequest>,
) -> Result<Answer<DelegationItem>, ApiError> {
    let statement = String::from_utf8(request.statement.0).map_err(|_| ApiError::Member {
        member: "statement",
        why: "it is not UTF-8, so not a canonical statement".to_owned(),
    })?;
    let made = app
        .gate()
        .delegate(DelegationInput {
            delegation: SignedDelegation {
                statement,
                signature: request.signature,
            },
            reason: DelegationReason {
                text: request.reason,
                salt: request.salt,
            },
        })
        .await?;
    Ok(Answer(item(made)))
}
