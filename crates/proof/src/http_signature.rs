//! Submit proof: HTTP Message Signatures (RFC 9421) in one closed profile, so that the requester signs what it asks.
//!
//! Covered, in this order: `@method`, `@target-uri`, `content-digest`, and `idempotency-key` exactly when that header is
//! present. Parameters, each once, in any order: `created`, `expires` (at most 60 s later), `nonce` (16 to 64 base64url
//! characters), `keyid` (the key's thumbprint), `tag="gatehold-v1"`, and `alg`, which may be absent. One signature, under
//! any label. Both headers must be in the canonical spelling of RFC 8941; white space that it merely tolerates is refused.
//!
//! What is *not* covered (every other header, so also `Prefer` and `Accept`) must never change what is decided.

mod base;
mod evidence;
mod fields;
mod request;
mod sign;
mod verify;

pub use evidence::{ReverifiedSubmit, SubmitEvidence};
pub use request::{PublicUrl, RequestParts};
pub use sign::{RequestToSign, SignedHeaders, sign_request};
pub use verify::{UnverifiedRequestSignature, VerifiedSubmitProof, Window};

/// Why a request's signature was refused. None of these says anything about a secret; all may be answered with 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header the profile needs is absent.
    #[error("header {0} is missing; sign the request (RFC 9421, profile gatehold-v1)")]
    MissingHeader(&'static str),
    /// A header that must be sent once was sent more often.
    #[error("header {0} appears more than once; send it exactly once")]
    RepeatedHeader(&'static str),
    /// A header has a value outside the profile.
    #[error(
        "header {0} is not in the canonical form of the profile; compare it with the documented example"
    )]
    MalformedHeader(&'static str),
    /// More than one signature, or two labels.
    #[error("the request must carry exactly one signature, under the same label in both headers")]
    NotOneSignature,
    /// Other components than the profile's are covered.
    #[error(
        "the signature must cover exactly @method, @target-uri, content-digest and, when sent, idempotency-key, in this order"
    )]
    Components,
    /// A signature parameter is absent.
    #[error("signature parameter `{0}` is missing; add it")]
    MissingParameter(&'static str),
    /// A signature parameter is repeated, unknown or has a value outside the profile.
    #[error(
        "a signature parameter is repeated, unknown or out of bounds; send created, expires, nonce, keyid, tag once each"
    )]
    Parameter,
    /// The tag is another one.
    #[error("signature parameter `tag` must be \"gatehold-v1\"")]
    Tag,
    /// `expires` is not within 60 s after `created`.
    #[error("`expires` must be 1 to 60 seconds after `created`")]
    Lifetime,
    /// The signature is too old.
    #[error("the signature has expired; sign the request again, and check the clock")]
    Expired,
    /// The signature is from the future.
    #[error("the signature was created in the future; check the clock")]
    CreatedInFuture,
    /// `keyid` does not name the key it is checked with.
    #[error("`keyid` does not name this key; send the RFC 7638 thumbprint of the registered key")]
    KeyMismatch,
    /// `alg` contradicts the key.
    #[error("`alg` does not fit the key; leave it out or send the key's own algorithm")]
    AlgorithmMismatch,
    /// The method or the target cannot be signed.
    #[error(
        "the method or the request target is outside the profile; use an upper-case method and a path of printable ASCII"
    )]
    Target,
    /// The signature is not the key's over this request.
    #[error(
        "the signature does not verify over this request; sign method, full target URI and digest exactly as sent"
    )]
    BadSignature,
    /// The body is another one than the one signed.
    #[error("the body does not match Content-Digest; send the bytes that were signed")]
    BodyMismatch,
    /// Stored evidence is not in its form.
    #[error(
        "the stored evidence is not a signature base of the profile; it was altered or is of another version"
    )]
    Evidence,
}

/// Longest life of one signature, seconds (design: `expires` <= 60 s).
pub const LIFE_SECONDS_MAX: u64 = 60;
/// The tag that keeps signatures of other protocols out.
pub const TAG: &str = "gatehold-v1";

const METHOD_BYTES_MAX: usize = 16;
const TARGET_BYTES_MAX: usize = 4096;
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
const SIGNATURE_INPUT_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
