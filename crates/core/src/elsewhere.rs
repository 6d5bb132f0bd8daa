//! The door for an executor in a process of its own: the proof is made again from what a gate shows, under the executor's own
//! directory and on its own clock.
//!
//! [`Approved`] keeps its one constructor; here stands what a gate checks beside it before it claims, as far as that can be
//! checked without its store. Whoever calls this has verified the requester's signed call, and has asked policy itself.

use crate::action::Action;
use crate::approved::{Approved, NotProven};
use crate::checkpoint::{CHECKPOINT_SECONDS_MAX, Requirement};
use crate::decide::may_hold_credentials;
use crate::delegation::Moment;
use crate::directory::Directory;
use crate::lease::{Lease, Plan};
use crate::request::{DecidedBy, RequestRecord};
use crate::requester::Requester;
use crate::signed_body::CALL_APART_SECONDS_MAX;
use crate::time::Timestamp;
use crate::trust::GATE_TARGET;
use crate::verdict::Evaluated;

/// How long after its own call something may be executed that policy alone allowed, in seconds: nobody signed a later time, and no
/// gate lets it wait for longer.
pub const ALLOWED_SECONDS_MAX: u32 = 86_400;
/// How far two clocks may be apart where something may not be done yet, in milliseconds.
const APART_MILLIS: i64 = 10_000;

/// What a gate shows of a request, and what is known without it.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The request as the gate has it, with its reviews. Every member is a claim.
    pub record: &'a RequestRecord,
    /// The bytes that the requester signed.
    pub action: Action,
    /// When the requester says that it signed its call.
    pub signed_at: Timestamp,
    /// What policy answers here and now.
    pub evaluated: &'a Evaluated,
    /// Whose keys have force, folded under the executor's own root.
    pub directory: &'a Directory,
    /// The executor's own time.
    pub now: Timestamp,
}

/// Why nothing is executed.
#[derive(Debug, thiserror::Error)]
pub enum NotElsewhere {
    /// A change of the gate is applied in the gate's own ledger and nowhere else.
    #[error("a change of the gate itself is executed nowhere else")]
    OwnChange,
    /// Policy was asked by another bundle than the one with force.
    #[error("policy was not asked by the bundle that has force")]
    OtherBundle,
    /// The call was signed at another time than the request was made.
    #[error("the signed call is of another time than the request")]
    OtherTime,
    /// Too late.
    #[error("{0} is over")]
    TooLate(&'static str),
    /// Too early.
    #[error("it may not be done yet")]
    TooEarly,
    /// Policy forbids it.
    #[error("policy forbids it")]
    Forbidden,
    /// Policy holds it, and the reviews shown are not enough.
    #[error("policy holds it, and it was not approved by enough people whose keys have force")]
    NotApproved(Box<Requirement>),
    /// Somebody denied it.
    #[error("somebody denied it")]
    Denied,
    /// Whoever asked has no force.
    #[error("whoever asked has no force now")]
    RequesterGone,
    /// It lets no credential out.
    #[error("no credential is made of it: {0}")]
    NoCredential(&'static str),
    /// What is to be made is not what follows from what was signed.
    #[error(
        "the credential that is asked for is not the one that was approved: its {0} is another"
    )]
    OtherLease(&'static str),
    /// What is shown contradicts itself.
    #[error("what is shown contradicts itself: its {0} is not its own")]
    Damaged(&'static str),
}

impl From<NotProven> for NotElsewhere {
    fn from(missing: NotProven) -> Self {
        match missing {
            NotProven::Forbidden => Self::Forbidden,
            NotProven::Reheld(requirement) => Self::NotApproved(Box::new(requirement)),
            NotProven::Denied => Self::Denied,
            NotProven::RequesterGone => Self::RequesterGone,
            NotProven::Damaged(what) => Self::Damaged(what),
        }
    }
}

/// Makes the proof again, or says why there is none.
///
/// # Errors
/// [`NotElsewhere`]: nothing may be executed.
// INVARIANT(single-mint): the proof comes from its one constructor; nothing here makes one.
pub fn prove(shown: Shown<'_>) -> Result<Approved, NotElsewhere> {
    let Shown {
        record,
        action,
        signed_at,
        evaluated,
        directory,
        now,
    } = shown;
    let own = record.envelope.target.as_str() == GATE_TARGET || !record.requester.is_workload();
    if own {
        return Err(NotElsewhere::OwnChange);
    }
    let other = evaluated.trace().bundle != directory.bundle;
    if other {
        return Err(NotElsewhere::OtherBundle);
    }
    let apart = record
        .submitted_at
        .seconds()
        .saturating_sub(signed_at.seconds());
    if guard!(
        "elsewhere-call-time",
        apart.saturating_abs() > CALL_APART_SECONDS_MAX
    ) {
        return Err(NotElsewhere::OtherTime);
    }
    if guard!("elsewhere-spend-by", now > record.spend_by) {
        return Err(NotElsewhere::TooLate("the time to use it"));
    }
    // Whether its task is still open is the gate's word; a delegation for one task counts in that task alone.
    let moment = Moment {
        now,
        task: record.envelope.task,
    };
    let approved = Approved::prove(record, action, evaluated, directory, moment)?;
    in_time(&approved, signed_at, now)?;
    Ok(approved)
}

/// The lease of a credential that is to be made here, if it is what follows from the proof: the executor's own plan, and an end that what
/// people and the workload signed allows.
///
/// # Errors
/// [`NotElsewhere`]: nothing may be made.
// INVARIANT(lease-in-window): whatever end the gate wrote down, it is held against what was signed once more.
pub fn lease(
    approved: &Approved,
    plan: Plan,
    asked: &Lease,
    (signed_at, now): (Timestamp, Timestamp),
    directory: &Directory,
) -> Result<Lease, NotElsewhere> {
    let keeps = match approved.requester() {
        Requester::Workload { assurance, .. } => may_hold_credentials(*assurance),
        Requester::Human { .. } => false,
    };
    if guard!("elsewhere-lease-assurance", !keeps) {
        return Err(NotElsewhere::NoCredential("its workload cannot keep one"));
    }
    if guard!("elsewhere-glass-no-lease", approved.glass().is_some()) {
        let why = "break-glass lets out one execution";
        return Err(NotElsewhere::NoCredential(why));
    }
    if guard!(
        "elsewhere-lease-planned",
        !is_planned(approved, &plan, asked)
    ) {
        return Err(NotElsewhere::OtherLease("plan"));
    }
    let last = lease_ends(approved, (signed_at, now), directory);
    if guard!("elsewhere-lease-end", asked.not_after > last) {
        return Err(NotElsewhere::OtherLease("end"));
    }
    if guard!("elsewhere-lease-over", now > asked.not_after) {
        return Err(NotElsewhere::TooLate("the time of the credential"));
    }
    Ok(Lease::planned(plan, asked.target.clone(), asked.not_after))
}

/// Whether somebody else planned the same.
fn is_planned(approved: &Approved, plan: &Plan, asked: &Lease) -> bool {
    let target = &approved.action().envelope().target;
    (&plan.recipe, plan.class, target) == (&asked.recipe, asked.class, &asked.target)
}

/// The last time at which a credential may end. How long it lives counts from now, which is no earlier than when it was decided, as far
/// as two clocks agree; and from the last time at which it can have been decided.
fn lease_ends(
    approved: &Approved,
    (signed_at, now): (Timestamp, Timestamp),
    directory: &Directory,
) -> Timestamp {
    let limits = approved.limits();
    let lives = limits.ttl_seconds;
    let apart = u32::try_from(CALL_APART_SECONDS_MAX).unwrap_or(u32::MAX);
    let decided_by_policy = signed_at.plus_seconds(apart).plus_seconds(lives);
    let bounds = [
        Some(approved.lasts().unwrap_or(decided_by_policy)),
        approved.lapses(),
        approved.requester().force_ends(directory),
        Some(limits.not_after),
    ];
    let from_now = now
        .plus_seconds(lives)
        .millis()
        .saturating_add(APART_MILLIS);
    let from_now = Timestamp::from_millis(from_now);
    bounds.into_iter().flatten().fold(from_now, Timestamp::min)
}

/// The times that follow from what was signed, whatever the gate's rows say.
fn in_time(approved: &Approved, signed_at: Timestamp, now: Timestamp) -> Result<(), NotElsewhere> {
    let limits = approved.limits();
    let early = now.millis().saturating_add(APART_MILLIS) < limits.not_before.millis();
    if guard!("elsewhere-not-before", early) {
        return Err(NotElsewhere::TooEarly);
    }
    if guard!("elsewhere-not-after", now > limits.not_after) {
        return Err(NotElsewhere::TooLate("the window of the decision"));
    }
    let over = approved.lasts().is_some_and(|lasts| now > lasts);
    if guard!("elsewhere-decision-over", over) {
        return Err(NotElsewhere::TooLate("what people approved"));
    }
    let stale = approved.decided_by() == DecidedBy::Policy && now > usable_until(signed_at);
    if guard!("elsewhere-call-stale", stale) {
        return Err(NotElsewhere::TooLate("the signed call"));
    }
    Ok(())
}

/// The last time at which anything is shown again that was asked for by a call that was signed then: people may take the longest time to
/// decide, and leave the longest to use it. What the gate shows of the same call says less.
#[must_use]
pub fn remembered_until(signed_at: Timestamp) -> Timestamp {
    let longest = CHECKPOINT_SECONDS_MAX.saturating_mul(2);
    usable_until(signed_at).plus_seconds(longest)
}

/// The last time at which a call that was signed then could be used for anything that policy alone allows.
#[must_use]
pub fn usable_until(signed_at: Timestamp) -> Timestamp {
    let apart = u32::try_from(CALL_APART_SECONDS_MAX).unwrap_or(u32::MAX);
    signed_at.plus_seconds(ALLOWED_SECONDS_MAX.saturating_add(apart))
}
