//! What an executor in a process of its own remembers: the links of the chain of trust that it has verified, and what it has spent.
//! Behind neither can a gate go back.

use async_trait::async_trait;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;

use crate::links::TrustLink;

/// It cannot be kept. Nothing is executed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotKept(pub String);

/// A memory of its own, on a device of its own.
#[async_trait]
pub trait Kept: Send + Sync + 'static {
    /// The links that were kept.
    ///
    /// # Errors
    /// [`NotKept`].
    fn links(&self) -> Result<Vec<TrustLink>, NotKept>;

    /// Keeps these in the place of those. They are on the device when this returns.
    ///
    /// # Errors
    /// [`NotKept`].
    async fn keep_links(&self, links: &[TrustLink]) -> Result<(), NotKept>;

    /// Spends all these names at once, unless one of them is spent: then nothing is, and the answer is false. It is on the device
    /// when this returns, and stays until that time at least.
    ///
    /// # Errors
    /// [`NotKept`].
    async fn spend(
        &self,
        names: [Hash; 2],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, NotKept>;

    /// The latest time at which anything was spent: no clock of ours goes back behind it.
    fn latest(&self) -> Timestamp;
}
