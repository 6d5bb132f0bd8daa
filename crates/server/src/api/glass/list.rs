//! `GET /v1/break-glass`: where the glass was broken within the last day, and what too few people have looked at yet. For people.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{LookItem, OpeningItem, Openings};
use gatehold_core::glass::{Judgement, Opening};
use gatehold_core::time::Timestamp;

use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Where the glass was broken lately.
#[utoipa::path(
    get, path = "/v1/break-glass", tag = "reviews", operation_id = "openings",
    responses((status = 200, description = "What was let out so, and who has still to look at it.", body = Openings)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Openings>, ApiError> {
    let all = app.gate().openings().await?;
    let now = app.gate().now().await?;
    Ok(Answer(Openings {
        openings: all.iter().map(|one| item(one, now)).collect(),
    }))
}

/// One opening as it travels.
pub(super) fn item(opening: &Opening, now: Timestamp) -> OpeningItem {
    fn names<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
        all.into_iter().map(|one| one.to_string()).collect()
    }
    let look = |(human, found): (&_, &Judgement)| LookItem {
        human: ToString::to_string(human),
        justified: *found == Judgement::Justified,
    };
    OpeningItem {
        request: opening.request.to_string(),
        glass: opening.glass.to_string(),
        incident: opening.incident.clone(),
        at: opening.at.millis(),
        signers: names(&opening.signers),
        involved: names(&opening.involved),
        teams: names(&opening.post_review.teams),
        humans: names(&opening.post_review.humans),
        review_by: opening.review_by.millis(),
        looks: opening.reviewed.iter().map(look).collect(),
        open: opening.is_open(),
        overdue: opening.is_overdue(now),
    }
}
