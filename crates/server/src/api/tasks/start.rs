//! `POST /v1/tasks`: a workload declares a unit of work. Its purpose is fixed here.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Boundary, Task, TaskRequest};
use gatehold_core::task;
use gatehold_core::time::Timestamp;
use gatehold_gate::StartTask;

use crate::api::body::Json;
use crate::api::target::{ActingFor, Params};
use crate::app::App;
use crate::auth::Acting;
use crate::problem::ApiError;

/// Declares a unit of work.
#[utoipa::path(
    post, path = "/v1/tasks", tag = "tasks", operation_id = "start_task",
    params(("workload" = Option<String>, Query, description = "For whom an enforcement point acts.")),
    request_body = TaskRequest,
    responses((status = 200, description = "The task; name it in each envelope.", body = Task)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Acting(acting): Acting,
    Params(params): Params<ActingFor>,
    Json(request): Json<TaskRequest>,
) -> Result<Answer<Task>, ApiError> {
    let caller = acting.caller(params.workload.as_deref())?;
    let on_behalf_of = request
        .on_behalf_of
        .map(|human| human.parse().map_err(ApiError::member("on_behalf_of")))
        .transpose()?;
    let input = StartTask {
        purpose: request.purpose,
        on_behalf_of,
        boundary: request.boundary.map(boundary).transpose()?,
    };
    let task = app.gate().start_task(&caller, input).await?;
    Ok(Answer(Task {
        task: task.id.to_string(),
    }))
}

fn boundary(boundary: Boundary) -> Result<task::Boundary, ApiError> {
    Ok(task::Boundary {
        descriptors: ApiError::members("descriptors", &boundary.descriptors)?,
        targets: ApiError::members("targets", &boundary.targets)?,
        resources: ApiError::members("resources", &boundary.resources)?,
        steps: boundary.steps,
        not_after: Timestamp::from_millis(boundary.not_after),
    })
}
