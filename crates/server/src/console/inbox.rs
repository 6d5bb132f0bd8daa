//! `/`: what is held, most urgent first, and what of it waits for whoever looks.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use gatehold_gate::InboxItem;
use serde::Deserialize;

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{Mark, Moment, Quiet, asker, code, counted, moment, people, quiet, tier};
use crate::app::App;

/// Lines of one page.
const LINES: usize = 50;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    frame: Frame,
    heading: String,
    groups: Vec<Group>,
    empty: Option<Empty>,
    earlier: Option<usize>,
    later: Option<usize>,
}

struct Group {
    title: &'static str,
    note: &'static str,
    lines: Vec<Line>,
}

struct Line {
    id: String,
    tier: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    resource: Quiet,
    target: Quiet,
    why: Vec<String>,
    decide_by: Moment,
    people: String,
    claimed_by: Option<String>,
    escalations: String,
}

/// What there is to see when nothing waits.
struct Empty {
    asked: u64,
    by_policy: u64,
}

/// How a request stands to whoever looks, in the order of the page.
const GROUPS: [(&str, &str); 4] = [
    ("Waits for you", "You are asked, and you may decide."),
    (
        "You may decide",
        "Others are asked first; you are asked when they do not decide in time.",
    ),
    (
        "Signed by you",
        "Your review is in. It waits for others if more people are needed.",
    ),
    (
        "Waits for others",
        "You have no seat here, or it is your own.",
    ),
];

/// `GET /`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    query: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, PageError> {
    let Query(which) = query.map_err(|_| PageError::Form)?;
    let visitor = &signed_in.visitor;
    let mut items = app.gate().inbox_through(visitor).await?;
    // Stable: within a group they stay as the gate ordered them.
    items.sort_by_key(group);
    let waiting = items.iter().filter(|item| item.mine).count();
    let heading = match (waiting, items.len()) {
        (_, 0) => "Nothing is held".to_owned(),
        (0, all) => format!(
            "Nothing waits for you; {} held",
            counted_usize(all, "request")
        ),
        (waiting, _) => format!("{} for you", counted_usize(waiting, "request")),
    };
    let empty = if waiting == 0 {
        let decided = app.gate().decided(None, false).await?;
        Some(Empty {
            asked: u64::try_from(decided.items.len()).unwrap_or(u64::MAX),
            by_policy: decided.by_policy_alone,
        })
    } else {
        None
    };
    let first = which.page.saturating_mul(LINES);
    let more = items.len() > first.saturating_add(LINES);
    let shown: Vec<&InboxItem> = items.iter().skip(first).take(LINES).collect();
    let groups = GROUPS
        .iter()
        .enumerate()
        .map(|(number, (title, note))| Group {
            title,
            note,
            lines: shown
                .iter()
                .filter(|item| group(item) == number)
                .map(|item| line(item, visitor.now))
                .collect(),
        });
    html(&InboxPage {
        frame: Frame::of(&app, visitor, "inbox"),
        heading,
        groups: groups.filter(|group| !group.lines.is_empty()).collect(),
        empty,
        earlier: which.page.checked_sub(1),
        later: more.then(|| which.page.saturating_add(1)),
    })
}

const fn group(item: &InboxItem) -> usize {
    match (item.mine, item.asked, item.signed) {
        (true, true, _) => 0,
        (true, false, _) => 1,
        (false, _, true) => 2,
        (false, _, false) => 3,
    }
}

fn line(item: &InboxItem, now: gatehold_core::time::Timestamp) -> Line {
    Line {
        id: item.id.to_string(),
        tier: tier(item.tier),
        sentence: quiet(&item.sentence),
        requester: asker(&item.requester, &item.sentence),
        resource: quiet(&item.resource),
        target: quiet(&item.target),
        why: item.why.iter().map(|reason| code(reason)).collect(),
        decide_by: moment(item.decide_by, now),
        people: people(item.people_needed),
        claimed_by: item.claimed_by.as_ref().map(ToString::to_string),
        escalations: if item.escalations == 0 {
            String::new()
        } else {
            format!("escalated {}", counted(item.escalations.into(), "time"))
        },
    }
}

fn counted_usize(number: usize, noun: &str) -> String {
    counted(u64::try_from(number).unwrap_or(u64::MAX), noun)
}
