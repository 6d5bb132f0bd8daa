//! Receipts: one leaf with the proof that it stands under a signed tree head, and what its record says.

use std::fmt;

use gatehold_core::entry::Entry;
use gatehold_core::ids::RequestId;
use gatehold_core::time::Timestamp;
use gatehold_ledger::{
    HashReader, Leaf, LogKey, Opening, ProofError, Receipt, ReceiptError, Salt, SignedTreeHead,
    prove_inclusion,
};
use serde::Serialize;

use crate::leaf::LedgerLeaf;
use crate::opened::kind_of;

/// Why there is no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptIssueError {
    /// The leaf has no readable form.
    #[error("the leaf is damaged; verify the ledger")]
    Damaged,
    /// The leaf cannot be proven under this tree head.
    #[error("the leaf cannot be proven: {0}")]
    Proof(#[from] ProofError),
    /// The proof does not verify.
    #[error("the receipt would not verify: {0}")]
    Receipt(#[from] ReceiptError),
}

/// Makes the receipt of a leaf under a tree head.
///
/// # Errors
/// [`ReceiptIssueError`] when it would not verify.
pub fn issue_receipt(
    leaf: &LedgerLeaf,
    leaf_hashes: &(impl HashReader + ?Sized),
    head: &SignedTreeHead,
) -> Result<Receipt, ReceiptIssueError> {
    let committed = Leaf::from_bytes(&leaf.leaf).map_err(|_| ReceiptIssueError::Damaged)?;
    let salt = Salt::try_from(leaf.salt.as_slice()).map_err(|_| ReceiptIssueError::Damaged)?;
    let opening = Opening {
        kind: committed.kind,
        salt,
        record: leaf.record.clone(),
    };
    if opening.leaf() != committed {
        return Err(ReceiptIssueError::Damaged);
    }
    let proof = prove_inclusion(leaf_hashes, leaf.index, head.size())?;
    Ok(Receipt::issue(opening, leaf.index, proof, head)?)
}

/// What a receipt that verified says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiptReport {
    /// The log.
    pub origin: String,
    /// Where the leaf stands.
    pub leaf: u64,
    /// The size of the tree it was proven in.
    pub size: u64,
    /// Its kind by number.
    pub kind: u16,
    /// When it was decided.
    pub at: Option<Timestamp>,
    /// The request it is about.
    pub request: Option<RequestId>,
    /// The record as JSON.
    pub record: Option<serde_json::Value>,
}

/// Verifies a receipt with nothing but the log's key.
///
/// # Errors
/// [`ReceiptError`] when it does not hold.
pub fn verify_receipt(text: &str, key: &LogKey) -> Result<ReceiptReport, ReceiptError> {
    let verified = Receipt::parse(text)?.verify(key)?;
    let entry = Entry::from_bytes(verified.record()).ok();
    Ok(ReceiptReport {
        origin: verified.head().origin.to_string(),
        leaf: verified.index(),
        size: verified.head().size,
        kind: verified.kind(),
        at: entry.as_ref().map(|entry| entry.at),
        request: entry.as_ref().and_then(|entry| entry.request),
        record: serde_json::from_slice(verified.record()).ok(),
    })
}

impl fmt::Display for ReceiptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Receipt verified: leaf {} of {} in {}.",
            self.leaf, self.size, self.origin
        )?;
        match kind_of(self.kind) {
            Some(kind) => writeln!(f, "  kind       {kind:?}")?,
            None => writeln!(f, "  kind       {} (unknown)", self.kind)?,
        }
        if let Some(request) = &self.request {
            writeln!(f, "  request    {request}")?;
        }
        if let Some(at) = &self.at {
            writeln!(f, "  decided at {at}")?;
        }
        writeln!(
            f,
            "This does not show what was executed at a target, or what has been revoked since."
        )
    }
}
