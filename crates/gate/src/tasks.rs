//! Tasks begin and end; with a task end the grants that were made within it.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::{
    CallNonce, Command, Record, Release, Revoke, TaskEnd, TaskStart, decide,
};
use gatehold_core::hash::Hash;
use gatehold_core::ids::TaskId;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::task::Task;

use crate::answers::{Caller, StartTask};
use crate::drive::{Committed, TRIES};
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::safe_act::SafeAct;
use crate::stored::body;
use crate::submit::workload_of;

/// Requests looked through at once.
const PAGE: u32 = 200;

impl Gate {
    /// A workload begins a task.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn start_task(&self, caller: &Caller, input: StartTask) -> Result<Task, GateError> {
        self.journal_first().await?;
        for _ in 0..TRIES {
            let active = self.current().await?;
            let workload = workload_of(caller, &active.directory)?;
            let by_point = active.directory.point_by_key(&caller.key).is_some();
            let loaded = self.load(workload.as_str(), None, None).await?;
            let start = TaskStart {
                workload,
                key: caller.key,
                nonce: caller.nonce.clone(),
                purpose: input.purpose.clone(),
                on_behalf_of: input.on_behalf_of.clone(),
                // Only an enforcement point saw the human; a workload's word frees nobody to decide.
                attested: by_point,
                boundary: input.boundary.clone(),
            };
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let (write, sealed) = decide(
                Record::Absent,
                Command::StartTask(Box::new(start)),
                &world,
                &fresh,
                loaded.now,
            )?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Task(task)) => return Ok(*task),
                Committed::Done(..) => {
                    return Err(GateError::damaged("a task start releases a task"));
                }
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }

    /// A workload ends its task: nothing of it can be used any more.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn end_task(&self, caller: &Caller, id: TaskId) -> Result<Task, GateError> {
        let ended = self
            .end_task_stored(caller.key, caller.nonce.clone(), id)
            .await;
        let key = caller.key;
        let ended = self
            .or_keep(ended, || SafeAct::EndTask { key, task: id })
            .await;
        self.unless_replayed(caller, ended).await
    }

    pub(crate) async fn end_task_stored(
        &self,
        key: Hash,
        nonce: CallNonce,
        id: TaskId,
    ) -> Result<Task, GateError> {
        for _ in 0..TRIES {
            let row = self
                .row(&RowKey::new(Table::Task, &id))
                .await?
                .ok_or(Refusal::NoSuchRequest)?;
            let task: Task = body(&row)?;
            let loaded = self.load(task.workload.as_str(), None, None).await?;
            let end = TaskEnd {
                key,
                nonce: nonce.clone(),
            };
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let record = Record::Task {
                task: &task,
                version: row.version,
            };
            let (write, sealed) =
                decide(record, Command::EndTask(end), &world, &fresh, loaded.now)?;
            match self.commit(write, sealed).await? {
                Committed::Done(_, Release::Task(ended)) => {
                    self.give_up_ended().await;
                    self.end_grants(id).await?;
                    self.end_leases_of(id).await?;
                    return Ok(*ended);
                }
                Committed::Done(..) => {
                    return Err(GateError::damaged("a task end releases a task"));
                }
                Committed::Again => {}
            }
        }
        Err(self.overtaken().await)
    }

    /// Revokes what is still open in a task. Redemption refuses it already: this makes the record say so.
    pub(crate) async fn end_grants(&self, task: TaskId) -> Result<u64, GateError> {
        let mut ended = 0;
        let mut after = None;
        loop {
            let query = RowQuery {
                states: [State::Allowed, State::Held, State::Redeemable]
                    .map(|state| state.name().to_owned())
                    .to_vec(),
                group: Some(task.to_string()),
                after_leaf: after,
                limit: PAGE,
                ..RowQuery::default()
            };
            let rows = self.store().rows(Table::Request, &query).await?;
            let Some(last) = rows.last() else {
                return Ok(ended);
            };
            after = Some(last.first_leaf);
            for row in &rows {
                let Ok(id) = row.key.id.parse() else { continue };
                let revoke = Revoke {
                    human: None,
                    code: "task_ended",
                };
                match self.revoke_with(id, revoke).await {
                    Ok(_) => ended += 1,
                    // Somebody else ended it first.
                    Err(GateError::Refused(Refusal::WrongState { .. })) => {}
                    Err(GateError::Damaged(what)) => {
                        tracing::error!(request = %row.key.id, what, "cannot be ended");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }
}
