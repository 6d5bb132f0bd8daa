//! `POST /v1/signals`: security event tokens, pushed as RFC 8935 has it. Without a submit proof: the token is the proof.
//!
//! The rules are the gate's ([`Gate::heed`](gatehold_gate::Gate::heed)). A sender is told 202 once what it asked for is durable, and
//! also where nothing was to be done; anything else, and it sends the token again.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use gatehold_gate::{Heeded, SignalError};
use gatehold_proof::jws::TokenError;
use http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use crate::app::App;
use crate::auth;
use crate::problem::ApiError;

/// Longest body: the longest token, and nothing beside it.
const BODY_BYTES_MAX: usize = gatehold_proof::security_event::TOKEN_BYTES_MAX;
/// Seconds after which a sender that said too much may say more, or one that is not heeded now comes again.
const RETRY_SECONDS: &str = "60";

/// Its route, at a gate that has a sender.
pub(crate) fn router() -> Router<App> {
    Router::new().route("/v1/signals", post(handle))
}

async fn handle(State(app): State<App>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    // A sender that hangs up stops nothing half way.
    auth::to_its_end(async move {
        match heard(&app, &parts.headers, body).await {
            Ok(heeded) => {
                app.metrics().signal(word(heeded));
                StatusCode::ACCEPTED.into_response()
            }
            Err(refused) => {
                app.metrics().signal(refused.outcome());
                refused.into_response()
            }
        }
    })
    .await
}

async fn heard(app: &App, headers: &HeaderMap, body: Body) -> Result<Heeded, Refused> {
    let signals = app.signals().ok_or(Refused::Call(ApiError::NoSuchPath))?;
    if !is_token(headers) {
        return Err(Refused::Kind);
    }
    let body = auth::read_body(app, body, BODY_BYTES_MAX)
        .await
        .map_err(Refused::Call)?;
    let token = std::str::from_utf8(&body);
    let token = token.map_err(|_| SignalError::Token(TokenError::NotCompact))?;
    Ok(app.gate().heed(signals, token).await?)
}

fn is_token(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (given.next(), given.next()) else {
        return false;
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/secevent+jwt")
}

const fn word(heeded: Heeded) -> &'static str {
    match heeded {
        Heeded::Stopped => "stopped",
        Heeded::Held => "held",
        Heeded::Known => "known",
        Heeded::Nothing => "nothing",
    }
}

/// Why a token was not taken.
#[derive(Debug)]
enum Refused {
    /// The call itself.
    Call(ApiError),
    /// The body is declared as something else.
    Kind,
    /// The token, or what became of it.
    Signal(SignalError),
}

impl From<SignalError> for Refused {
    fn from(error: SignalError) -> Self {
        Self::Signal(error)
    }
}

impl Refused {
    /// For the counter.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::Call(_) | Self::Kind | Self::Signal(SignalError::Token(_)) => "refused",
            Self::Signal(SignalError::TooMany) => "too_many",
            Self::Signal(SignalError::NotEnrolled | SignalError::Gate(_)) => "failed",
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            // Too large and broken off are told as everywhere; the standard leaves them open.
            Self::Call(error) => error.into_response(),
            Self::Kind => said(
                "invalid_request",
                "the body must be declared as application/secevent+jwt",
            ),
            Self::Signal(SignalError::Token(error)) => said(err(&error), &error.to_string()),
            Self::Signal(error @ SignalError::TooMany) => {
                later(StatusCode::TOO_MANY_REQUESTS, &error)
            }
            Self::Signal(error @ SignalError::NotEnrolled) => {
                later(StatusCode::SERVICE_UNAVAILABLE, &error)
            }
            // Nothing is in force, so the sender has to come again.
            Self::Signal(SignalError::Gate(error)) => ApiError::from(error).into_response(),
        }
    }
}

/// It has to come again, and when.
fn later(status: StatusCode, error: &SignalError) -> Response {
    let seconds = [(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))];
    (status, seconds, error.to_string()).into_response()
}

/// RFC 8935, 2.3.
fn said(err: &str, description: &str) -> Response {
    let language = [(CONTENT_LANGUAGE, HeaderValue::from_static("en"))];
    let body = Json(json!({ "err": err, "description": description }));
    (StatusCode::BAD_REQUEST, language, body).into_response()
}

/// The code of RFC 8935, 2.4.
const fn err(error: &TokenError) -> &'static str {
    match error {
        TokenError::UnknownKey | TokenError::Key(_) => "invalid_key",
        TokenError::BadSignature => "authentication_failed",
        TokenError::NotForUs(claim) => match claim.as_bytes() {
            b"iss" => "invalid_issuer",
            _ => "invalid_audience",
        },
        TokenError::Json(_)
        | TokenError::NotCompact
        | TokenError::Type(_)
        | TokenError::Algorithm
        | TokenError::NotYetValid
        | TokenError::Expired
        | TokenError::Lifetime
        | TokenError::Claim(_)
        | TokenError::OtherRequest
        | TokenError::NotBound => "invalid_request",
    }
}
