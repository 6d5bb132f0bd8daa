//! `GET /v1/trust/links`: the links of the chain of trust, for a terminal that folds it under a root of its own.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Base64Bytes, TrustLink, TrustLinks};

use crate::api::body::NoBody;
use crate::api::target::{After, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// The links of the chain of trust.
#[utoipa::path(
    get, path = "/v1/trust/links", tag = "people", operation_id = "trust_links",
    params(("after" = Option<u64>, Query, description = "Only those after this leaf.")),
    responses((status = 200, description = "The links, with their evidence.", body = TrustLinks)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(After { after }): Params<After>,
    NoBody: NoBody,
) -> Result<Answer<TrustLinks>, ApiError> {
    let found = app.gate().trust_links(after).await?;
    let link = |link: gatehold_gate::TrustLink| TrustLink {
        leaf: link.leaf,
        evidence: Base64Bytes(link.evidence),
        bundle: link.bundle.map(Base64Bytes),
    };
    Ok(Answer(TrustLinks {
        links: found.links.into_iter().map(link).collect(),
        more: found.more,
    }))
}
