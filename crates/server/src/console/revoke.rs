//! Taking away what was allowed: the safe direction, so a session may, by the same use case as the API and the terminal.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::RequestId;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::PageError;
use crate::app::App;

/// `POST /requests/{id}/revoke`.
pub(super) async fn revoke(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, PageError> {
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    let [back] = fields.exactly(["back"])?;
    let there = match back.as_str() {
        "request" => format!("/requests/{id}"),
        "workloads" => "/workloads".to_owned(),
        _ => return Err(PageError::Form),
    };
    app.gate().revoke(&signed_in.visitor.human, id).await?;
    Ok(Redirect::to(&there).into_response())
}
