//! `GET /v1/audit/tree-head`, `…/receipts/{leaf}`, `…/dossiers/{request}`, and `GET /v1/trust/links`. Receipts and dossiers are bytes to be verified
//! by an auditor's own tool; nothing here is to be believed because the gate said it.

use super::bytes::Base64Bytes;
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

/// Links of the chain of trust, in the order of their leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrustLinks {
    /// The links.
    pub links: Vec<TrustLink>,
    /// Whether there are more: ask again after the last of these.
    pub more: bool,
}

/// One link: what people signed, and whoever folds it from a root of their own decides whether it has force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrustLink {
    /// Its leaf.
    pub leaf: u64,
    /// Its evidence, canonical JSON.
    pub evidence: Base64Bytes,
    /// The bytes of the first bundle, at leaf 0; every later one is the payload of its activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Base64Bytes>,
}
