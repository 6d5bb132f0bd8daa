//! A task as people look at it: its purpose, what it may touch, what it has added up to, and its steps.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TaskId;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::task::{Chain, Task};
use gatehold_core::time::Timestamp;

use crate::chain::opened;
use crate::error::GateError;
use crate::gate::Gate;
use crate::owned::ROWS_MAX;
use crate::ports::store::RowQuery;
use crate::stored::body;
use crate::who_stopped::{SaidStop, WhoStopped};

/// One task.
#[derive(Debug, Clone)]
pub struct TaskLooked {
    /// The task.
    pub task: Task,
    /// What it is for, in the requester's words; nothing once they were erased.
    pub purpose: Option<String>,
    /// What its steps add up to.
    pub chain: Chain,
    /// Its requests, newest first. Of the held ones reviews are withheld.
    pub steps: Vec<RequestRecord>,
    /// Whether those are all.
    pub whole: bool,
    /// Whether it is stopped, and by what.
    pub stopped: Option<&'static str>,
    /// Who stopped it, or its workload or everything.
    pub who_stopped: Option<SaidStop>,
    /// The store's time.
    pub now: Timestamp,
}

impl Gate {
    /// A task, for somebody who is enrolled.
    ///
    /// # Errors
    /// When there is none, or the store does not answer.
    pub async fn look_at_task(&self, id: TaskId) -> Result<TaskLooked, GateError> {
        let row = self.row(&RowKey::new(Table::Task, &id)).await?;
        let row = row.ok_or(Refusal::NoSuchRequest)?;
        let task: Task = body(&row)?;
        if task.id != id {
            return Err(GateError::damaged("a task stands under another id"));
        }
        let stops = self.stops_now().await?.value;
        let who = WhoStopped::of(&self.active().restraints);
        let (stopped, who) = if stops.everything {
            let by = who.last(|said| said.everything);
            (Some("everything is stopped"), by)
        } else if stops.tasks.contains(&id) {
            let by = who.last(|said| said.tasks.contains(&id));
            (Some("this task is stopped"), by)
        } else if stops.workloads.contains(&task.workload) {
            let by = who.last(|said| said.workloads.contains(&task.workload));
            (Some("its workload is stopped"), by)
        } else {
            (None, None)
        };
        let who_stopped = who.cloned();
        let query = RowQuery {
            group: Some(id.to_string()),
            newest_first: true,
            limit: ROWS_MAX,
            ..RowQuery::default()
        };
        let (steps, whole) = self.believed_requests(&query).await?;
        let chain = match steps.first() {
            Some(step) => self.chain_of(&id, step).await?,
            None => Chain::default(),
        };
        let begun = self.whole_leaf(row.first_leaf).await?;
        let purpose = begun.as_ref().and_then(|leaf| opened(leaf, "purpose").ok());
        let named = |text: &&[u8]| Hash::tagged("gatehold/purpose/v1", &[text]) == task.purpose;
        let purpose = purpose.filter(named);
        Ok(TaskLooked {
            purpose: purpose.map(|text| String::from_utf8_lossy(text).into_owned()),
            chain,
            steps,
            whole,
            stopped,
            who_stopped,
            now: self.store().now().await?,
            task,
        })
    }

    async fn chain_of(&self, id: &TaskId, step: &RequestRecord) -> Result<Chain, GateError> {
        let keys = Chain::counters(id, &step.envelope.target);
        let counts = self.store().counters(&keys).await?;
        let counts = counts.try_into().map(Chain::from_counts);
        counts.map_err(|_| GateError::damaged("the store counts something else"))
    }
}
