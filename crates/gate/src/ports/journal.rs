//! The revocation journal: where acts in the safe direction are kept while the store refuses. Room for them was taken
//! while all was well, so that a full disk is not what keeps a permission alive.

use async_trait::async_trait;
use gatehold_core::time::Timestamp;

/// An act that is not in the ledger yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Orders entries.
    pub number: u64,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// The journal did not keep an act, or did not forget one. The text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalRefused(pub String);

/// Implemented by the store crate over a file of this process's own.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Keeps an act. It is on the device when this returns.
    ///
    /// # Errors
    /// It is too long, there is no room, or the device fails: nothing may be acknowledged.
    async fn keep(&self, bytes: Vec<u8>) -> Result<u64, JournalRefused>;

    /// What is kept, in the order it was written.
    fn kept(&self) -> Vec<JournalEntry>;

    /// How many are kept.
    fn waiting(&self) -> u64;

    /// Forgets an act that is durable in the store.
    ///
    /// # Errors
    /// The device fails; the act is done again later, which changes nothing.
    async fn forget(&self, number: u64) -> Result<(), JournalRefused>;

    /// The time of this machine: only to tell whether a call is fresh while the store does not say the time.
    fn clock(&self) -> Timestamp;
}
