//! The port to the derived ledger: signed tree heads, receipts, dossiers. Whoever publishes tree heads implements it; the
//! server only decides who may ask and carries the bytes.

use async_trait::async_trait;
use gatehold_core::ids::RequestId;
use gatehold_gate::GateError;

/// A published tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedHead {
    /// Number of leaves.
    pub size: u64,
    /// Root hash, as `sha256:` and hex.
    pub root: String,
    /// The signed note.
    pub note: String,
}

/// What a leaf is about, as far as that decides who may see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The request it belongs to; none for tasks, stops, refusals and changes of the gate.
    pub request: Option<RequestId>,
    /// It is the submission itself, which shows nothing about reviews.
    pub opens_request: bool,
}

/// Reads the ledger as it is published. Derived and rebuildable; nothing here decides anything.
#[async_trait]
pub trait PublishedLedger: Send + Sync + 'static {
    /// The newest tree head, once there is one.
    ///
    /// # Errors
    /// When it cannot be read now.
    async fn tree_head(&self) -> Result<Option<PublishedHead>, GateError>;

    /// What a leaf is about; none beyond the end.
    ///
    /// # Errors
    /// When it cannot be read now.
    async fn about(&self, leaf: u64) -> Result<Option<About>, GateError>;

    /// The receipt of a leaf under the newest tree head; none while no tree head covers it.
    ///
    /// # Errors
    /// When it cannot be read now.
    async fn receipt(&self, leaf: u64) -> Result<Option<String>, GateError>;

    /// The dossier of a request; none while no tree head covers it.
    ///
    /// # Errors
    /// When it cannot be read now.
    async fn dossier(&self, request: RequestId) -> Result<Option<Vec<u8>>, GateError>;
}
