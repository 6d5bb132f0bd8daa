//! `GET /v1/humans`: the people whose keys have force, and what each key counts as.

use super::delegation::DelegationItem;
use serde::{Deserialize, Serialize};

/// Everybody who is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Humans {
    /// The key directory's version.
    pub directory: u64,
    /// Leaves at which a lost quorum was restored with offline keys; there should be none.
    #[serde(default)]
    pub quorum_lost: Vec<u64>,
    /// By name.
    pub humans: Vec<HumanItem>,
    /// Who decides for whom while they are away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegations: Vec<DelegationItem>,
    /// Whom their identity provider says are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspended: Vec<SuspendedItem>,
    /// Who is back since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<ReturnedItem>,
    /// Keys that lie in drawers, for break-glass alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offline: Vec<OfflineKeyItem>,
}

/// A key that breaks the glass with somebody else's, and does nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfflineKeyItem {
    /// Whose, as `subject@issuer`.
    pub human: String,
    /// Its thumbprint, as a revocation names it.
    pub key: String,
    /// The leaf that enrolled it.
    pub leaf: u64,
    /// Whether it has force: not of somebody who is gone, or who has no key left to decide with.
    pub has_force: bool,
}

/// Somebody whose keys of before have no force, until their identity provider says that they are back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuspendedItem {
    /// `subject@issuer`.
    pub human: String,
    /// Which suspension: whoever asks for a new key of theirs all the same names it.
    pub suspension: String,
    /// Whether the provider has removed them, and not only deactivated.
    pub removed: bool,
}

/// Somebody whose last suspension has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReturnedItem {
    /// `subject@issuer`.
    pub human: String,
    /// Which it was: whoever asks for a new key of theirs names it.
    pub suspension: String,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HumanItem {
    /// `subject@issuer`.
    pub human: String,
    /// Teams they are in.
    pub teams: Vec<String>,
    /// Keys that have force, or had it until their identity provider said that they are gone.
    pub keys: Vec<HumanKeyItem>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HumanKeyItem {
    /// Its thumbprint, as a revocation names it.
    pub key: String,
    /// The same as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The most that a signature of it counts for.
    pub assurance: String,
    /// What that rests on.
    pub proof: String,
    /// The leaf that gave it force.
    pub leaf: u64,
    /// Whether an identity provider took its force, until it says that the person is back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}
