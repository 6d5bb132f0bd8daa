//! `/scim/v2/Users`: the people of one issuer, as far as their provider has a say. A user here is a subject of its tokens; the
//! id says which, so nothing has to be stored to know it again.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehold_core::ids::HumanId;
use gatehold_gate::{Gone, Provisioned, Reinstated, Suspensions, Taken};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::Provisioning;
use super::asked::{self, Asked, ListQuery};
use super::said::{self, ScimError};
use crate::app::App;

/// Most users of one answer.
pub(super) const PAGE_MAX: usize = 200;

fn provider(app: &App) -> Result<&Provisioning, ScimError> {
    app.provisioning().ok_or(ScimError::NoToken)
}

fn id(human: &HumanId) -> String {
    URL_SAFE_NO_PAD.encode(human.subject())
}

/// Who an id is of. It has one spelling.
pub(super) fn of_id(text: &str, provider: &Provisioning) -> Result<HumanId, ScimError> {
    let subject = URL_SAFE_NO_PAD.decode(text).ok();
    let subject = subject.and_then(|bytes| String::from_utf8(bytes).ok());
    let human = subject.and_then(|subject| HumanId::new(&provider.issuer, &subject).ok());
    human
        .filter(|human| id(human) == text)
        .ok_or(ScimError::Nobody)
}

fn location(app: &App, human: &HumanId) -> String {
    let url = app.settings().public_url.as_str();
    format!("{url}/scim/v2/Users/{}", id(human))
}

fn user(app: &App, human: &HumanId, active: bool) -> Value {
    said::user(&location(app, human), &id(human), human.subject(), active)
}

/// `GET /scim/v2/Users`: whoever has a key here or had one. Who was removed is none of them.
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, ScimError> {
    let Query(query) = query.map_err(|_| ScimError::Filter)?;
    let provider = provider(&app)?;
    let named = query.filter.as_deref();
    let named = named
        .map(|filter| asked::named(filter, provider))
        .transpose()?;
    let all = app.gate().provisioned_by(&provider.issuer).await?;
    let there = all.into_iter().filter(|(human, standing)| {
        let wanted = named
            .as_ref()
            .is_none_or(|named| named.as_ref() == Some(human));
        wanted && !standing.is_removed()
    });
    let users: Vec<Value> = there
        .map(|(human, standing)| user(&app, &human, standing.is_active()))
        .collect();
    let total = users.len();
    let number = |given: Option<i64>, unless: usize| {
        given.map_or(unless, |given| usize::try_from(given).unwrap_or(0))
    };
    let start = number(query.start, 1).max(1);
    let count = number(query.count, PAGE_MAX).min(PAGE_MAX);
    let page = users.into_iter().skip(start.saturating_sub(1)).take(count);
    let page = said::list(total, start, page.collect());
    Ok(said::answer(StatusCode::OK, &page))
}

/// `GET /scim/v2/Users/{id}`.
pub(super) async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ScimError> {
    let human = of_id(&id, provider(&app)?)?;
    let standing = app.gate().provisioned(&human).await?;
    if standing == Provisioned::Stranger || standing.is_removed() {
        return Err(ScimError::Nobody);
    }
    let user = user(&app, &human, standing.is_active());
    Ok(said::answer(StatusCode::OK, &user))
}

/// `POST /scim/v2/Users`: the provider tells of somebody. It enrols nobody. Somebody whom it removed is back when it says that
/// they are active; of a stranger nothing is kept, and their id is the one they have once people enrol them.
pub(super) async fn create(
    State(app): State<App>,
    request: Request<Body>,
) -> Result<Response, ScimError> {
    let provider = provider(&app)?;
    let heard = app.gate().suspensions().await?;
    let asked = asked::user(&app, request).await?;
    let attribute = provider.subject;
    let subject = asked.subject(attribute);
    let subject = subject.ok_or(ScimError::Subject(attribute.as_str()))?;
    let human = HumanId::new(&provider.issuer, subject);
    let human = human.map_err(|_| ScimError::Subject(attribute.as_str()))?;
    let standing = heard.of(&human);
    let active = said_of(&app, provider, &human, standing, asked.active).await?;
    let mut response = said::answer(StatusCode::CREATED, &user(&app, &human, active));
    if let Ok(place) = HeaderValue::from_str(&location(&app, &human)) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// `PUT /scim/v2/Users/{id}`.
pub(super) async fn replace(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, ScimError> {
    let heard = app.gate().suspensions().await?;
    let asked = asked::user(&app, request).await?;
    changed(&app, &id, &heard, &asked).await
}

/// `PATCH /scim/v2/Users/{id}`.
pub(super) async fn modify(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Result<Response, ScimError> {
    let heard = app.gate().suspensions().await?;
    let asked = asked::patch(&app, request).await?;
    changed(&app, &id, &heard, &asked).await
}

async fn changed(
    app: &App,
    id: &str,
    heard: &Suspensions,
    asked: &Asked,
) -> Result<Response, ScimError> {
    let provider = provider(app)?;
    let human = of_id(id, provider)?;
    let standing = heard.of(&human);
    if standing.is_removed() {
        if asked.active == Some(false) {
            take(app, &human, false).await?;
        }
        return Err(ScimError::Nobody);
    }
    // Taken away is taken away, whoever else is named beside it.
    if asked.names_another(provider.subject, &human) && asked.active != Some(false) {
        return Err(ScimError::Another);
    }
    let active = said_of(app, provider, &human, standing, asked.active).await?;
    Ok(said::answer(StatusCode::OK, &user(app, &human, active)))
}

/// `DELETE /scim/v2/Users/{id}`.
pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, ScimError> {
    let provider = provider(&app)?;
    let human = of_id(&id, provider)?;
    let standing = app.gate().provisioned(&human).await?;
    take(&app, &human, true).await?;
    if standing.is_removed() {
        return Err(ScimError::Nobody);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Carries out what is said of somebody, and gives whether they are active then. What is not said changes nothing: only a plain
/// `active` gives back, and only what stood when its head came, before its body was read: whatever is said meanwhile stays.
async fn said_of(
    app: &App,
    provider: &Provisioning,
    human: &HumanId,
    standing: Provisioned,
    active: Option<bool>,
) -> Result<bool, ScimError> {
    let gate = app.gate();
    match (active, standing) {
        (Some(false), _) => {
            take(app, human, false).await?;
            Ok(false)
        }
        (Some(true), Provisioned::Gone(Gone { suspension, .. })) => {
            provider.may_give_back(gate.now().await?)?;
            match gate.reinstate(human, &suspension, &provider.word).await? {
                Reinstated::Back => {
                    tracing::info!("the identity provider has somebody back");
                    Ok(true)
                }
                Reinstated::GoneSince => Err(ScimError::GoneSince),
            }
        }
        _ => Ok(standing.is_active()),
    }
}

/// Somebody is gone. Who is gone already is so by a new link, which an "active" that is still on its way does not end. What is not
/// written, because it is said too often, is not said to be done.
async fn take(app: &App, human: &HumanId, removed: bool) -> Result<(), ScimError> {
    match app.gate().suspend(human, removed).await? {
        Taken::Gone => {
            tracing::info!(removed, "the identity provider says that somebody is gone");
            Ok(())
        }
        Taken::TooOften => Err(ScimError::TooMany),
    }
}
