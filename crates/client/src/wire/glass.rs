//! `POST /v1/requests/{id}/break-glass`, `GET /v1/break-glass`, `POST /v1/break-glass/reviews`: two people let one held action out with
//! keys that lie offline, and others look at it afterwards. All of it is signed; whoever carries it adds nothing.

use std::collections::BTreeMap;

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::change::KeySignature;
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/requests/{id}/break-glass`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakGlassRequest {
    /// Canonical JSON of the statement, the bytes that were signed.
    pub statement: Base64Bytes,
    /// For `gatehold/glass/v1`, by the offline key of everybody whom the statement names as a signer.
    pub signatures: Vec<KeySignature>,
    /// Answers to the criteria, and on red to the question about the action, by id.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Why, in their words. It is never left out.
    pub justification: String,
    /// Drawn by the client, so that `answers_hash` cannot be guessed once the words are erased.
    pub salt: String,
}

impl WireRequest for BreakGlassRequest {
    fn check(&self) -> Result<(), BoundsError> {
        signed(&self.statement)?;
        if !(1..=8).contains(&self.signatures.len()) {
            return Err(BoundsError::new(
                "signatures",
                "has 1 to 8 members; two different people sign",
            ));
        }
        self.signatures.iter().try_for_each(|signature| {
            bounds::required("signatures", &signature.signature, SIGNATURE_BYTES_MAX)
        })?;
        bounds::map("answers", &self.answers, TEXT_BYTES_MAX)?;
        bounds::required("justification", &self.justification, TEXT_BYTES_MAX)?;
        bounds::id("salt", &self.salt)
    }
}

/// Where the glass was broken within the last day, and what too few people have looked at yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Openings {
    /// In the order of the ledger.
    pub openings: Vec<OpeningItem>,
}

/// One request that was let out so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpeningItem {
    /// The request.
    pub request: String,
    /// The hash of what was signed: a look afterwards names it.
    pub glass: String,
    /// For which incident.
    pub incident: String,
    /// When, store time.
    pub at: i64,
    /// Who signed.
    pub signers: Vec<String>,
    /// Who had a part in it, and so does not look at it.
    pub involved: Vec<String>,
    /// Teams who may look at it.
    pub teams: Vec<String>,
    /// People who may, by name.
    pub humans: Vec<String>,
    /// Until when two must have.
    pub review_by: i64,
    /// Who has.
    pub looks: Vec<LookItem>,
    /// Whether people have still to look at it.
    pub open: bool,
    /// Whether they should have by now: until they have, nothing else is let out so.
    pub overdue: bool,
}

/// What somebody found who looked at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LookItem {
    /// Who.
    pub human: String,
    /// Whether it was right, by their judgement.
    pub justified: bool,
}

/// The body of `POST /v1/break-glass/reviews`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PostReviewRequest {
    /// Canonical JSON of the statement, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The signature over them for `gatehold/glass-review/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// What they found, in their words; `text_hash` of the statement is over its canonical JSON with the salt.
    pub text: String,
    /// Drawn by the client, so that `text_hash` cannot be guessed once the text is erased.
    pub salt: String,
}

impl WireRequest for PostReviewRequest {
    fn check(&self) -> Result<(), BoundsError> {
        signed(&self.statement)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)?;
        bounds::required("text", &self.text, TEXT_BYTES_MAX)?;
        bounds::id("salt", &self.salt)
    }
}

fn signed(bytes: &Base64Bytes) -> Result<(), BoundsError> {
    if bytes.0.is_empty() {
        return Err(BoundsError::new(
            "statement",
            "is empty; send the bytes that were signed",
        ));
    }
    bounds::bytes("statement", &bytes.0, CONTEXT_BYTES_MAX)
}
