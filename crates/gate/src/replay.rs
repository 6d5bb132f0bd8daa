//! What the revocation journal holds is done again as ordinary guarded writes, once for each tick, however many calls wait
//! for it. What keeps it from ending is said when it begins and when it is over.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use gatehold_core::decide::{Act, ActBy, ActKind, CallNonce, Command, Withdraw};
use gatehold_core::refusal::Refusal;
use gatehold_core::signal::HeardSignal;
use gatehold_core::time::Timestamp;

use crate::error::{GateError, OpenError};
use crate::gate::Gate;
use crate::ports::journal::{Journal, JournalEntry};
use crate::safe_act::{KeptAct, SafeAct};
use crate::suspensions::Heard;

/// What became of the tries so far.
#[derive(Debug, Default)]
pub(crate) struct Replaying {
    /// Whether the last try left something: the next one is the tick's.
    left: AtomicBool,
    /// Held while something is tried.
    said: tokio::sync::Mutex<Said>,
}

/// What is in the way, each told once for as long as it lasts.
#[derive(Debug, Default)]
struct Said(BTreeSet<String>);

impl Said {
    /// Takes what is in the way now; gives what of it is new.
    fn news(&mut self, now: BTreeSet<String>) -> Vec<String> {
        let before = core::mem::replace(&mut self.0, now);
        self.0.difference(&before).cloned().collect()
    }
}

impl Gate {
    /// Nothing is let out past what the journal holds: it is brought into the store first, or nothing is decided. One call
    /// tries that; those that come after a try that left something hear of it at once, until the next tick.
    // INVARIANT(journal-first): whatever can let something out asks this before it reads and again before it executes.
    pub(crate) async fn journal_first(&self) -> Result<(), GateError> {
        if self.journal_waiting() == 0 {
            return Ok(());
        }
        let replaying = &self.inner.replaying;
        if !replaying.left.load(Ordering::SeqCst) {
            let mut said = replaying.said.lock().await;
            // Others may have tried while this call waited for its turn.
            if !replaying.left.load(Ordering::SeqCst) {
                let _told = self.replay(&mut said).await;
            }
        }
        match self.journal_waiting() {
            0 => Ok(()),
            waiting => Err(GateError::JournalWaits(waiting)),
        }
    }

    /// Brings what the journal holds into the store, whatever was tried before. Called with the tick.
    pub(crate) async fn replay_journal(&self) -> Result<u64, GateError> {
        let mut said = self.inner.replaying.said.lock().await;
        self.replay(&mut said).await
    }

    async fn replay(&self, said: &mut Said) -> Result<u64, GateError> {
        let Some(journal) = self.journal() else {
            return Ok(0);
        };
        let mut now = BTreeSet::new();
        let replayed = self.redo_all(journal, &mut now).await;
        let waiting = journal.waiting();
        self.inner
            .replaying
            .left
            .store(waiting > 0, Ordering::SeqCst);
        if now.is_empty() && !said.0.is_empty() {
            tracing::info!("nothing of the revocation journal is in the way any more");
        }
        for news in said.news(now) {
            tracing::error!(waiting, "{news}");
        }
        replayed
    }

    /// Oldest first, and forgets each act once it is durable in the store. Doing one twice takes no more away.
    async fn redo_all(
        &self,
        journal: &dyn Journal,
        in_the_way: &mut BTreeSet<String>,
    ) -> Result<u64, GateError> {
        let mut replayed = 0;
        let mut stuck = Ok(());
        for entry in journal.kept() {
            match self.redo_entry(journal, &entry).await {
                Ok(None) => replayed += 1,
                // Somebody changed what it ends. It stays, so that nothing is let out; the others need not wait for it.
                Ok(Some(what)) => {
                    in_the_way.insert(what.clone());
                    stuck = Err(GateError::Damaged(what));
                }
                Err(error) => {
                    in_the_way.insert(format!(
                        "the revocation journal could not be replayed: {error}"
                    ));
                    return Err(error);
                }
            }
        }
        stuck.map(|()| replayed)
    }

    /// Does one again and forgets it; or gives what keeps just this one from being done.
    async fn redo_entry(
        &self,
        journal: &dyn Journal,
        entry: &JournalEntry,
    ) -> Result<Option<String>, GateError> {
        let number = entry.number;
        let kept = KeptAct::from_bytes(&entry.bytes)
            .map_err(|error| GateError::Damaged(unreadable(number, &error)))?;
        let act = kept.act.said();
        match self.redo(kept.act, number, kept.at).await {
            Ok(()) => tracing::info!(act, "an act of the journal is in the ledger"),
            Err(GateError::Refused(Refusal::Stale)) => return Err(GateError::Busy),
            Err(GateError::Refused(refusal)) => {
                // Over already, or never this person's to do: there is nothing that it could still end.
                tracing::warn!(act, %refusal, "an act of the journal changes nothing");
            }
            Err(GateError::Damaged(what)) => return Ok(Some(stuck_text(number, &act, &what))),
            Err(error) => return Err(error),
        }
        let forgotten = journal.forget(number).await;
        forgotten.map_err(|refused| GateError::Damaged(refused.to_string()))?;
        Ok(None)
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
            SafeAct::Signal {
                signal,
                known_until,
                add,
            } => {
                let heard = HeardSignal {
                    signal: *signal,
                    known_until,
                    token: None,
                };
                self.signal_stored(&add, heard).await.map(drop)
            }
            SafeAct::RevokeKey { revocation } => self.revoke_key_stored(revocation).await,
            SafeAct::Suspend { human, removed } => {
                let heard = Heard::InJournal;
                self.suspend_stored(&human, removed, heard).await.map(drop)
            }
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
        // What is in the way was said; nothing else is decided.
        let _told = self.replay_journal().await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_told_when_it_begins() {
        let mut said = Said::default();
        let now = |what: &[&str]| what.iter().map(ToString::to_string).collect();
        assert_eq!(said.news(now(&["one", "two"])), ["one", "two"]);
        for _ in 0..3 {
            assert!(said.news(now(&["one", "two"])).is_empty());
        }
        assert_eq!(said.news(now(&["one", "three"])), ["three"]);
        // Over, and begun anew.
        assert!(said.news(now(&[])).is_empty());
        assert_eq!(said.news(now(&["one"])), ["one"]);
    }
}
