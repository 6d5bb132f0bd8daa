//! The signing side of the profile, for clients and enforcement points. Time and nonce come in as values.

use super::base::Components;
use super::fields::{self, COMPONENTS, COMPONENTS_WITH_KEY};
use super::request::{is_header_text, is_method, is_request_target};
use super::{IDEMPOTENCY_KEY_BYTES_MAX, LIFE_SECONDS_MAX, PublicUrl, SignatureError, TAG};
use crate::base64url;
use crate::content_digest::ContentDigest;
use crate::key::SigningKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A request that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct RequestToSign<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// The gate's configured public URL.
    pub public_url: &'a PublicUrl,
    /// Raw path and query, as it will stand in the request line.
    pub request_target: &'a str,
    /// The Idempotency-Key header, when it will be sent.
    pub idempotency_key: Option<&'a str>,
    /// The whole body; empty when there is none.
    pub body: &'a [u8],
    /// Now, Unix seconds.
    pub created: u64,
    /// Life of the signature in seconds, 1 to 60.
    pub life_seconds: u64,
    /// 16 to 64 fresh base64url characters; see [`crate::nonce_from_bytes`].
    pub nonce: &'a str,
}

/// The three headers to add to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `Content-Digest`.
    pub content_digest: String,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

/// Signs a request with this key.
///
/// # Errors
/// A part outside the profile, so that nothing is signed that every gate would refuse; or a failure of the library.
pub fn sign_request(
    key: &SigningKey,
    request: &RequestToSign<'_>,
) -> Result<SignedHeaders, SignatureError> {
    if !is_method(request.method) || !is_request_target(request.request_target) {
        return Err(SignatureError::Target);
    }
    if request
        .idempotency_key
        .is_some_and(|text| !is_header_text(text, IDEMPOTENCY_KEY_BYTES_MAX))
    {
        return Err(SignatureError::MalformedHeader("idempotency-key"));
    }
    if !fields::is_nonce(request.nonce) {
        return Err(SignatureError::Parameter);
    }
    if !(1..=LIFE_SECONDS_MAX).contains(&request.life_seconds) || request.created >= CREATED_MAX {
        return Err(SignatureError::Lifetime);
    }
    let components = if request.idempotency_key.is_some() {
        COMPONENTS_WITH_KEY
    } else {
        COMPONENTS
    };
    let params = format!(
        r#"({components});created={};expires={};nonce="{}";keyid="{}";alg="{}";tag="{TAG}""#,
        request.created,
        request.created + request.life_seconds,
        request.nonce,
        base64url::encode(key.public().thumbprint().as_bytes()),
        key.public().algorithm().http_name(),
    );
    let content_digest = ContentDigest::of(request.body).to_header();
    let base = Components {
        method: request.method,
        target_uri: (request.public_url.as_str(), request.request_target),
        content_digest: &content_digest,
        idempotency_key: request.idempotency_key,
    }
    .signature_base(&params);
    let signature = key
        .sign(base.as_bytes())
        .map_err(|_| SignatureError::BadSignature)?;
    Ok(SignedHeaders {
        content_digest,
        signature_input: format!("{LABEL}={params}"),
        signature: format!("{LABEL}=:{}:", STANDARD.encode(signature)),
    })
}

const LABEL: &str = "gatehold";
/// Twelve digits are the verifier's bound.
const CREATED_MAX: u64 = 999_999_999_000;
