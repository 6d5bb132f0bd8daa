//! Whether decisions can be made: the store answers, it took the last write it was given, and nothing waits in the
//! revocation journal. A disk that is full refuses writes and answers every question, so a write is tried now and then.

use std::sync::PoisonError;

use gatehold_core::hash::hex;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{OpenedView, StoreFault};

/// So often a write is tried, whatever else was written: what only stops is taken even where nothing else is.
const QUIET_MILLIS: i64 = 10_000;
/// How much is tried: what an ordinary decision with its attachments takes.
const PROBE_BYTES: usize = 32 * 1024;

/// What became of the writes that were tried.
#[derive(Debug, Default)]
pub(crate) struct LastWrite {
    /// When one was last tried for its own sake, on the store's clock.
    at: i64,
    /// Why one was refused that nothing has shown to be over.
    refused: Option<StoreFault>,
    /// How many were refused, so that a try that began before one of them takes nothing back.
    count: u64,
}

impl LastWrite {
    fn refuse(&mut self, fault: &StoreFault) {
        self.refused = Some(fault.clone());
        self.count = self.count.wrapping_add(1);
    }
}

impl Gate {
    fn last_write(&self) -> std::sync::MutexGuard<'_, LastWrite> {
        let last = self.inner.last_write.lock();
        last.unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that the store refused a write, or lost the answer to it. One that it took takes nothing back: it may only
    /// have stopped something.
    pub(crate) fn store_said<T>(&self, answer: &Result<T, StoreFault>) {
        if let Err(fault) = answer {
            self.last_write().refuse(fault);
        }
    }

    /// Whether decisions can be made now.
    ///
    /// # Errors
    /// Why not.
    pub async fn ready(&self) -> Result<(), GateError> {
        self.now().await?;
        match self.journal_waiting() {
            0 => {}
            waiting => return Err(GateError::JournalWaits(waiting)),
        }
        match self.last_write().refused.clone() {
            None => Ok(()),
            Some(fault) => Err(fault.into()),
        }
    }

    /// Tries a write that decides nothing, if none was tried for a while or one was refused since. Called with the tick.
    ///
    /// # Errors
    /// Why the store refuses.
    pub async fn probe(&self) -> Result<(), GateError> {
        let now = self.store().now().await?;
        let count = {
            let mut last = self.last_write();
            let quiet = now.millis().saturating_sub(last.at);
            if last.refused.is_none() && quiet < QUIET_MILLIS {
                return Ok(());
            }
            last.at = now.millis();
            last.count
        };
        let answer = self.try_writing(now).await;
        let mut last = self.last_write();
        match &answer {
            Ok(()) if last.count == count => last.refused = None,
            Ok(()) => {}
            Err(fault) => last.refuse(fault),
        }
        Ok(answer?)
    }

    /// Room for as much as a decision takes, and then the way that decisions go, to the end: through the writer, and past
    /// whatever a release waits for.
    async fn try_writing(&self, now: Timestamp) -> Result<(), StoreFault> {
        let mut view = Vec::with_capacity(PROBE_BYTES);
        while view.len() < PROBE_BYTES {
            // Drawn, because a database would store zeros in next to no room.
            view.extend(self.inner.parts.entropy.bytes());
        }
        // Operational, of no request, and over before it is stored: the next one takes its place.
        let probe = OpenedView {
            review_nonce: format!("probe-{}", hex(&self.inner.parts.entropy.bytes())),
            request: String::new(),
            view,
            expires: Timestamp::from_millis(now.millis().saturating_sub(1)),
        };
        self.store().put_opened(probe).await?;
        self.store().commit(Vec::new()).await.map(drop)
    }
}
