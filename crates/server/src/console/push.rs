//! `/push`: somebody has this browser told that something waits for them, and ends that. Each is their own: nobody sees, ends or
//! changes another person's, but whoever signs in at a browser and subscribes there has it from then on.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::hash::{Hash, unhex};
use gatehold_gate::push::SaidByBrowser;
use gatehold_gate::{GateError, Visitor};
use serde::Serialize;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::{PageError, Told};
use super::said::{Moment, moment};
use crate::app::App;
use crate::problem::ApiError;

/// The part of the page of one's keys.
pub(super) struct Browsers {
    /// The gate's key, for the browser.
    pub key: String,
    pub known: Vec<Browser>,
}

/// One of them.
pub(super) struct Browser {
    /// By which the page's script knows the browser that it runs in.
    pub id: String,
    /// Its push service, without the address that is a capability.
    pub service: String,
    pub since: Moment,
}

/// Somebody's own, where the gate tells browsers at all.
pub(super) async fn browsers(app: &App, visitor: &Visitor) -> Result<Option<Browsers>, PageError> {
    let Some(rules) = app.console()?.push() else {
        return Ok(None);
    };
    let known = app.gate().subscriptions(visitor, rules).await?;
    let known = known.iter().map(|one| Browser {
        id: one.id.hex(),
        service: one.endpoint.origin().to_owned(),
        since: moment(one.since, visitor.now),
    });
    Ok(Some(Browsers {
        key: rules.public_key.clone(),
        known: known.collect(),
    }))
}

#[derive(Serialize)]
struct Subscribed {
    id: String,
}

/// `POST /push`: what this browser's push service gave it. A script asks, so no is said as a problem.
pub(super) async fn subscribe(
    State(app): State<App>,
    signed_in: SignedIn,
    fields: Fields,
) -> Response {
    match subscribed(&app, &signed_in, fields).await {
        Ok(id) => Json(Subscribed { id: id.hex() }).into_response(),
        Err(PageError::Gate(refused @ GateError::Refused(_))) => ApiError::Gate(refused)
            .said()
            .into_response(app.next_call_id()),
        Err(error) => Told::from(error).into_response(),
    }
}

async fn subscribed(app: &App, signed_in: &SignedIn, fields: Fields) -> Result<Hash, PageError> {
    let [endpoint, p256dh, auth] = fields.exactly(["endpoint", "p256dh", "auth"])?;
    let rules = app.console()?.push().ok_or(PageError::Nothing)?;
    let said = SaidByBrowser {
        endpoint,
        p256dh,
        auth,
    };
    let gate = app.gate();
    Ok(gate.subscribe(&signed_in.visitor, said, rules).await?)
}

/// `POST /push/{id}/end`. One that is not there, or not theirs, is ended too as far as they are concerned.
pub(super) async fn end(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, PageError> {
    let [] = fields.exactly([])?;
    let bytes = unhex(&id).and_then(|bytes| bytes.try_into().ok());
    let id = Hash::from_bytes(bytes.ok_or(PageError::Nothing)?);
    app.gate().unsubscribe(&signed_in.visitor, &id).await?;
    Ok(Redirect::to("/keys").into_response())
}
