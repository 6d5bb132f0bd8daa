//! What a reviewer does on a request's page: open it, hand in what their passkey signed, or act in the safe direction. The page's
//! own module calls these; the rules are the gate's, and a session alone approves nothing.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_client::wire::{ReviewRequest, WireRequest as _};
use gatehold_core::decide::ActKind;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_gate::Looked;
use serde::Serialize;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::{PageError, Told};
use crate::api::{opened, review_input};
use crate::app::App;

/// How these acts are recorded: by a session of the console, not by the person's own key.
const CHANNEL: &str = "console";

/// Reasons of a denial, as the API names them and as people read them.
pub(super) const REASONS: &[(&str, &str)] = &[
    ("not_justified", "not justified"),
    ("too_broad", "too broad"),
    ("operationally_unsafe", "operationally unsafe"),
    ("context_missing", "context is missing"),
    ("suspicious", "suspicious"),
    ("against_policy", "against policy"),
    ("better_alternative", "there is a better way"),
    ("duplicate", "a duplicate"),
    ("other", "other"),
];

fn request(id: &str) -> Result<RequestId, PageError> {
    id.parse().map_err(|_| PageError::Nothing)
}

/// `POST /requests/{id}/open`: what is shown, and what is to be signed with this key.
pub(super) async fn open(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Told> {
    let id = request(&id)?;
    let [key] = fields.exactly(["key"])?;
    let key: Hash = key.parse().map_err(|_| PageError::Form)?;
    let visitor = &signed_in.visitor;
    app.gate()
        .seated(visitor, id)
        .await
        .map_err(PageError::Gate)?;
    let human = &visitor.human;
    let opened_now = app
        .gate()
        .open_request(human, &key, id)
        .await
        .map_err(PageError::Gate)?;
    let answer = opened(&app, opened_now)
        .map_err(|_| PageError::Fault("what was opened has no form that travels"))?;
    Ok(Json(answer).into_response())
}

/// What a review led to. Blind: while others are still needed, only that it was recorded.
#[derive(Serialize)]
struct Reviewed {
    decided: bool,
}

/// `POST /requests/{id}/review`: what the passkey signed. The session that carries it adds nothing.
pub(super) async fn review(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Told> {
    let id = request(&id)?;
    app.gate()
        .seated(&signed_in.visitor, id)
        .await
        .map_err(PageError::Gate)?;
    let [review] = fields.exactly(["review"])?;
    let review: ReviewRequest = serde_json::from_str(&review).map_err(|_| PageError::Form)?;
    review.check().map_err(|_| PageError::Form)?;
    let input = review_input(id, review).map_err(|_| PageError::Form)?;
    let record = app.gate().review(input).await.map_err(PageError::Gate)?;
    app.metrics().reviewed(&record);
    let decided = record.state != gatehold_core::request::State::Held;
    Ok(Json(Reviewed { decided }).into_response())
}

/// Whether what was opened is still what would be opened.
#[derive(Serialize)]
struct Stamp {
    stamp: String,
}

/// `GET /requests/{id}/stamp`.
pub(super) async fn stamp(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Told> {
    let id = request(&id)?;
    let looked = app
        .gate()
        .look_through(&signed_in.visitor, id)
        .await
        .map_err(PageError::Gate)?;
    let stamp = stamp_of(&app, &looked)?;
    Ok(Json(Stamp { stamp }).into_response())
}

/// A name for what is shown apart from times and ages. Nothing of reviews is in it: that one exists is nobody else's to know.
pub(super) fn stamp_of(app: &App, looked: &Looked) -> Result<String, PageError> {
    let record = &looked.record;
    let held = record.held.as_ref();
    let view = looked.view.as_ref();
    let about = (
        record.state.name(),
        record.display_hash,
        app.gate().with_directory(|directory| directory.bundle),
        held.map(|held| (held.requirement_hash, held.decide_by)),
        view.map(|view| (view.claims_head, &view.tier, &view.terms, &view.change)),
    );
    let bytes = canonical::to_bytes(&about)
        .map_err(|_| PageError::Fault("what is shown has no canonical form"))?;
    Ok(Hash::of(&bytes).to_string())
}

/// `POST /requests/{id}/act`: deny, ask, escalate, report. Nothing here lets anything out.
pub(super) async fn act(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, PageError> {
    let id = request(&id)?;
    let [act, reason, text] = fields.exactly(["act", "reason", "text"])?;
    let kind = match act.as_str() {
        "deny" => ActKind::Deny,
        "ask" => ActKind::Ask,
        "escalate" => ActKind::Escalate,
        "suspicious" => ActKind::Suspicious,
        _ => return Err(PageError::Form),
    };
    let text = text.trim();
    let known = REASONS.iter().any(|(code, _)| *code == reason);
    let text = match (kind, known, text.is_empty()) {
        (ActKind::Deny, true, true) => reason,
        (ActKind::Deny, true, false) => format!("{reason}: {text}"),
        (ActKind::Deny, false, _) | (ActKind::Ask, _, true) => return Err(PageError::Form),
        _ if reason.is_empty() => text.to_owned(),
        _ => return Err(PageError::Form),
    };
    app.gate().seated(&signed_in.visitor, id).await?;
    let human = &signed_in.visitor.human;
    let record = app.gate().act(human, id, kind, &text, CHANNEL).await?;
    app.metrics().reviewed(&record);
    Ok(Redirect::to(&format!("/requests/{id}")).into_response())
}
