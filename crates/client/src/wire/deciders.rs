//! `GET /v1/requests/{id}/deciders`: who could approve a held request. Nothing of reviews stands here.

use super::delegation::DecidesFor;
use serde::{Deserialize, Serialize};

/// Everybody who could approve one request, as people and keys are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deciders {
    /// The request.
    pub request: String,
    /// Who has a seat; those who can approve first.
    pub people: Vec<Decider>,
    /// The fewest who must approve.
    pub people_needed: u32,
    /// Whether all of them together would be enough.
    pub enough: bool,
}

/// Somebody with a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decider {
    /// Who, as subject@issuer.
    pub human: String,
    /// The most that a key of theirs counts for.
    pub assurance: String,
    /// Checkpoints that admit them.
    pub checkpoints: Vec<String>,
    /// For whom else they may decide, who is away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decides_for: Vec<DecidesFor>,
    /// Why they approve nothing here all the same; absent when they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub but: Option<Against>,
}

/// Why somebody with a seat approves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Against {
    /// They asked, or are behind whoever did.
    Asked,
    /// No key of theirs counts for as much as any seat takes.
    Key,
    /// No key of theirs is of the kind that the checkpoints take.
    Signer,
}
