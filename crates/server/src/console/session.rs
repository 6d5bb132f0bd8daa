//! What people do with their session: be seen, be somebody else on a development gate, sign out.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::HumanId;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::PageError;
use super::sign_in;
use crate::app::App;

/// `POST /session/seen`: a key was pressed or a pointer moved. Pages are read without it, so that a page left open, a
/// prefetch or a reload by itself keeps nobody signed in.
pub(super) async fn seen(
    State(app): State<App>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, PageError> {
    let [] = fields.exactly([])?;
    app.gate().seen(&signed_in.visitor).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /session/person`: one terminal plays several people, at a development gate alone.
pub(super) async fn person(
    State(app): State<App>,
    headers: HeaderMap,
    _signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, PageError> {
    let [person] = fields.exactly(["person"])?;
    let human: HumanId = person.parse().map_err(|_| PageError::Form)?;
    if app.console()?.codes().is_none() {
        return Err(PageError::Nothing);
    }
    sign_in::begin_by_code(&app, &headers, &human, None).await
}

/// `POST /session/end`.
pub(super) async fn end(
    State(app): State<App>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, PageError> {
    let [] = fields.exactly([])?;
    app.gate().sign_out(&signed_in.id).await?;
    let cookie = app
        .console()?
        .cookie
        .clear()
        .map_err(|_| PageError::Fault("a cookie is no header"))?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}
