//! `POST /v1/tasks/{id}/end`: the work is over, and what was granted within it ends now.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::Task;
use gatehold_core::ids::TaskId;

use crate::api::body::NoBody;
use crate::api::target::{ActingFor, Id, Params};
use crate::app::App;
use crate::auth::Acting;
use crate::problem::ApiError;

/// Ends a task and everything that was granted within it.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/end", tag = "tasks", operation_id = "end_task",
    params(
        ("id" = String, Path, description = "The task."),
        ("workload" = Option<String>, Query, description = "For whom an enforcement point acts."),
    ),
    responses((status = 200, description = "The task has ended.", body = Task)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Acting(acting): Acting,
    Id(task): Id<TaskId>,
    Params(params): Params<ActingFor>,
    NoBody: NoBody,
) -> Result<Answer<Task>, ApiError> {
    let caller = acting.caller(params.workload.as_deref())?;
    let task = app.gate().end_task(&caller, task).await?;
    Ok(Answer(Task {
        task: task.id.to_string(),
    }))
}
