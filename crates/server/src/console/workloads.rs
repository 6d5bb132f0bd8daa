//! `/workloads`: what somebody answers for, and what of it may be used now. Each of these can be taken away, and each workload
//! stopped: the safe direction.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use gatehold_core::directory::Lifecycle;
use gatehold_core::request::State as Stands;
use gatehold_core::time::Timestamp;
use gatehold_gate::{Counts, Live, LiveLease, OwnedWorkload};
use serde::Deserialize;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, asker, counted, grouped, mark, moment, quiet, state, tier};
use super::stops::stopped;
use crate::app::App;

/// Lines of each list on one page.
const LINES: usize = 100;

/// Whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    #[serde(default)]
    all: bool,
}

#[derive(Template)]
#[template(path = "workloads.html")]
struct WorkloadsPage {
    frame: Frame,
    token: String,
    all: bool,
    heading: String,
    stops: Vec<Quiet>,
    live: Vec<Line>,
    workloads: Vec<Entry>,
    /// What is not on the page, if anything.
    more: Option<String>,
}

/// A decision that may be used now.
struct Line {
    id: String,
    state: Mark,
    tier: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    resource: Quiet,
    task: Option<String>,
    by: &'static str,
    until: Moment,
    running: bool,
    lease: Option<LeaseLine>,
}

/// A credential that was handed out.
struct LeaseLine {
    /// Since when it is to end, if it is.
    ending: Option<Moment>,
}

/// A workload.
struct Entry {
    id: Quiet,
    name: String,
    kind: String,
    marks: Vec<Mark>,
    owner: String,
    backup: String,
    counts: String,
    not_after: Moment,
    stopped: bool,
}

/// `GET /workloads`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(whose) = query.map_err(|_| PageError::Form)?;
    let visitor = &signed_in.visitor;
    let owned = app.gate().owned(&visitor.human).await?;
    let shown = |mine: bool| mine || whose.all;
    let live: Vec<&Live> = owned.live.iter().filter(|live| shown(live.mine)).collect();
    let each = owned.workloads.iter();
    let workloads: Vec<&OwnedWorkload> = each.filter(|one| shown(one.mine)).collect();
    let mine = owned.workloads.iter().filter(|one| one.mine).count();
    let mine = counted(mine, "workload");
    let left = live.len().saturating_sub(LINES) + workloads.len().saturating_sub(LINES);
    let more = match (left, owned.whole) {
        (0, true) => None,
        (0, false) => Some("There is more than was read; the rest is younger.".to_owned()),
        (left, _) => Some(format!(
            "{} more are not shown; `gatehold` lists them.",
            grouped(left)
        )),
    };
    html(&WorkloadsPage {
        frame: Frame::of(&app, visitor, "workloads"),
        token: visitor.form_token(),
        all: whose.all,
        heading: format!("You answer for {mine}"),
        stops: stopped(&owned.stops, &owned.who_stopped),
        live: live
            .into_iter()
            .take(LINES)
            .map(|live| line(live, owned.now))
            .collect(),
        workloads: workloads
            .into_iter()
            .take(LINES)
            .map(|one| entry(one, owned.now))
            .collect(),
        more,
    })
}

fn line(live: &Live, now: Timestamp) -> Line {
    let record = &live.record;
    let until = live.lease.map_or(record.spend_by, |lease| lease.not_after);
    Line {
        id: record.id.to_string(),
        state: live.lease.map_or_else(|| state(record.state), lease_state),
        tier: tier(record.tier),
        sentence: quiet(&record.sentence),
        requester: asker(&record.requester.name(), &record.sentence),
        resource: quiet(record.envelope.resource.as_str()),
        task: record.envelope.task.map(|task| task.to_string()),
        by: super::decided::by(record),
        until: moment(until, now),
        running: record.state == Stands::Executing,
        lease: live.lease.map(|lease| LeaseLine {
            ending: lease.ending_since.map(|since| moment(since, now)),
        }),
    }
}

/// Where a credential stands, as its target says.
fn lease_state(lease: LiveLease) -> Mark {
    match (lease.ending_since, lease.overdue) {
        (None, _) => mark("good", "\u{2713}", "HANDED OUT"),
        (Some(_), false) => mark("quiet", "\u{25f4}", "REVOKING"),
        (Some(_), true) => mark("bad", "\u{25f4}", "OVERDUE"),
    }
}

fn entry(one: &OwnedWorkload, now: Timestamp) -> Entry {
    let restrained = one.paused || one.stopped;
    let lifecycle = match one.lifecycle {
        Lifecycle::Active if now > one.not_after => Some(mark("bad", "\u{25f4}", "OVER")),
        // What is paused or stopped does nothing, whatever its life says.
        Lifecycle::Active if restrained => None,
        Lifecycle::Active => Some(mark("good", "\u{2713}", "ACTIVE")),
        Lifecycle::Suspended => Some(mark("bad", "\u{2298}", "SUSPENDED")),
        Lifecycle::Offboarded => Some(mark("quiet", "\u{2298}", "OFFBOARDED")),
    };
    let mut marks: Vec<Mark> = lifecycle.into_iter().collect();
    marks.extend(one.paused.then_some(mark("bad", "\u{2016}", "PAUSED")));
    marks.extend(one.stopped.then_some(mark("bad", "\u{25a0}", "STOPPED")));
    let flagged = one.flagged.is_some();
    marks.extend(flagged.then_some(mark("wait", "\u{26a0}", "SAID TO BE UNUSUAL")));
    Entry {
        id: quiet(one.id.as_str()),
        name: one.id.to_string(),
        kind: one.kind.as_str().replace('_', " "),
        marks,
        owner: one.owner.to_string(),
        backup: one.backup.to_string(),
        counts: counts(one.counts),
        not_after: moment(one.not_after, now),
        stopped: one.stopped,
    }
}

fn counts(counts: Counts) -> String {
    format!(
        "{} held, {} may be used, {} running",
        grouped(counts.held),
        grouped(counts.usable),
        grouped(counts.running)
    )
}
