//! The review console: pages for people, made on the server from what the gate says, readable without any script.
//!
//! Every rule is the gate's: the same use cases as behind the API, no second one here. A session looks, and ends by itself;
//! it never approves. Requester text stands outside our own frame, escaped, with what cannot be seen shown by its number.
//! Start at the list of pages below; `access` says who may call one, `frame` what every answer carries.

mod access;
mod claims;
mod cookie;
mod corrections;
mod decided;
mod deciders;
mod files;
mod find;
mod forms;
mod frame;
mod glass;
mod inbox;
mod live;
mod newcomer;
mod open_id;
mod overview;
mod packed;
mod passkeys;
mod pinned;
mod plots;
mod policy;
mod push;
mod request;
mod review;
mod revoke;
mod said;
pub(crate) mod same_site;
mod session;
mod sign_in;
mod stacks;
mod stops;
mod tasks;
mod timeline;
mod views;
mod workloads;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use gatehold_gate::push::PushRules;
use gatehold_gate::{Gate, Newcomers, SessionLimits};
use gatehold_proof::PublicUrl;

use crate::app::App;
use crate::login::{IdentityProvider, OpenId, PrintedCode};
use crate::scim::Provisioning;
use cookie::CookieName;
pub(crate) use frame::PageError;
pub use passkeys::Enroller;
pub use pinned::PageFiles;

/// What the console needs beside the gate.
#[derive(Clone)]
pub struct ConsoleSettings {
    /// Who vouches for people.
    pub provider: IdentityProvider,
    /// How long a sign-in lasts; whom it rests on, `provider` says.
    pub sessions: SessionLimits,
    /// Where its pages are: the origin that browsers name.
    pub url: PublicUrl,
    /// Who has new passkeys enrolled at once; nobody, where people decide.
    pub enroller: Option<Arc<dyn Enroller>>,
    /// What the provider says of people between two sign-ins, if it does.
    pub provisioning: Option<Arc<Provisioning>>,
    /// How browsers are told that something waits; nothing, where no channel does.
    pub push: Option<PushRules>,
}

impl fmt::Debug for ConsoleSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConsoleSettings({:?})", self.sessions)
    }
}

/// Why a gate can have no console at this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// Cookies and forms name an origin.
    #[error("the console needs a public URL without a path, as `https://gate.example`")]
    Path,
    /// Sessions do not travel in the clear.
    #[error("the console needs an https public URL; http is for a development gate on 127.0.0.1")]
    Clear,
}

/// The console of one gate.
pub(crate) struct Console {
    settings: ConsoleSettings,
    cookie: CookieName,
    streams: live::Streams,
    newcomers: Newcomers,
}

impl Console {
    /// # Errors
    /// When the address of the gate cannot have one.
    pub(crate) fn new(settings: ConsoleSettings, gate: &Gate) -> Result<Self, ConsoleError> {
        let cookie = CookieName::new(&settings.url, gate.origin().is_dev())?;
        Ok(Self {
            settings,
            cookie,
            streams: live::Streams::default(),
            newcomers: Newcomers::default(),
        })
    }

    fn sessions(&self) -> SessionLimits {
        SessionLimits {
            provider: self.open_id().map(OpenId::name),
            ..self.settings.sessions
        }
    }

    /// The provider that says who is gone, where there is one.
    pub(crate) fn provisioning(&self) -> Option<&Provisioning> {
        self.settings.provisioning.as_deref()
    }

    const fn streams(&self) -> &live::Streams {
        &self.streams
    }

    fn enroller(&self) -> Option<&dyn Enroller> {
        self.settings.enroller.as_deref()
    }

    const fn push(&self) -> Option<&PushRules> {
        self.settings.push.as_ref()
    }

    /// The codes of a development gate, where they are what it takes.
    fn codes(&self) -> Option<&PrintedCode> {
        match &self.settings.provider {
            IdentityProvider::Code(codes) => Some(codes),
            IdentityProvider::OpenId(_) => None,
        }
    }

    /// The provider elsewhere, where there is one.
    fn open_id(&self) -> Option<&OpenId> {
        match &self.settings.provider {
            IdentityProvider::Code(_) => None,
            IdentityProvider::OpenId(provider) => Some(provider),
        }
    }
}

/// One page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As the router reads it.
    pub path: &'static str,
    /// Whether anybody may call it, signed in or not.
    pub open: bool,
}

macro_rules! pages {
    (signed_in: $($get:ident $path:literal => $handler:path),+; open: $($open_get:ident $open_path:literal => $open:path),+ $(;)?) => {
        /// Every page, for whoever tests all of them.
        pub const PAGES: &[Page] = &[
            $(Page { method: method(stringify!($get)), path: $path, open: false },)+
            $(Page { method: method(stringify!($open_get)), path: $open_path, open: true },)+
        ];

        fn signed_in() -> Router<App> {
            Router::new()$(.route($path, axum::routing::$get($handler)))+
        }

        fn open() -> Router<App> {
            Router::new()$(.route($open_path, axum::routing::$open_get($open)))+
        }
    };
}

const fn method(routing: &str) -> &'static str {
    if routing.len() == 3 { "GET" } else { "POST" }
}

pages! {
    signed_in:
        get "/" => inbox::page,
        get "/requests/{id}" => request::page,
        get "/requests/{id}/dossier" => request::dossier,
        get "/requests/{id}/deciders" => deciders::page,
        get "/requests/{id}/stamp" => review::stamp,
        post "/requests/{id}/open" => review::open,
        post "/requests/{id}/review" => review::review,
        post "/requests/{id}/act" => review::act,
        post "/requests/{id}/revoke" => revoke::revoke,
        post "/requests/{id}/correct" => corrections::correct,
        get "/keys" => passkeys::page,
        post "/keys" => passkeys::add,
        post "/push" => push::subscribe,
        post "/push/{id}/end" => push::end,
        get "/decided" => decided::page,
        get "/find" => find::page,
        get "/workloads" => workloads::page,
        get "/tasks/{id}" => tasks::page,
        get "/overview" => overview::page,
        get "/policy" => policy::page,
        get "/break-glass" => glass::page,
        post "/stops" => stops::stop,
        get "/events" => live::events,
        post "/requests/{id}/claim" => claims::claim,
        post "/requests/{id}/release" => claims::release,
        post "/session/seen" => session::seen,
        post "/session/person" => session::person,
        post "/session/end" => session::end;
    open:
        get "/sign-in" => sign_in::page,
        post "/sign-in" => sign_in::sign_in,
        post "/sign-in/code" => sign_in::code,
        get "/sign-in/start" => open_id::start,
        get "/sign-in/callback" => open_id::callback,
        post "/sign-in/passkey" => newcomer::look,
        get "/static/{name}" => files::file;
}

/// The pages of a gate that has a console.
pub(crate) fn router(app: &App) -> Router<App> {
    let admit = axum::middleware::from_fn_with_state(app.clone(), access::admit);
    let same_site = axum::middleware::from_fn_with_state(app.clone(), access::same_site);
    signed_in()
        .route_layer(admit)
        .merge(open())
        .route_layer(same_site)
        .route_layer(axum::middleware::from_fn(frame::headers))
}
