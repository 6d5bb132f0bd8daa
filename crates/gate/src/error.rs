//! What a use case can fail with. A refusal is for the caller; a fault is ours, and nothing was released.

use gatehold_core::refusal::Refusal;

use crate::ports::store::StoreFault;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The input, the caller or the moment is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others kept changing the same things; trying again is safe.
    #[error("too many changes at once; nothing was decided")]
    Busy,
    /// The store did not answer. Nothing is released.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreFault),
    /// The store refused an act in the safe direction: it is in the revocation journal and in force here.
    #[error(
        "the store does not take it now, so it is kept in the revocation journal: it is in force at this gate, and will be written to the ledger when the store works again"
    )]
    Journaled,
    /// Acts wait in the revocation journal; until they are in the ledger nothing else is decided.
    #[error(
        "{0} revocations, stops or endings wait to be written to the ledger; nothing else is decided until they are"
    )]
    JournalWaits(u64),
    /// Stored data contradicts itself or the code.
    #[error("stored data cannot be used: {0}")]
    Damaged(String),
}

impl GateError {
    pub(crate) fn damaged(what: impl ToString) -> Self {
        Self::Damaged(what.to_string())
    }
}

/// Why a gate does not start. Every problem at once.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store did not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreFault),
    /// The store holds no root statement.
    #[error("the store holds no gate: run `gatehold init` first")]
    NotFounded,
    /// The store holds a gate already.
    #[error("the store already holds a gate; a root statement is written once")]
    AlreadyFounded,
    /// The chain does not verify.
    #[error("the key chain does not verify: {}", .0.join("; "))]
    Chain(Vec<String>),
    /// The active bundle cannot be used.
    #[error("the active bundle cannot be used: {}", .0.join("; "))]
    Bundle(Vec<String>),
    /// The quorum could not be restored.
    #[error("the recovery has no force: {0}")]
    Recovery(String),
    /// The revocation journal holds what this program cannot read.
    #[error("{0}")]
    Journal(String),
    /// The first write could not be made.
    #[error("the gate could not be founded: {0}")]
    Found(String),
}
