//! `/sign-in/start` and `/sign-in/callback`: to the identity provider and back. In between the sign-in is kept by the browser
//! that began it; an answer that it did not ask for is refused before anything of it is used (login CSRF).

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::RequestId;
use gatehold_core::refusal::Refusal;
use gatehold_gate::GateError;
use gatehold_gate::openid::{NotVouched, Transaction, Vouched};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::frame::PageError;
use super::newcomer;
use super::sign_in::{self, To};
use crate::app::App;
use crate::login::{Callback, OpenId, OpenIdError};

/// `GET /sign-in/start`: a link of the sign-in page. A form could not lead there: browsers hold where a form ends to our own
/// origin.
pub(super) async fn start(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<To>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query.map_err(|_| PageError::Form)?;
    let to = sign_in::destination(query.to.as_deref().unwrap_or_default())?;
    let provider = provider(&app)?;
    if !was_pressed(&headers) {
        return Ok(to_sign_in(to));
    }
    let transaction = app.gate().begin_elsewhere(to).await?;
    match provider.depart(&transaction).await {
        Ok(address) => {
            let cookie = app.console()?.cookie.set_begun(&transaction);
            let cookie = cookie.map_err(|_| PageError::Fault("a cookie is no header"))?;
            Ok(([(SET_COOKIE, cookie)], Redirect::to(&address)).into_response())
        }
        Err(why) => refused(&app, to, &why),
    }
}

/// `GET /sign-in/callback`: what the provider sends a browser back with.
pub(super) async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query.map_err(|_| PageError::Form)?;
    let provider = provider(&app)?;
    let answer = Callback::read(query).ok_or(PageError::Form)?;
    let cookie = &app.console()?.cookie;
    let Some(transaction) = cookie.read_begun(&headers) else {
        return refused(&app, None, &NotVouched::NotBegunHere.into());
    };
    let to = transaction.to();
    let now = app.gate().now().await?;
    if let Err(why) = provider.check_answer(&transaction, &answer, now).await {
        // What was begun stands: whoever sends a browser here with an answer of theirs ends nobody's sign-in.
        return refused(&app, to, &why);
    }
    let mut response = match provider.arrive(&transaction, &answer, now).await {
        Ok(vouched) => signed_in(&app, &headers, provider, &vouched, &transaction).await?,
        Err(why) => refused(&app, to, &why)?,
    };
    // Answered, whatever became of it: once.
    let cleared = cookie.clear_begun();
    let cleared = cleared.map_err(|_| PageError::Fault("a cookie is no header"))?;
    response.headers_mut().append(SET_COOKIE, cleared);
    Ok(response)
}

async fn signed_in(
    app: &App,
    headers: &HeaderMap,
    provider: &OpenId,
    vouched: &Vouched,
    transaction: &Transaction,
) -> Result<Response, PageError> {
    let sessions = app.console()?.sessions();
    match app.gate().sign_in_vouched(vouched, sessions).await {
        Ok(signed_in) => sign_in::begin(app, headers, &signed_in, transaction.to()).await,
        Err(GateError::Refused(Refusal::UnknownPrincipal)) => {
            newcomer::page(app, provider, vouched).await
        }
        Err(error) => Err(error.into()),
    }
}

fn provider(app: &App) -> Result<&OpenId, PageError> {
    app.console()?.open_id().ok_or(PageError::Nothing)
}

/// Whether a person pressed the link on our own page, as far as the browser says. Nothing else begins a sign-in: no other
/// site, no frame, no prefetch.
fn was_pressed(headers: &HeaderMap) -> bool {
    let says = |name: &str, wanted: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|value: &HeaderValue| value == wanted)
    };
    says("sec-fetch-site", "same-origin")
        && says("sec-fetch-dest", "document")
        && !headers.contains_key("sec-purpose")
}

fn to_sign_in(to: Option<RequestId>) -> Response {
    let to = to.map(|to| format!("?to={to}")).unwrap_or_default();
    Redirect::to(&format!("/sign-in{to}")).into_response()
}

/// The sign-in page, with why nobody is signed in. Nothing that the provider or the address says is repeated.
fn refused(app: &App, to: Option<RequestId>, why: &OpenIdError) -> Result<Response, PageError> {
    let status = match why {
        OpenIdError::Unreachable(_) | OpenIdError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        OpenIdError::Unusable(_) | OpenIdError::ClientRefused => StatusCode::BAD_GATEWAY,
        _ => StatusCode::FORBIDDEN,
    };
    match why {
        OpenIdError::Unreachable(cause) => tracing::warn!(%cause, "the identity provider fails"),
        why => tracing::warn!(?why, "nobody was signed in"),
    }
    let wrong = (as_sentence(&why.to_string()), why.next().to_owned());
    sign_in::said_why(app, to, "", status, wrong)
}

/// An error begins with a small letter, a sentence does not.
fn as_sentence(error: &str) -> String {
    let mut rest = error.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}
