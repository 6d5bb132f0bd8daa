//! `/decided`: what became of requests, newest first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use gatehold_core::request::{DecidedBy, RequestRecord, State as Stands};
use gatehold_core::time::Timestamp;
use serde::Deserialize;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, asker, counted, moment, quiet, state, tier};
use crate::app::App;

/// Which part of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    before: Option<u64>,
    #[serde(default)]
    all: bool,
}

#[derive(Template)]
#[template(path = "decided.html")]
struct Decided {
    frame: Frame,
    lines: Vec<Line>,
    all: bool,
    by_policy: String,
    older: Option<u64>,
    newest: bool,
}

struct Line {
    id: String,
    state: Mark,
    tier: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    resource: Quiet,
    by: &'static str,
    at: Moment,
}

/// `GET /decided`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    query: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let Query(which) = query.map_err(|_| PageError::Form)?;
    let visitor = &signed_in.visitor;
    let decided = app.gate().decided(which.before, which.all).await?;
    let by_policy = match decided.by_policy_alone {
        0 => String::new(),
        number => format!(
            "{} between these policy decided alone.",
            counted(number, "request")
        ),
    };
    html(&Decided {
        frame: Frame::of(&app, visitor, "decided"),
        lines: decided
            .items
            .iter()
            .map(|record| line(record, visitor.now))
            .collect(),
        all: which.all,
        by_policy,
        older: decided.older,
        newest: which.before.is_none(),
    })
}

fn line(record: &RequestRecord, now: Timestamp) -> Line {
    Line {
        id: record.id.to_string(),
        state: state(record.state),
        tier: tier(record.tier),
        sentence: quiet(&record.sentence),
        requester: asker(&record.requester.name(), &record.sentence),
        resource: quiet(record.envelope.resource.as_str()),
        by: by(record),
        at: moment(record.submitted_at, now),
    }
}

/// Who decided it, in words.
pub(super) fn by(record: &RequestRecord) -> &'static str {
    // What was taken back while it was held, nobody decided.
    let ended = record.closing.as_ref().map(|closing| closing.code.as_str());
    match (record.state, ended) {
        (Stands::Withdrawn, Some("withdrawn")) => return "nobody: whoever asked took it back",
        (Stands::Withdrawn, Some("task_ended")) => return "nobody: its task ended",
        _ => {}
    }
    let closed_by = record.closing.as_ref().map(|closing| closing.decided_by);
    decided_by(record.decided_by.or(closed_by))
}

/// The same of one decision.
pub(super) const fn decided_by(by: Option<DecidedBy>) -> &'static str {
    match by {
        Some(DecidedBy::Policy) => "policy",
        Some(DecidedBy::Human) => "people",
        Some(DecidedBy::DelegatedModel) => "a model, by delegation",
        Some(DecidedBy::BreakGlass) => "the emergency path",
        Some(DecidedBy::Timeout) => "nobody, in time",
        None => "its requester",
    }
}
