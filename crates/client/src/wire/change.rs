//! `POST /v1/changes`: a human asks the gate for a held change of itself. `POST /v1/keys/revoke`: a signed revocation, at
//! once and without a hold.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::request::WireRequest;
use super::submit::{Claims, SubmitRequest};
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/changes`, answered as a submission is. The signer is the enrolled key of the session's login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeRequest {
    /// The envelope: strict JSON, canonical (RFC 8785).
    pub envelope: Base64Bytes,
    /// The payload, verbatim.
    pub payload: Base64Bytes,
    /// What the author says about it.
    #[serde(default)]
    pub claims: Claims,
    /// Drawn by the author's client; consumed by the submission.
    pub nonce: String,
    /// The signature over envelope and nonce for `gatehold/submit/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
}

impl WireRequest for ChangeRequest {
    fn check(&self) -> Result<(), BoundsError> {
        let submit = SubmitRequest {
            envelope: self.envelope.clone(),
            payload: self.payload.clone(),
            claims: self.claims.clone(),
        };
        submit.check()?;
        bounds::id("nonce", &self.nonce)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)
    }
}

/// The body of `POST /v1/keys/revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyRevocationRequest {
    /// Canonical JSON of the revocation, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The subject's signature, or those of two others.
    pub signatures: Vec<KeySignature>,
}

/// One signature over a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeySignature {
    /// Who signs, as `subject@issuer`.
    pub human: String,
    /// Thumbprint of the key.
    pub key: String,
    /// The signature for `gatehold/safe/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
}

impl WireRequest for KeyRevocationRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::bytes("statement", &self.statement.0, CONTEXT_BYTES_MAX)?;
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
