//! Executions that this process has under way. When the task ends, the request is revoked, or a stop covers it, the call
//! is given up: the executor closes its connection and what came of it is Unknown, because nobody can tell.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use gatehold_core::action::Envelope;
use gatehold_core::approved::Approved;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::RequestId;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::requester::Requester;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;
use tokio::sync::oneshot;

use crate::case::Shown;
use crate::error::GateError;
use crate::gate::Gate;
use crate::input::Word;
use crate::ports::executor::{Ending, Execution};
use crate::stored::body;

/// How long a revocation waits for the report of what it gave up; the record says so when none has come.
const REPORT_SECONDS: u32 = 10;

/// What is under way, and how to give each of it up.
pub(crate) type Running = BTreeMap<RequestId, UnderWay>;

/// One execution.
pub(crate) struct UnderWay {
    envelope: Envelope,
    by_human: bool,
    /// The key that asked for it.
    key: Hash,
    give_up: oneshot::Sender<&'static str>,
}

/// What was under way was given up.
pub(crate) struct GivenUp {
    pub(crate) code: &'static str,
    /// Whether the target may have been reached.
    begun: bool,
}

impl GivenUp {
    /// What can be said of it.
    pub(crate) const fn ending(&self) -> Ending {
        if self.begun {
            Ending::Unknown
        } else {
            Ending::Failed
        }
    }
}

impl Gate {
    /// Executes, unless it is given up before the target has answered.
    pub(crate) async fn execute(
        &self,
        approved: Approved,
        record: &RequestRecord,
        word: Word,
    ) -> Execution {
        let evidence = Shown::new(self, record, word);
        let execution = self.inner.parts.executor.execute(approved, &evidence);
        match self.under_way(record, execution).await {
            Ok(execution) => execution,
            Err(given_up) => Execution {
                ending: given_up.ending(),
                ..cancelled(given_up.code)
            },
        }
    }

    /// Does something at a target, unless it is given up before the target has answered.
    pub(crate) async fn under_way<T>(
        &self,
        record: &RequestRecord,
        work: impl Future<Output = T>,
    ) -> Result<T, GivenUp> {
        let (give_up, given_up) = oneshot::channel();
        let under_way = UnderWay {
            envelope: record.envelope.clone(),
            by_human: matches!(record.requester, Requester::Human { .. }),
            key: record.requester.key(),
            give_up,
        };
        self.running().insert(record.id, under_way);
        let _forget = Forget {
            gate: self,
            id: record.id,
        };
        // A stop that was set between the claim and here: whoever set it looked before this was listed.
        self.give_up_ended().await;
        // INVARIANT(journal-first): an act that was kept after the claim was decided finds it listed, or is found here.
        if self.journal_waiting() > 0 {
            return Err(GivenUp {
                code: "stopped",
                begun: false,
            });
        }
        tokio::select! {
            biased;
            Ok(code) = given_up => Err(GivenUp { code, begun: true }),
            done = work => Ok(done),
        }
    }

    /// Gives up what runs here although its task has ended or a stop covers it. Asked again by the next tick.
    pub(crate) async fn give_up_ended(&self) {
        if let Err(error) = self.try_give_up_ended().await {
            tracing::warn!(%error, "whether executions were stopped could not be asked");
        }
    }

    async fn try_give_up_ended(&self) -> Result<(), GateError> {
        if self.running().is_empty() {
            return Ok(());
        }
        // What is known ends at once, whatever becomes of reading on: the leaves can only add to it.
        self.give_up_stopped(&self.stops_known().await);
        let stops = self.stops_now().await.map(|stops| stops.value);
        if let Ok(stops) = &stops {
            self.give_up_stopped(stops);
        }
        let tasks = self.give_up_task_ended().await;
        stops.and(tasks)
    }

    fn give_up_stopped(&self, stops: &Stops) {
        self.give_up_where("stopped", |envelope, by_human, _| {
            let stopped = stops.reason(
                &envelope.workload,
                envelope.task.as_ref(),
                &envelope.target,
                &envelope.resource,
            );
            guard!("running-stopped", stopped.is_some() && !by_human)
        });
    }

    async fn give_up_task_ended(&self) -> Result<(), GateError> {
        let listed: Vec<_> = self
            .running()
            .iter()
            .map(|(id, under_way)| (*id, under_way.envelope.clone()))
            .collect();
        let now = self.store().now().await?;
        let mut asked = Ok(());
        for (id, envelope) in listed {
            match self.has_ended(&envelope, now).await {
                Ok(ended) if guard!("running-task-ended", ended) => {
                    self.give_up(&id, "task_ended");
                }
                Ok(_) => {}
                // One task's row that cannot be read keeps no other execution going.
                Err(error) => asked = Err(error),
            }
        }
        asked
    }

    /// Gives one execution up. Whether it ran here.
    pub(crate) fn give_up(&self, id: &RequestId, code: &'static str) -> bool {
        let under_way = self.running().remove(id);
        under_way.is_some_and(|under_way| under_way.give_up.send(code).is_ok())
    }

    /// Gives up whatever runs here and is covered.
    pub(crate) fn give_up_where(
        &self,
        code: &'static str,
        covered: impl Fn(&Envelope, bool, &Hash) -> bool,
    ) {
        let ids: Vec<_> = self
            .running()
            .iter()
            .filter(|(_, under_way)| {
                covered(&under_way.envelope, under_way.by_human, &under_way.key)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.give_up(&id, code);
        }
    }

    /// Takes away what runs here: it is given up, and the row says what became of it.
    pub(crate) async fn revoke_running(
        &self,
        id: RequestId,
    ) -> Result<Option<RequestRecord>, GateError> {
        if !self.give_up(&id, "revoked") {
            return Ok(None);
        }
        let mut record = self.request(id).await?.record;
        for _ in 0..REPORT_SECONDS {
            if record.state != State::Executing {
                break;
            }
            let decided = self.inner.decided.notified();
            record = self.request(id).await?.record;
            if record.state == State::Executing {
                let _ = tokio::time::timeout(Duration::from_secs(1), decided).await;
            }
        }
        Ok(Some(record))
    }

    async fn has_ended(&self, envelope: &Envelope, now: Timestamp) -> Result<bool, GateError> {
        let Some(task) = &envelope.task else {
            return Ok(false);
        };
        let row = self.row(&RowKey::new(Table::Task, task)).await?;
        let task = row.as_ref().map(body::<Task>).transpose()?;
        Ok(task.is_none_or(|task| {
            let over = task
                .boundary
                .is_some_and(|boundary| now > boundary.not_after);
            task.state == TaskState::Ended || over
        }))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        let running = &self.inner.running;
        running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes an execution off the list, however it ended.
struct Forget<'a> {
    gate: &'a Gate,
    id: RequestId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.gate.running().remove(&self.id);
    }
}

fn cancelled(code: &'static str) -> Execution {
    Execution {
        ending: Ending::Unknown,
        code,
        quantity: None,
        status: None,
        media_type: String::new(),
        body: Vec::new(),
        truncated: false,
    }
}
