//! `POST /requests/{id}/claim` and `/release`: saying that one looks at a request, and taking it back. Others see who does, and
//! may decide all the same: a claim locks nothing, approves nothing, and says nothing about a review.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::decide::ActKind;
use gatehold_core::ids::RequestId;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::PageError;
use super::views::{View, Which};
use crate::app::App;

/// How these acts are recorded: by a session of a browser, not by the person's own key.
const CHANNEL: &str = "console";

/// `POST /requests/{id}/claim`.
pub(super) async fn claim(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, PageError> {
    act(&app, &signed_in, &id, fields, ActKind::Claim).await
}

/// `POST /requests/{id}/release`.
pub(super) async fn release(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, PageError> {
    act(&app, &signed_in, &id, fields, ActKind::Release).await
}

/// Records it, and leads back to the page of the inbox that it was said on.
async fn act(
    app: &App,
    signed_in: &SignedIn,
    id: &str,
    fields: Fields,
    kind: ActKind,
) -> Result<Response, PageError> {
    let [view, page] = fields.exactly(["view", "page"])?;
    let which = Which {
        view: View::named(&view).ok_or(PageError::Form)?,
        page: page.parse().map_err(|_| PageError::Form)?,
        like: None,
    };
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    if kind == ActKind::Claim {
        app.gate().seated(&signed_in.visitor, id).await?;
    }
    let human = &signed_in.visitor.human;
    app.gate().act(human, id, kind, "", CHANNEL).await?;
    Ok(Redirect::to(&which.href()).into_response())
}
