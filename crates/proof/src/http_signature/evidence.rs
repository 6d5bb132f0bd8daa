//! What is kept of a submit proof: the signature base and the signature. With the requester's public key and the body that
//! is enough for anybody to check, years later and offline, that the requester signed exactly this request.

use super::base;
use super::fields::{self, Params};
use super::request::{is_header_text, is_method};
use super::{IDEMPOTENCY_KEY_BYTES_MAX, SignatureError, TARGET_BYTES_MAX};
use crate::base64url;
use crate::content_digest::ContentDigest;
use crate::key::{Thumbprint, WorkloadKey};
use crate::strict_json::Object;

/// Signature base and signature of one request. A claim until [`SubmitEvidence::reverify`] has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitEvidence {
    base: String,
    signature: [u8; 64],
}

impl SubmitEvidence {
    pub(super) fn new(base: String, signature: [u8; 64]) -> Self {
        Self { base, signature }
    }

    /// The bytes that are stored: JSON in the canonical form of RFC 8785.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut json = String::with_capacity(self.base.len() + 256);
        json.push_str(r#"{"signature":""#);
        json.push_str(&base64url::encode(&self.signature));
        json.push_str(r#"","signature_base":""#);
        for c in self.base.chars() {
            // The base is printable ASCII and line feeds, so these three are all that JSON escapes.
            match c {
                '"' => json.push_str("\\\""),
                '\\' => json.push_str("\\\\"),
                '\n' => json.push_str("\\n"),
                c => json.push(c),
            }
        }
        json.push_str(r#"","type":"#);
        json.push_str(&format!("\"{EVIDENCE_TYPE}\"}}"));
        json.into_bytes()
    }

    /// Reads stored bytes. Only the form is checked.
    ///
    /// # Errors
    /// `Evidence` when the bytes are not what [`SubmitEvidence::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        Self::read(bytes)
            .filter(|evidence| evidence.to_bytes() == bytes)
            .ok_or(SignatureError::Evidence)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut object = Object::parse(bytes, EVIDENCE_BYTES_MAX).ok()?;
        if object.text("type", 64).ok()? != EVIDENCE_TYPE {
            return None;
        }
        let signature = base64url::decode(&object.text("signature", 86).ok()?)?
            .try_into()
            .ok()?;
        let base = object.text("signature_base", EVIDENCE_BYTES_MAX).ok()?;
        object.finish().ok()?;
        Some(Self { base, signature })
    }

    /// Verifies again, with the requester's key and the body. Says nothing about *now*: compare the times it returns with
    /// those of the leaf.
    ///
    /// # Errors
    /// The check that failed.
    pub fn reverify(
        &self,
        key: &WorkloadKey,
        body: &[u8],
    ) -> Result<ReverifiedSubmit, SignatureError> {
        self.check(key, Some(&ContentDigest::of(body)))
    }

    /// As [`SubmitEvidence::reverify`] when nothing is left of the body (it was erased): that the key signed this call is
    /// shown, and not what for.
    ///
    /// # Errors
    /// The check that failed.
    pub fn reverify_without_body(
        &self,
        key: &WorkloadKey,
    ) -> Result<ReverifiedSubmit, SignatureError> {
        self.check(key, None)
    }

    fn check(
        &self,
        key: &WorkloadKey,
        body: Option<&ContentDigest>,
    ) -> Result<ReverifiedSubmit, SignatureError> {
        let (components, params) = base::split(&self.base).ok_or(SignatureError::Evidence)?;
        let Params {
            covers_idempotency_key,
            created,
            expires,
            nonce,
            keyid,
            alg,
            ..
        } = fields::params(params)?;
        let (target_uri, _) = components.target_uri;
        let target_is_plain = target_uri.len() <= TARGET_BYTES_MAX + 1024
            && target_uri
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'#');
        let key_is_plain = components
            .idempotency_key
            .is_none_or(|text| is_header_text(text, IDEMPOTENCY_KEY_BYTES_MAX));
        if !is_method(components.method) || !target_is_plain || !key_is_plain {
            return Err(SignatureError::Evidence);
        }
        if covers_idempotency_key != components.idempotency_key.is_some() {
            return Err(SignatureError::Components);
        }
        if keyid != *key.thumbprint() {
            return Err(SignatureError::KeyMismatch);
        }
        if alg.is_some_and(|alg| alg != key.algorithm().http_name()) {
            return Err(SignatureError::AlgorithmMismatch);
        }
        if !key.verifies(self.base.as_bytes(), &self.signature) {
            return Err(SignatureError::BadSignature);
        }
        let signed = ContentDigest::parse(components.content_digest);
        if signed.is_none() || body.is_some_and(|body| signed.as_ref() != Some(body)) {
            return Err(SignatureError::BodyMismatch);
        }
        Ok(ReverifiedSubmit {
            key: keyid,
            method: components.method.to_owned(),
            target_uri: target_uri.to_owned(),
            idempotency_key: components.idempotency_key.map(str::to_owned),
            nonce: nonce.to_owned(),
            created,
            expires,
        })
    }
}

/// What stored evidence proves: this key signed this method, target, body and idempotency key, with these times.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct ReverifiedSubmit {
    key: Thumbprint,
    method: String,
    target_uri: String,
    idempotency_key: Option<String>,
    nonce: String,
    created: u64,
    expires: u64,
}

impl ReverifiedSubmit {
    /// The key that signed.
    #[must_use]
    pub const fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The full target URI, query included.
    #[must_use]
    pub fn target_uri(&self) -> &str {
        &self.target_uri
    }

    /// The Idempotency-Key header, when one was sent.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// The signer's nonce.
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
}

const EVIDENCE_TYPE: &str = "gatehold/submit-evidence/v1";
const EVIDENCE_BYTES_MAX: usize = 16 * 1024;
