//! `GET /v1/gate`: what this gate is, and whom it takes the caller for.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{GateInfo, PageFilesInfo};

use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::{Anyone, Principal};
use crate::console::PageFiles;
use crate::problem::ApiError;

/// What this gate is.
#[utoipa::path(
    get, path = "/v1/gate", tag = "gate", operation_id = "gate",
    responses((status = 200, description = "The gate and the caller.", body = GateInfo)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    Anyone(signed): Anyone,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<GateInfo>, ApiError> {
    let now = app.gate().now().await?;
    let caller = match &signed.principal {
        Principal::Workload(id) => id.to_string(),
        Principal::Point(id) => id.to_string(),
        Principal::Human(session) => session.human.to_string(),
    };
    let apart = app.gate().executes_apart();
    let execution = if apart { "executor" } else { "in_process" };
    Ok(Answer(app.gate().with_directory(|directory| GateInfo {
        origin: directory.origin.to_string(),
        root: directory.root.to_string(),
        bundle: directory.bundle.to_string(),
        now: now.millis(),
        caller,
        execution: execution.to_owned(),
        page_files: app.console().is_ok().then(page_files),
    })))
}

fn page_files() -> PageFilesInfo {
    let embedded = PageFiles::embedded();
    let files = embedded.files().iter();
    PageFilesInfo {
        set: embedded.set().to_string(),
        files: files
            .map(|(name, hash)| ((*name).to_owned(), hash.to_string()))
            .collect(),
    }
}
