//! `GET /v1/humans`: whose keys have force, what each counts as and why. For people who are logged in.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{
    HumanItem, HumanKeyItem, Humans, OfflineKeyItem, ReturnedItem, SuspendedItem,
};
use gatehold_core::directory::{Directory, EnrolledKey, Human, Suspended};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;

use super::delegations::item;
use crate::api::body::NoBody;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// Everybody who is enrolled.
#[utoipa::path(
    get, path = "/v1/humans", tag = "people", operation_id = "humans",
    responses((status = 200, description = "People and their keys.", body = Humans)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    _person: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Humans>, ApiError> {
    let delegations = app.gate().delegations().await?;
    Ok(Answer(Humans {
        delegations: delegations.into_iter().map(item).collect(),
        ..app.gate().with_directory(humans)
    }))
}

fn humans(directory: &Directory) -> Humans {
    let person = |(human, enrolled): (&HumanId, &Human)| HumanItem {
        human: ToString::to_string(human),
        teams: directory
            .teams_of(human)
            .iter()
            .map(ToString::to_string)
            .collect(),
        keys: enrolled
            .keys
            .iter()
            .map(|(name, key)| item_of(name, key, directory.key(human, name).is_none()))
            .collect(),
    };
    Humans {
        directory: directory.version,
        quorum_lost: directory.quorum_lost.clone(),
        humans: directory.humans.iter().map(person).collect(),
        delegations: Vec::new(),
        suspended: directory.suspended.iter().map(gone).collect(),
        returned: directory
            .last_gone
            .iter()
            .filter(|(human, _)| directory.suspended_by(human).is_none())
            .map(returned)
            .collect(),
        offline: directory
            .glass
            .iter()
            .map(|(print, key)| OfflineKeyItem {
                human: key.human.to_string(),
                key: print.to_string(),
                leaf: key.leaf,
                has_force: directory.glass_key(&key.human, print).is_some(),
            })
            .collect(),
    }
}

fn returned((human, suspension): (&HumanId, &Hash)) -> ReturnedItem {
    ReturnedItem {
        human: human.to_string(),
        suspension: suspension.to_string(),
    }
}

fn gone((human, suspended): (&HumanId, &Suspended)) -> SuspendedItem {
    SuspendedItem {
        human: human.to_string(),
        suspension: suspended.id.to_string(),
        removed: suspended.removed,
    }
}

pub(super) fn item_of(thumbprint: &Hash, key: &EnrolledKey, suspended: bool) -> HumanKeyItem {
    HumanKeyItem {
        key: thumbprint.to_string(),
        fingerprint: key.key.fingerprint(),
        assurance: key.assurance.to_string(),
        proof: key.proof.to_string(),
        leaf: key.leaf,
        suspended,
    }
}
