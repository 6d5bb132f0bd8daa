//! Acts without a verdict: ask, answer, claim, release, escalate, suspicious. They may come by weaker channels than a review,
//! because none of them lets anything out; suspicious denies and pauses, which is the safe direction.

use super::world::{CallNonce, Fresh, World};
use super::writer::{About, Writer, holds};
use super::{Claims, Release, Sealed};
use crate::approved::lending;
use crate::commit::{LeafKind, Table, Write};
use crate::entry::{Event, Stood};
use crate::hash::Hash;
use crate::ids::HumanId;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Closing, DecidedBy, RequestRecord, State, Turn};
use crate::time::Timestamp;

/// Longest question or answer in bytes.
pub const TEXT_BYTES_MAX: usize = 8 << 10;

/// How often people may claim one request, take that back and escalate it, together.
pub const HANDLED_MAX: u32 = 64;

/// Which act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActKind {
    /// A reviewer asks the requester.
    Ask,
    /// The requester answers; extends the claims chain and disarms open screens.
    Answer,
    /// A reviewer says they are looking at it. It keeps nobody else from deciding.
    Claim,
    /// Whoever said so takes it back.
    Release,
    /// A reviewer passes it on to whoever is next.
    Escalate,
    /// A reviewer reports it: denied, and the workload paused, if one asked.
    Suspicious,
    /// A reviewer denies by a channel that cannot sign.
    Deny,
}

impl ActKind {
    /// The name stored and printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Claim => "claim",
            Self::Release => "release",
            Self::Escalate => "escalate",
            Self::Suspicious => "suspicious",
            Self::Deny => "deny",
        }
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActBy {
    /// A human, authenticated by the surface.
    Human(HumanId),
    /// The requester, by the key that asked, in a signed call.
    Requester {
        /// The key.
        key: Hash,
        /// The nonce of the call's proof.
        nonce: CallNonce,
    },
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub by: ActBy,
    /// What.
    pub kind: ActKind,
    /// The question, answer or reason. An attachment, never shown inside the trusted frame.
    pub text: String,
    /// `signed`, or the channel it came by.
    pub channel: String,
}

pub(super) fn act(
    act: Act,
    record: &RequestRecord,
    version: u64,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if act.text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::Claims(format!(
            "at most {TEXT_BYTES_MAX} bytes are kept"
        )));
    }
    if guard!("act-held", record.state != State::Held) {
        return Err(Refusal::WrongState {
            state: record.state.name(),
        });
    }
    let human = check_actor(&act, record, world, now)?;
    let mut next = record.clone();
    let mut writer = Writer::new(fresh);
    if human.is_some() {
        writer.guard_actor(world);
        // A delegation may be for one task: whoever acts by it does so while that is open.
        if let Some(task) = world.task {
            writer.version(Table::Task, &task.task.value.id, task.task.version);
        }
    }
    if let ActBy::Requester { key, nonce } = &act.by
        && guard!("answer-nonce-once", true)
    {
        writer.once_called(key, nonce);
    }
    let written = version.saturating_add(1);
    if matches!(act.kind, ActKind::Ask | ActKind::Answer) {
        next.take_turn(human.clone(), written, now)?;
        writer.once(Turn::key(&record.id, written), None);
    }
    count(act.kind, &mut next)?;
    let name = record.requester.name();
    apply(act.kind, human.as_ref(), &act.text, &mut next, now)?;
    if next.state == State::Denied {
        writer.add(holds(&name), -1);
    }
    // A person is not paused: nobody could resume them, and one reviewer would bar the others from every change of the gate.
    // What stops a person is the revocation of their keys.
    if act.kind == ActKind::Suspicious && record.requester.is_workload() {
        writer.pause(world, &name, "suspicious")?;
    }
    if guard!("act-deadline-in-commit", true) {
        writer.deadline(record.held.as_ref().map_or(now, |held| held.decide_by));
    }
    if !act.text.is_empty() {
        writer.attach("text", act.text.into_bytes());
    }
    writer.announce(act.kind.name(), record.id);
    let event = Event::Acted {
        human,
        act: act.kind.name().to_owned(),
        channel: act.channel,
        trace: (next.state == State::Denied).then(|| Stood::of(record)),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Act, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}

/// Handing it about decides nothing and is a leaf each time: it has an end.
fn count(kind: ActKind, next: &mut RequestRecord) -> Result<(), Refusal> {
    if !matches!(kind, ActKind::Claim | ActKind::Release | ActKind::Escalate) {
        return Ok(());
    }
    if guard!("act-handled-limit", next.handled >= HANDLED_MAX) {
        return Err(Refusal::Claims(format!(
            "it was claimed, released and escalated {HANDLED_MAX} times; decide it, or ask the requester"
        )));
    }
    next.handled = next.handled.saturating_add(1);
    Ok(())
}

/// What the act changes in the request itself.
fn apply(
    kind: ActKind,
    human: Option<&HumanId>,
    text: &str,
    next: &mut RequestRecord,
    now: Timestamp,
) -> Result<(), Refusal> {
    let step = match kind {
        ActKind::Suspicious | ActKind::Deny => Step::Denied,
        ActKind::Ask | ActKind::Answer | ActKind::Claim | ActKind::Release | ActKind::Escalate => {
            Step::Acted
        }
    };
    next.state = state::next(next.state, step).ok_or(Refusal::WrongState {
        state: next.state.name(),
    })?;
    match kind {
        ActKind::Answer => next.claims_head = Claims::extend(next.claims_head, text),
        ActKind::Claim => next.claimed_by = human.cloned(),
        ActKind::Release => next.claimed_by = None,
        ActKind::Escalate => {
            next.escalations = next.escalations.saturating_add(1);
            if let Some(held) = &mut next.held {
                held.escalate(0);
            }
        }
        ActKind::Ask => {}
        ActKind::Suspicious | ActKind::Deny => {
            next.decided_by = Some(DecidedBy::Human);
            let code = if kind == ActKind::Deny {
                "denied_by_human"
            } else {
                "suspicious"
            };
            next.closing = Some(Closing {
                code: code.to_owned(),
                decided_by: DecidedBy::Human,
                at: now,
            });
        }
    }
    Ok(())
}

fn check_actor(
    act: &Act,
    record: &RequestRecord,
    world: &World<'_>,
    now: Timestamp,
) -> Result<Option<HumanId>, Refusal> {
    match (&act.by, act.kind) {
        (ActBy::Requester { key, .. }, ActKind::Answer) => {
            if guard!("answer-own-key", *key != record.requester.key()) {
                return Err(Refusal::NoSuchRequest);
            }
            Ok(None)
        }
        (ActBy::Requester { .. }, _) => Err(Refusal::NoSuchRequest),
        (ActBy::Human(_), ActKind::Answer) => Err(Refusal::NotYours("only the requester answers")),
        (ActBy::Human(human), _) => {
            let own = record.requester.excluded(world.directory);
            if guard!("act-own-request", own.contains(human)) {
                return Err(Refusal::OwnRequest);
            }
            let held = record.held.as_ref().ok_or(Refusal::NotProven("held"))?;
            let moment = world.moment(record, now);
            let may = world.directory.humans.contains_key(human)
                && lending(record, held, world.directory, moment).entitles(human);
            if guard!("act-not-entitled", !may) {
                return Err(Refusal::NotEntitled);
            }
            let claimed = record.claimed_by.as_ref() == Some(human);
            if guard!("release-own", act.kind == ActKind::Release && !claimed) {
                return Err(Refusal::NotYours("only whoever claimed it releases it"));
            }
            if guard!("claim-once", act.kind == ActKind::Claim && claimed) {
                return Err(Refusal::NotYours("you have claimed it already"));
            }
            Ok(Some(human.clone()))
        }
    }
}
