//! SCIM 2.0 (RFC 7643, 7644), as much of it as an identity provider needs to say that somebody is gone, and that they are back.
//! Below `/scim/v2/`, with a bearer token of the provider's own.
//!
//! It takes away and gives back, and never gives: nobody is enrolled by it, nobody joins a team, and what it says of names,
//! addresses and groups is not kept. The rules are the gate's ([`Gate::suspend`](gatehold_gate::Gate::suspend)). `users` has the
//! verbs, `asked` reads what a provider sends, `said` writes what it is answered.

mod asked;
mod said;
mod users;

use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::OwnWord;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::app::App;
use said::ScimError;

/// People who are given back within one hour, by one process. Each is two leaves with what took them away before; whoever has
/// the token fills no ledger with them.
const BACK_IN_AN_HOUR_MAX: u32 = 100;
/// An hour.
const HOUR_SECONDS: u32 = 3_600;

/// Which attribute of a provider's user is the subject of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectAttribute {
    /// `externalId`.
    ExternalId,
    /// `userName`.
    UserName,
}

impl SubjectAttribute {
    /// As RFC 7643 writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExternalId => "externalId",
            Self::UserName => "userName",
        }
    }
}

/// An identity provider that says who is gone.
#[derive(Debug)]
pub struct Provisioning {
    issuer: String,
    /// Of the token: it is kept nowhere else.
    token: Hash,
    subject: SubjectAttribute,
    word: OwnWord,
    back: Hourly,
}

/// How many there were, in the hour that began when.
#[derive(Debug)]
struct Hourly {
    most: u32,
    counted: Mutex<(Timestamp, u32)>,
}

impl Hourly {
    const fn new(most: u32) -> Self {
        Self {
            most,
            counted: Mutex::new((Timestamp::from_millis(0), 0)),
        }
    }

    /// Counts one more.
    fn one(&self, now: Timestamp) -> Result<(), ScimError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = *counted;
        let (since, count) = if now > since.plus_seconds(HOUR_SECONDS) || now < since {
            (now, 0)
        } else {
            (since, count)
        };
        if count >= self.most {
            return Err(ScimError::TooMany);
        }
        *counted = (since, count.saturating_add(1));
        Ok(())
    }
}

impl Provisioning {
    /// A provider of this issuer, which shows this token; what it gives back, the gate says with its own word.
    #[must_use]
    pub fn new(issuer: String, token: &str, subject: SubjectAttribute, word: OwnWord) -> Self {
        Self {
            issuer,
            token: Hash::of(token.as_bytes()),
            subject,
            word,
            back: Hourly::new(BACK_IN_AN_HOUR_MAX),
        }
    }

    /// Whether whoever calls has the token. Hashes are compared, so that the time tells nothing about it.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return false;
        };
        let text = value.to_str().unwrap_or_default();
        let Some((scheme, token)) = text.split_once(' ') else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && Hash::of(token.as_bytes()) == self.token
    }

    /// Counts somebody who is to be given back.
    fn may_give_back(&self, now: Timestamp) -> Result<(), ScimError> {
        self.back.one(now)
    }
}

/// Its routes, at a gate that has such a provider.
pub(crate) fn router(app: &App) -> Router<App> {
    let admit = axum::middleware::from_fn_with_state(app.clone(), admit);
    Router::new()
        .route("/scim/v2/Users", get(users::list).post(users::create))
        .route(
            "/scim/v2/Users/{id}",
            get(users::read)
                .put(users::replace)
                .patch(users::modify)
                .delete(users::remove),
        )
        .route("/scim/v2/ServiceProviderConfig", get(said::config))
        .route("/scim/v2/ResourceTypes", get(said::resource_types))
        .route("/scim/v2/Schemas", get(said::schemas))
        .route_layer(admit)
}

/// The layer in front of all of it. Cookies, forms and browsers mean nothing here.
async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.provisioning() {
        Some(provider) if provider.knows(request.headers()) => next.run(request).await,
        _ => {
            app.metrics().unauthenticated();
            ScimError::NoToken.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_within_an_hour_and_no_more() {
        let hourly = Hourly::new(2);
        let at = |seconds: i64| Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000);
        for (seconds, counts) in [
            (0, true),
            (10, true),
            (20, false),
            (3_600, false),
            (3_601, true),
            (3_602, true),
            (3_603, false),
            // A clock that was put back begins anew, and never waits for what is to come.
            (0, true),
        ] {
            assert_eq!(hourly.one(at(seconds)).is_ok(), counts, "{seconds}");
        }
    }
}
