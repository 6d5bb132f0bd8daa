//! Notices: what people outside are told of a request, made from a message of the outbox and the request as it stands by then.
//!
//! A notice carries the descriptor's sentence and the gate's own words, never a claim, a purpose, a question or a payload, and
//! nothing of it depends on whether somebody has reviewed. How one reaches people is a channel's; nothing here can approve.

mod audience;
mod beat;
mod dispatcher;
mod message;
mod schedule;
mod signal;
mod waiting;

use std::collections::BTreeSet;

use gatehold_core::delegation::{Lending, Moment};
use gatehold_core::directory::Directory;
use gatehold_core::guard;
use gatehold_core::ids::{HumanId, RequestId};
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::words::words;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::notifier::{Notice, NoticeKind};
use crate::view::people_needed;
use message::Message;

pub use beat::{Beat, ChannelBeat};
pub use dispatcher::Dispatcher;

impl Gate {
    /// What a message tells by now, or nothing where it has nothing to tell any more.
    async fn notice(
        &self,
        message: &Message,
        request: RequestId,
        (directory, public_url): (&Directory, &str),
    ) -> Result<Option<Notice>, GateError> {
        let record = self.request(request).await?.record;
        let moment = self.moment_of(&record, directory).await?;
        Ok(of(message, &record, (directory, moment), public_url))
    }
}

/// What the request, as it stands, makes of a message.
// INVARIANT(notice-is-blind): no review, claim or turn of the request is read here, and no version of its row.
fn of(
    message: &Message,
    record: &RequestRecord,
    (directory, moment): (&Directory, Moment),
    public_url: &str,
) -> Option<Notice> {
    if matches!(message.kind, NoticeKind::Remains | NoticeKind::TakenAway) {
        return Some(of_lease(message, record, directory, public_url));
    }
    if matches!(
        message.kind,
        NoticeKind::GlassBroken
            | NoticeKind::GlassUsed
            | NoticeKind::GlassReviewed
            | NoticeKind::GlassOverdue
    ) {
        return Some(of_glass(message, record, directory, public_url));
    }
    let held = record.held.as_ref()?;
    let lending = Lending::new(directory, &held.requirement, &record.requester, moment);
    if !is_timely(message.kind, record.state) {
        return None;
    }
    let people = audience::of(message.kind, record, held, &lending);
    let asks = is_asking(message.kind);
    Some(Notice {
        held_at: titles(held),
        people_needed: people_needed(record, held, directory.origin.is_dev()),
        decide_by: asks.then(|| held.decide_by.min(record.spend_by)),
        teams: audience::teams(message.kind, held, &people, &lending),
        people,
        ..for_nobody(message, record, public_url)
    })
}

/// A credential that is still at its target, or ends before its time: for whoever answers for its workload, also where nobody
/// was asked before.
fn of_lease(
    message: &Message,
    record: &RequestRecord,
    directory: &Directory,
    public_url: &str,
) -> Notice {
    Notice {
        people: audience::accountable(&record.requester, directory),
        ..for_nobody(message, record, public_url)
    }
}

/// The glass was broken, or somebody looked at that: for everybody, whatever became of the request since.
fn of_glass(
    message: &Message,
    record: &RequestRecord,
    directory: &Directory,
    public_url: &str,
) -> Notice {
    Notice {
        held_at: record.held.as_ref().map(titles).unwrap_or_default(),
        people: audience::everybody(record, directory),
        ..for_nobody(message, record, public_url)
    }
}

/// What stands in every notice of a request, for nobody yet.
fn for_nobody(message: &Message, record: &RequestRecord, public_url: &str) -> Notice {
    Notice {
        key: message.key.clone(),
        kind: message.kind,
        request: Some(record.id),
        tier: record.tier,
        sentence: record.sentence.clone(),
        requester: record.requester.name(),
        owner: owner(&record.requester),
        held_at: Vec::new(),
        people_needed: 0,
        words: words(record.digest.as_bytes(), record.request_nonce.as_bytes()).join("-"),
        state: record.state.name().to_owned(),
        decide_by: None,
        link: link(record, public_url),
        teams: BTreeSet::new(),
        people: BTreeSet::new(),
        at: message.at,
    }
}

fn link(record: &RequestRecord, public_url: &str) -> String {
    format!(
        "{}/requests/{}",
        public_url.trim_end_matches('/'),
        record.id
    )
}

/// Whether somebody is to do something about it.
const fn is_asking(kind: NoticeKind) -> bool {
    match kind {
        NoticeKind::Asked | NoticeKind::Escalated | NoticeKind::Changed | NoticeKind::Question => {
            true
        }
        NoticeKind::Closed
        | NoticeKind::Outcome
        | NoticeKind::Remains
        | NoticeKind::Stopped
        | NoticeKind::Flagged
        | NoticeKind::TakenAway
        | NoticeKind::GlassBroken
        | NoticeKind::GlassUsed
        | NoticeKind::GlassReviewed
        | NoticeKind::GlassOverdue => false,
    }
}

/// Whether it is still so. Nobody is asked about what is over, and nobody is told the end of what is held again.
fn is_timely(kind: NoticeKind, state: State) -> bool {
    let over = state != State::Held;
    if is_asking(kind) {
        let late = guard!("notice-over", over);
        return !late;
    }
    over
}

fn titles(held: &HeldAt) -> Vec<String> {
    let each = held.requirement.checkpoints();
    each.map(|(_, checkpoint)| checkpoint.title.clone())
        .collect()
}

fn owner(requester: &Requester) -> Option<HumanId> {
    match requester {
        Requester::Workload { owner, .. } => Some(owner.clone()),
        Requester::Human { .. } => None,
    }
}
