//! Stopping from a page: a workload, a task, or everything. The safe direction, so a session may, by the same use case as the API
//! and the terminal. Nothing here lifts a stop: that is a held action.

use std::collections::BTreeSet;
use std::fmt::Display;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_client::wire::{StopRequest, StopScope, WireRequest as _};
use gatehold_core::stops::Stops;
use gatehold_gate::{SaidStop, StoppedNow, WhoStopped};

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::PageError;
use super::said::{Quiet, code, moment, quiet};
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

/// Everything that is stopped, a line each, and who said so.
pub(super) fn stopped(stops: &Stops, who: &WhoStopped) -> Vec<Quiet> {
    let mut lines = Vec::new();
    if stops.everything {
        let by = by(who.last(|said| said.everything));
        lines.push(quiet(&format!("Everything: nothing is let out{by}")));
    }
    lines.extend(each("Workload", stops, who, |stops| &stops.workloads));
    lines.extend(each("Task", stops, who, |stops| &stops.tasks));
    lines.extend(each("Target", stops, who, |stops| &stops.targets));
    lines.extend(each("Resource", stops, who, |stops| &stops.resources));
    lines
}

fn each<T: Ord + Display>(
    what: &str,
    stops: &Stops,
    who: &WhoStopped,
    of: impl Fn(&Stops) -> &BTreeSet<T>,
) -> Vec<Quiet> {
    let lines = of(stops).iter().map(|name| {
        let by = by(who.last(|said| of(said).contains(name)));
        quiet(&format!("{what} {name}{by}"))
    });
    lines.collect()
}

fn by(who: Option<&SaidStop>) -> String {
    who.map_or_else(String::new, |who| format!(" ({})", said_by(who)))
}

/// `by priya@acme, 2026-11-20 22:31 UTC`: who said a stop last, and when.
pub(super) fn said_by(who: &SaidStop) -> String {
    format!("by {}, {}", who.by, moment(who.at, who.at).absolute)
}

/// What stops a request, with who said so.
pub(super) fn in_words(stopped: &StoppedNow) -> Quiet {
    let what = code(stopped.code);
    let by = stopped.said.as_ref();
    let by = by.map_or_else(String::new, |who| format!(", {}", said_by(who)));
    quiet(&format!("{what}{by}"))
}
