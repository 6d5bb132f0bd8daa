//! `/requests/{id}/deciders`: who could approve a held request, what stands against the others, and who is on call: what
//! `gatehold who-can-approve` says, in the same words. Of reviews it says nothing.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use gatehold_client::wire::{Against, Decider, Deciders, OnCall};
use gatehold_core::ids::RequestId;
use gatehold_core::time::Timestamp;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Quiet, duration, mark, moment, quiet};
use crate::api::deciders;
use crate::app::App;

#[derive(Template)]
#[template(path = "deciders.html")]
struct DecidersPage {
    frame: Frame,
    id: String,
    needed: String,
    none: Option<&'static str>,
    people: Vec<Line>,
    on_call: Vec<Duty>,
    no_schedule: Option<&'static str>,
}

/// Somebody with a seat.
struct Line {
    mark: Mark,
    on_call: Option<Mark>,
    human: Quiet,
    key: String,
    checkpoints: Quiet,
    away: Vec<Quiet>,
    but: Option<&'static str>,
}

/// Who is on call for one team.
struct Duty {
    team: Quiet,
    mark: Mark,
    says: Quiet,
    from: Quiet,
    read: String,
}

/// `GET /requests/{id}/deciders`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: RequestId = id.parse().map_err(|_| PageError::Nothing)?;
    let visitor = &signed_in.visitor;
    let found = deciders(&app, id).await?;
    let (needed, none) = found.in_words();
    html(&DecidersPage {
        frame: Frame::of(&app, visitor, "deciders"),
        id: id.to_string(),
        needed,
        none,
        people: found
            .people
            .iter()
            .map(|person| line(person, &found, visitor.now))
            .collect(),
        no_schedule: found.on_call.is_empty().then_some(OnCall::NONE),
        on_call: found.on_call.iter().map(duty).collect(),
    })
}

fn line(person: &Decider, all: &Deciders, now: Timestamp) -> Line {
    let away = person.decides_for.iter().map(|one| {
        let until = moment(Timestamp::from_millis(one.until), now);
        quiet(&format!(
            "for {}, who is away until {} ({})",
            one.human, until.absolute, until.relative
        ))
    });
    Line {
        mark: match person.but {
            None => mark("good", "\u{2713}", "MAY APPROVE"),
            Some(_) => mark("quiet", "\u{25cb}", "NOT HERE"),
        },
        on_call: all.is_on_call(&person.human).then_some(ON_CALL),
        human: quiet(&person.human),
        key: format!("{} key", person.assurance),
        checkpoints: quiet(&person.checkpoints.join(", ")),
        away: away.collect(),
        but: person.but.map(Against::in_words),
    }
}

fn duty(found: &OnCall) -> Duty {
    Duty {
        team: quiet(&found.team),
        mark: match found.unknown {
            None => super::said::VERIFIED,
            Some(_) => super::said::UNKNOWN,
        },
        says: match &found.unknown {
            None => quiet(&found.in_words()),
            Some(why) => quiet(&format!("{why}; everybody with a seat is told")),
        },
        from: quiet(&found.from),
        read: format!("read {} ago", duration(found.age_seconds.into())),
    }
}

const ON_CALL: Mark = mark("held", "\u{260e}", "ON CALL");
