//! Who signed what: closed profiles of HTTP Message Signatures (RFC 9421), JWS and JWT (RFC 7515, 7519), DPoP (RFC 9449), JWK
//! (RFC 7517, 7638) and Security Event Tokens (RFC 8417), each narrow enough to be read in one sitting; the ID tokens of identity
//! providers, which others make; and of messages that the gate sends: the signature of webhooks, and encryption and sender of Web Push.
//!
//! This crate is pure: time and random bytes enter as values, nothing is fetched, nothing is stored. A check hands back a
//! thing with private fields (`VerifiedSubmitProof`, `PresentedGrantToken`), never a `bool`. What the profile does not
//! name is refused, never ignored; replay is the caller's to refuse, with the nonce or `jti` that the proof names.

mod base64url;
pub mod content_digest;
pub mod dpop;
pub mod grant_token;
pub mod http_signature;
pub mod id_token;
pub mod jws;
pub mod key;
pub mod security_event;
pub mod strict_json;
pub mod web_push;
pub mod webhook;

pub use base64url::nonce_from_bytes;
pub use content_digest::ContentDigest;
pub use http_signature::{
    PublicUrl, RequestParts, RequestToSign, ReverifiedSubmit, SignatureError, SignedHeaders,
    SubmitEvidence, UnverifiedRequestSignature, VerifiedSubmitProof, Window, sign_request,
};
pub use key::{Algorithm, KeyError, SigningKey, Thumbprint, WorkloadKey};
