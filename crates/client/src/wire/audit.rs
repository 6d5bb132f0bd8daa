//! `GET /v1/audit/tree-head`, `…/receipts/{leaf}`, `…/dossiers/{request}`. Receipts and dossiers are bytes to be verified
//! by an auditor's own tool; nothing here is to be believed because the gate said it.

use serde::{Deserialize, Serialize};

/// The newest published tree head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Root hash.
    pub root: String,
    /// The signed note, as text.
    pub note: String,
}
