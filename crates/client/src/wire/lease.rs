//! What was handed out: who has it, where it stands, and why it is still there.

use serde::{Deserialize, Serialize};

/// The answer to `GET /v1/leases`: what was handed out, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Leases {
    /// The leases of this page.
    pub leases: Vec<LeaseItem>,
    /// Where the next page begins, as `before`; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<u64>,
}

/// The answer to `GET /v1/leases/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaseOf {
    /// What was asked about.
    pub request: String,
    /// What was handed out for it; nothing where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseItem>,
}

/// The answer to `GET /v1/revocation`: how soon what is handed out can be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Revocation {
    /// Every target that hands something out, or of which something was handed out not long ago.
    pub targets: Vec<RevocationBound>,
}

/// How soon what a target handed out can be gone. Times are counted from the decision that it is to end to the target's own word that
/// nothing is left, of the 500 grants that ended last at any target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationBound {
    /// The target.
    pub target: String,
    /// How soon taking away takes hold there: `immediate`, `new_use_only` or `expiry_only`.
    pub revocation_class: String,
    /// What the target enforces by itself.
    pub enforces: Vec<String>,
    /// Whether it hands out anything now.
    pub configured: bool,
    /// Of how many leases it was measured; the times are missing where there is none.
    pub leases: u32,
    /// Half of them were gone within so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_ms: Option<u64>,
    /// 99 of 100 were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<u64>,
    /// All of them were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
}

/// Something that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaseItem {
    /// The request that it was handed out for.
    pub request: String,
    /// The grant that it is part of.
    pub grant: String,
    /// `active`, `revoking` (its target has not said yet that it is gone) or `revoked` (it has).
    pub state: String,
    /// Whose it is.
    pub workload: String,
    /// The unit of work that it was asked for in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Where it stands.
    pub target: String,
    /// What it is about there; nothing where somebody changed the request's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What was asked for, in the descriptor's words; nothing as for `resource`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// Its own name at the target.
    pub handle: String,
    /// What it gives there.
    pub entitlement: String,
    /// How soon taking it away takes hold: `immediate`, `new_use_only` or `expiry_only`.
    pub revocation_class: String,
    /// When its target said that it was made; nothing while it is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<i64>,
    /// When it ends at the latest, store time.
    pub not_after: i64,
    /// Since when it is to end, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_since: Option<i64>,
    /// Why it is to end, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_because: Option<String>,
    /// Whether it should be gone by now.
    pub overdue: bool,
    /// How often the process that answers tried to take it away, since that began or it was started.
    pub attempts: u32,
    /// Why it was still there when that process tried last, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remains_because: Option<String>,
    /// What the configuration of the process that answers lacks for it to be taken away, such as a file that was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// When its target was last asked and had nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<i64>,
    /// How often it stood there again after that.
    pub returned: u32,
    /// How often its credential was made anew, or that was begun, for whoever asked and lost it.
    #[serde(default)]
    pub rekeys: u32,
    /// Whether you answer for whoever asked.
    pub mine: bool,
}
