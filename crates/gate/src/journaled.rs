//! Acts in the safe direction while the store refuses: kept in the revocation journal before they are acknowledged, and in
//! force here at once. They are done again as soon as the store takes them; until then nothing else is decided.

use gatehold_core::action::Envelope;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;
use tracing::Instrument as _;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::journal::{Journal, JournalEntry};
use crate::ports::store::StoreFault;
use crate::safe_act::{KeptAct, SafeAct};

impl Gate {
    pub(crate) fn journal(&self) -> Option<&dyn Journal> {
        self.inner.parts.journal.as_deref()
    }

    /// Acts that are kept in the journal and not in the ledger yet.
    #[must_use]
    pub fn journal_waiting(&self) -> u64 {
        self.journal().map_or(0, Journal::waiting)
    }

    /// The time by which a call's freshness is judged. While the store does not say it, this machine's clock does: nothing
    /// can be let out then, and acts in the safe direction still have to be told from replayed ones.
    ///
    /// # Errors
    /// When the store does not answer and there is no journal.
    pub async fn now_for_calls(&self) -> Result<Timestamp, GateError> {
        match (self.now().await, self.journal()) {
            (Err(GateError::Store(_)), Some(journal)) => Ok(journal.clock()),
            (now, _) => now,
        }
    }

    /// What was tried in the store; when the store refused, the act is kept instead.
    pub(crate) async fn or_keep<T>(
        &self,
        tried: Result<T, GateError>,
        act: impl FnOnce() -> SafeAct,
    ) -> Result<T, GateError> {
        match tried {
            Err(GateError::Store(fault)) => Err(self.keep(act().shortened(), fault).await),
            tried => tried,
        }
    }

    /// In a task of its own: a caller that goes away ends nothing halfway, and lets nobody past the shares meanwhile.
    async fn keep(&self, act: SafeAct, fault: StoreFault) -> GateError {
        let (gate, refused) = (self.clone(), fault.clone());
        let kept = async move { gate.keep_alone(act, refused).await };
        tokio::spawn(kept.in_current_span())
            .await
            .unwrap_or_else(|_| fault.into())
    }

    // INVARIANT(kept-before-told): the entry is on the device before the caller hears that the act is in force.
    async fn keep_alone(&self, act: SafeAct, fault: StoreFault) -> GateError {
        let Some(journal) = self.journal() else {
            return fault.into();
        };
        if let Err(refusal) = self.may_be_kept(&act) {
            return refusal.into();
        }
        // What is kept is looked at and added to by one at a time: a burst of calls has the share of one call after another.
        let alone = self.inner.keeping.lock().await;
        let kept = acts(journal.kept());
        let mut act = act;
        if !act.is_kept_in(&kept) {
            if act.is_signed_by_revoked(&kept) {
                let text = "a key that signed it has lost its force; sign with one that has it";
                return Refusal::Claims(text.to_owned()).into();
            }
            act = match act.fitted(&kept) {
                Some(fitted) => fitted,
                None => return fault.into(),
            };
            let bytes = match KeptAct::new(journal.clock(), act.clone()).to_bytes() {
                Ok(bytes) => bytes,
                Err(error) => return GateError::Damaged(error),
            };
            if let Err(refused) = journal.keep(bytes).await {
                tracing::error!(%refused, %fault, "neither the store nor the journal keeps a revocation");
                return fault.into();
            }
            tracing::error!(%fault, act = act.said(), "the store refuses; the act is kept in the revocation journal");
        }
        drop(alone);
        self.give_up_kept(&act);
        GateError::Journaled
    }

    /// By what this process knows: the store may not answer. It is decided in full when it reaches the store.
    fn may_be_kept(&self, act: &SafeAct) -> Result<(), Refusal> {
        let active = self.active();
        let known = |human: &HumanId| active.directory.humans.contains_key(human);
        match act {
            SafeAct::Revoke { human, .. }
            | SafeAct::Deny { human, .. }
            | SafeAct::Stop { human, .. }
            | SafeAct::Suspend { human, .. } => {
                known(human).then_some(()).ok_or(Refusal::NotEntitled)
            }
            SafeAct::RevokeKey { revocation } => revocation
                .check(&active.directory)
                .map_err(|error| Refusal::Claims(error.to_string())),
            SafeAct::Withdraw { key, .. } | SafeAct::EndTask { key, .. } => {
                let directory = &active.directory;
                let known = directory.workload_by_key(key).is_some()
                    || directory.point_by_key(key).is_some()
                    || directory.holder(key).is_some();
                known.then_some(()).ok_or(Refusal::UnknownPrincipal)
            }
            // Its keys are pinned, and what it may stop was looked up before.
            SafeAct::Signal { .. } => Ok(()),
        }
    }

    /// Ends here at once what the act covers.
    fn give_up_kept(&self, act: &SafeAct) {
        match act {
            SafeAct::Revoke { request, .. } => {
                self.give_up(request, "revoked");
            }
            SafeAct::Stop { add, .. } | SafeAct::Signal { add, .. } => {
                self.give_up_where("stopped", |envelope, by_human, _| {
                    let reason = add.reason(
                        &envelope.workload,
                        envelope.task.as_ref(),
                        &envelope.target,
                        &envelope.resource,
                    );
                    reason.is_some() && !by_human
                })
            }
            SafeAct::EndTask { key, task } => {
                let own = |envelope: &Envelope, _, by: &Hash| {
                    envelope.task.as_ref() == Some(task) && by == key
                };
                self.give_up_where("task_ended", own);
            }
            SafeAct::Deny { .. }
            | SafeAct::RevokeKey { .. }
            | SafeAct::Suspend { .. }
            | SafeAct::Withdraw { .. } => {}
        }
    }

    /// Acts that are only in the journal yet.
    pub(crate) fn kept_acts(&self) -> Vec<SafeAct> {
        let journal = self.journal().filter(|journal| journal.waiting() > 0);
        journal.map_or_else(Vec::new, |journal| acts(journal.kept()))
    }

    /// Whether an act that is only in the journal yet took a key's force.
    pub(crate) fn is_key_revoked_in_journal(&self, human: &HumanId, key: &Hash) -> bool {
        self.is_suspended_in_journal(human)
            || self
                .kept_acts()
                .iter()
                .filter_map(SafeAct::revoked_key)
                .any(|revoked| revoked.human == *human && revoked.key == *key)
    }
}

/// What was opened at start can be read; anything else is not passed over in [`Gate::replay_journal`].
fn acts(kept: Vec<JournalEntry>) -> Vec<SafeAct> {
    let read = |entry: JournalEntry| Some(KeptAct::from_bytes(&entry.bytes).ok()?.act);
    kept.into_iter().filter_map(read).collect()
}
