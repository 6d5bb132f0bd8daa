//! The one function that decides. Pure: everything it knows arrives as values, everything it wants leaves as one
//! guarded [`Write`].
//!
//! What it releases is sealed until the store's receipt for exactly that write is shown.

mod act;
mod apply;
mod close;
mod correct;
mod escalate;
mod flag;
mod glass;
mod habit;
mod lease;
mod redeem;
mod rekey;
mod report;
mod review;
mod stop;
mod submit;
mod task;
mod world;
mod writer;

pub use act::{Act, ActBy, ActKind, HANDLED_MAX, TEXT_BYTES_MAX};
pub use apply::{
    DELEGATION_ADD, DELEGATION_END, KEY_REVOKE, PERSON_REINSTATE, PERSON_SUSPEND, delegate,
    delegation_key, end_delegation, found, recover, reinstate, revoke_key, suspend,
};
pub use close::{Revoke, Withdraw};
pub use correct::{Correct, correct, correction_key, corrections_of_one, signed_key};
pub use flag::{FlagChange, SIGNAL_FLAGGED};
pub use glass::{
    BreakGlassNow, GLASS_BROKEN, GLASS_OVERDUE, GLASS_REVIEWED, GLASS_USED, LookAfterwards,
    days_past, glass_key, glass_overdue, glass_overdue_key, look_afterwards, post_review_key,
};
pub use lease::{LeaseStep, reconsider};
pub use redeem::Redeem;
pub use rekey::{rekey, rekeyed};
pub use report::Report;
pub use review::{Opened, SubmittedReview};
pub use stop::{SIGNAL_STOPPED, StopBy, StopChange};
pub use submit::{Claims, Described, MODEL_RECOMMENDATION, Submission, may_hold_credentials};
pub use task::{TASK_ENDED, TaskEnd, TaskStart};
pub use world::{CallNonce, Counters, Fresh, Pause, Rendered, Settings, TaskNow, Versioned, World};

use crate::action::Action;
use crate::approved::Approved;
use crate::commit::{LeafBytes, Receipt, Write};
use crate::grant::Grant;
use crate::refusal::Refusal;
use crate::request::RequestRecord;
use crate::stops::Stops;
use crate::task::Task;
use crate::time::Timestamp;

/// What was read about the thing a command is about.
#[derive(Debug, Clone, Copy)]
pub enum Record<'a> {
    /// Nothing yet: submissions, new tasks, stops.
    Absent,
    /// A stored request.
    Request {
        /// The row, as stored.
        record: &'a RequestRecord,
        /// The version it was read at.
        version: u64,
        /// Its action, rebuilt from the submission's attachments, where the command needs it.
        action: Option<&'a Action>,
        /// Its grant and the version it was read at, if it has one.
        grant: Option<(&'a Grant, u64)>,
    },
    /// A stored grant, with a lease.
    Grant {
        /// The row, as stored.
        grant: &'a Grant,
        /// The version it was read at.
        version: u64,
        /// The request it came from, where something is to be handed over: to take it away nothing of it is needed.
        of: Option<&'a RequestRecord>,
    },
    /// A stored task.
    Task {
        /// The row, as stored.
        task: &'a Task,
        /// The version it was read at.
        version: u64,
    },
}

/// What somebody wants to happen.
#[derive(Debug)]
pub enum Command {
    /// A requester asks for an action.
    Submit(Box<Submission>),
    /// A human decides.
    Review(Box<SubmittedReview>),
    /// Two people break the glass.
    BreakGlass(Box<BreakGlassNow>),
    /// A human or the requester says something without a verdict.
    Act(Act),
    /// The requester takes it back.
    Withdraw(Withdraw),
    /// The requester wants it executed.
    Redeem(Redeem),
    /// The executor reports.
    Report(Report),
    /// Its time has passed.
    Expire,
    /// It has waited so long that more people are asked.
    Escalate,
    /// A human, or the end of the task, takes it away.
    Revoke(Revoke),
    /// Something became of a lease.
    Lease(LeaseStep),
    /// A workload begins a task.
    StartTask(Box<TaskStart>),
    /// A workload ends its task.
    EndTask(TaskEnd),
    /// A human or a signal stops something.
    Stop(Box<StopChange>),
    /// A signal says that what a workload does is unusual.
    Flag(Box<FlagChange>),
}

/// What may leave once the write is durable.
#[derive(Debug)]
pub enum Release {
    /// The request as it now stands.
    Request(Box<RequestRecord>),
    /// The proof that the action may be executed, and the request as it now stands.
    Approved(Box<Approved>, Box<RequestRecord>),
    /// The grant as it now stands.
    Grant(Box<Grant>),
    /// The task as it now stands.
    Task(Box<Task>),
    /// All stops now.
    Stops(Stops),
}

/// A release that waits for its receipt.
// INVARIANT(release-after-durable): the only way in is a receipt for this very leaf.
#[derive(Debug)]
#[must_use]
pub struct Sealed {
    leaf: LeafBytes,
    release: Release,
}

/// The receipt belongs to another write.
#[derive(Debug, thiserror::Error)]
#[error("this receipt is for another leaf")]
pub struct WrongReceipt;

impl Sealed {
    fn new(write: &Write, release: Release) -> Self {
        Self {
            leaf: write.leaf.bytes(),
            release,
        }
    }

    /// Opens the seal with the receipt of its own write.
    ///
    /// # Errors
    /// [`WrongReceipt`] when the receipt's leaf is another.
    pub fn open(self, receipt: &Receipt) -> Result<Release, WrongReceipt> {
        if guard!("receipt-own-leaf", receipt.leaf != self.leaf) {
            return Err(WrongReceipt);
        }
        Ok(self.release)
    }

    /// What would be released. For dry runs, which never commit and never release proof.
    #[must_use]
    pub const fn preview(&self) -> Option<&RequestRecord> {
        match &self.release {
            Release::Request(record) => Some(record),
            Release::Approved(..) | Release::Grant(_) | Release::Task(_) | Release::Stops(_) => {
                None
            }
        }
    }
}

/// Decides.
///
/// # Errors
/// [`Refusal`] when there is nothing to decide: the input, the caller or the moment is wrong. Policy's and humans'
/// "no" are decisions, with a write of their own.
pub fn decide(
    record: Record<'_>,
    command: Command,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    match (command, record) {
        (Command::Submit(submission), Record::Absent) => {
            submit::submit(*submission, world, fresh, now)
        }
        (Command::StartTask(start), Record::Absent) => task::start(*start, world, fresh, now),
        (Command::Stop(change), Record::Absent) => stop::stop(&change, world, fresh, now),
        (Command::Flag(change), Record::Absent) => flag::flag(&change, world, fresh, now),
        (Command::EndTask(end), Record::Task { task, version }) => {
            task::end(&end, task, version, fresh, now)
        }
        (Command::Lease(step), Record::Grant { grant, version, of }) => {
            lease::step(&step, (grant, version, of), world, fresh, now)
        }
        (
            said @ (Command::Review(_) | Command::BreakGlass(_) | Command::Act(_)),
            Record::Request {
                record, version, ..
            },
        ) => said_of(said, record, version, world, fresh, now),
        (
            Command::Withdraw(withdraw),
            Record::Request {
                record,
                version,
                grant,
                ..
            },
        ) => close::withdraw(&withdraw, record, version, grant, fresh, now),
        (
            Command::Redeem(redeem),
            Record::Request {
                record,
                version,
                action: Some(action),
                grant,
            },
        ) => redeem::redeem(&redeem, record, version, action, grant, world, fresh, now),
        (
            Command::Report(report),
            Record::Request {
                record,
                version,
                grant,
                ..
            },
        ) => report::report(report, record, version, grant, fresh, now),
        (
            Command::Expire,
            Record::Request {
                record,
                version,
                grant,
                ..
            },
        ) => close::expire(record, version, grant, fresh, now),
        (Command::Escalate, about) => escalate::escalate(about, fresh, now),
        (
            Command::Revoke(revoke),
            Record::Request {
                record,
                version,
                grant,
                ..
            },
        ) => close::revoke(revoke, record, version, grant, world, fresh, now),
        _ => Err(Refusal::NoSuchRequest),
    }
}

/// What people, or the requester without a verdict, say of a request.
fn said_of(
    said: Command,
    record: &RequestRecord,
    version: u64,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    match said {
        Command::Review(review) => review::review(*review, record, version, world, fresh, now),
        Command::BreakGlass(opening) => glass::open(&opening, record, version, world, fresh, now),
        Command::Act(act) => act::act(act, record, version, world, fresh, now),
        _ => Err(Refusal::NoSuchRequest),
    }
}
