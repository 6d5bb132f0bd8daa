//! Acts in the safe direction while the store refuses: kept in the revocation journal before they are acknowledged, in
//! force here at once, and done again as ordinary guarded writes as soon as the store takes them. Until then nothing else
//! is decided.

use gatehold_core::action::Envelope;
use gatehold_core::decide::{Act, ActBy, ActKind, CallNonce, Command, Withdraw};
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::KeyRevocation;

use crate::error::{GateError, OpenError};
use crate::gate::Gate;
use crate::ports::journal::{Journal, JournalEntry};
use crate::ports::store::StoreFault;
use crate::safe_act::{KeptAct, SafeAct};

/// Most entries of machines, so that people's revocations always find room.
const MACHINES_MAX: usize = 128;
/// Most entries of one machine key.
const ONE_MACHINE_MAX: usize = 8;

impl Gate {
    fn journal(&self) -> Option<&dyn Journal> {
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

    // INVARIANT(kept-before-told): the entry is on the device before the caller hears that the act is in force.
    async fn keep(&self, act: SafeAct, fault: StoreFault) -> GateError {
        let Some(journal) = self.journal() else {
            return fault.into();
        };
        if let Err(refusal) = self.may_be_kept(&act) {
            return refusal.into();
        }
        let kept = entries(journal.kept());
        if !kept.iter().any(|(_, kept)| kept.act == act) {
            if !has_room(&act, &kept) {
                return fault.into();
            }
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
            | SafeAct::Stop { human, .. } => known(human).then_some(()).ok_or(Refusal::NotEntitled),
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
        }
    }

    /// Ends here at once what the act covers.
    fn give_up_kept(&self, act: &SafeAct) {
        match act {
            SafeAct::Revoke { request, .. } => {
                self.give_up(request, "revoked");
            }
            SafeAct::Stop { add, .. } => self.give_up_where("stopped", |envelope, by_human, _| {
                let reason = add.reason(
                    &envelope.workload,
                    envelope.task.as_ref(),
                    &envelope.target,
                    &envelope.resource,
                );
                reason.is_some() && !by_human
            }),
            SafeAct::EndTask { key, task } => {
                let own = |envelope: &Envelope, _, by: &Hash| {
                    envelope.task.as_ref() == Some(task) && by == key
                };
                self.give_up_where("task_ended", own);
            }
            SafeAct::Deny { .. } | SafeAct::RevokeKey { .. } | SafeAct::Withdraw { .. } => {}
        }
    }

    /// Whether a key was revoked by an act that is only in the journal yet.
    pub(crate) fn is_key_revoked_in_journal(&self, human: &HumanId, key: &Hash) -> bool {
        let Some(journal) = self.journal().filter(|journal| journal.waiting() > 0) else {
            return false;
        };
        entries(journal.kept())
            .iter()
            .any(|(_, kept)| match &kept.act {
                SafeAct::RevokeKey { revocation } => {
                    let statement = revocation.statement.as_bytes();
                    gatehold_core::json::canonical::from_canonical_bytes::<KeyRevocation>(statement)
                        .is_ok_and(|revoked| revoked.human == *human && revoked.key == *key)
                }
                _ => false,
            })
    }

    /// Nothing is let out past what the journal holds: it is brought into the store first, or nothing is decided.
    // INVARIANT(journal-first): whatever can let something out asks this before it reads and again before it executes.
    pub(crate) async fn journal_first(&self) -> Result<(), GateError> {
        if self.journal_waiting() == 0 {
            return Ok(());
        }
        if let Err(error) = self.replay_journal().await {
            tracing::warn!(%error, "the revocation journal could not be replayed");
        }
        match self.journal_waiting() {
            0 => Ok(()),
            waiting => Err(GateError::JournalWaits(waiting)),
        }
    }

    /// Brings what the journal holds into the store, oldest first, and forgets each act once it is durable there. Doing one
    /// twice changes nothing.
    pub(crate) async fn replay_journal(&self) -> Result<u64, GateError> {
        let Some(journal) = self.journal().filter(|journal| journal.waiting() > 0) else {
            return Ok(0);
        };
        let _one_at_a_time = self.inner.replaying.lock().await;
        let mut replayed = 0;
        let mut stuck = Ok(());
        for entry in journal.kept() {
            let kept = KeptAct::from_bytes(&entry.bytes)
                .map_err(|error| GateError::Damaged(unreadable(entry.number, &error)))?;
            match self.redo(kept.act.clone(), entry.number, kept.at).await {
                Ok(()) => tracing::info!(
                    act = kept.act.said(),
                    "an act of the journal is in the ledger"
                ),
                Err(GateError::Refused(Refusal::Stale)) => return Err(GateError::Busy),
                Err(GateError::Refused(refusal)) => {
                    // Over already, or never this person's to do: there is nothing that it could still end.
                    tracing::warn!(act = kept.act.said(), %refusal, "an act of the journal changes nothing");
                }
                // Somebody changed what it ends. It stays, so that nothing is let out; the others need not wait for it.
                Err(GateError::Damaged(what)) => {
                    let said = stuck_text(entry.number, &kept.act.said(), &what);
                    tracing::error!("{said}");
                    stuck = Err(GateError::Damaged(said));
                    continue;
                }
                Err(error) => return Err(error),
            }
            journal
                .forget(entry.number)
                .await
                .map_err(|refused| GateError::Damaged(refused.to_string()))?;
            replayed += 1;
        }
        stuck.map(|()| replayed)
    }

    /// Does it as if it were asked for now.
    async fn redo(&self, act: SafeAct, number: u64, at: Timestamp) -> Result<(), GateError> {
        match act {
            SafeAct::Revoke { human, request } => {
                self.revoke_stored(&human, request).await.map(drop)
            }
            SafeAct::Deny {
                human,
                request,
                suspicious,
                text,
                channel,
            } => {
                let kind = if suspicious {
                    ActKind::Suspicious
                } else {
                    ActKind::Deny
                };
                let by = ActBy::Human(human);
                let act = Act {
                    by,
                    kind,
                    text,
                    channel,
                };
                self.on_request(request, |_| Ok(Command::Act(act.clone())))
                    .await
                    .map(drop)
            }
            SafeAct::Stop { human, add, reason } => {
                self.stop_stored(&human, &add, &reason).await.map(drop)
            }
            SafeAct::RevokeKey { revocation } => self.revoke_key_stored(revocation).await,
            SafeAct::Withdraw { key, request } => {
                // As below: the nonce of this entry, not that of the call.
                let nonce: CallNonce = format!("journal-{}-{number}", at.millis()).into();
                let withdraw = Withdraw { key, nonce };
                self.on_request(request, |_| Ok(Command::Withdraw(withdraw.clone())))
                    .await
                    .map(drop)
            }
            SafeAct::EndTask { key, task } => {
                // The call's own nonce may be too old by now; this one is of this entry.
                let nonce: CallNonce = format!("journal-{}-{number}", at.millis()).into();
                match self.end_task_stored(key, nonce, task).await {
                    // Its task's end was durable and the rest was not.
                    Err(GateError::Refused(Refusal::Task(_))) => {
                        self.end_grants(task).await.map(drop)
                    }
                    ended => ended.map(drop),
                }
            }
        }
    }

    /// At start: what cannot be read is no act of this program, and is not skipped.
    pub(crate) async fn open_journal(&self) -> Result<(), OpenError> {
        let Some(journal) = self.journal() else {
            return Ok(());
        };
        for entry in journal.kept() {
            KeptAct::from_bytes(&entry.bytes)
                .map_err(|error| OpenError::Journal(unreadable(entry.number, &error)))?;
        }
        if let Err(error) = self.replay_journal().await {
            let waiting = journal.waiting();
            tracing::error!(waiting, %error, "the revocation journal could not be replayed; nothing else is decided");
        }
        Ok(())
    }
}

fn unreadable(number: u64, error: &str) -> String {
    format!(
        "entry {number} of the revocation journal is not of this program ({error}); start the version that wrote it once"
    )
}

fn stuck_text(number: u64, act: &str, what: &str) -> String {
    format!(
        "entry {number} of the revocation journal ({act}) cannot be brought into the ledger: {what}. Nothing is decided until \
         it is: put back what was changed (`gatehold doctor` names it), and a running gate goes on within a second; if that \
         cannot be done, end the gate, keep the journal's file elsewhere as evidence, start again and do those acts again"
    )
}

/// What was opened at start can be read; anything else is not passed over in [`Gate::replay_journal`].
fn entries(kept: Vec<JournalEntry>) -> Vec<(u64, KeptAct)> {
    let read = |entry: JournalEntry| Some((entry.number, KeptAct::from_bytes(&entry.bytes).ok()?));
    kept.into_iter().filter_map(read).collect()
}

fn has_room(act: &SafeAct, kept: &[(u64, KeptAct)]) -> bool {
    let Some(key) = act.machine() else {
        return true;
    };
    let machines = kept.iter().filter_map(|(_, kept)| kept.act.machine());
    let (all, own) = machines.fold((0, 0), |(all, own), by| {
        (all + 1, own + usize::from(by == key))
    });
    all < MACHINES_MAX && own < ONE_MACHINE_MAX
}
