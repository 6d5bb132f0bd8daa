//! `GET /v1/me`: who is logged in, and what they may decide.

use std::collections::BTreeSet;

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{HumanKeyItem, Me, MySeat};
use gatehold_core::directory::Directory;
use gatehold_core::ids::HumanId;
use gatehold_gate::Seat;

use super::delegations::item;
use super::humans::item_of;
use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Who is logged in.
#[utoipa::path(
    get, path = "/v1/me", tag = "people", operation_id = "me",
    responses((status = 200, description = "Who is logged in, and what they may decide.", body = Me)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Me>, ApiError> {
    let human = &person.session.human;
    let scope = app.gate().scope(human, &BTreeSet::new()).await?;
    let teams = scope.teams.iter().map(ToString::to_string);
    let accountable_for = scope.accountable_for.iter().map(ToString::to_string);
    Ok(Answer(Me {
        human: human.to_string(),
        session_ends: person.session.expires_at.millis(),
        keys: app
            .gate()
            .with_directory(|directory| keys(directory, human)),
        teams: teams.collect(),
        seats: scope.seats.into_iter().map(seat).collect(),
        decides_for: scope.decides_for.into_iter().map(item).collect(),
        accountable_for: accountable_for.collect(),
    }))
}

fn keys(directory: &Directory, human: &HumanId) -> Vec<HumanKeyItem> {
    let keys = directory.humans.get(human).map(|human| &human.keys);
    let with_force = keys
        .into_iter()
        .flatten()
        .filter(|(name, _)| directory.key(human, name).is_some());
    with_force
        .map(|(name, key)| item_of(name, key, false))
        .collect()
}

fn seat(one: Seat) -> MySeat {
    MySeat {
        checkpoint: one.checkpoint.to_string(),
        teams: one.teams.iter().map(ToString::to_string).collect(),
        by_name: one.by_name,
        signer: one.signer.in_words().map(str::to_owned),
        counts_as: one.counts_as.map(|level| level.to_string()),
    }
}
