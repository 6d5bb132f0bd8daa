//! `POST /v1/stops`: one entitled person stops a workload, a task, a target, a resource or everything, at once.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{StopRequest, StopScope, Stops as Stopped};
use gatehold_core::stops::Stops;

use crate::api::body::Json;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Stops something at once. Lifting a stop is a held action.
#[utoipa::path(
    post, path = "/v1/stops", tag = "people", operation_id = "stop",
    request_body = StopRequest,
    responses((status = 200, description = "Everything that is stopped now.", body = Stopped)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Params(None {}): Params<None>,
    Json(request): Json<StopRequest>,
) -> Result<Answer<Stopped>, ApiError> {
    let add = stops(request.scope, request.name.as_deref().unwrap_or_default())?;
    let stops = app
        .gate()
        .stop(&person.session.human, add.clone(), &request.reason)
        .await?;
    // Stopped first, and stopped whatever comes of this: it only finds a name that was mistyped.
    let mut unknown_workload = false;
    for workload in &add.workloads {
        unknown_workload |= matches!(app.gate().is_enrolled(workload).await, Ok(false));
    }
    Ok(Answer(Stopped {
        everything: stops.everything,
        workloads: texts(&stops.workloads),
        tasks: texts(&stops.tasks),
        targets: texts(&stops.targets),
        resources: texts(&stops.resources),
        unknown_workload,
    }))
}

/// What a stop of this scope and name adds.
pub(crate) fn stops(scope: StopScope, name: &str) -> Result<Stops, ApiError> {
    let mut stops = Stops::default();
    match scope {
        StopScope::All => stops.everything = true,
        StopScope::Workload => {
            stops
                .workloads
                .insert(name.parse().map_err(ApiError::member("name"))?);
        }
        StopScope::Task => {
            stops
                .tasks
                .insert(name.parse().map_err(ApiError::member("name"))?);
        }
        StopScope::Target => {
            stops
                .targets
                .insert(name.parse().map_err(ApiError::member("name"))?);
        }
        StopScope::Resource => {
            stops
                .resources
                .insert(name.parse().map_err(ApiError::member("name"))?);
        }
    }
    Ok(stops)
}

fn texts<T: ToString>(names: &std::collections::BTreeSet<T>) -> Vec<String> {
    names.iter().map(T::to_string).collect()
}
