//! `GET /v1/revocation`: how soon what is handed out can be gone.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::Revocation;

use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// How soon what each target hands out can be gone: what it declares, and what was measured.
#[utoipa::path(
    get, path = "/v1/revocation", tag = "people", operation_id = "revocation",
    responses((status = 200, description = "One entry for each target.", body = Revocation)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Revocation>, ApiError> {
    let bounds = app.gate().revocation_bounds().await?;
    Ok(Answer(Revocation {
        targets: bounds.into_iter().map(said::revocation_bound).collect(),
    }))
}
