//! `POST /v1/sessions`: a human logs in. The statement names a fresh key and is signed by an enrolled one; the call itself
//! is signed by the fresh key, which from then on reads and acts in the safe direction. A session never approves.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// The body of `POST /v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginRequest {
    /// Canonical JSON of the login statement, the bytes that were signed.
    pub statement: Base64Bytes,
    /// The signature over it for `gatehold/login/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
}

impl WireRequest for LoginRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::bytes("statement", &self.statement.0, CONTEXT_BYTES_MAX)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)
    }
}

/// A session, as `POST /v1/sessions` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Who is logged in, as `subject@issuer`.
    pub human: String,
    /// When it ends, store time.
    pub expires_at: i64,
}
