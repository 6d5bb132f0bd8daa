//! Whether decisions can be made: the store answers, it took the last write it was given, and nothing waits in the
//! revocation journal. A disk that is full refuses writes and answers every question, so a write is tried now and then.

use std::sync::PoisonError;

use gatehold_core::hash::hex;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::{OpenedView, StoreFault};

/// After so many milliseconds without a write one is tried; after one that was refused, at the next tick.
const QUIET_MILLIS: i64 = 10_000;
/// How much is tried: what an ordinary decision with its attachments takes.
const PROBE_BYTES: usize = 32 * 1024;

/// What became of the last write.
#[derive(Debug, Default)]
pub(crate) struct LastWrite {
    /// When one was last tried, on the store's clock.
    at: i64,
    /// Why it was refused.
    refused: Option<StoreFault>,
}

impl Gate {
    fn last_write(&self) -> std::sync::MutexGuard<'_, LastWrite> {
        let last = self.inner.last_write.lock();
        last.unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers whether the store took a write.
    pub(crate) fn store_said<T>(&self, answer: &Result<T, StoreFault>) {
        self.last_write().refused = match answer {
            Ok(_) | Err(StoreFault::OutcomeUnknown) => None,
            Err(fault) => Some(fault.clone()),
        };
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

    /// Tries a write that decides nothing, if none was tried for a while or the last one was refused. Called with the tick.
    ///
    /// # Errors
    /// Why the store refuses.
    pub async fn probe(&self) -> Result<(), GateError> {
        let now = self.store().now().await?;
        {
            let mut last = self.last_write();
            let quiet = now.millis().saturating_sub(last.at);
            if last.refused.is_none() && quiet < QUIET_MILLIS {
                return Ok(());
            }
            last.at = now.millis();
        }
        // Operational, of no request, and over before it is stored: the next one takes its place.
        let probe = OpenedView {
            review_nonce: format!("probe-{}", hex(&self.inner.parts.entropy.bytes())),
            request: String::new(),
            view: vec![0; PROBE_BYTES],
            expires: gatehold_core::time::Timestamp::from_millis(now.millis().saturating_sub(1)),
        };
        let answer = self.store().put_opened(probe).await;
        self.store_said(&answer);
        Ok(answer?)
    }
}
