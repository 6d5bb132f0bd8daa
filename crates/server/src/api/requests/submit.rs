//! `POST /v1/requests`: one action is asked for. 200 when policy decided, also when it denied; 202 with Location when
//! people must decide.

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_client::wire::{Decision, Held, SubmitRequest, Submitted as Said};
use gatehold_core::ids::RequestId;
use gatehold_core::request::State as Stands;
use gatehold_gate::{Caller, Submit, Submitted};
use http::header::{HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};

use super::claims::claims;
use crate::api::body::Json;
use crate::api::said;
use crate::api::target::{Params, Submitting, preferred_wait};
use crate::app::App;
use crate::auth::Acting;
use crate::metrics::Stopwatch;
use crate::problem::ApiError;

/// Asks for one action.
#[utoipa::path(
    post, path = "/v1/requests", tag = "requests", operation_id = "submit",
    params(
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
        ("dry_run" = Option<bool>, Query, description = "Only say what would be decided; leaves no request."),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeats of the call are answered with the same request for 24 hours."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait so many seconds for people, at most 60."),
    ),
    request_body = SubmitRequest,
    responses(
        (status = 200, description = "Decided, also when it is denied.", body = Decision),
        (status = 202, description = "Held: nothing has happened. Poll Location with the same key.", body = Held),
    ),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Acting(acting): Acting,
    Params(params): Params<Submitting>,
    headers: HeaderMap,
    Json(request): Json<SubmitRequest>,
) -> Result<Response, ApiError> {
    let stopwatch = Stopwatch::start();
    let caller = acting.caller(params.workload.as_deref())?;
    let input = Submit {
        envelope: request.envelope.0,
        payload: request.payload.0,
        claims: claims(request.claims, caller.workload.is_some())?,
        dry_run: params.dry_run,
    };
    let submitted = app.gate().submit(&caller, input).await?;
    app.metrics()
        .submitted(&submitted, params.dry_run, stopwatch);
    let wait = preferred_wait(&headers, app.settings().wait_max)
        .filter(|_| !params.dry_run && submitted.record.state == Stands::Held);
    let mut response = match wait {
        None => answer(&submitted, params.dry_run),
        Some(wait) => {
            let submitted = waited(&app, &caller, submitted, wait).await?;
            answer(&submitted, false)
        }
    };
    if let Some(wait) = wait {
        applied(&mut response, wait);
    }
    Ok(response)
}

/// The answer to a submission of either kind.
pub(in crate::api) fn answer(submitted: &Submitted, dry_run: bool) -> Response {
    match said::submitted(submitted, dry_run) {
        Said::Decided(decision) => Answer(decision).into_response(),
        Said::Held(held) => {
            let mut response = (StatusCode::ACCEPTED, Answer(&held)).into_response();
            let location = held.location.as_deref().map(HeaderValue::from_str);
            if let Some(Ok(location)) = location {
                response.headers_mut().insert(LOCATION, location);
            }
            response
        }
    }
}

/// The same submission once people decided, or as it stands when the time is up or the server ends.
async fn waited(
    app: &App,
    caller: &Caller,
    submitted: Submitted,
    wait: Duration,
) -> Result<Submitted, ApiError> {
    let record = wait_for(app, caller, submitted.record.id, wait).await?;
    Ok(Submitted {
        record,
        ..submitted
    })
}

/// Waits until a request is no longer held.
pub(super) async fn wait_for(
    app: &App,
    caller: &Caller,
    id: RequestId,
    wait: Duration,
) -> Result<gatehold_core::request::RequestRecord, ApiError> {
    tokio::select! {
        record = app.gate().wait(caller, id, wait) => Ok(record?),
        () = app.ending() => Ok(app.gate().status(caller, id).await?),
    }
}

/// Says that the preference was heard (RFC 7240).
pub(super) fn applied(response: &mut Response, wait: Duration) {
    if let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert("preference-applied", value);
    }
}
