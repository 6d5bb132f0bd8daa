//! What becomes of a lease: made, to be ended, overdue, verified as gone, seen again. Each is one write of the grant's row
//! with a leaf of its own, so that nobody has to believe a broker's memory.

use super::redeem::{check_stopped, last_of_task};
use super::world::{Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, Write};
use crate::entry::Event;
use crate::grant::{Grant, GrantState};
use crate::ids::HumanId;
use crate::lease::{Lease, LeaseEnd, LeaseEvent, next, step_key};
use crate::refusal::Refusal;
use crate::request::{RequestRecord, State};
use crate::task::TaskState;
use crate::time::Timestamp;

/// Something became of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseStep {
    /// What.
    pub what: LeaseEvent,
    /// A stable code: why it ends, or what the target said.
    pub code: &'static str,
    /// Who ended it, if a human did.
    pub human: Option<HumanId>,
}

pub(super) fn step(
    step: &LeaseStep,
    (grant, version, of): (&Grant, u64, Option<&RequestRecord>),
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let lease = grant.lease.as_ref().ok_or(Refusal::NoSuchRequest)?;
    let other = of.is_some_and(|of| of.id != grant.request || of.grant != Some(grant.id));
    if guard!("lease-own-request", other) {
        return Err(Refusal::NotProven("grant"));
    }
    let wrong = Refusal::WrongState {
        state: grant.state.name(),
    };
    let state = match next(grant.state, step.what) {
        Some(state) => state,
        None if guard!("lease-machine", true) => return Err(wrong),
        None => grant.state,
    };
    let mut writer = Writer::new(fresh);
    let lease = match step.what {
        LeaseEvent::Issued => {
            let of = of.ok_or(Refusal::NoSuchRequest)?;
            issued(lease, grant, of, &mut writer, world, now)?
        }
        LeaseEvent::Ended => ended(lease, step, &mut writer, world, now)?,
        LeaseEvent::Overdue => overdue(lease, now)?,
        LeaseEvent::Verified => Lease {
            verified_at: Some(now),
            ..lease.clone()
        },
        LeaseEvent::Returned => Lease {
            // Counted anew: whoever is to be told is told of this time.
            end: Some(LeaseEnd {
                code: step.code.to_owned(),
                at: now,
            }),
            overdue: false,
            returned: lease.returned.saturating_add(1),
            ..lease.clone()
        },
    };
    let next = Grant {
        state,
        reason: step.code.to_owned(),
        lease: Some(lease),
        ..grant.clone()
    };
    writer.put_grant(&next, version)?;
    writer.once(step_key(&grant.id, version.saturating_add(1)), None);
    if matches!(step.what, LeaseEvent::Overdue | LeaseEvent::Returned) {
        writer.announce("lease_remains", grant.request);
    }
    let event = Event::Lease {
        grant: grant.id,
        of: grant.request,
        what: step.what,
        code: step.code.to_owned(),
        human: step.human.clone(),
    };
    let write = writer.finish(LeafKind::Grant, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Grant(Box::new(next)));
    Ok((write, sealed))
}

/// Only what may still be used is handed over: what was stopped while it was made ends unseen.
fn issued(
    lease: &Lease,
    grant: &Grant,
    of: &RequestRecord,
    writer: &mut Writer<'_>,
    world: &World<'_>,
    now: Timestamp,
) -> Result<Lease, Refusal> {
    if guard!("lease-issued-once", lease.issued_at.is_some()) {
        return Err(Refusal::WrongState {
            state: grant.state.name(),
        });
    }
    // What nobody waits for any more is handed to nobody.
    if guard!("lease-issued-executing", of.state != State::Executing) {
        return Err(Refusal::WrongState {
            state: of.state.name(),
        });
    }
    if guard!("lease-issued-in-time", now > lease.not_after) {
        return Err(Refusal::TooLate("the lease"));
    }
    // Whoever lost its force while this was made is handed nothing.
    let gone = !of.requester.still_has_force(world.directory, now);
    if guard!("lease-issued-requester", gone) {
        return Err(Refusal::UnknownPrincipal);
    }
    check_stopped(&of.envelope, world)?;
    if let Some(task) = grant.task {
        let open = world.task.is_some_and(|now| {
            now.task.value.id == task && now.task.value.state == TaskState::Open
        });
        let over = last_of_task(world).is_some_and(|last| now > last);
        if guard!("lease-issued-task-open", !open || over) {
            return Err(Refusal::Task("it has ended"));
        }
    }
    writer.guard_world(world, grant.workload.as_str());
    if guard!("lease-issued-deadline-in-commit", true) {
        writer.deadline(lease.not_after);
        if let Some(ends) = of.requester.force_ends(world.directory) {
            writer.deadline(ends);
        }
    }
    Ok(Lease {
        issued_at: Some(now),
        ..lease.clone()
    })
}

/// It is to end, for the first reason that anybody has.
fn ended(
    lease: &Lease,
    step: &LeaseStep,
    writer: &mut Writer<'_>,
    world: &World<'_>,
    now: Timestamp,
) -> Result<Lease, Refusal> {
    if let Some(human) = &step.human {
        if guard!(
            "lease-end-known-human",
            !world.directory.humans.contains_key(human)
        ) {
            return Err(Refusal::NotEntitled);
        }
        writer.guard_actor(world);
    }
    Ok(Lease {
        end: Some(LeaseEnd {
            code: step.code.to_owned(),
            at: now,
        }),
        ..lease.clone()
    })
}

fn overdue(lease: &Lease, now: Timestamp) -> Result<Lease, Refusal> {
    let early = lease.overdue_at().is_none_or(|at| now < at);
    if guard!("lease-overdue-due", early || lease.overdue) {
        return Err(Refusal::WrongState {
            state: GrantState::Revoking.name(),
        });
    }
    Ok(Lease {
        overdue: true,
        ..lease.clone()
    })
}
