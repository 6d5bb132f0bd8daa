//! Executions whose end could not be stored at once. The effect has happened: what came of it is kept until a tick stores
//! it, so that a store that fails for a moment does not make an answer that is known Unknown.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use gatehold_core::ids::RequestId;
use gatehold_core::request::RequestRecord;
use gatehold_core::request::state::Event as Step;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::executor::{Ending, Execution};

/// Most executions kept. What is beyond them becomes Unknown after its time, as after a crash.
const KEPT_MAX: usize = 1_024;

/// What came of each.
pub(crate) type Unreported = BTreeMap<RequestId, Execution>;

impl Gate {
    /// Stores what came of an execution, or keeps it for the next tick.
    ///
    /// # Errors
    /// [`GateError`] when it is not stored yet; `observe` tells once it is.
    pub(crate) async fn report(
        &self,
        id: RequestId,
        execution: Execution,
    ) -> Result<RequestRecord, GateError> {
        let reported = self.try_report(id, &execution).await;
        if let Err(error @ (GateError::Busy | GateError::Damaged(_) | GateError::Store(_))) =
            &reported
        {
            tracing::warn!(request = %id, %error, "what came of an execution is not stored yet");
            let mut unreported = self.unreported();
            if unreported.len() < KEPT_MAX {
                unreported.insert(id, execution);
            }
        }
        reported
    }

    /// What came of an execution, in place of what was kept of it: stored by the next tick.
    pub(crate) fn report_later(&self, id: RequestId, execution: Execution) {
        let mut unreported = self.unreported();
        if unreported.len() < KEPT_MAX || unreported.contains_key(&id) {
            unreported.insert(id, execution);
        }
    }

    /// Stores what was kept.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn report_kept(&self) -> Result<u64, GateError> {
        let kept: Vec<_> = self.unreported().keys().copied().collect();
        let mut reported = 0;
        for id in kept {
            let Some(execution) = self.unreported().get(&id).cloned() else {
                continue;
            };
            match self.try_report(id, &execution).await {
                Ok(_) => reported += 1,
                Err(GateError::Busy) => continue,
                // Somebody changed the database; it can be stored once that is undone.
                Err(error @ GateError::Damaged(_)) => {
                    tracing::error!(request = %id, %error, "what came of an execution cannot be stored yet");
                    continue;
                }
                Err(error @ GateError::Store(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(request = %id, %error, "what came of an execution cannot be stored");
                }
            }
            self.unreported().remove(&id);
        }
        Ok(reported)
    }

    async fn try_report(
        &self,
        id: RequestId,
        execution: &Execution,
    ) -> Result<RequestRecord, GateError> {
        let step = match execution.ending {
            Ending::Completed => Step::Completed,
            Ending::Failed => Step::Failed,
            Ending::Unknown => Step::Lost,
        };
        self.report_step(
            id,
            step,
            execution.code,
            execution.quantity,
            &execution.body,
        )
        .await
    }

    fn unreported(&self) -> MutexGuard<'_, Unreported> {
        let unreported = &self.inner.unreported;
        unreported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
