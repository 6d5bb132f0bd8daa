//! Stopping from a page: a workload, a task, or everything. The safe direction, so a session may, by the same use case as the API
//! and the terminal. Nothing here lifts a stop: that is a held action.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_client::wire::{StopRequest, StopScope, WireRequest as _};
use gatehold_core::stops::Stops;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::PageError;
use super::said::{Quiet, quiet};
use crate::api::stops as named;
use crate::app::App;

/// `POST /stops`.
pub(super) async fn stop(
    State(app): State<App>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, PageError> {
    let [scope, name, reason] = fields.exactly(["scope", "name", "reason"])?;
    let (scope, there) = match scope.as_str() {
        "workload" => (StopScope::Workload, "/workloads".to_owned()),
        "task" => (StopScope::Task, format!("/tasks/{name}")),
        "all" => (StopScope::All, "/overview".to_owned()),
        _ => return Err(PageError::Form),
    };
    let stop = StopRequest {
        scope,
        name: (scope != StopScope::All).then(|| name.clone()),
        reason: reason.trim().to_owned(),
    };
    stop.check().map_err(|_| PageError::Form)?;
    let add = named(scope, &name).map_err(|_| PageError::Form)?;
    let human = &signed_in.visitor.human;
    app.gate().stop(human, add, &stop.reason).await?;
    Ok(Redirect::to(&there).into_response())
}

/// Everything that is stopped, a line each.
pub(super) fn stopped(stops: &Stops) -> Vec<Quiet> {
    let mut lines = Vec::new();
    if stops.everything {
        lines.push(quiet("Everything: nothing is let out"));
    }
    let mut each = |what: &str, names: Vec<String>| {
        lines.extend(names.iter().map(|name| quiet(&format!("{what} {name}"))));
    };
    each("Workload", texts(&stops.workloads));
    each("Task", texts(&stops.tasks));
    each("Target", texts(&stops.targets));
    each("Resource", texts(&stops.resources));
    lines
}

fn texts<T: ToString>(names: &std::collections::BTreeSet<T>) -> Vec<String> {
    names.iter().map(T::to_string).collect()
}
