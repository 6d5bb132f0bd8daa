//! `GET /v1/requests/{id}`: where a request stands. Workloads need the key that asked (threat C13); people who are logged
//! in may look at any, and never learn of reviews while it is held.

use axum::Json as Answer;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_client::wire::{Denial, RequestStatus};
use gatehold_core::ids::RequestId;
use gatehold_core::request::RequestRecord;
use gatehold_gate::GateError;
use http::HeaderMap;

use super::submit::{applied, wait_for};
use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::{ActingFor, Id, Params, preferred_wait};
use crate::app::App;
use crate::auth::Asking;
use crate::problem::ApiError;

/// Where a request stands.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "requests", operation_id = "status",
    params(
        ("id" = String, Path, description = "The request."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait so many seconds for a decision or a question, at most 60."),
    ),
    responses((status = 200, description = "Where it stands.", body = RequestStatus)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    asking: Asking,
    Id(id): Id<RequestId>,
    Params(params): Params<ActingFor>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, ApiError> {
    let caller = asking.caller(params.workload.as_deref())?;
    if asking.is_person() {
        let record = app.gate().show(id).await?;
        return Ok(Answer(observed(&app, &record).await?).into_response());
    }
    let wait = preferred_wait(&headers, app.settings().wait_max);
    let record = match wait {
        None => app.gate().status(&caller, id).await?,
        Some(wait) => wait_for(&app, &caller, id, wait).await?,
    };
    let mut response = Answer(observed(&app, &record).await?).into_response();
    if let Some(wait) = wait {
        applied(&mut response, wait);
    }
    Ok(response)
}

/// Where a request stands, with what reviewers asked about it what it would change of the gate, and why it is held.
pub(in crate::api) async fn observed(
    app: &App,
    record: &RequestRecord,
) -> Result<RequestStatus, ApiError> {
    let questions = app.gate().questions(record).await?;
    let change = or_nothing(record.id, app.gate().change_in_words(record).await);
    let why = or_nothing(record.id, app.gate().why_held(record).await);
    let denial = or_nothing(record.id, app.gate().denial(record).await);
    let lease = app.gate().lease_of(record).await?;
    let mut status = RequestStatus {
        change,
        lease: lease.map(said::lease),
        denial: denial.as_deref().map(Denial::of),
        ..said::status(record, questions)
    };
    for reason in status.held.iter_mut().flat_map(|held| &mut held.reasons) {
        reason.text = why.get(&reason.code).cloned();
    }
    Ok(status)
}

/// Words help whoever reads, and nothing rests on them: without them the answer stands, also to an act that is committed.
fn or_nothing<T: Default>(request: RequestId, words: Result<T, GateError>) -> T {
    words.unwrap_or_else(|error| {
        tracing::debug!(%request, %error, "words about a request are left out");
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_cannot_be_made_are_left_out() {
        let id = RequestId::from_bytes([1; 16]);
        let said = || vec!["it is to decide".to_owned()];
        assert_eq!(or_nothing(id, Ok(said())), said());
        let damaged = Err(GateError::Damaged("a record does not open".to_owned()));
        assert_eq!(or_nothing::<Vec<String>>(id, damaged), Vec::<String>::new());
    }
}
