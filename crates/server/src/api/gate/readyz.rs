//! `GET /readyz`: the store answers, it takes writes and nothing waits in the revocation journal, so decisions can be made.

use axum::extract::State;

use crate::app::App;
use crate::problem::ApiError;

/// Whether decisions can be made.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses((status = 200, description = "They can.", body = String, content_type = "text/plain"))
)]
pub(in crate::api) async fn handle(State(app): State<App>) -> Result<&'static str, ApiError> {
    app.gate().ready().await?;
    Ok("ready\n")
}
