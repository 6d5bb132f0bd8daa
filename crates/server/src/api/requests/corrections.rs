//! `GET /v1/requests/{id}/corrections`: what people say was recorded wrong of a request, and what of it can be corrected. Not
//! while it is held: nobody learns then what others did about it.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Correction, Corrections, RecordedLeaf};
use gatehold_core::ids::RequestId;
use gatehold_gate::{Corrected, Recorded};
use serde::Deserialize;

use crate::api::body::NoBody;
use crate::api::target::{Id, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Which other leaf is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Also {
    leaf: Option<u64>,
}

/// Lists the corrections of a request, and its leaves.
#[utoipa::path(
    get, path = "/v1/requests/{id}/corrections", tag = "reviews", operation_id = "corrections",
    params(
        ("id" = String, Path, description = "The request."),
        ("leaf" = Option<u64>, Query, description = "One more leaf of the request that is to be listed."),
    ),
    responses((status = 200, description = "Its corrections, and what can be corrected.", body = Corrections)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Id(id): Id<RequestId>,
    Params(also): Params<Also>,
    NoBody: NoBody,
) -> Result<Answer<Corrections>, ApiError> {
    let leaves = app.gate().recorded(id, also.leaf).await?;
    let corrections = app.gate().corrections(id).await?;
    Ok(Answer(Corrections {
        request: id.to_string(),
        leaves: leaves.into_iter().map(recorded).collect(),
        corrections: corrections.into_iter().map(corrected).collect(),
    }))
}

fn recorded(leaf: Recorded) -> RecordedLeaf {
    RecordedLeaf {
        leaf: leaf.leaf,
        commitment: leaf.commitment.to_string(),
        at: leaf.at.millis(),
        what: leaf.what,
    }
}

/// One correction as it travels.
pub(super) fn corrected(one: Corrected) -> Correction {
    Correction {
        leaf: one.leaf,
        corrects: one.corrects,
        at: one.at.millis(),
        human: one.human.to_string(),
        key: one.key.to_string(),
        verifies_now: one.verifies_now,
        text: one.text,
    }
}
