//! `GET /v1/audit/tree-head`: the newest signed tree head.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::TreeHead;

use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Anyone;
use crate::problem::ApiError;

/// The newest signed tree head.
#[utoipa::path(
    get, path = "/v1/audit/tree-head", tag = "audit", operation_id = "tree_head",
    responses((status = 200, description = "The tree head.", body = TreeHead)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _caller: Anyone,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<TreeHead>, ApiError> {
    let head = app
        .ledger()
        .tree_head()
        .await?
        .ok_or(ApiError::NoSuchLeaf)?;
    app.metrics().ledger_size(head.size);
    Ok(Answer(TreeHead {
        size: head.size,
        root: head.root,
        note: head.note,
    }))
}
