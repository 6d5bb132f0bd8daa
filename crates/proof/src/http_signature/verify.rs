//! Verification in two steps: parse, so that the caller can look the key up by its thumbprint, then verify with that key.
//! The type in between is named `Unverified…` and gives out nothing but the name of the key it claims.

use super::base::Components;
use super::evidence::SubmitEvidence;
use super::fields::{self, Params};
use super::request::RequestParts;
use super::{LIFE_SECONDS_MAX, SignatureError};
use crate::content_digest::ContentDigest;
use crate::key::{Thumbprint, WorkloadKey};

/// The verifier's time and how far another clock may be off. Both are seconds; time is Unix time.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The verifier's time.
    pub now: u64,
    /// Allowance for the signer's clock, either way (the design's value is 5).
    pub skew_seconds: u64,
}

impl Window {
    pub(crate) fn is_future(&self, time: u64) -> bool {
        time > self.now.saturating_add(self.skew_seconds)
    }

    pub(crate) fn is_past(&self, time: u64) -> bool {
        time.saturating_add(self.skew_seconds) < self.now
    }
}

/// A signature in the profile's form. Nothing it says has been checked.
#[derive(Debug)]
pub struct UnverifiedRequestSignature<'a> {
    parts: RequestParts<'a>,
    params: Params<'a>,
    signature: [u8; 64],
    content_digest: ContentDigest,
}

impl<'a> UnverifiedRequestSignature<'a> {
    /// Parses the signature headers strictly.
    ///
    /// # Errors
    /// What is outside the profile.
    pub fn parse(parts: RequestParts<'a>) -> Result<Self, SignatureError> {
        let (label, value) = fields::label("signature-input", parts.signature_input)?;
        let params = fields::params(value)?;
        let (signature_label, value) = fields::label("signature", parts.signature)?;
        let signature = fields::signature(value)?;
        if label != signature_label {
            return Err(SignatureError::NotOneSignature);
        }
        // Covered exactly when present: an uncovered key would let a proxy join two requests or part one into two.
        if params.covers_idempotency_key != parts.idempotency_key.is_some() {
            return Err(SignatureError::Components);
        }
        let content_digest = ContentDigest::parse(parts.content_digest)
            .ok_or(SignatureError::MalformedHeader("content-digest"))?;
        Ok(Self {
            parts,
            params,
            signature,
            content_digest,
        })
    }

    /// The key that the request claims to be signed with. A claim, good for looking the key up.
    #[must_use]
    pub const fn unverified_keyid(&self) -> &Thumbprint {
        &self.params.keyid
    }

    /// Verifies time, key, signature and body.
    ///
    /// # Errors
    /// The first check that failed. The body is hashed last: who cannot sign cannot make us hash a megabyte.
    pub fn verify(
        self,
        key: &WorkloadKey,
        window: &Window,
    ) -> Result<VerifiedSubmitProof, SignatureError> {
        let Params {
            created, expires, ..
        } = self.params;
        if self.params.keyid != *key.thumbprint() {
            return Err(SignatureError::KeyMismatch);
        }
        if self
            .params
            .alg
            .is_some_and(|alg| alg != key.algorithm().http_name())
        {
            return Err(SignatureError::AlgorithmMismatch);
        }
        if window.is_future(created) {
            return Err(SignatureError::CreatedInFuture);
        }
        if window.is_past(expires) {
            return Err(SignatureError::Expired);
        }
        let components = Components {
            method: self.parts.method,
            target_uri: (self.parts.public_url.as_str(), self.parts.request_target),
            content_digest: self.parts.content_digest,
            idempotency_key: self.parts.idempotency_key,
        };
        let base = components.signature_base(self.params.text);
        if !key.verifies(base.as_bytes(), &self.signature) {
            return Err(SignatureError::BadSignature);
        }
        if ContentDigest::of(self.parts.body) != self.content_digest {
            return Err(SignatureError::BodyMismatch);
        }
        Ok(VerifiedSubmitProof {
            key: *key.thumbprint(),
            nonce: self.params.nonce.to_owned(),
            created,
            expires,
            skew_seconds: window.skew_seconds,
            content_digest: self.content_digest,
            evidence: SubmitEvidence::new(base, self.signature),
        })
    }
}

/// Proof that the holder of a key signed this request. Made only by [`UnverifiedRequestSignature::verify`].
///
/// It is not yet fresh: a state-changing call consumes `(key, nonce)` in its own commit.
#[derive(Debug)]
#[must_use]
pub struct VerifiedSubmitProof {
    key: Thumbprint,
    nonce: String,
    created: u64,
    expires: u64,
    skew_seconds: u64,
    content_digest: ContentDigest,
    evidence: SubmitEvidence,
}

impl VerifiedSubmitProof {
    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// The signer's nonce, 16 to 64 base64url characters.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// When the signer says it signed, Unix seconds.
    #[must_use]
    pub const fn created(&self) -> u64 {
        self.created
    }

    /// The signer's own end of the signature, Unix seconds.
    #[must_use]
    pub const fn expires(&self) -> u64 {
        self.expires
    }

    /// How long the nonce must be remembered, Unix seconds.
    ///
    /// INVARIANT(nonce-outlives-proof): this is `expires` + 2 x skew, never less than the last second at which any replica
    /// within the skew still accepts the signature (threat C11).
    #[must_use]
    pub const fn nonce_kept_until(&self) -> u64 {
        self.expires
            .saturating_add(self.skew_seconds.saturating_mul(2))
    }

    /// Longest time a nonce can have to be remembered, seconds after its arrival, for sizing a store.
    #[must_use]
    pub const fn nonce_life_seconds_max(skew_seconds: u64) -> u64 {
        LIFE_SECONDS_MAX + 3 * skew_seconds
    }

    /// SHA-256 of the body that was signed and received.
    #[must_use]
    pub const fn content_digest(&self) -> &ContentDigest {
        &self.content_digest
    }

    /// What is stored as the attachment of the request's leaf.
    #[must_use]
    pub const fn evidence(&self) -> &SubmitEvidence {
        &self.evidence
    }

    /// As [`VerifiedSubmitProof::evidence`], without a copy.
    #[must_use]
    pub fn into_evidence(self) -> SubmitEvidence {
        self.evidence
    }
}
