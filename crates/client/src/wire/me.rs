//! `GET /v1/me`: who is logged in, what they sign with, and what they may decide.

use super::delegation::DelegationItem;
use super::humans::HumanKeyItem;
use serde::{Deserialize, Serialize};

/// One person, for themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// `subject@issuer`.
    pub human: String,
    /// When the session ends, store time. It looks, and acts in the safe direction; it approves nothing.
    pub session_ends: i64,
    /// Keys that have force: an approval is a signature of one of them.
    pub keys: Vec<HumanKeyItem>,
    /// Teams they are in.
    pub teams: Vec<String>,
    /// Checkpoints of the active bundle that admit them.
    pub seats: Vec<MySeat>,
    /// Whoever is away and lets them decide, now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decides_for: Vec<DelegationItem>,
    /// Workloads that they own or back up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accountable_for: Vec<String>,
}

/// A place that they may take at one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MySeat {
    /// Its name.
    pub checkpoint: String,
    /// Their teams that it admits.
    pub teams: Vec<String>,
    /// Whether it names them.
    pub by_name: bool,
    /// How it must be signed, in words; nothing where any key of theirs signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The most that a signature of theirs counts for there; nothing without a key of that kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_as: Option<String>,
}
