//! `GET` and `POST /v1/requests/{id}/corrections`: what people say was recorded wrong of a request that is decided. A correction is
//! signed by the person's own key and changes nothing.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The corrections of a request, and what of it can be corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Corrections {
    /// The request.
    pub request: String,
    /// Leaves that a correction can name, in the order of the ledger.
    pub leaves: Vec<RecordedLeaf>,
    /// What was corrected, oldest first.
    pub corrections: Vec<Correction>,
}

/// A leaf of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordedLeaf {
    /// Its number.
    pub leaf: u64,
    /// What it commits to: the statement names it.
    pub commitment: String,
    /// When, store time.
    pub at: i64,
    /// What it says happened, in a few words.
    pub what: String,
}

/// One correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Correction {
    /// Its own leaf.
    pub leaf: u64,
    /// The leaf that it says is wrong.
    pub corrects: u64,
    /// When, store time.
    pub at: i64,
    /// Who says so.
    pub human: String,
    /// Thumbprint of the key that signed it.
    pub key: String,
    /// Whether the signature verifies under the keys that have force now; whether it did then, a dossier proves.
    pub verifies_now: bool,
    /// What was wrong, in their words; nothing once they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The body of `POST /v1/requests/{id}/corrections`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionRequest {
    /// Canonical JSON of the statement, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The signature over them for `gatehold/correction/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// What was wrong; `text_hash` of the statement is over its canonical JSON with the salt.
    pub text: String,
    /// Drawn by the client, so that `text_hash` cannot be guessed once the text is erased.
    pub salt: String,
}

impl WireRequest for CorrectionRequest {
    fn check(&self) -> Result<(), BoundsError> {
        if self.statement.0.is_empty() {
            return Err(BoundsError::new(
                "statement",
                "is empty; send the bytes that were signed",
            ));
        }
        bounds::bytes("statement", &self.statement.0, CONTEXT_BYTES_MAX)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)?;
        bounds::required("text", &self.text, TEXT_BYTES_MAX)?;
        bounds::id("salt", &self.salt)
    }
}
