//! `/`: what is held, most urgent first, in the view that was asked for. Each request is decided alone: those that are alike
//! stand together, and nothing here decides on more than one, or on any.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use gatehold_core::effect::Environment;
use gatehold_core::request::RequestRecord;
use gatehold_core::tier::Raised;
use gatehold_core::time::Timestamp;
use gatehold_core::workload::WorkloadKind;
use gatehold_gate::{InboxItem, Today, Visitor};

use super::access::SignedIn;
use super::frame::{Frame, PageError, html};
use super::said::{
    Mark, Moment, Quiet, asker, code, counted, grouped, moment, people, quiet, state, tier,
};
use super::stacks::{Shown, Stack, is_claimed_by, print_of};
use super::stops::in_words;
use super::views::{Group, Likeness, View, Which};
use crate::app::App;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    frame: Frame,
    heading: String,
    views: Vec<Tab>,
    view: &'static str,
    page: usize,
    groups: Vec<Block>,
    nothing: Option<&'static str>,
    today: Option<Quiescent>,
    earlier: Option<String>,
    later: Option<String>,
    /// Where the page hears that it has changed.
    events: String,
    /// The store's time, so that a page counts down by no other clock.
    now: String,
}

/// A view in the navigation.
struct Tab {
    title: &'static str,
    href: String,
    count: String,
    key: char,
    here: bool,
}

struct Block {
    name: &'static str,
    title: &'static str,
    note: &'static str,
    entries: Vec<Entry>,
}

/// A line, and the lines that are like it.
struct Entry {
    line: Line,
    name: String,
    others: String,
    more: Vec<Line>,
    all: Option<String>,
}

struct Line {
    id: String,
    print: String,
    tier: Mark,
    sentence: Quiet,
    requester: Option<Quiet>,
    resource: Quiet,
    target: Quiet,
    /// What asks, who answers for it, and which world it is about.
    about: Quiet,
    why: Vec<String>,
    /// What stops it now, and who said so.
    stopped: Option<Quiet>,
    /// What makes it as urgent as it is, beside its tier.
    raised: Vec<String>,
    decide_by: Moment,
    people: String,
    claimed_by: Option<String>,
    /// What the button of this line does.
    may: Option<Button>,
    escalations: String,
}

#[derive(Clone, Copy)]
struct Button {
    verb: &'static str,
    title: &'static str,
}

/// What there is to see when nothing waits.
struct Quiescent {
    let_through: String,
    denied: String,
    by_people: String,
    nothing_yet: bool,
    last: Option<Last>,
    checkpoints: String,
    uncovered: Vec<String>,
}

/// What was decided last.
struct Last {
    id: String,
    state: Mark,
    sentence: Quiet,
    asked: Moment,
}

/// `GET /`.
pub(super) async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<Response, PageError> {
    let which = Which::read(query)?;
    let visitor = &signed_in.visitor;
    let held = app.gate().held_now().await?;
    let items = held.through(visitor);
    let shown = Shown::of(&items, which, visitor.now);
    let nothing_waits = shown.count(View::Mine) == 0 && shown.which.view == View::Mine;
    let today = if nothing_waits && shown.which.like.is_none() {
        Some(quiescent(app.gate().today().await?, visitor.now))
    } else {
        None
    };
    html(&InboxPage {
        frame: Frame::of(&app, visitor, "inbox"),
        heading: heading(&shown, held.is_whole()),
        views: View::ALL
            .into_iter()
            .map(|view| tab(view, &shown))
            .collect(),
        view: shown.which.view.name(),
        page: shown.which.page,
        groups: blocks(&shown, visitor),
        nothing: (shown.groups.is_empty() && today.is_none()).then(|| when_empty(&shown.which)),
        today,
        earlier: shown.earlier.map(|page| turned(&shown.which, page)),
        later: shown.later.map(|page| turned(&shown.which, page)),
        events: events(&shown),
        now: visitor.now.to_string(),
    })
}

const fn when_empty(which: &Which) -> &'static str {
    if which.like.is_some() || which.page > 0 {
        "Nothing of it is held any more."
    } else {
        which.view.when_empty()
    }
}

fn heading(shown: &Shown<'_>, whole: bool) -> String {
    let all = shown.count(View::All);
    let here = shown.count(shown.which.view);
    let text = match (shown.which.view, here, all) {
        (_, _, 0) => "Nothing is held".to_owned(),
        (View::Mine, 0, _) => {
            format!("Nothing waits for you; {} held", counted(all, "request"))
        }
        (_, 0, _) => format!("None of {} held", counted(all, "request")),
        (View::Mine, ..) => format!("{} for you", counted(here, "request")),
        (View::Team, ..) => format!("{} for you and your teams", counted(here, "request")),
        (View::Expiring, ..) => format!("{} with little time left", counted(here, "request")),
        (View::Accountable, ..) => {
            format!("{} that you answer for", counted(here, "request"))
        }
        (View::All, ..) => format!("{} held", counted(here, "request")),
    };
    if whole {
        text
    } else {
        format!(
            "{text}; more is held than the {} oldest, which are shown",
            grouped(all)
        )
    }
}

fn tab(view: View, shown: &Shown<'_>) -> Tab {
    let which = Which {
        view,
        ..Which::default()
    };
    Tab {
        title: view.title(),
        href: which.href(),
        count: grouped(shown.count(view)),
        key: view.key(),
        here: shown.which.view == view,
    }
}

fn turned(which: &Which, page: usize) -> String {
    Which {
        page,
        ..which.clone()
    }
    .href()
}

/// Where the stream of this page is, from what it shows already.
fn events(shown: &Shown<'_>) -> String {
    let query = shown.which.query();
    let and = if query.is_empty() { "" } else { "&" };
    format!("/events?{query}{and}seen={}", shown.print().hex())
}

fn blocks(shown: &Shown<'_>, visitor: &Visitor) -> Vec<Block> {
    let block = |(group, stacks): &(Group, Vec<Stack<'_>>)| {
        let (name, title, note) = group.said();
        let entries = stacks.iter().map(|stack| entry(stack, shown, visitor));
        Block {
            name,
            title,
            note,
            entries: entries.collect(),
        }
    };
    shown.groups.iter().map(block).collect()
}

fn entry(stack: &Stack<'_>, shown: &Shown<'_>, visitor: &Visitor) -> Entry {
    let likeness = Likeness::of(stack.first);
    let others = match stack.others {
        0 => String::new(),
        others => format!("{} more like this", grouped(others)),
    };
    let all = Which {
        like: Some(likeness.clone()),
        page: 0,
        view: shown.which.view,
    };
    Entry {
        line: line(stack.first, visitor),
        name: likeness.as_str().to_owned(),
        others,
        more: stack.more.iter().map(|item| line(item, visitor)).collect(),
        all: (stack.others > stack.more.len()).then(|| all.href()),
    }
}

fn line(item: &InboxItem, visitor: &Visitor) -> Line {
    let own = is_claimed_by(item, &visitor.human);
    let button = |verb, title| Some(Button { verb, title });
    Line {
        id: item.id.to_string(),
        print: print_of(item),
        tier: tier(item.tier),
        sentence: quiet(&item.sentence),
        requester: asker(&item.requester, &item.sentence),
        resource: quiet(&item.resource),
        target: quiet(&item.target),
        about: quiet(&about(item)),
        why: item.why.iter().map(|reason| code(reason)).collect(),
        stopped: item.stopped.as_ref().map(in_words),
        raised: item.raised.iter().map(Raised::in_words).collect(),
        decide_by: moment(item.decide_by, visitor.now),
        people: people(item.people_needed),
        claimed_by: item.claimed_by.as_ref().map(|human| {
            if own {
                "You are looking at it".to_owned()
            } else {
                format!("{human} is looking at it")
            }
        }),
        may: match (own, item.mine) {
            (true, _) => button("release", "Release"),
            (false, true) => button("claim", "Claim"),
            (false, false) => None,
        },
        escalations: if item.escalations == 0 {
            String::new()
        } else {
            format!("escalated {}", counted(item.escalations, "time"))
        },
    }
}

/// `an AI agent, owner tomas@acme, production`.
fn about(item: &InboxItem) -> String {
    let kind = item.kind.map_or("a person", WorkloadKind::in_words);
    let owner = item.kind.map(|_| format!("owner {}", item.owner));
    let known = item.environment.map(Environment::as_str);
    // A change of the gate is in no world that a catalogue could name.
    let world = item
        .kind
        .map(|_| known.unwrap_or("environment UNKNOWN").to_owned());
    let parts = [Some(kind.to_owned()), owner, world];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" \u{b7} ")
}

fn quiescent(today: Today, now: Timestamp) -> Quiescent {
    let least = if today.at_least { "at least " } else { "" };
    let number = |number: u64| format!("{least}{}", grouped(number));
    Quiescent {
        let_through: number(today.let_through),
        denied: number(today.denied),
        by_people: number(today.by_people),
        nothing_yet: today.let_through == 0
            && today.denied == 0
            && today.by_people == 0
            && today.last.is_none(),
        last: today.last.as_ref().map(|record| last(record, now)),
        checkpoints: counted(today.checkpoints, "checkpoint"),
        uncovered: today.uncovered.iter().map(ToString::to_string).collect(),
    }
}

fn last(record: &RequestRecord, now: Timestamp) -> Last {
    Last {
        id: record.id.to_string(),
        state: state(record.state),
        sentence: quiet(&record.sentence),
        asked: moment(record.submitted_at, now),
    }
}
