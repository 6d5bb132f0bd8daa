//! Redemption: the proof is rebuilt, the grant spent and execution claimed, in one write. After it the action happens
//! at most once, whatever crashes.

use super::glass::GLASS_USED;
use super::world::{CallNonce, Fresh, World};
use super::writer::{About, Writer, nonce_guard, trace};
use super::{Release, Sealed, apply, may_hold_credentials, review};
use crate::action::{Action, Envelope};
use crate::approved::{Approved, NotProven};
use crate::commit::{LeafKind, Write};
use crate::entry::{Basis, Event};
use crate::grant::Grant;
use crate::hash::Hash;
use crate::lease::{Lease, Plan};
use crate::refusal::Refusal;
use crate::request::state::{self, Event as Step};
use crate::request::{Closing, DecidedBy, RequestRecord, State};
use crate::requester::Requester;
use crate::task::TaskState;
use crate::time::Timestamp;
use crate::trust::{GATE_TARGET, SubmitSignature};
use crate::verdict::Evaluated;

/// The requester wants the action executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeem {
    /// Thumbprint of the key that signed this call; it must be the one that asked.
    pub key: Hash,
    /// The nonce of this call's proof.
    pub nonce: CallNonce,
    /// For a change of the gate itself: the author's signature over the submission.
    pub submit: Option<SubmitSignature>,
    /// For a target that hands out credentials: what would be made, and how it is taken away.
    pub plan: Option<Plan>,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
pub(super) fn redeem(
    redeem: &Redeem,
    record: &RequestRecord,
    version: u64,
    action: &Action,
    grant: Option<(&Grant, u64)>,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if guard!("redeem-own-key", redeem.key != record.requester.key()) {
        return Err(Refusal::NoSuchRequest);
    }
    let waits = matches!(record.state, State::Allowed | State::Redeemable);
    if guard!("redeem-state", !waits) {
        return Err(Refusal::WrongState {
            state: record.state.name(),
        });
    }
    if guard!("redeem-spend-by", now > record.spend_by) {
        return Err(Refusal::TooLate("the time to use it"));
    }
    check_stops(record, world)?;
    check_task(record, world, now)?;
    let (grant, grant_version) = grant.ok_or(Refusal::NotProven("grant"))?;
    let own = Some(grant.id) == record.grant
        && grant.request == record.id
        && grant.digest == record.digest;
    if guard!("redeem-own-grant", !own) {
        return Err(Refusal::NotProven("grant"));
    }
    if guard!("redeem-grant-permits", !grant.permits(now)) {
        return Err(Refusal::TooLate("the grant"));
    }
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    if guard!(
        "redeem-active-bundle",
        evaluated.trace().bundle != world.directory.bundle
    ) {
        return Err(Refusal::Stale);
    }
    let moment = world.moment(record, now);
    match Approved::prove(record, action.clone(), evaluated, world.directory, moment) {
        Ok(approved) if is_unopened(&approved, world) => Err(Refusal::NotProven("opening")),
        Ok(approved) if record.envelope.target.as_str() == GATE_TARGET => apply::apply(
            redeem,
            record,
            version,
            (grant, grant_version),
            &approved,
            world,
            fresh,
            now,
        ),
        Ok(approved) => claim(
            redeem,
            record,
            version,
            grant,
            grant_version,
            approved,
            world,
            fresh,
            now,
        ),
        Err(missing) => {
            let about = (record, version, (grant, grant_version));
            let (mut write, sealed) = refuse(missing, about, evaluated, world, fresh, now)?;
            // A change of the gate itself is tried again by the gate; there is no call to be replayed.
            if guard!("redeem-end-nonce-once", redeem.submit.is_none()) {
                let nonce = nonce_guard(&redeem.key, &redeem.nonce);
                write.guards.push(nonce);
            }
            Ok((write, sealed))
        }
    }
}

/// Whether no leaf says that the glass was broken for it. What two people signed is worth nothing beside the ledger: there it is
/// counted, told to everybody, and looked at afterwards.
fn is_unopened(approved: &Approved, world: &World<'_>) -> bool {
    let openings = world.restraints.openings();
    let glass = approved.glass();
    guard!(
        "glass-opened",
        glass.is_some_and(|glass| openings.of(approved.request(), glass).is_none())
    )
}

/// A request with its version, and its grant with its version.
type Stored<'a> = (&'a RequestRecord, u64, (&'a Grant, u64));

/// No proof: held again, ended, or refused with nothing written.
fn refuse(
    missing: NotProven,
    stored: Stored<'_>,
    evaluated: &Evaluated,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let close = |step, code, decided_by| {
        close(stored, step, code, decided_by, evaluated, world, fresh, now)
    };
    match missing {
        NotProven::Reheld(requirement) => {
            let (record, version, grant) = stored;
            let grant = Some(grant);
            review::rehold_at(
                record,
                version,
                grant,
                &requirement,
                evaluated,
                world,
                fresh,
                now,
            )
        }
        NotProven::Forbidden => close(Step::Forbidden, "forbidden", DecidedBy::Policy),
        NotProven::Denied => close(Step::Denied, "denied_by_human", DecidedBy::Human),
        NotProven::RequesterGone => Err(Refusal::UnknownPrincipal),
        NotProven::Damaged(what) => Err(Refusal::NotProven(what)),
    }
}

fn check_stops(record: &RequestRecord, world: &World<'_>) -> Result<(), Refusal> {
    if matches!(record.requester, Requester::Human { .. }) {
        return Ok(());
    }
    check_stopped(&record.envelope, world)
}

/// Nothing that covers this action is stopped, and its workload is not paused.
pub(super) fn check_stopped(envelope: &Envelope, world: &World<'_>) -> Result<(), Refusal> {
    let stopped = world.stops.value.reason(
        &envelope.workload,
        envelope.task.as_ref(),
        &envelope.target,
        &envelope.resource,
    );
    match stopped {
        Some(code) if guard!("redeem-stops", true) => Err(Refusal::Stopped(code)),
        _ if guard!("redeem-paused", world.pause.value.code.is_some()) => {
            Err(Refusal::Stopped("workload_paused"))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_task(
    record: &RequestRecord,
    world: &World<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(named) = &record.envelope.task else {
        return Ok(());
    };
    let task = world
        .task
        .map(|now| &now.task.value)
        .filter(|task| task.id == *named);
    let task = task.ok_or(Refusal::NotProven("task"))?;
    if guard!("redeem-task-open", task.state != TaskState::Open) {
        return Err(Refusal::Task("it has ended"));
    }
    if guard!("redeem-purpose", task.purpose != record.purpose) {
        return Err(Refusal::Task("it has another purpose"));
    }
    if guard!("redeem-task-time", task_over(world, now)) {
        return Err(Refusal::Task("its time is over"));
    }
    Ok(())
}

/// Whether the time that the task's boundary gives has run out.
fn task_over(world: &World<'_>, now: Timestamp) -> bool {
    last_of_task(world).is_some_and(|last| now > last)
}

pub(super) fn last_of_task(world: &World<'_>) -> Option<Timestamp> {
    let boundary = world.task?.task.value.boundary.as_ref()?;
    Some(boundary.not_after)
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
fn claim(
    redeem: &Redeem,
    record: &RequestRecord,
    version: u64,
    grant: &Grant,
    grant_version: u64,
    approved: Approved,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let mut next = record.clone();
    next.state = state::next(record.state, Step::Claimed).ok_or(Refusal::WrongState {
        state: record.state.name(),
    })?;
    let mut spent = grant.clone();
    spent.uses = spent.uses.saturating_add(1);

    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &record.requester.name());
    writer.guard_chain(world, &record.envelope.target);
    // INVARIANT(single-release): beside the row's version, the claim takes a key that exists once for ever.
    if guard!("redeem-once", true) {
        writer.once(format!("claim:{}", record.id), None);
    }
    if guard!("redeem-nonce-once", true) {
        writer.once_called(&redeem.key, &redeem.nonce);
    }
    // The window that people signed, whatever stands in the grant's row.
    let limits = approved.limits();
    if guard!(
        "redeem-signed-window",
        now < limits.not_before || now > limits.not_after
    ) {
        return Err(Refusal::TooLate("the window of the decision"));
    }
    if guard!("redeem-deadline-in-commit", true) {
        writer.deadline(record.spend_by);
        writer.deadline(grant.expires_at);
        writer.deadline(limits.not_after);
        let force_ends = record.requester.force_ends(world.directory);
        for last in [last_of_task(world), force_ends].into_iter().flatten() {
            writer.deadline(last);
        }
    }
    // Whoever decided for somebody counts until that ends, also while this is on its way to the store.
    if let Some(lapses) = approved.lapses()
        && guard!("redeem-delegation-in-commit", true)
    {
        writer.deadline(lapses);
    }
    // INVARIANT(recipe-first): the way to take it away is durable before anything exists at the target.
    spent.lease = redeem
        .plan
        .clone()
        .map(|plan| lease(plan, record, &spent, &approved, world))
        .transpose()?;
    writer.put_grant(&spent, grant_version)?;
    // Loud once more: whoever was told that it may happen hears that it does.
    if approved.glass().is_some() {
        writer.announce(GLASS_USED, record.id);
    }
    if let Some(habits) = world.habits {
        writer.count_use(habits);
    }
    let evaluated = world.policy.ok_or(Refusal::Stale)?;
    let event = Event::Claimed {
        digest: approved.digest(),
        grant: approved.grant(),
        limits: approved.limits().clone(),
        reviewers: approved.reviewers().to_vec(),
        lease: spent.lease.map(Box::new),
        trace: trace(evaluated, world),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Execution, &about, event, now)?;
    let sealed = Sealed::new(
        &write,
        Release::Approved(Box::new(approved), Box::new(next)),
    );
    Ok((write, sealed))
}

/// What is going to be made, ending when the first of all that bounds it does.
fn lease(
    plan: Plan,
    record: &RequestRecord,
    grant: &Grant,
    approved: &Approved,
    world: &World<'_>,
) -> Result<Lease, Refusal> {
    // Whoever shares a host with others cannot keep a credential from them: held execution only.
    let keeps = match &record.requester {
        Requester::Workload { assurance, .. } => may_hold_credentials(*assurance),
        Requester::Human { .. } => false,
    };
    if guard!("lease-assurance", !keeps) {
        return Err(Refusal::NotYours(
            "a credential is handed to a workload whose key is its own",
        ));
    }
    // A credential outlives the moment it was needed for.
    if guard!("glass-no-lease", approved.glass().is_some()) {
        return Err(Refusal::NotIssuable(
            "break-glass lets out one held execution, and no credential".to_owned(),
        ));
    }
    plan.recipe
        .check()
        .map_err(|error| Refusal::NotIssuable(error.to_string()))?;
    let force_ends = record.requester.force_ends(world.directory);
    let bounds = [
        last_of_task(world),
        force_ends,
        Some(approved.limits().not_after),
        // Whoever decided for somebody counts until that ends: it is asked again while it lives, and would end then.
        approved.lapses(),
    ];
    // INVARIANT(lease-in-window): it ends with the first of its grant, its signed window, its task, its workload and a
    // delegation that it rests on.
    let not_after = bounds
        .into_iter()
        .flatten()
        .fold(grant.expires_at, Timestamp::min);
    let target = record.envelope.target.clone();
    Ok(Lease::planned(plan, target, not_after))
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one decision, used once; a struct would only rename them"
)]
fn close(
    (record, version, (grant, grant_version)): Stored<'_>,
    step: Step,
    code: &str,
    decided_by: DecidedBy,
    evaluated: &Evaluated,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let mut next = record.clone();
    next.state = state::next(record.state, step).ok_or(Refusal::WrongState {
        state: record.state.name(),
    })?;
    let asked = trace(evaluated, world);
    next.bundle = asked.bundle;
    next.input = asked.input;
    next.rules.clone_from(&asked.rules);
    next.reasons.clone_from(&asked.reasons);
    next.decided_by = Some(decided_by);
    next.closing = Some(Closing {
        code: code.to_owned(),
        decided_by,
        at: now,
    });
    let mut writer = Writer::new(fresh);
    writer.guard_world(world, &record.requester.name());
    // What policy forbids, it forbids for a reason that may lie in the chain.
    writer.guard_chain(world, &record.envelope.target);
    writer.end_grant(grant, grant_version, code)?;
    writer.announce_end("closed", record);
    let event = Event::Closed {
        code: code.to_owned(),
        decided_by,
        human: None,
        trace: Basis::Asked(asked),
    };
    let about = About {
        request: Some((&next, version)),
        from: Some(record.state),
    };
    let write = writer.finish(LeafKind::Closing, &about, event, now)?;
    let sealed = Sealed::new(&write, Release::Request(Box::new(next)));
    Ok((write, sealed))
}
