//! `/sign-in`: who somebody is, and their session. Open to strangers, so it says nothing about requests; the names of the
//! people of a development gate are no secret.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::refusal::Refusal;
use gatehold_gate::GateError;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::forms::Fields;
use super::frame::{Frame, PageError, html};
use crate::app::App;
use crate::login::{Presented, SignInError};

/// Where to go afterwards: to a request, or to the inbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct To {
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
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
    let presented = Presented {
        human,
        secret: code,
    };
    let now = app.gate().now().await?;
    // Whoever has no key is told so before their code is spent.
    if !is_enrolled(&app, &presented.human) {
        return Err(GateError::Refused(Refusal::UnknownPrincipal).into());
    }
    if let Err(why) = console.provider().identify(&presented, now) {
        let mut page = sign_in_page(&app, to, &person);
        page.wrong = Some((why.to_string(), why.next().to_owned()));
        return Ok((StatusCode::FORBIDDEN, html(&page)?).into_response());
    }
    let by = console.provider().by();
    begin(&app, &headers, &presented.human, by, to).await
}

/// Begins a session in a browser, and ends the one it had.
pub(super) async fn begin(
    app: &App,
    headers: &HeaderMap,
    human: &HumanId,
    by: gatehold_gate::SignedInBy,
    to: Option<RequestId>,
) -> Result<Response, PageError> {
    let console = app.console()?;
    let signed_in = app.gate().sign_in(human, by, console.sessions()).await?;
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
    let mut page = sign_in_page(&app, to, "");
    let status = match app.console()?.provider().begin(now) {
        Ok(()) => {
            page.done = Some("A new code stands in the terminal of `gatehold dev`.");
            StatusCode::OK
        }
        Err(why) => {
            page.wrong = Some((why.to_string(), why.next().to_owned()));
            match why {
                SignInError::TooSoon => StatusCode::TOO_MANY_REQUESTS,
                SignInError::NoCode | SignInError::WrongCode => StatusCode::FORBIDDEN,
            }
        }
    };
    Ok((status, html(&page)?).into_response())
}

fn sign_in_page(app: &App, to: Option<RequestId>, chosen: &str) -> SignInPage {
    let humans = app
        .gate()
        .with_directory(|directory| directory.humans.keys().cloned().collect::<Vec<_>>());
    // Most people come to decide, and nobody decides on what they asked for themselves.
    let usual = humans
        .iter()
        .find(|human| human.subject() == "reviewer")
        .map(ToString::to_string)
        .unwrap_or_default();
    let chosen = if chosen.is_empty() { &usual } else { chosen };
    SignInPage {
        frame: Frame::of_nobody(app),
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
fn destination(text: &str) -> Result<Option<RequestId>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| PageError::Form)
}
