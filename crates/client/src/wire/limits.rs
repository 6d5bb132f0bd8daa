//! The bounds of what a decision permits.

use super::request::unique_names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
