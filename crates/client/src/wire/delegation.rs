//! `GET` and `POST /v1/delegations`, `POST /v1/delegations/end`: who decides for whom while they are away. Each is signed by the
//! person's own key.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::change::KeySignature;
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// Every delegation that has not ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delegations {
    /// In the order of their names.
    pub delegations: Vec<DelegationItem>,
}

/// One delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DelegationItem {
    /// Its name: the hash of what was signed.
    pub delegation: String,
    /// Who is away, as subject@issuer.
    pub from: String,
    /// Who decides for them.
    pub to: String,
    /// For these teams.
    pub teams: Vec<String>,
    /// In this task alone; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// At checkpoints of these names alone; absent for any that the teams decide at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Vec<String>>,
    /// Not before this time.
    pub not_before: i64,
    /// Nor after this one.
    pub not_after: i64,
    /// What it gives now.
    pub standing: DelegationStanding,
    /// Why, in their words; absent once they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// What a delegation gives now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DelegationStanding {
    /// Whoever it names decides for them.
    Active,
    /// It has not begun.
    Waiting,
    /// It is over.
    Over,
    /// The key that signed it has lost its force.
    KeyGone,
    /// Whoever signed it is in none of the teams any more.
    NoMember,
    /// Whoever it names has no key that has force.
    NobodyThere,
    /// Its task has ended.
    TaskEnded,
}

/// Somebody for whom another may decide on a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecidesFor {
    /// Who is away, as subject@issuer.
    pub human: String,
    /// Until when.
    pub until: i64,
    /// By which delegation.
    pub delegation: String,
}

/// The body of `POST /v1/delegations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DelegationRequest {
    /// Canonical JSON of the delegation, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The signature over them for `gatehold/delegation/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// Why; `reason` of the statement is over its canonical JSON with the salt. May be empty.
    #[serde(default)]
    pub reason: String,
    /// Drawn by the client, so that `reason` of the statement cannot be guessed once the text is erased.
    pub salt: String,
}

impl WireRequest for DelegationRequest {
    fn check(&self) -> Result<(), BoundsError> {
        statement(&self.statement)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)?;
        bounds::bytes("reason", self.reason.as_bytes(), TEXT_BYTES_MAX)?;
        bounds::id("salt", &self.salt)
    }
}

/// The body of `POST /v1/delegations/end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DelegationEndRequest {
    /// Canonical JSON of the end, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The signature of either of the two, or those of two others.
    pub signatures: Vec<KeySignature>,
}

impl WireRequest for DelegationEndRequest {
    fn check(&self) -> Result<(), BoundsError> {
        statement(&self.statement)?;
        if !(1..=8).contains(&self.signatures.len()) {
            return Err(BoundsError::new(
                "signatures",
                "has 1 to 8 members; collect those that are needed",
            ));
        }
        self.signatures.iter().try_for_each(|signature| {
            bounds::required("signatures", &signature.signature, SIGNATURE_BYTES_MAX)
        })
    }
}

fn statement(bytes: &Base64Bytes) -> Result<(), BoundsError> {
    if bytes.0.is_empty() {
        return Err(BoundsError::new(
            "statement",
            "is empty; send the bytes that were signed",
        ));
    }
    bounds::bytes("statement", &bytes.0, CONTEXT_BYTES_MAX)
}
