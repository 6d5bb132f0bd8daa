//! What a reviewer does on a request's page: open it, hand in what their passkey signed, or act in the safe direction. The page's
//! own module calls these; the rules are the gate's, and a session alone approves nothing.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_client::wire::{ReviewRequest, WireRequest as _};
use gatehold_core::decide::ActKind;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::json::canonical;
use gatehold_gate::Looked;
use serde::{Deserialize, Serialize};

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
    /// It is held anew, and this review counts no more.
    held_again: bool,
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
    let reviewed = app.gate().review_told(input).await;
    let reviewed = reviewed.map_err(PageError::Gate)?;
    app.metrics().reviewed(&reviewed.record);
    let told = Reviewed {
        decided: reviewed.record.state != gatehold_core::request::State::Held,
        held_again: reviewed.held_again,
    };
    Ok(Json(told).into_response())
}

/// Whether what a page shows is still what would be shown.
#[derive(Serialize)]
struct Stamp {
    stamp: String,
    /// What is otherwise than it was opened, in the words of the page.
    changed: Vec<&'static str>,
    /// The store's time, so that a page counts down by no other clock.
    now: String,
}

/// Which opening a page shows, once its module has opened it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Opening {
    opened: Option<String>,
}

/// Length of the name of an opening.
const NONCE_BYTES: usize = 64;

/// `GET /requests/{id}/stamp`, or `?opened=` with the review nonce of what was opened.
pub(super) async fn stamp(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    opening: Result<Query<Opening>, QueryRejection>,
) -> Result<Response, Told> {
    let id = request(&id)?;
    let Query(Opening { opened }) = opening.map_err(|_| PageError::Form)?;
    let is_nonce = |text: &String| {
        text.len() == NONCE_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if opened.as_ref().is_some_and(|text| !is_nonce(text)) {
        return Err(PageError::Form.into());
    }
    let gate = app.gate();
    let looked = gate
        .look_through(&signed_in.visitor, id)
        .await
        .map_err(PageError::Gate)?;
    let changed = match opened {
        None => Vec::new(),
        Some(nonce) => gate
            .changed_since_opened(&looked, &nonce)
            .await
            .map_err(PageError::Gate)?,
    };
    let answer = Stamp {
        stamp: stamp_of(&app, &looked)?,
        changed,
        now: looked.now.to_string(),
    };
    Ok(Json(answer).into_response())
}

/// A name for all that a page shows of a held request and that no clock moves: what is stopped, whoever asks as the directory has
/// them, and what whoever looks may do are in it too. What moves a little by itself is compared with what was opened instead.
/// Nothing of reviews is in it: that one exists is nobody else's to know.
pub(super) fn stamp_of(app: &App, looked: &Looked) -> Result<String, PageError> {
    let record = &looked.record;
    let held = record.held.as_ref();
    let view = looked.view.as_ref();
    let (bundle, workload) = app.gate().with_directory(|directory| {
        let workload = directory.workloads.get(&record.envelope.workload);
        (directory.bundle, format!("{workload:?}"))
    });
    let about = (
        record.state.name(),
        record.display_hash,
        bundle,
        workload,
        looked
            .stopped
            .as_ref()
            .map(|stopped| format!("{stopped:?}")),
        format!("{:?}", looked.may),
        held.map(|held| (held.requirement_hash, held.decide_by)),
        view.map(|view| {
            (
                view.claims_head,
                view.tier.tier,
                &view.why,
                &view.terms,
                &view.change,
                view.people_needed,
                view.reason_demanded,
            )
        }),
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
