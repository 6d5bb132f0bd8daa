//! Commits one decision and opens its seal. The only place where a conflict, a lost answer or a replay is told apart.

use gatehold_core::commit::{Conflict, Guard, Receipt, Write};
use gatehold_core::decide::{Release, Sealed};
use gatehold_core::guard;
use gatehold_core::refusal::Refusal;
use gatehold_core::task::Chain;

use crate::believed::restricting;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::StoreFault;

/// How often a decision is made anew when the world changes under it.
pub(crate) const TRIES: usize = 6;

/// What became of a write.
pub(crate) enum Committed {
    /// Durable, and what it releases.
    Done(Receipt, Release),
    /// The world changed: load and decide again.
    Again,
}

impl Gate {
    pub(crate) async fn commit(
        &self,
        write: Write,
        sealed: Sealed,
    ) -> Result<Committed, GateError> {
        let leaf = write.leaf.bytes();
        let restricting = restricting(&write);
        let restricts = !restricting.is_empty();
        let mut counted = write.counters.iter();
        let step = counted.find_map(|counter| Chain::task_of(&counter.key));
        let answers = self.store().commit(vec![write]).await;
        self.store_said(&answers);
        let receipt = match answers {
            Ok(answers) => match answers.into_iter().next() {
                Some(Ok(receipt)) => receipt,
                Some(Err(conflict)) => return lost(conflict),
                None => return Err(GateError::damaged("the store answered nothing")),
            },
            // The answer was lost, not necessarily the write: the leaf's key tells.
            Err(StoreFault::OutcomeUnknown) if guard!("lost-answer-looked-up", true) => {
                match self.store().receipt_of(&leaf).await? {
                    Some(receipt) => receipt,
                    None => return Ok(Committed::Again),
                }
            }
            Err(fault) => return Err(fault.into()),
        };
        self.believed().wrote(restricting, receipt.index);
        self.inner.decided.notify_waiters();
        if restricts {
            self.look_again();
        }
        if let Some(task) = step {
            self.stepped(task);
        }
        let release = sealed.open(&receipt).map_err(GateError::damaged)?;
        Ok(Committed::Done(receipt, release))
    }

    /// Commits a write that releases nothing.
    pub(crate) async fn commit_plain(&self, write: Write) -> Result<Option<Receipt>, GateError> {
        let leaf = write.leaf.bytes();
        let answers = self.store().commit(vec![write]).await;
        self.store_said(&answers);
        match answers {
            Ok(answers) => match answers.into_iter().next() {
                Some(Ok(receipt)) => Ok(Some(receipt)),
                Some(Err(_)) => Ok(None),
                None => Err(GateError::damaged("the store answered nothing")),
            },
            Err(StoreFault::OutcomeUnknown) => Ok(self.store().receipt_of(&leaf).await?),
            Err(fault) => Err(fault.into()),
        }
    }
}

fn lost(conflict: Conflict) -> Result<Committed, GateError> {
    match conflict {
        Conflict::Guard(Guard::Absent(key, _))
            if key.0.starts_with("nonce:") || key.0.starts_with("review:") =>
        {
            Err(Refusal::Replayed.into())
        }
        Conflict::Guard(_) => Ok(Committed::Again),
        Conflict::Deadline => Err(Refusal::TooLate("the deadline").into()),
        Conflict::Malformed(what) => {
            Err(GateError::Damaged(format!("a write was malformed: {what}")))
        }
    }
}
