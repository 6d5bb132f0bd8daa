//! `GET /v1/leases`: what was handed out. Only text that the gate made stands here; nothing of the requester's.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::Leases;
use gatehold_core::grant::GrantState;
use gatehold_core::ids::{TargetId, TaskId, WorkloadId};
use gatehold_gate::LeaseFilter;
use serde::Deserialize;

use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::Params;
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Which are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Which {
    state: Option<GrantState>,
    workload: Option<WorkloadId>,
    target: Option<TargetId>,
    task: Option<TaskId>,
    before: Option<u64>,
}

/// What was handed out, newest first.
#[utoipa::path(
    get, path = "/v1/leases", tag = "people", operation_id = "leases",
    params(
        ("state" = Option<String>, Query, description = "Where they stand: `active`, `revoking` or `revoked`. Without it all that are not known to be gone."),
        ("workload" = Option<String>, Query, description = "Whose."),
        ("target" = Option<String>, Query, description = "At which target."),
        ("task" = Option<String>, Query, description = "In which task."),
        ("before" = Option<u64>, Query, description = "Older than this leaf: `older` of the page before."),
    ),
    responses((status = 200, description = "A page of leases. One that matches nothing may still name an older one.", body = Leases)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Params(which): Params<Which>,
    NoBody: NoBody,
) -> Result<Answer<Leases>, ApiError> {
    let filter = LeaseFilter {
        state: which.state,
        workload: which.workload,
        target: which.target,
        task: which.task,
        before: which.before,
    };
    let page = app.gate().leases(&person.session.human, &filter).await?;
    Ok(Answer(Leases {
        leases: page.items.into_iter().map(said::seen_lease).collect(),
        older: page.older,
    }))
}
