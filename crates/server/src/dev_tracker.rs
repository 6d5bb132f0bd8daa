//! The tracker of a development gate: incidents, changes and deployments, as a gate's look-ups ask about them, with a page on which
//! somebody new opens and closes one and sees what becomes of the fact.
//!
//! It stands for the system that an operator has already. It is served beside a development gate, on loopback and on an address of
//! its own, and knows nothing of the gate: what it says reaches a page through the same look-up as any other tracker's word.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Form, Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use gatehold_core::ids::ResourceId;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::console::same_site;

/// What every address of a look-up begins with.
pub const LOOKED_UP: &str = "/dev-tracker/";
/// Largest form, in bytes.
const FORM_BYTES_MAX: usize = 16 << 10;
/// Longest number of an entry, in characters.
const ID_CHARS_MAX: usize = 64;
/// Most resources that an entry names.
const RESOURCES_MAX: usize = 16;

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("../static/console.css");

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something is broken.
    Incident,
    /// Something is to be changed.
    Change,
    /// A version was brought out.
    Deployment,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Incident, Self::Change, Self::Deployment];

    /// Its name, also of the claim that names one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Change => "change",
            Self::Deployment => "deployment",
        }
    }

    /// How one of them can stand; first what a look-up of a development gate asks for.
    #[must_use]
    pub const fn states(self) -> &'static [&'static str] {
        match self {
            Self::Incident => &["open", "closed"],
            Self::Change => &["approved", "proposed", "closed"],
            Self::Deployment => &["failed", "running", "done"],
        }
    }

    /// By its name, or by the name of several.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let name = name.strip_suffix('s').unwrap_or(name);
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Says that nobody keeps this for real.
    source: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its number.
    pub id: String,
    /// How it stands.
    pub state: String,
    /// What it is about: resources, or what they begin with, up to a slash.
    pub resources: Vec<String>,
}

impl Entry {
    /// One that can be looked up.
    ///
    /// # Errors
    /// What would have been right.
    pub fn new(kind: Kind, id: &str, state: &str, resources: Vec<String>) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if id.is_empty() || id.len() > ID_CHARS_MAX || !id.chars().all(plain) {
            return Err(format!(
                "the number has 1 to {ID_CHARS_MAX} letters, digits, dots and dashes, such as INC-7"
            ));
        }
        if !kind.states().contains(&state) {
            let states = kind.states().join(", ");
            return Err(format!("`{state}`: a {kind} is one of {states}"));
        }
        if resources.len() > RESOURCES_MAX {
            return Err(format!("at most {RESOURCES_MAX} resources are named"));
        }
        for resource in &resources {
            if resource.parse::<ResourceId>().is_err() {
                return Err(format!("`{resource}` is no resource, such as shop/orders"));
            }
        }
        Ok(Self {
            source: "the development tracker",
            kind,
            id: id.to_owned(),
            state: state.to_owned(),
            resources,
        })
    }
}

/// Where entries are kept.
pub trait Book: Send + Sync + 'static {
    /// All of them, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    fn all(&self) -> Result<Vec<Entry>, String>;

    /// One of them.
    ///
    /// # Errors
    /// When it cannot be read.
    fn one(&self, kind: Kind, id: &str) -> Result<Option<Entry>, String>;

    /// Keeps one, in the place of what was there under its number.
    ///
    /// # Errors
    /// When it cannot be written, or there are too many.
    fn put(&self, entry: Entry) -> Result<(), String>;
}

#[derive(Clone)]
struct Tracker {
    book: Arc<dyn Book>,
    /// As a browser names it.
    origins: [String; 2],
}

/// Its page, and what look-ups ask. `address` is where it is served.
pub fn router(book: Arc<dyn Book>, address: SocketAddr) -> Router {
    let port = address.port();
    let origins = [
        format!("http://{address}"),
        format!("http://localhost:{port}"),
    ];
    let tracker = Tracker { book, origins };
    Router::new()
        .route("/", get(page))
        .route("/entries", post(put))
        .route("/static/console.css", get(style))
        .route(&format!("{LOOKED_UP}{{kind}}/{{id}}"), get(look_up))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(tracker.clone(), guarded))
        .with_state(tracker)
}

/// Only by its own names: a page of elsewhere whose name was led to this machine reads nothing here.
async fn guarded(State(tracker): State<Tracker>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let named = |origin: &String| origin.strip_prefix("http://") == Some(host);
    let mut response = if tracker.origins.iter().any(named) {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "it is not called that\n").into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[derive(Template)]
#[template(path = "dev_tracker.html")]
struct Page {
    entries: Vec<Entry>,
}

async fn page(State(tracker): State<Tracker>) -> Response {
    let entries = match tracker.book.all() {
        Ok(entries) => entries,
        Err(why) => return broken(&why),
    };
    match (Page { entries }).render() {
        Ok(html) => ([(CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response(),
        Err(error) => broken(&error.to_string()),
    }
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// What a look-up asks.
async fn look_up(
    State(tracker): State<Tracker>,
    Path((kind, id)): Path<(String, String)>,
) -> Response {
    let Some(kind) = Kind::of(&kind) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match tracker.book.one(kind, &id) {
        Ok(Some(entry)) => Json(entry).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(why) => broken(&why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    kind: Kind,
    id: String,
    state: String,
    /// Left out, they stay what they are.
    resources: Option<String>,
}

async fn put(
    State(tracker): State<Tracker>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let ours = |origin: &String| same_site::is_ours(&headers, origin);
    if !tracker.origins.iter().any(ours) {
        let text = "this form is not from the tracker's own page\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let resources = fields.resources.map(|text| {
        let names = text.split([' ', ',']).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    });
    match set(
        tracker.book.as_ref(),
        fields.kind,
        &fields.id,
        &fields.state,
        resources,
    ) {
        Ok(_) => Redirect::to("/").into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}

/// Says how an entry stands, and makes it where there is none. Without resources it keeps those it has.
///
/// # Errors
/// What would have been right, or why it cannot be kept.
pub fn set(
    book: &dyn Book,
    kind: Kind,
    id: &str,
    state: &str,
    resources: Option<Vec<String>>,
) -> Result<Entry, String> {
    let resources = match resources {
        Some(resources) => resources,
        None => book
            .one(kind, id)?
            .map(|entry| entry.resources)
            .unwrap_or_default(),
    };
    let entry = Entry::new(kind, id, state, resources)?;
    book.put(entry.clone())?;
    Ok(entry)
}

fn broken(why: &str) -> Response {
    tracing::error!(why, "the development tracker cannot answer");
    (StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_plain_and_stands_as_its_kind_can() {
        let new = |id: &str, state: &str, resource: &str| {
            Entry::new(Kind::Incident, id, state, vec![resource.to_owned()])
        };
        assert!(new("INC-7", "open", "shop/orders").is_ok());
        assert!(new("INC-7", "closed", "shop/").is_ok());
        for (id, state, resource) in [
            ("", "open", "shop/orders"),
            ("INC/7", "open", "shop/orders"),
            ("INC 7", "open", "shop/orders"),
            ("INC-7", "approved", "shop/orders"),
            ("INC-7", "open", "\u{202e}"),
        ] {
            assert!(new(id, state, resource).is_err(), "{id} {state}");
        }
        assert!(Entry::new(Kind::Change, &"x".repeat(65), "closed", Vec::new()).is_err());
        let many = vec!["shop/orders".to_owned(); 17];
        assert!(Entry::new(Kind::Change, "CHG-1", "closed", many).is_err());
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&format!("{kind}s")), Some(kind));
        }
        assert_eq!(Kind::of("weather"), None);
    }
}
