//! Every endpoint of the API on one page. The list below makes both the router and the OpenAPI document, so an endpoint
//! cannot be in one and not in the other.
//!
//! One file per verb. A handler turns a call into one call of the gate and its answer into wire types; it knows no rule.

mod audit;
mod body;
mod gate;
mod glass;
mod leases;
mod people;
mod requests;
mod said;
mod stops;
mod target;
mod tasks;

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, on};
use utoipa::Path as _;
use utoipa::openapi::HttpMethod;

use crate::app::App;
use crate::problem::ApiError;
use crate::{auth, console, metrics, observe, scim, signals};
pub(crate) use requests::correct::correction_input;
pub(crate) use requests::deciders::deciders;
pub(crate) use requests::open::opened;
pub(crate) use requests::review::review_input;
pub(crate) use stops::set::stops;

macro_rules! routes {
    ($($($verb:ident)::+),+ $(,)?) => {
        Router::new()
            $(.route(&$($verb)::+::__path_handle::path(), on(
                filter(&$($verb)::+::__path_handle::methods()), $($verb)::+::handle)))+
    };
}

macro_rules! endpoints {
    (signed: $($($signed:ident)::+),+; open: $($($open:ident)::+),+ $(;)?) => {
        /// The document, as the handlers describe themselves.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($signed)::+::handle,)+ $($($open)::+::handle,)+))]
        pub(crate) struct Paths;

        /// Behind the authentication layer.
        fn signed() -> Router<App> {
            routes!($($($signed)::+),+)
        }

        /// Without a submit proof, or with one of its own kind.
        fn open() -> Router<App> {
            routes!($($($open)::+),+)
        }
    };
}

endpoints! {
    signed:
        tasks::start, tasks::end,
        requests::submit, requests::status, requests::withdraw, requests::answer, requests::redeem,
        requests::rekey,
        requests::open, requests::review, requests::act, requests::revoke, requests::deciders,
        requests::corrections, requests::correct,
        people::inbox, people::humans, people::me, people::change, people::revoke_key,
        people::delegations, people::delegate, people::end_delegation, people::links,
        leases::list, leases::show, leases::bounds,
        stops::set,
        glass::open, glass::list, glass::look,
        gate::info, gate::descriptors,
        audit::tree_head, audit::receipt, audit::dossier;
    open:
        people::login, gate::healthz, gate::readyz, gate::openapi;
}

/// The API. Everything but the few open endpoints refuses a call that is not signed.
pub fn router(app: &App) -> Router {
    let authenticate = axum::middleware::from_fn_with_state(app.clone(), auth::authenticate);
    let mut routes = signed().route_layer(authenticate).merge(open());
    if app.has_console() {
        routes = routes.merge(console::router(app));
    }
    if app.provisioning().is_some() {
        routes = routes.merge(scim::router(app));
    }
    if app.signals().is_some() {
        routes = routes.merge(signals::router());
    }
    finish(routes, app)
}

/// What only stops or takes away, and what it takes to do that: for a listener of its own, which answers while the other one has no
/// room. Each of these doors is one of the API's too, and asks for the same proof.
pub fn safety_router(app: &App) -> Router {
    let authenticate = axum::middleware::from_fn_with_state(app.clone(), auth::authenticate);
    let signed: Router<App> = routes!(stops::set, people::revoke_key, requests::revoke, gate::info);
    let open: Router<App> = routes!(people::login, gate::healthz, gate::readyz);
    let mut routes = signed.route_layer(authenticate).merge(open);
    if app.signals().is_some() {
        routes = routes.merge(signals::router());
    }
    finish(routes, app)
}

/// Health and metrics, for a listener that only operators reach.
pub fn operations_router(app: &App) -> Router {
    let routes = Router::new()
        .route("/metrics", axum::routing::get(metrics::get))
        .route("/healthz", axum::routing::get(gate::healthz::handle))
        .route("/readyz", axum::routing::get(gate::readyz::handle));
    finish(routes, app)
}

fn finish(routes: Router<App>, app: &App) -> Router {
    routes
        .fallback(async || ApiError::NoSuchPath.into_response())
        .method_not_allowed_fallback(async || ApiError::Method.into_response())
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            observe::observe,
        ))
        .with_state(app.clone())
}

/// The two methods this API has. A document that names another one does not get past the tests.
fn filter(methods: &[HttpMethod]) -> MethodFilter {
    match methods {
        [HttpMethod::Get] => MethodFilter::GET,
        _ => MethodFilter::POST,
    }
}
