//! `GET /v1/delegations`: who decides for whom while they are away, and what each delegation gives now. For people.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{DelegationItem, DelegationStanding, Delegations};
use gatehold_gate::{Delegated, DelegationStanding as Stands};

use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Every delegation that has not ended early.
#[utoipa::path(
    get, path = "/v1/delegations", tag = "people", operation_id = "delegations",
    responses((status = 200, description = "Who decides for whom.", body = Delegations)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Delegations>, ApiError> {
    let all = app.gate().delegations().await?;
    Ok(Answer(Delegations {
        delegations: all.into_iter().map(item).collect(),
    }))
}

pub(super) fn item(one: Delegated) -> DelegationItem {
    let given = one.delegation;
    DelegationItem {
        delegation: one.id.to_string(),
        from: given.from.to_string(),
        to: given.to.to_string(),
        teams: given.teams.iter().map(ToString::to_string).collect(),
        task: given.task.map(|task| task.to_string()),
        checkpoints: given
            .checkpoints
            .map(|names| names.iter().map(ToString::to_string).collect()),
        not_before: given.not_before.millis(),
        not_after: given.not_after.millis(),
        standing: match one.standing {
            Stands::Active => DelegationStanding::Active,
            Stands::Waiting => DelegationStanding::Waiting,
            Stands::Over => DelegationStanding::Over,
            Stands::KeyGone => DelegationStanding::KeyGone,
            Stands::NoMember => DelegationStanding::NoMember,
            Stands::NobodyThere => DelegationStanding::NobodyThere,
            Stands::TaskEnded => DelegationStanding::TaskEnded,
        },
        reason: one.reason,
        leaf: given.leaf,
    }
}
