//! Tasks begin with a purpose that never changes, and end with everything that was granted within them.

use super::world::{CallNonce, Fresh, World};
use super::writer::{About, Writer};
use super::{Release, Sealed};
use crate::commit::{LeafKind, RowIndex, RowKey, Table, Write};
use crate::entry::Event;
use crate::hash::Hash;
use crate::ids::{HumanId, WorkloadId};
use crate::refusal::Refusal;
use crate::task::{Boundary, Task, TaskState};
use crate::time::Timestamp;

/// What the record of a task that ended says.
pub const TASK_ENDED: &str = "ended";

/// Longest purpose in bytes.
pub const PURPOSE_BYTES_MAX: usize = 8 << 10;

/// A workload begins a task.
#[derive(Debug, Clone)]
pub struct TaskStart {
    /// Whose.
    pub workload: WorkloadId,
    /// The key that signed this call.
    pub key: Hash,
    /// The nonce of its proof.
    pub nonce: CallNonce,
    /// What for, in the requester's words: a claim, kept as an attachment, fixed from now on.
    pub purpose: String,
    /// On whose behalf.
    pub on_behalf_of: Option<HumanId>,
    /// Whether the gate knows that itself.
    pub attested: bool,
    /// What it may touch.
    pub boundary: Option<Boundary>,
}

/// A workload ends its task.
#[derive(Debug, Clone)]
pub struct TaskEnd {
    /// The key that signed this call.
    pub key: Hash,
    /// The nonce of its proof.
    pub nonce: CallNonce,
}

/// The hash of a purpose.
#[must_use]
pub fn purpose_hash(purpose: &str) -> Hash {
    Hash::tagged("gatehold/purpose/v1", &[purpose.as_bytes()])
}

pub(super) fn start(
    start: TaskStart,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if start.purpose.trim().is_empty() || start.purpose.len() > PURPOSE_BYTES_MAX {
        return Err(Refusal::Claims(format!(
            "a task states its purpose in 1 to {PURPOSE_BYTES_MAX} bytes"
        )));
    }
    let registered = world
        .directory
        .workloads
        .get(&start.workload)
        .ok_or(Refusal::UnknownPrincipal)?;
    let living =
        registered.lifecycle == crate::directory::Lifecycle::Active && now <= registered.not_after;
    if guard!("task-workload-active", !living) {
        return Err(Refusal::NotYours("the workload is not active"));
    }
    let task = Task {
        id: fresh.task,
        workload: start.workload.clone(),
        key: start.key,
        purpose: purpose_hash(&start.purpose),
        on_behalf_of: start.on_behalf_of,
        attested: start.attested,
        boundary: start.boundary,
        state: TaskState::Open,
        started_at: now,
    };
    let mut writer = Writer::new(fresh);
    writer.guard_world(world, start.workload.as_str());
    if guard!("task-start-deadline-in-commit", true) {
        writer.deadline(registered.not_after);
    }
    if guard!("task-start-nonce-once", true) {
        writer.once_called(&start.key, &start.nonce);
    }
    writer.attach("purpose", start.purpose.into_bytes());
    write(writer, task, 0, "started", now)
}

pub(super) fn end(
    end: &TaskEnd,
    task: &Task,
    version: u64,
    fresh: &Fresh,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    if guard!("task-end-own-key", task.key != end.key) {
        return Err(Refusal::NoSuchRequest);
    }
    if guard!("task-end-once", task.state == TaskState::Ended) {
        return Err(Refusal::Task("it has ended"));
    }
    let mut writer = Writer::new(fresh);
    if guard!("task-end-nonce-once", true) {
        writer.once_called(&end.key, &end.nonce);
    }
    write(
        writer,
        Task {
            state: TaskState::Ended,
            ..task.clone()
        },
        version,
        TASK_ENDED,
        now,
    )
}

fn write(
    mut writer: Writer<'_>,
    task: Task,
    version: u64,
    what: &str,
    now: Timestamp,
) -> Result<(Write, Sealed), Refusal> {
    let index = RowIndex {
        state: task.state.name().to_owned(),
        due: task.boundary.as_ref().map(|boundary| boundary.not_after),
        owner: task.workload.to_string(),
        group: String::new(),
    };
    writer.put_row(RowKey::new(Table::Task, &task.id), version, &task, index)?;
    let event = Event::Task {
        task: task.id,
        what: what.to_owned(),
        purpose: task.purpose,
        requester: task.workload.to_string(),
    };
    let write = writer.finish(LeafKind::Task, &About::default(), event, now)?;
    let sealed = Sealed::new(&write, Release::Task(Box::new(task)));
    Ok((write, sealed))
}
