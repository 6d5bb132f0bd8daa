//! `/sign-in`: who somebody is, and their session. Open to strangers, so it says nothing about requests; the names of the
//! people of a development gate are no secret.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::refusal::Refusal;
use gatehold_gate::{GateError, SignedIn};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::Console;
use super::forms::Fields;
use super::frame::{Frame, PageError, html};
use crate::app::App;
use crate::login::{OpenId, SignInError};

/// Where to go afterwards: to a request, or to the inbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    pub to: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    /// Where people show who they are; without it, the terminal of this gate.
    provider: Option<String>,
    people: Vec<Choice>,
    to: String,
    /// What went wrong, and what to do next.
    wrong: Option<(String, String)>,
    /// What was done.
    done: Option<&'static str>,
}

struct Choice {
    human: String,
    name: String,
    chosen: bool,
}

/// `GET /sign-in`.
pub(super) async fn page(
    State(app): State<App>,
    query: Result<Query<To>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let Query(query) = query.map_err(|_| PageError::Form)?;
    let to = destination(query.to.as_deref().unwrap_or_default())?;
    html(&sign_in_page(&app, to, ""))
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, PageError> {
    let [code, person, to] = fields.exactly(["code", "person", "to"])?;
    let to = destination(&to)?;
    let human: HumanId = person.parse().map_err(|_| PageError::Form)?;
    let console = app.console()?;
    let codes = console.codes().ok_or(PageError::Nothing)?;
    let now = app.gate().now().await?;
    // Whoever has no key is told so before their code is spent.
    if !is_enrolled(&app, &human) {
        return Err(GateError::Refused(Refusal::UnknownPrincipal).into());
    }
    if let Err(why) = codes.take(&code, now) {
        let wrong = (why.to_string(), why.next().to_owned());
        return said_why(&app, to, &person, StatusCode::FORBIDDEN, wrong);
    }
    begin_by_code(&app, &headers, &human, to).await
}

/// The sign-in page again, with what went wrong and what to do next.
pub(super) fn said_why(
    app: &App,
    to: Option<RequestId>,
    chosen: &str,
    status: StatusCode,
    wrong: (String, String),
) -> Result<Response, PageError> {
    let mut page = sign_in_page(app, to, chosen);
    page.wrong = Some(wrong);
    Ok((status, html(&page)?).into_response())
}

/// Begins a session of somebody of a development gate.
pub(super) async fn begin_by_code(
    app: &App,
    headers: &HeaderMap,
    human: &HumanId,
    to: Option<RequestId>,
) -> Result<Response, PageError> {
    let sessions = app.console()?.sessions();
    let signed_in = app.gate().sign_in_by_code(human, sessions).await?;
    begin(app, headers, &signed_in, to).await
}

/// Hands a session that has begun to a browser, and ends the one it had.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    to: Option<RequestId>,
) -> Result<Response, PageError> {
    let console = app.console()?;
    if let Some(before) = console.cookie.read(headers) {
        app.gate().sign_out(&before).await?;
    }
    let cookie = console
        .cookie
        .set(&signed_in.id, console.sessions().seconds_max)
        .map_err(|_| PageError::Fault("a cookie is no header"))?;
    let to = to.map_or_else(|| "/".to_owned(), |request| format!("/requests/{request}"));
    Ok(([(SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

/// `POST /sign-in/code`.
pub(super) async fn code(State(app): State<App>, fields: Fields) -> Result<Response, PageError> {
    let [to] = fields.exactly(["to"])?;
    let to = destination(&to)?;
    let now = app.gate().now().await?;
    let codes = app.console()?.codes().ok_or(PageError::Nothing)?;
    let Err(why) = codes.begin(now) else {
        let mut page = sign_in_page(&app, to, "");
        page.done = Some("A new code stands in the terminal that started this gate.");
        return html(&page);
    };
    let status = match why {
        SignInError::TooSoon => StatusCode::TOO_MANY_REQUESTS,
        SignInError::NoCode | SignInError::WrongCode => StatusCode::FORBIDDEN,
    };
    let wrong = (why.to_string(), why.next().to_owned());
    said_why(&app, to, "", status, wrong)
}

fn sign_in_page(app: &App, to: Option<RequestId>, chosen: &str) -> SignInPage {
    let provider = app.console().ok().and_then(Console::open_id);
    // Who there is stands on the page of a development gate alone.
    let humans = match provider {
        Some(_) => Vec::new(),
        None => app
            .gate()
            .with_directory(|directory| directory.humans.keys().cloned().collect::<Vec<_>>()),
    };
    // Most people come to decide, and nobody decides on what they asked for themselves.
    let usual = humans
        .iter()
        .find(|human| human.subject() == "reviewer")
        .map(ToString::to_string)
        .unwrap_or_default();
    let chosen = if chosen.is_empty() { &usual } else { chosen };
    SignInPage {
        frame: Frame::of_nobody(app),
        provider: provider.map(OpenId::host),
        people: humans
            .iter()
            .map(|human| Choice {
                human: human.to_string(),
                name: human.subject().to_owned(),
                chosen: human.to_string() == chosen,
            })
            .collect(),
        to: to.map(|to| to.to_string()).unwrap_or_default(),
        wrong: None,
        done: None,
    }
}

fn is_enrolled(app: &App, human: &HumanId) -> bool {
    app.gate()
        .with_directory(|directory| directory.humans.contains_key(human))
}

/// A request or nothing: never an address, so that nobody is sent elsewhere.
pub(super) fn destination(text: &str) -> Result<Option<RequestId>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| PageError::Form)
}
