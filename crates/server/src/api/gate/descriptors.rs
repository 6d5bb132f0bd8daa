//! `GET /v1/descriptors`: the kinds of action that are active now, by id and hash, as an envelope names them.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Base64Bytes, DescriptorItem, Descriptors};
use gatehold_core::json::canonical;

use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Anyone;
use crate::problem::ApiError;

/// The kinds of action of the active bundle.
#[utoipa::path(
    get, path = "/v1/descriptors", tag = "gate", operation_id = "descriptors",
    responses((status = 200, description = "The active descriptors.", body = Descriptors)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _caller: Anyone,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Descriptors>, ApiError> {
    let mut descriptors = Vec::new();
    for descriptor in app.gate().descriptors() {
        let definition = canonical::to_bytes(&descriptor)
            .map_err(|_| ApiError::Fault("a descriptor has no canonical form"))?;
        descriptors.push(DescriptorItem {
            id: descriptor.id.to_string(),
            hash: descriptor.hash().to_string(),
            version: descriptor.version,
            title: descriptor.title,
            definition: Base64Bytes(definition),
        });
    }
    let bundle = app
        .gate()
        .with_directory(|directory| directory.bundle.to_string());
    Ok(Answer(Descriptors {
        bundle,
        descriptors,
    }))
}
