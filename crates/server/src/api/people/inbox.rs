//! `GET /v1/inbox`: what is held. Only text that the gate made stands here; nothing of the requester's.

use axum::Json as Answer;
use axum::extract::State;
use gatehold_client::wire::{Inbox, InboxItem, Raised, StoppedItem};
use gatehold_gate::{InboxItem as Waiting, StoppedNow};

use crate::api::body::NoBody;
use crate::api::said;
use crate::api::target::{None, Params};
use crate::app::App;
use crate::auth::Person;
use crate::problem::ApiError;

/// What is held, most urgent first.
#[utoipa::path(
    get, path = "/v1/inbox", tag = "people", operation_id = "inbox",
    responses((status = 200, description = "What is held.", body = Inbox)),
    security(("proof" = []))
)]
pub(in crate::api) async fn handle(
    State(app): State<App>,
    person: Person,
    Params(None {}): Params<None>,
    NoBody: NoBody,
) -> Result<Answer<Inbox>, ApiError> {
    let waiting = app.gate().inbox(&person.session.human).await?;
    Ok(Answer(Inbox {
        items: waiting.into_iter().map(item).collect(),
    }))
}

fn item(waiting: Waiting) -> InboxItem {
    InboxItem {
        request: waiting.id.to_string(),
        tier: said::tier(waiting.tier),
        raised: waiting.raised.into_iter().map(raised).collect(),
        sentence: waiting.sentence,
        target: waiting.target,
        resource: waiting.resource,
        requester: waiting.requester,
        why: waiting.why,
        stopped: waiting.stopped.map(stopped),
        submitted_at: waiting.submitted_at.millis(),
        people_needed: waiting.people_needed,
        decide_by: waiting.decide_by.millis(),
        claimed_by: waiting.claimed_by.map(|human| human.to_string()),
        mine: waiting.mine,
        asked: waiting.asked,
        signed: waiting.signed,
        escalations: waiting.escalations,
    }
}

fn stopped(found: StoppedNow) -> StoppedItem {
    let (by, at) = found.said.map(|said| (said.by, said.at.millis())).unzip();
    StoppedItem {
        code: found.code.to_owned(),
        by,
        at,
    }
}

fn raised(found: gatehold_core::tier::Raised) -> Raised {
    Raised {
        input: found.input,
        unknown: found.unknown,
    }
}
