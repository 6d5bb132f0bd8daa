//! What the client needs from its owner: a signature for each call, the time, and random bytes.

/// Signs calls in the profile `gatehold-v1` of HTTP Message Signatures. Implemented by whoever holds the key; the closure
/// `|call: &ToSign<'_>| …` is one.
pub trait RequestSigner: Send + Sync {
    /// Signs one call.
    ///
    /// # Errors
    /// Why the key cannot sign; nothing is sent then.
    fn sign(&self, call: &ToSign<'_>) -> Result<SignatureHeaders, SignerError>;
}

impl<F> RequestSigner for F
where
    F: Fn(&ToSign<'_>) -> Result<SignatureHeaders, SignerError> + Send + Sync,
{
    fn sign(&self, call: &ToSign<'_>) -> Result<SignatureHeaders, SignerError> {
        self(call)
    }
}

/// What a signature covers. The target URI is `public_url` followed by `request_target`.
#[derive(Debug, Clone, Copy)]
pub struct ToSign<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// The gate's public URL.
    pub public_url: &'a str,
    /// Raw path and query.
    pub request_target: &'a str,
    /// The Idempotency-Key header, when sent.
    pub idempotency_key: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
    /// Now, Unix seconds.
    pub created: u64,
    /// A fresh nonce of 32 hex characters.
    pub nonce: &'a str,
}

/// The three headers of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeaders {
    /// `Content-Digest`.
    pub content_digest: String,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

/// The key could not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the call could not be signed: {0}")]
pub struct SignerError(pub String);

/// Time and randomness, from outside.
pub trait Ambient: Send + Sync {
    /// The time, Unix seconds.
    fn now_unix_seconds(&self) -> u64;

    /// Fills `bytes` with fresh random bytes.
    ///
    /// # Errors
    /// When there is no randomness; nothing is sent then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), AmbientError>;
}

/// There is no randomness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no random bytes: {0}; check the system's random source")]
pub struct AmbientError(pub String);
