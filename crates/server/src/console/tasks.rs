//! `/tasks/{id}`: a task as a whole: what it is for, what it may touch, what its steps add up to, and each of them. It can be
//! stopped here: none of its steps is decided or used after that.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use gatehold_core::ids::TaskId;
use gatehold_core::request::RequestRecord;
use gatehold_core::task::TaskState;
use gatehold_core::time::Timestamp;
use gatehold_gate::TaskLooked;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, counted, grouped, lines, mark, moment, quiet, state, tier};
use super::stops::said_by;
use crate::app::App;

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage {
    frame: Frame,
    token: String,
    id: String,
    state: Mark,
    stopped: Option<String>,
    /// Whether there is anything left to stop.
    stoppable: bool,
    workload: Quiet,
    purpose: Vec<Quiet>,
    behalf: Option<String>,
    started: Moment,
    boundary: Vec<(&'static str, Quiet)>,
    chain: Vec<(&'static str, String)>,
    steps: Vec<Line>,
    whole: bool,
}

/// One step.
struct Line {
    id: String,
    state: Mark,
    tier: Mark,
    sentence: Quiet,
    resource: Quiet,
    at: Moment,
}

/// `GET /tasks/{id}`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: TaskId = id.parse().map_err(|_| PageError::Nothing)?;
    let visitor = &signed_in.visitor;
    let looked = app.gate().look_at_task(id).await?;
    let task = &looked.task;
    let open = task.state == TaskState::Open;
    let attested = if task.attested {
        ""
    } else {
        ", by its own word"
    };
    let erased = vec![quiet("It was erased.")];
    html(&TaskPage {
        frame: Frame::of(&app, visitor, "task"),
        token: visitor.form_token(),
        id: id.to_string(),
        state: match (open, looked.stopped) {
            (true, None) => mark("good", "\u{25cf}", "OPEN"),
            (true, Some(_)) => mark("bad", "\u{25a0}", "STOPPED"),
            (false, _) => mark("quiet", "\u{25cb}", "ENDED"),
        },
        stopped: looked.stopped.map(|what| match &looked.who_stopped {
            Some(who) => format!("{what} ({})", said_by(who)),
            None => what.to_owned(),
        }),
        stoppable: open && looked.stopped.is_none(),
        workload: quiet(task.workload.as_str()),
        purpose: looked.purpose.as_deref().map_or(erased, lines),
        behalf: task
            .on_behalf_of
            .as_ref()
            .map(|human| format!("{human}{attested}")),
        started: moment(task.started_at, looked.now),
        boundary: boundary(&looked),
        chain: chain(&looked),
        steps: looked
            .steps
            .iter()
            .map(|step| line(step, looked.now))
            .collect(),
        whole: looked.whole,
    })
}

fn boundary(looked: &TaskLooked) -> Vec<(&'static str, Quiet)> {
    let Some(boundary) = &looked.task.boundary else {
        return Vec::new();
    };
    let all = |names: Vec<&str>| match names.as_slice() {
        [] => quiet("nothing"),
        names => quiet(&names.join(", ")),
    };
    vec![
        (
            "Kinds of action",
            all(boundary.descriptors.iter().map(|id| id.as_str()).collect()),
        ),
        (
            "Targets",
            all(boundary.targets.iter().map(|id| id.as_str()).collect()),
        ),
        (
            "Resources",
            all(boundary.resources.iter().map(|id| id.as_str()).collect()),
        ),
        ("At most", quiet(&counted(boundary.steps, "step"))),
        (
            "Until",
            quiet(&moment(boundary.not_after, looked.now).absolute),
        ),
    ]
}

/// What its decided steps add up to.
fn chain(looked: &TaskLooked) -> Vec<(&'static str, String)> {
    let chain = &looked.chain;
    vec![
        ("Steps decided", grouped(chain.steps)),
        ("Read sensitive data", grouped(chain.sensitive)),
        ("Took in untrusted content", grouped(chain.untrusted)),
        ("Reached outside", grouped(chain.external)),
        ("Amber", grouped(chain.amber)),
        ("Red", grouped(chain.red)),
        ("Systems touched", grouped(chain.systems)),
    ]
}

fn line(record: &RequestRecord, now: Timestamp) -> Line {
    Line {
        id: record.id.to_string(),
        state: state(record.state),
        tier: tier(record.tier),
        sentence: quiet(&record.sentence),
        resource: quiet(record.envelope.resource.as_str()),
        at: moment(record.submitted_at, now),
    }
}
