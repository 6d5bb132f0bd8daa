//! A credential that was handed out is made anew under its lease, for whoever asked and lost it: two writes of the grant's row. The
//! first makes the proof again, exactly as at use, and is durable before the target is asked for anything; the second says that the
//! earlier one is dead and the new one made, and is durable before anybody is handed it.
//!
//! Between the two nobody has a credential that works, or the earlier one still does: the lease stands, and is asked for again.

use super::lease::{asked_now, may_be_handed, own_request, write};
use super::redeem::check_task;
use super::world::{CallNonce, Fresh, World};
use super::writer::{Writer, trace};
use super::{LeaseStep, Release, Sealed};
use crate::action::Action;
use crate::approved::{Approved, NotProven};
use crate::commit::Write;
use crate::grant::{Grant, GrantState};
use crate::lease::{Lease, LeaseEvent, REKEYS_MAX};
use crate::refusal::Refusal;
use crate::request::{RequestRecord, State};
use crate::time::Timestamp;

/// Makes the proof again, for a call with this nonce that was signed by the key that asked. What it lets out is one more making of the
/// credential of this lease, and no use of the grant: the lease, its name at the target and its end stay as they are.
///
/// # Errors
/// [`Refusal`]; `Stale` also where policy or people would not let it out now: whoever asks about what lives ends it.
// INVARIANT(single-release): each of these is a leaf of its own under a key that exists once, and at most so many are of one lease.
pub fn rekey(
    nonce: &CallNonce,
    (grant, version, of): (&Grant, u64, &RequestRecord),
    action: &Action,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let lease = living(grant, of)?;
    if guard!("rekey-few", lease.rekeys >= REKEYS_MAX) {
        return Err(Refusal::NotAgain(
            "that was done as often as it is for one lease",
        ));
    }
    let mut writer = Writer::new(fresh);
    may_be_handed(lease, grant, of, &mut writer, world, now)?;
    check_task(of, world, now)?;
    let evaluated = asked_now(world)?;
    let moment = world.moment(of, now);
    let proven = Approved::prove(of, action.clone(), evaluated, world.directory, moment);
    let approved = match proven {
        Ok(approved) => approved,
        Err(NotProven::RequesterGone) => return Err(Refusal::UnknownPrincipal),
        Err(NotProven::Damaged(what)) => return Err(Refusal::NotProven(what)),
        // Whoever asks about it ends it, with what policy said.
        Err(NotProven::Forbidden | NotProven::Denied | NotProven::Reheld(_)) => {
            return Err(Refusal::Stale);
        }
    };
    // What policy said of the chain is so when it is stored.
    writer.guard_chain(world, &of.envelope.target);
    if guard!("rekey-nonce-once", true) {
        writer.once_called(&of.requester.key(), nonce);
    }
    // The window that people signed, whatever stands in the lease's row.
    let ends = [Some(approved.limits().not_after), approved.lapses()];
    for last in ends.into_iter().flatten() {
        writer.deadline(last);
    }
    let next = with(
        grant,
        Lease {
            rekeys: lease.rekeys.saturating_add(1),
            ..lease.clone()
        },
    );
    let step = step(LeaseEvent::Rekeying, "lost_by_requester");
    let asked = trace(evaluated, world);
    let (write, _) = write(writer, next, version, (&step, Some(asked)), now)?;
    let released = Release::Approved(Box::new(approved), Box::new(of.clone()));
    let sealed = Sealed::new(&write, released);
    Ok((write, sealed))
}

/// To be handed over: the target said that the earlier one is dead and this one made. Only the delivery that was begun last is:
/// what an earlier one made, the later one replaced.
///
/// # Errors
/// [`Refusal`] where the lease ends, what it rests on has ended, or a later delivery has begun.
// INVARIANT(release-after-durable): it is handed over by the release of this write alone.
pub fn rekeyed(
    number: u32,
    (grant, version, of): (&Grant, u64, &RequestRecord),
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let lease = living(grant, of)?;
    let last = lease.rekeys == number && lease.rekeyed < number;
    if guard!("rekeyed-the-last", !last) {
        return Err(Refusal::NotAgain(
            "somebody asked for it once more meanwhile, and only what is made last works",
        ));
    }
    let mut writer = Writer::new(fresh);
    may_be_handed(lease, grant, of, &mut writer, world, now)?;
    let next = with(
        grant,
        Lease {
            rekeyed: number,
            ..lease.clone()
        },
    );
    let step = step(LeaseEvent::Rekeyed, "rekeyed");
    write(writer, next, version, (&step, None), now)
}

/// The lease of a grant that stands, and that somebody was handed.
fn living<'a>(grant: &'a Grant, of: &RequestRecord) -> Result<&'a Lease, Refusal> {
    own_request(grant, of)?;
    let lease = grant.lease.as_ref();
    let lease = lease.ok_or(Refusal::NotAgain("none was handed out"))?;
    let stands = grant.state == GrantState::Active
        && lease.issued_at.is_some()
        && of.state == State::Completed;
    if guard!("rekey-living", !stands) {
        return Err(Refusal::NotAgain(
            "its lease has ended, or is not handed over yet",
        ));
    }
    Ok(lease)
}

const fn step(what: LeaseEvent, code: &'static str) -> LeaseStep {
    LeaseStep {
        what,
        code,
        human: None,
    }
}

fn with(grant: &Grant, lease: Lease) -> Grant {
    Grant {
        lease: Some(lease),
        ..grant.clone()
    }
}
