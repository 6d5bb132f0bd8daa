//! For somebody whom the identity provider vouches for and who has no key here: a page on which they make their first passkey and
//! prove that they have it. Nobody is signed in by it, it shows nothing of the gate, and what it gives is a text that others have
//! to ask for and sign before it is a key.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use gatehold_core::json::canonical;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_gate::openid::Vouched;
use http::StatusCode;
use serde::Serialize;

use super::forms::Fields;
use super::frame::{Frame, PageError, Told, html};
use super::passkeys::making;
use crate::app::App;
use crate::login::OpenId;

#[derive(Template)]
#[template(path = "not_enrolled.html")]
struct NewcomerPage {
    frame: Frame,
    provider: String,
    human: String,
    /// Whether the provider itself says that they are gone.
    gone: bool,
    /// With which they may have a passkey looked at, where one could sign here.
    passkey: Option<Making>,
}

struct Making {
    token: String,
    relying_party: String,
    attestation: &'static str,
}

/// The page. It answers a sign-in that signs nobody in.
pub(super) async fn page(
    app: &App,
    provider: &OpenId,
    vouched: &Vouched,
) -> Result<Response, PageError> {
    let (gate, human) = (app.gate(), vouched.human());
    let gone = gate.with_directory(|directory| directory.is_suspended(human));
    let how = making(app)?;
    let passkey = match how.relying_party {
        Some(relying_party) if !gone => Some(Making {
            token: gate.welcome(&app.console()?.newcomers, vouched).await?,
            relying_party,
            attestation: how.attestation,
        }),
        _ => None,
    };
    let page = NewcomerPage {
        frame: Frame::of_nobody(app),
        provider: provider.host(),
        human: human.to_string(),
        gone,
        passkey,
    };
    Ok((StatusCode::FORBIDDEN, html(&page)?).into_response())
}

/// What both sides compare.
#[derive(Serialize)]
struct Proven {
    /// As the page of somebody who is signed in is told: it has no force.
    enrolled: bool,
    fingerprint: String,
    words: String,
}

/// `POST /sign-in/passkey`: a passkey that was made and proven on that page. Nothing is kept.
pub(super) async fn look(State(app): State<App>, fields: Fields) -> Result<Response, Told> {
    let [token, proof] = fields.exactly(["token", "proof"])?;
    let proof: HumanEnrol =
        canonical::from_canonical_bytes(proof.as_bytes()).map_err(|_| PageError::Form)?;
    let gate = app.gate();
    let now = gate.now().await.map_err(PageError::from)?;
    let newcomers = &app.console()?.newcomers;
    let shown = gate.with_directory(|directory| newcomers.look(directory, &token, &proof, now));
    let shown = shown.map_err(PageError::from)?;
    Ok(Json(Proven {
        enrolled: false,
        fingerprint: shown.fingerprint,
        words: shown.words,
    })
    .into_response())
}
