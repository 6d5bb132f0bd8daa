//! What becomes of a lease: made, to be ended, overdue, verified as gone, seen again. Each is one write of the grant's row
//! with a leaf of its own, so that nobody has to believe a broker's memory.
//!
//! While it lives, what it was made from is proven again under what holds now, by the one function that let it out.

use super::redeem::{check_stopped, last_of_task};
use super::world::{Fresh, World};
use super::writer::{About, Writer, trace};
use super::{Release, Sealed};
use crate::action::Action;
use crate::approved::{Approved, NotProven};
use crate::commit::{LeafKind, Write};
use crate::entry::{Event, Trace};
use crate::grant::{Grant, GrantState};
use crate::ids::HumanId;
use crate::lease::{Lease, LeaseEnd, LeaseEvent, next, step_key};
use crate::refusal::Refusal;
use crate::request::{RequestRecord, State};
use crate::task::TaskState;
use crate::time::Timestamp;
use crate::verdict::{Evaluated, Verdict};

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
    if let Some(of) = of {
        own_request(grant, of)?;
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
        // Decided where the proof is made, and where the delivery is known that it ends.
        LeaseEvent::Rekeying | LeaseEvent::Rekeyed => return Err(wrong),
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
    if matches!(step.what, LeaseEvent::Overdue | LeaseEvent::Returned) {
        writer.announce("lease_remains", grant.request);
    }
    write(writer, next, version, (step, None), now)
}

/// A grant's lease is made for the request that the grant came from.
pub(super) fn own_request(grant: &Grant, of: &RequestRecord) -> Result<(), Refusal> {
    let other = of.id != grant.request || of.grant != Some(grant.id);
    if guard!("lease-own-request", other) {
        return Err(Refusal::NotProven("grant"));
    }
    Ok(())
}

/// The grant's row after a step, with the leaf that says so.
pub(super) fn write(
    mut writer: Writer<'_>,
    next: Grant,
    version: u64,
    (step, trace): (&LeaseStep, Option<Trace>),
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    writer.put_grant(&next, version)?;
    writer.once(step_key(&next.id, version.saturating_add(1)), None);
    let event = Event::Lease {
        grant: next.id,
        of: next.request,
        what: step.what,
        code: step.code.to_owned(),
        human: step.human.clone(),
        trace,
    };
    let write = writer.finish(LeafKind::Grant, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Grant(Box::new(next)));
    Ok((write, sealed))
}

/// Asks again whether what is handed out would be let out now: the proof that it was made from is rebuilt under the policy, the
/// keys, the teams and the chain of now, exactly as at use. Where there is none any more the lease is to end, by a leaf that
/// holds policy's answer, and whoever answers for its workload is told. Nothing where it stands, or ends already.
///
/// # Errors
/// [`Refusal`] when there is nothing to go by: policy was not asked, or another bundle than the active one.
// INVARIANT(lives-while-allowed): what let it out is asked again, and what nobody signed keeps nothing alive.
pub fn reconsider(
    (grant, version, of): (&Grant, u64, &RequestRecord),
    action: &Action,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<Option<(Write, Sealed)>, Refusal> {
    own_request(grant, of)?;
    let lives = grant.state == GrantState::Active;
    let Some(lease) = grant.lease.as_ref().filter(|_| lives) else {
        return Ok(None);
    };
    let evaluated = asked_now(world)?;
    let moment = world.moment(of, now);
    let proven = Approved::prove(of, action.clone(), evaluated, world.directory, moment);
    let code = match &proven {
        Err(missing) if guard!("lease-ends-unproven", true) => why_ended(missing, of, evaluated),
        _ => return Ok(None),
    };
    let step = LeaseStep {
        what: LeaseEvent::Ended,
        code,
        human: None,
    };
    let mut writer = Writer::new(fresh);
    // What the leaf says of policy is what the directory of then says.
    if guard!("lease-asked-directory", true) {
        writer.guard_directory(world);
    }
    let lease = ended(lease, &step, &mut writer, world, now)?;
    let next = Grant {
        state: GrantState::Revoking,
        reason: code.to_owned(),
        lease: Some(lease),
        ..grant.clone()
    };
    writer.announce("lease_ended", grant.request);
    let asked = trace(evaluated, world);
    write(writer, next, version, (&step, Some(asked)), now).map(Some)
}

/// What policy says, of the bundle that is active.
pub(super) fn asked_now<'a>(world: &World<'a>) -> Result<&'a Evaluated, Refusal> {
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    if guard!(
        "lease-asked-active-bundle",
        evaluated.trace().bundle != world.directory.bundle
    ) {
        return Err(Refusal::Stale);
    }
    Ok(evaluated)
}

/// What is missing of the proof, in one stable code.
fn why_ended(missing: &NotProven, of: &RequestRecord, evaluated: &Evaluated) -> &'static str {
    let signed = of.held.as_ref().map(|held| held.requirement.hashes());
    match missing {
        NotProven::Forbidden => "forbidden",
        NotProven::Denied => "denied_by_human",
        NotProven::RequesterGone => "requester_gone",
        NotProven::Damaged(_) => "row_damaged",
        // Policy asks for something that nobody signed, or what was signed counts for less by now.
        NotProven::Reheld(_) => match (evaluated.verdict(), signed) {
            (Verdict::Hold(now), Some(signed)) if now.is_covered_by(&signed) => "reviews_lost",
            (Verdict::Allow, _) => "reviews_lost",
            _ => "held_again",
        },
    }
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
    may_be_handed(lease, grant, of, writer, world, now)?;
    Ok(Lease {
        issued_at: Some(now),
        ..lease.clone()
    })
}

/// Nothing that it rests on has ended, and none of it has changed when this is stored.
pub(super) fn may_be_handed(
    lease: &Lease,
    grant: &Grant,
    of: &RequestRecord,
    writer: &mut Writer<'_>,
    world: &World<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
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
    Ok(())
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
