//! Who is calling: every call, also GET, carries a submit proof (RFC 9421, profile `gatehold-v1`) by a key that has force
//! now: a workload's, an enforcement point's, or that of a human's login session.
//!
//! `@target-uri` is the configured public URL and the raw request target. Host, Forwarded and X-Forwarded-* are never read.
//! Nothing here says what a caller may do; it only says who it is. `keys` finds keys, `nonces` refuses repeats of people's
//! calls, `caller` hands the result to handlers.

mod caller;
mod keys;
mod nonces;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use gatehold_client::wire::REQUEST_BODY_BYTES_MAX;
use gatehold_core::hash::Hash;
use gatehold_proof::{
    RequestParts, SignatureError, UnverifiedRequestSignature, VerifiedSubmitProof, Window,
    WorkloadKey,
};
use http::Method;
use http::request::Parts;

use crate::app::App;
use crate::body::{self, Unread};
use crate::problem::{ApiError, Failed};

pub(crate) use caller::{Acting, Anyone, Asking, Person, Signed};
pub(crate) use keys::{KnownKeys, Principal};
pub(crate) use nonces::SeenNonces;

/// The layer in front of every route that needs a caller. What it lets through carries a [`Signed`].
pub(crate) async fn authenticate(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let (signed, body) = match check(&app, &parts, body).await {
        Ok(verified) => verified,
        Err(error) => {
            if error.is_strangers() {
                app.metrics().unauthenticated();
            }
            return error.into_response();
        }
    };
    let key = signed.key();
    let answering = {
        let is_safe = is_safe(&parts.method);
        parts.extensions.insert(signed);
        let answering = next.run(Request::from_parts(parts, Body::from(body)));
        if is_safe {
            answering.await
        } else {
            to_its_end(answering).await
        }
    };
    // Here and nowhere else, so that no handler can forget it: a refusal of somebody we know is a leaf.
    let refusal = answering
        .extensions()
        .get::<Failed>()
        .and_then(|Failed(error)| error.refusal());
    if let Some(refusal) = refusal {
        app.gate().note_refusal(key, &refusal);
    }
    answering
}

/// In a task of its own: a caller that hangs up must not stop a call half way, between two writes or beside a target.
pub(crate) async fn to_its_end(
    answering: impl Future<Output = Response> + Send + 'static,
) -> Response {
    tokio::spawn(answering)
        .await
        .unwrap_or_else(|_| ApiError::Fault("a handler broke off").into_response())
}

async fn check(app: &App, parts: &Parts, body: Body) -> Result<(Signed, Bytes), ApiError> {
    let now = app.gate().now_for_calls().await?;
    // Before the body is read: strangers do not get to fill memory.
    let (principal, key) = {
        let signature = parse(app, parts, &[])?;
        let keyid = *signature.unverified_keyid();
        app.keys()
            .find(app.gate(), &keyid, now)
            .ok_or(ApiError::UnknownKey)?
    };
    let body = read_body(app, body, REQUEST_BODY_BYTES_MAX).await?;
    let proof = verify(app, parts, &body, &key, now)?;
    if matches!(principal, Principal::Human(_)) && !is_safe(&parts.method) {
        app.nonces().take(&proof, now).inspect_err(|error| {
            if let Some(refusal) = error.refusal() {
                app.gate()
                    .note_refusal(Hash::from_bytes(*proof.key().as_bytes()), &refusal);
            }
        })?;
    }
    let idempotency = parts
        .headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let signed = Signed {
        principal,
        proof: Arc::new(proof),
        idempotency,
        body: body.clone(),
    };
    Ok((signed, body))
}

/// GET and HEAD never change anything, so their nonces need not be remembered (threat B10).
fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

fn parse<'a>(
    app: &'a App,
    parts: &'a Parts,
    body: &'a [u8],
) -> Result<UnverifiedRequestSignature<'a>, SignatureError> {
    let target = parts.uri.path_and_query().ok_or(SignatureError::Target)?;
    let covered = RequestParts::collect(
        parts.method.as_str(),
        &app.settings().public_url,
        target.as_str(),
        &parts.headers,
        body,
    )?;
    UnverifiedRequestSignature::parse(covered)
}

/// Whether the call carries a signature of the profile's form at all; nothing is verified.
pub(crate) fn has_form(app: &App, parts: &Parts) -> Result<(), ApiError> {
    parse(app, parts, &[])?;
    Ok(())
}

/// Verifies the call with this key.
pub(crate) fn verify(
    app: &App,
    parts: &Parts,
    body: &[u8],
    key: &WorkloadKey,
    now: gatehold_core::time::Timestamp,
) -> Result<VerifiedSubmitProof, ApiError> {
    let window = Window {
        now: u64::try_from(now.seconds())
            .map_err(|_| ApiError::Fault("the store's time is before 1970"))?,
        skew_seconds: app.settings().skew_seconds,
    };
    Ok(parse(app, parts, body)?.verify(key, &window)?)
}

/// The whole body, within its bounds of size and time.
pub(crate) async fn read_body(app: &App, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    body::whole(body, bytes_max, app.settings().body_timeout)
        .await
        .map_err(|unread| match unread {
            Unread::TooLarge => ApiError::BodyTooLarge,
            Unread::Broken => ApiError::BodyBroken,
            Unread::TooSlow => ApiError::BodyTooSlow,
        })
}
