//! `POST /v1/sessions`: a human logs in. The call is signed with the new ephemeral key that the statement names, and the
//! statement with the human's enrolled key; so whoever relays a statement cannot use the session.

use axum::Json as Answer;
use axum::body::Body;
use axum::extract::{Request, State};
use gatehold_client::wire::{LoginRequest, Session, read_request};
use gatehold_core::json::canonical;
use gatehold_gate::{GateError, LoginStatement};
use gatehold_proof::WorkloadKey;

use crate::api::body::is_json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth;
use crate::problem::ApiError;

/// Two signed statements fit many times.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Logs a human in.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "people", operation_id = "login",
    request_body = LoginRequest,
    responses((status = 200, description = "The session. It reads and acts in the safe direction; it never approves.", body = Session)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Params(None {}): Params<None>,
    request: Request<Body>,
) -> Result<Answer<Session>, ApiError> {
    let (parts, body) = request.into_parts();
    auth::has_form(&app, &parts)?;
    let body = auth::read_body(&app, body, BODY_BYTES_MAX).await?;
    if !is_json(&parts.headers) {
        return Err(ApiError::MediaType);
    }
    let login: LoginRequest = read_request(&body)?;
    let statement = String::from_utf8(login.statement.0)
        .map_err(|_| ApiError::Login("the statement is not UTF-8".to_owned()))?;
    let unverified: LoginStatement = canonical::from_canonical_bytes(statement.as_bytes())
        .map_err(|error| ApiError::Login(error.to_string()))?;
    let key = WorkloadKey::from_jwk(unverified.jwk.as_bytes())
        .map_err(|error| ApiError::Login(error.to_string()))?;
    let now = app.gate().now().await?;
    // Possession of the ephemeral key. Who the human is, the gate checks next.
    let _possession = auth::verify(&app, &parts, &body, &key, now)?;
    let session = app
        .gate()
        .login(&statement, &login.signature, now)
        .map_err(refuse)?;
    Ok(Answer(Session {
        human: session.human.to_string(),
        expires_at: session.expires_at.millis(),
    }))
}

/// Whoever cannot log in is not authenticated, whatever the reason.
fn refuse(error: GateError) -> ApiError {
    match error {
        GateError::Refused(refusal) => ApiError::Login(refusal.to_string()),
        other @ (GateError::Busy
        | GateError::Journaled
        | GateError::JournalWaits(_)
        | GateError::Store(_)
        | GateError::Damaged(_)) => other.into(),
    }
}
