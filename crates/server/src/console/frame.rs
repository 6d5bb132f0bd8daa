//! What every answer of the console carries, whatever it says: the headers that keep a page to itself, the frame around its
//! content, and the page that says why not.

use askama::Template;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use gatehold_gate::ports::store::StoreFault;
use gatehold_gate::{GateError, NotShown, Visitor};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};

use super::said::{Moment, moment};
use crate::app::App;

/// Nothing inline, nothing from elsewhere, no frame around it, no markup or script text from strings and nobody to vouch for any.
macro_rules! policy {
    ($types:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ",
            $types
        )
    };
}
const POLICY: &str = policy!("'none'");
/// The same, and one script vouches for one address: that of the worker which shows notifications.
const NOTIFYING: &str = policy!("push-worker");
/// No script without the hash of its bytes, also where another one brings it in.
const INTEGRITY: &str = "blocked-destinations=(script)";
/// That worker: it loads nothing and speaks to nobody.
const WORKER: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A file is no page: opened as one it runs, loads and frames nothing.
const FILE: &str = "sandbox; default-src 'none'";

/// Put on an answer that is kept to itself in another way than a page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    /// The page on which somebody has their browser told.
    Notifying,
    /// The worker.
    Worker,
    /// Any other file.
    File,
}

/// Passkeys of this origin, and no other power of the browser.
const PERMISSIONS: &str = "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), \
     geolocation=(), display-capture=(), usb=(), payment=(), clipboard-read=()";

/// The layer behind every answer.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let kept = response.extensions().get().copied();
    let policy = match kept {
        None => POLICY,
        Some(Kept::Notifying) => NOTIFYING,
        Some(Kept::Worker) => WORKER,
        Some(Kept::File) => FILE,
    };
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    put(CONTENT_SECURITY_POLICY, policy);
    put(X_CONTENT_TYPE_OPTIONS, "nosniff");
    let name = HeaderName::from_static;
    put(name("cross-origin-resource-policy"), "same-origin");
    // What only a page has: powers of the browser, other windows, links to follow. A page loads a dozen files, so what means nothing on
    // a file is not sent with each.
    if !matches!(kept, Some(Kept::File)) {
        // A browser heeds it over TLS alone (RFC 6797 section 8.1), so a gate on loopback loses nothing by it.
        put(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
        put(REFERRER_POLICY, "no-referrer");
        put(name("integrity-policy"), INTEGRITY);
        put(name("cross-origin-opener-policy"), "same-origin");
        put(name("permissions-policy"), PERMISSIONS);
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The frame around a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Whose gate it is.
    pub gate: String,
    /// Whether nothing that is signed here counts elsewhere.
    pub dev: bool,
    /// Who looks.
    pub who: Option<Who>,
    /// Which part of the console it is, for the navigation.
    pub part: &'static str,
}

/// Who looks, for the head of the page.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub human: String,
    pub how: String,
    pub since: Moment,
    pub ends: Moment,
    /// For every form of the page.
    pub token: String,
    /// Seconds since they were last seen to act.
    pub seen_seconds_ago: i64,
    /// Whom they may be instead, on a development gate.
    pub others: Vec<String>,
}

impl Frame {
    /// For somebody who is signed in.
    pub fn of(app: &App, visitor: &Visitor, part: &'static str) -> Self {
        let gate = app.gate();
        let dev = gate.origin().is_dev();
        let others = |directory: &gatehold_core::directory::Directory| {
            let humans = directory.humans.keys();
            let others = humans.filter(|human| **human != visitor.human);
            others.map(ToString::to_string).collect()
        };
        // Where the terminal of this gate vouches for all of them, and nowhere else.
        let plays = app.console().is_ok_and(|console| console.codes().is_some());
        let others = if dev && plays {
            gate.with_directory(others)
        } else {
            Vec::new()
        };
        let ago = visitor.now.millis() - visitor.last_used.millis();
        Self {
            gate: gate.origin().to_string(),
            dev,
            who: Some(Who {
                human: visitor.human.to_string(),
                how: visitor.how.clone(),
                since: moment(visitor.since, visitor.now),
                ends: moment(visitor.idle_ends.min(visitor.ends), visitor.now),
                token: visitor.form_token(),
                seen_seconds_ago: ago.div_euclid(1_000),
                others,
            }),
            part,
        }
    }

    /// For nobody in particular.
    pub fn of_nobody(app: &App) -> Self {
        let origin = app.gate().origin();
        Self {
            gate: origin.to_string(),
            dev: origin.is_dev(),
            who: None,
            part: "sign-in",
        }
    }
}

/// A page from its template.
pub(super) fn html(template: &impl Template) -> Result<Response, PageError> {
    let text = template
        .render()
        .map_err(|_| PageError::Fault("a page could not be put together"))?;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Ok(([(CONTENT_TYPE, html)], text).into_response())
}

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// The session is over, and something was posted.
    #[error("nobody is signed in")]
    SignedOut,
    /// Not from one of our own pages, or from one of another session.
    #[error("the form is not from a page of this session")]
    Foreign,
    /// Not a form of ours.
    #[error("the form or the address is not one of this console")]
    Form,
    /// There is nothing there, or it is not for people to see now.
    #[error("there is nothing at this address")]
    Nothing,
    /// The gate refused or failed.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A new passkey did not get force.
    #[error("the passkey was not enrolled: {0}")]
    NotEnrolled(String),
    /// A key that somebody made who has none was not looked at, or does not hold.
    #[error(transparent)]
    NotShown(#[from] NotShown),
    /// Something that cannot be happened here.
    #[error("{0}")]
    Fault(&'static str),
}

#[derive(Template, serde::Serialize)]
#[template(path = "error.html")]
struct ErrorPage {
    title: &'static str,
    detail: String,
    next: String,
}

impl ErrorPage {
    fn of(title: &'static str, detail: &str, next: &str) -> Self {
        Self {
            title,
            detail: detail.to_owned(),
            next: next.to_owned(),
        }
    }
}

impl PageError {
    fn said(&self) -> (StatusCode, ErrorPage) {
        let page = ErrorPage::of;
        match self {
            Self::SignedOut => (
                StatusCode::FORBIDDEN,
                page(
                    "You are signed out",
                    "Nothing was done.",
                    "Sign in, and do it again.",
                ),
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                page(
                    "This form is not from this page",
                    "It was sent from another site, an old page, or after you signed in again. Nothing was done.",
                    "Go back, load the page again and send it from there.",
                ),
            ),
            Self::Form => (
                StatusCode::BAD_REQUEST,
                page(
                    "This cannot be read",
                    "The form or the address is not one of this console. Nothing was done.",
                    "Start from the inbox.",
                ),
            ),
            Self::Nothing
            | Self::Gate(GateError::Refused(gatehold_core::refusal::Refusal::NoSuchRequest)) => (
                StatusCode::NOT_FOUND,
                page("There is nothing here", "", "Start from the inbox."),
            ),
            Self::Gate(GateError::Refused(refusal)) => (
                StatusCode::CONFLICT,
                page("Not possible now", &refusal.to_string(), refusal.next()),
            ),
            Self::Gate(GateError::Journaled) => (
                StatusCode::ACCEPTED,
                page(
                    "It is in force, and not in the ledger yet",
                    "The store does not take it now, so this gate keeps it and acts on it. Nothing else is decided until the store takes it.",
                    "Nothing more is needed of you; the operators must bring the store back.",
                ),
            ),
            Self::NotEnrolled(why) => (
                StatusCode::CONFLICT,
                page(
                    "The passkey was not enrolled",
                    why,
                    "It has no force. Make it again, or read the terminal that started this gate.",
                ),
            ),
            Self::NotShown(why) => (
                StatusCode::FORBIDDEN,
                page(
                    "The passkey is not proven",
                    &why.to_string(),
                    "It has no force. Sign in again, and make it anew.",
                ),
            ),
            Self::Gate(GateError::Store(StoreFault::Unavailable(_)) | GateError::Busy) => (
                StatusCode::SERVICE_UNAVAILABLE,
                page(
                    "The gate cannot answer now",
                    "Its store does not answer, so nothing is decided and nothing let out.",
                    "Load this page again in a moment.",
                ),
            ),
            Self::Gate(_) | Self::Fault(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                page(
                    "The gate failed",
                    "Nothing was let out.",
                    "Tell the operators of the gate when it happened; what happened stands in its log.",
                ),
            ),
        }
    }
}

/// The same for a script of ours: as a document, because a page of an error is nothing that a script may put anywhere.
#[derive(Debug)]
pub(super) struct Told(PageError);

impl From<PageError> for Told {
    fn from(error: PageError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Told {
    fn into_response(self) -> Response {
        let (status, page) = self.0.said();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self.0, "a call of a page failed");
        }
        (status, axum::Json(page)).into_response()
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let (status, page) = self.said();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // The cause stands here and nowhere else.
            tracing::error!(error = %self, "a page failed");
        }
        let text = page.render().unwrap_or_default();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        (status, [(CONTENT_TYPE, html)], text).into_response()
    }
}
