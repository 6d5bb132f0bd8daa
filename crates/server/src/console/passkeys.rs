//! `/keys`: what somebody signs with, and a new passkey. Making one changes nothing: it gets force by a held change of the gate,
//! which others approve. And where they are told, see `push`.

use std::fmt;

use askama::Template;
use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehold_core::directory::{Directory, EnrolledKey};
use gatehold_core::ids::{HumanId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::passkey::WebOrigin;
use gatehold_core::trust::change::HumanEnrol;
use gatehold_gate::{Delegated, Scope, Seat, Visitor};
use serde::Serialize;

use super::access::SignedIn;
use super::forms::Fields;
use super::frame::{Frame, Kept, PageError, Told, html};
use super::push::{self, Browsers};
use super::said::{Moment, moment};
use crate::app::App;

/// Whoever asks for a new passkey's enrolment and approves it at once: the generated people of a development gate. Other gates
/// have none.
#[async_trait]
pub trait Enroller: Send + Sync + 'static {
    /// Has a proven key enrolled by the held path, as any other key is.
    ///
    /// # Errors
    /// What went wrong, for the person at the page.
    async fn enrol(&self, proof: HumanEnrol) -> Result<(), String>;
}

impl fmt::Debug for dyn Enroller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enroller")
    }
}

/// A passkey that can sign on a page of this console.
#[derive(Debug, Clone)]
pub(super) struct OwnPasskey {
    /// Its name in contexts.
    pub thumbprint: String,
    /// What the browser asks the authenticator for, base64url.
    pub credential: String,
    /// As people tell it from others.
    pub label: String,
}

/// What a browser needs to make a passkey for this gate, beside whose it is.
pub(super) struct Making {
    /// For which pages; nothing, where people agreed on none of ours.
    pub relying_party: Option<String>,
    /// Whether its maker is asked to vouch for it.
    pub attestation: &'static str,
}

/// How passkeys are made here.
pub(super) fn making(app: &App) -> Result<Making, PageError> {
    let origin = signing_origin(app)?;
    let pinned = |directory: &Directory| !directory.attestation_roots.roots.is_empty();
    let pinned = app.gate().with_directory(pinned);
    Ok(Making {
        relying_party: origin.map(|origin| origin.relying_party().to_string()),
        attestation: if pinned { "direct" } else { "none" },
    })
}

/// This console's origin, if people agreed that passkeys sign on its pages.
pub(super) fn signing_origin(app: &App) -> Result<Option<WebOrigin>, PageError> {
    let own = &app.console()?.cookie.origin;
    Ok(app.gate().with_directory(|directory| {
        let mut consoles = directory.consoles.iter();
        consoles.find(|console| console.as_str() == own).cloned()
    }))
}

/// The passkeys of a person that sign on this page, newest first.
pub(super) fn own_passkeys(app: &App, human: &HumanId) -> Result<Vec<OwnPasskey>, PageError> {
    let Some(origin) = signing_origin(app)? else {
        return Ok(Vec::new());
    };
    Ok(app.gate().with_directory(|directory| {
        let mut keys: Vec<&EnrolledKey> = keys(directory, human).collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.leaf));
        let own = keys.into_iter().filter_map(|enrolled| {
            let key = enrolled.key.as_passkey()?;
            (key.relying_party() == origin.relying_party()).then(|| OwnPasskey {
                thumbprint: key.thumbprint().to_string(),
                credential: URL_SAFE_NO_PAD.encode(key.credential()),
                label: format!("passkey of leaf {}, {}", enrolled.leaf, enrolled.assurance),
            })
        });
        own.collect()
    }))
}

fn keys<'a>(
    directory: &'a Directory,
    human: &HumanId,
) -> impl Iterator<Item = &'a EnrolledKey> + use<'a> {
    let whose = human.clone();
    let keys = directory.humans.get(human).map(|human| &human.keys);
    let keys = keys.into_iter().flatten();
    let with_force = keys.filter(move |(name, _)| directory.key(&whose, name).is_some());
    with_force.map(|(_, key)| key)
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    human: String,
    token: String,
    keys: Vec<Line>,
    relying_party: String,
    attestation: &'static str,
    /// Credential ids that are enrolled already, as JSON.
    known: String,
    at_once: bool,
    no_passkeys: Option<(&'static str, String)>,
    /// Where the gate tells browsers.
    notify: Option<Browsers>,
    reach: Reach,
}

/// What they may decide, and until when this session shows it.
struct Reach {
    seats: Vec<Place>,
    /// Teams in which this session gives no seat.
    without: String,
    decides_for: Vec<Lent>,
    ends: Moment,
}

/// A place at a checkpoint.
struct Place {
    checkpoint: String,
    through: String,
    counts: String,
}

/// Somebody who is away.
struct Lent {
    from: String,
    teams: String,
    until: Moment,
}

impl Reach {
    fn of(scope: &Scope, visitor: &Visitor) -> Self {
        let lent = |one: &Delegated| Lent {
            from: one.delegation.from.to_string(),
            teams: joined(&one.delegation.teams),
            until: moment(one.delegation.not_after, visitor.now),
        };
        Self {
            seats: scope.seats.iter().map(place).collect(),
            without: joined(&scope.without),
            decides_for: scope.decides_for.iter().map(lent).collect(),
            ends: moment(visitor.ends, visitor.now),
        }
    }
}

fn place(seat: &Seat) -> Place {
    let mut through: Vec<String> = seat.teams.iter().map(ToString::to_string).collect();
    if seat.by_name {
        through.push("by name".to_owned());
    }
    Place {
        checkpoint: seat.checkpoint.to_string(),
        through: through.join(", "),
        counts: match (seat.counts_as, seat.signer.in_words()) {
            (Some(level), _) => format!("your signature counts as {level}"),
            (None, Some(how)) => format!("it must be {how}, and you have no such key"),
            (None, None) => "no key of yours has force".to_owned(),
        },
    }
}

fn joined<'a>(names: impl IntoIterator<Item = &'a TeamId>) -> String {
    let names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    names.join(", ")
}

struct Line {
    kind: &'static str,
    name: String,
    proof: String,
    assurance: String,
    leaf: u64,
    here: &'static str,
}

/// `GET /keys`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Result<Response, PageError> {
    let visitor = &signed_in.visitor;
    let origin = signing_origin(&app)?;
    let known = own_passkeys(&app, &visitor.human)?;
    let ids: Vec<&str> = known.iter().map(|key| key.credential.as_str()).collect();
    let lines = |directory: &Directory| {
        let lines = keys(directory, &visitor.human).map(|enrolled| line(enrolled, origin.as_ref()));
        lines.collect()
    };
    let lines = app.gate().with_directory(lines);
    let attestation = making(&app)?.attestation;
    let scope = app.gate().scope(&visitor.human, &visitor.without).await?;
    let mut page = html(&KeysPage {
        frame: Frame::of(&app, visitor, "keys"),
        human: visitor.human.to_string(),
        token: visitor.form_token(),
        keys: lines,
        known: serde_json::to_string(&ids)
            .map_err(|_| PageError::Fault("names have no JSON form"))?,
        relying_party: origin
            .as_ref()
            .map(|origin| origin.relying_party().to_string())
            .unwrap_or_default(),
        attestation,
        at_once: app.console()?.enroller().is_some(),
        no_passkeys: match origin {
            Some(_) => None,
            None => Some((
                "No passkey signs on this page.",
                format!(
                    "Nobody agreed that it may: name {} with `gatehold init new --console`, or ask for it with `gatehold console set`.",
                    app.console()?.cookie.origin
                ),
            )),
        },
        notify: push::browsers(&app, visitor).await?,
        reach: Reach::of(&scope, visitor),
    })?;
    page.extensions_mut().insert(Kept::Notifying);
    Ok(page)
}

fn line(enrolled: &EnrolledKey, origin: Option<&WebOrigin>) -> Line {
    let passkey = enrolled.key.as_passkey();
    let signs_here = passkey.zip(origin);
    let signs_here =
        signs_here.is_some_and(|(key, origin)| key.relying_party() == origin.relying_party());
    Line {
        kind: if passkey.is_some() {
            "Passkey"
        } else {
            "SSH key"
        },
        name: enrolled.key.fingerprint(),
        proof: enrolled.proof.to_string(),
        assurance: enrolled.assurance.to_string(),
        leaf: enrolled.leaf,
        here: match (passkey.is_some(), signs_here) {
            (true, true) => "signs on this page",
            (true, false) => "signs on another console",
            (false, _) => "signs in a terminal",
        },
    }
}

/// Whether the new passkey has force now.
#[derive(Serialize)]
struct Added {
    enrolled: bool,
}

/// `POST /keys`: a passkey that was made and proven.
pub(super) async fn add(
    State(app): State<App>,
    signed_in: SignedIn,
    fields: Fields,
) -> Result<Response, Told> {
    let [proof] = fields.exactly(["proof"])?;
    let proof: HumanEnrol =
        canonical::from_canonical_bytes(proof.as_bytes()).map_err(|_| PageError::Form)?;
    if proof.human != signed_in.visitor.human {
        return Err(PageError::Form.into());
    }
    let Some(enroller) = app.console()?.enroller() else {
        return Ok(Json(Added { enrolled: false }).into_response());
    };
    enroller
        .enrol(proof)
        .await
        .map_err(PageError::NotEnrolled)?;
    Ok(Json(Added { enrolled: true }).into_response())
}
