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
    /// The first write could not be made.
    #[error("the gate could not be founded: {0}")]
    Found(String),
}
