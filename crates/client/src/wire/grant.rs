//! What a decision permits, and `POST /v1/grants/{id}/revoke`.

use super::bounds::{self, BoundsError, TEXT_BYTES_MAX};
use super::request::{WireRequest, unique_names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    /// Its id.
    pub grant: String,
    /// Where it stands.
    pub state: GrantState,
    /// The effective limits.
    pub limits: Limits,
    /// End of the grant, store time.
    pub expires_at: i64,
}

/// The states of a grant. `Revoked` means verified at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GrantState {
    /// Usable.
    Active,
    /// Not usable until looked at again.
    Suspended,
    /// Being revoked; not yet verified.
    Revoking,
    /// Dead at the target, verified.
    Revoked,
    /// Used up or expired.
    Ended,
}

/// The bounds of a grant or of a review. A review can only lower them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Longest life from creation, seconds.
    pub ttl_seconds: u32,
    /// How often it may be used.
    pub uses: u32,
    /// Named caps.
    #[serde(deserialize_with = "unique_names")]
    pub caps: BTreeMap<String, u64>,
    /// Not usable before.
    pub not_before: i64,
    /// Not usable after.
    pub not_after: i64,
}

/// The body of `POST /v1/grants/{id}/revoke`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokeRequest {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl WireRequest for RevokeRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::optional("reason", self.reason.as_deref(), TEXT_BYTES_MAX)
    }
}
