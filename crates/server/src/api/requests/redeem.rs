//! `POST /v1/requests/{id}/redeem`: the gate executes the stored bytes, at most once. Everything is evaluated again first.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_client::wire::{
    self, Base64Bytes, ExecutionOutcome, ExecutionResult, Redeemed, RequestStatus,
};
use gatehold_core::ids::RequestId;
use gatehold_core::request::State as Stands;
use gatehold_gate::ports::executor::{Ending, Execution};
use gatehold_gate::ports::issuer::Credential;
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Acting;
use crate::problem::ApiError;

/// Has the gate execute the action, at most once.
#[utoipa::path(
    post, path = "/v1/requests/{id}/redeem", tag = "requests", operation_id = "redeem",
    params(
        ("id" = String, Path, description = "The request."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses(
        (status = 200, description = "Executed, or ended without execution.", body = Redeemed),
        (status = 202, description = "Policy holds it again: nothing was executed.", body = Redeemed),
    ),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Acting(acting): Acting,
    Id(id): Id<RequestId>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let caller = acting.caller(params.workload.as_deref())?;
    let redeemed = app.gate().redeem(&caller, id).await?;
    app.metrics().redeemed(&redeemed);
    let held = redeemed.record.state == Stands::Held;
    let body = said(&app, redeemed).await;
    if !held {
        return Ok(Answer(body).into_response());
    }
    let mut response = (StatusCode::ACCEPTED, Answer(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&said::location(id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// What came of it, and the credential where one is handed over.
pub(super) async fn said(app: &App, redeemed: gatehold_gate::Redeemed) -> Redeemed {
    // What was executed is said whatever happens: that a question cannot be read now must not hide it.
    let questions = app.gate().questions(&redeemed.record).await;
    let status = said::status(&redeemed.record, questions.unwrap_or_default());
    Redeemed {
        status: RequestStatus {
            lease: redeemed.lease.map(said::lease),
            ..status
        },
        result: redeemed.execution.map(result),
        credential: redeemed.credential.map(credential),
    }
}

fn result(execution: Execution) -> ExecutionResult {
    ExecutionResult {
        outcome: match execution.ending {
            Ending::Completed => ExecutionOutcome::Completed,
            Ending::Failed => ExecutionOutcome::Failed,
            Ending::Unknown => ExecutionOutcome::Unknown,
        },
        code: execution.code.to_owned(),
        status: execution.status,
        media_type: execution.media_type,
        body: Base64Bytes(execution.body),
        quantity: execution.quantity,
        truncated: execution.truncated,
    }
}

fn credential(made: Credential) -> wire::Credential {
    wire::Credential {
        kind: made.kind.to_owned(),
        public: made
            .public
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        secret: made.secret,
    }
}
