//! Who may call a page. Everything but the few open pages needs a session; whatever is posted must come from one of our own
//! pages, and with a session carry the token of that session. Reading changes nothing, so links and prefetches cannot.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use gatehold_core::ids::RequestId;
use gatehold_gate::{SessionId, Visitor};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::forms;
use super::frame::PageError;
use super::same_site::is_ours;
use crate::app::App;

/// The field of every form of a session.
const TOKEN: &str = "token";

/// Somebody who is signed in. Put on the request by [`admit`] and by nothing else.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    pub id: SessionId,
    pub visitor: Visitor,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let signed_in = parts.extensions.get::<Self>().cloned();
        signed_in.ok_or(PageError::Fault(
            "a page for people stands outside of what asks who they are",
        ))
    }
}

/// The layer in front of every page: what is posted comes from us, and its form is read.
pub(super) async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    if is_safe(request.method()) {
        return match to_own_name(&app, &request) {
            Some(there) => there.into_response(),
            None => next.run(request).await,
        };
    }
    match posted(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// A development gate answers at an address, and its passkeys work at a name alone: whoever looks at the one is sent to the other.
fn to_own_name(app: &App, request: &Request) -> Option<Redirect> {
    let own = &app.console().ok()?.cookie.origin;
    let port = own.strip_prefix("http://localhost:")?;
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let target = request.uri().path_and_query()?;
    (host.strip_prefix("127.0.0.1:") == Some(port))
        .then(|| Redirect::temporary(&format!("{own}{target}")))
}

async fn posted(app: &App, request: Request) -> Result<Request, PageError> {
    let (mut parts, body) = request.into_parts();
    if !is_ours(&parts.headers, &app.console()?.cookie.origin) {
        return Err(PageError::Foreign);
    }
    let fields = forms::read(app, &parts, body).await?;
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// The layer in front of every page for people.
pub(super) async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    match admitted(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => *response,
    }
}

async fn admitted(app: &App, mut request: Request) -> Result<Request, Box<Response>> {
    let refuse = |error: PageError| Box::new(error.into_response());
    let found = visitor(app, request.headers()).await.map_err(refuse)?;
    let Some(signed_in) = found else {
        return Err(if is_safe(request.method()) {
            Box::new(to_sign_in(request.uri().path()))
        } else {
            refuse(PageError::SignedOut)
        });
    };
    if !is_safe(request.method()) {
        let fields = request.extensions_mut().get_mut::<forms::Fields>();
        let fields = fields.ok_or_else(|| refuse(PageError::Fault("a form was not read")))?;
        let place = fields.0.iter().position(|(name, _)| name == TOKEN);
        let token = place.map(|place| fields.0.swap_remove(place).1);
        let owns = token.is_some_and(|token| signed_in.visitor.owns_form(&token));
        if !owns {
            return Err(refuse(PageError::Foreign));
        }
    }
    request.extensions_mut().insert(signed_in);
    Ok(request)
}

/// Whose session the browser sends, if it has force.
pub(super) async fn visitor(app: &App, headers: &HeaderMap) -> Result<Option<SignedIn>, PageError> {
    let console = app.console()?;
    let Some(id) = console.cookie.read(headers) else {
        return Ok(None);
    };
    let visitor = app.gate().visitor(&id, console.sessions()).await?;
    Ok(visitor.map(|visitor| SignedIn { id, visitor }))
}

/// To the sign-in page, and from there back to a request; to nowhere else.
fn to_sign_in(path: &str) -> Response {
    let request = path
        .strip_prefix("/requests/")
        .and_then(|rest| rest.split('/').next())
        .and_then(|id| id.parse::<RequestId>().ok());
    match request {
        Some(request) => Redirect::to(&format!("/sign-in?to={request}")).into_response(),
        None => Redirect::to("/sign-in").into_response(),
    }
}

/// GET and HEAD never change anything (threat B10).
fn is_safe(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}
