//! The clock of a hold: nobody decided in the time that the checkpoints give, so more people are asked. It widens who is
//! asked among those who may decide; seats, factors, eligibility and the deadline stay as they are.

use super::world::Fresh;
use super::writer::{About, Writer};
use super::{Record, Release, Sealed};
use crate::commit::{LeafKind, Write};
use crate::entry::Event;
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::time::Timestamp;

pub(super) fn escalate(
    about: Record<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let Record::Request {
        record, version, ..
    } = about
    else {
        return Err(Refusal::NoSuchRequest);
    };
    let wrong = || Refusal::WrongState {
        state: record.state.name(),
    };
    // INVARIANT(escalation-only-asks): not before its time, whoever looks; and nothing but who is asked changes.
    let due = record.escalates_at().is_some_and(|at| at <= now);
    if guard!("escalate-in-time", !due) {
        return Err(wrong());
    }
    let mut next = record.clone();
    next.state = state::next(record.state, Step::Escalated).ok_or_else(wrong)?;
    next.escalations = next.escalations.saturating_add(1);
    let held = next.held.as_mut().ok_or(Refusal::NotProven("held"))?;
    let waited = now.millis().saturating_sub(held.since.millis()) / 1000;
    let after_seconds = u32::try_from(waited).unwrap_or(u32::MAX);
    let teams = held.escalate(after_seconds);
    let mut writer = Writer::new(fresh);
    // Whoever is too late to decide is not asked any more: the request expires instead.
    if guard!("escalate-deadline-in-commit", true) {
        writer.deadline(held.decide_by);
    }
    writer.announce("escalated", record.id);
    let event = Event::Escalated {
        after_seconds,
        teams,
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Act, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}
