//! Corrections on the page of a decided request: what can be corrected, and handing in what a passkey signed. The session that
//! carries it says nothing by itself.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use gatehold_client::wire::{CorrectionRequest, WireRequest as _};
use gatehold_core::ids::RequestId;
use gatehold_gate::Visitor;
use serde::Serialize;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::{PageError, Told};
use super::passkeys::{OwnPasskey, own_passkeys, signing_origin};
use super::said::quiet;
use crate::api::correction_input;
use crate::app::App;

/// What the page needs for a correction.
pub(super) struct Correctable {
    pub human: String,
    pub token: String,
    pub relying_party: String,
    pub keys: Vec<OwnPasskey>,
    pub leaves: Vec<Leaf>,
    /// The store's time, which the statement tells.
    pub now: i64,
}

/// One leaf that can be corrected.
pub(super) struct Leaf {
    pub leaf: u64,
    pub commitment: String,
    /// Plain text, as an option holds nothing else; what cannot be seen is shown by its number.
    pub what: String,
}

/// For whoever looks at a request that is decided.
pub(super) async fn correctable(
    app: &App,
    visitor: &Visitor,
    request: RequestId,
) -> Result<Correctable, PageError> {
    let recorded = app.gate().recorded(request, None).await?;
    let leaf = |one: gatehold_gate::Recorded| Leaf {
        leaf: one.leaf,
        commitment: one.commitment.to_string(),
        what: quiet(&one.what)
            .into_iter()
            .map(|piece| piece.text)
            .collect(),
    };
    Ok(Correctable {
        human: visitor.human.to_string(),
        token: visitor.form_token(),
        relying_party: signing_origin(app)?
            .map(|origin| origin.relying_party().to_string())
            .unwrap_or_default(),
        keys: own_passkeys(app, &visitor.human)?,
        leaves: recorded.into_iter().map(leaf).collect(),
        now: visitor.now.millis(),
    })
}

/// Where it was recorded.
#[derive(Serialize)]
struct Recorded {
    leaf: u64,
}

/// `POST /requests/{id}/correct`: what the passkey signed.
pub(super) async fn correct(
    State(app): State<App>,
    _signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Told> {
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    let [correction] = fields.exactly(["correction"])?;
    let sent: CorrectionRequest = serde_json::from_str(&correction).map_err(|_| PageError::Form)?;
    sent.check().map_err(|_| PageError::Form)?;
    let input = correction_input(id, sent).map_err(|_| PageError::Form)?;
    let recorded = app.gate().correct(input).await.map_err(PageError::Gate)?;
    let leaf = recorded.leaf;
    Ok(Json(Recorded { leaf }).into_response())
}
