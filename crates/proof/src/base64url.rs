//! Base64url without padding, as JWK, JWS and our nonces use it. The decoder refuses padding, other alphabets and
//! non-zero trailing bits, so that one byte string has exactly one spelling.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A nonce of 22 characters from 16 random bytes; the caller brings the randomness.
#[must_use]
pub fn nonce_from_bytes(random: &[u8; 16]) -> String {
    encode(random)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes exactly 32 bytes: a coordinate, a seed or a thumbprint.
pub(crate) fn decode_32(text: &str) -> Option<[u8; 32]> {
    // 43 characters carry 32 bytes; the length check keeps a long text from being decoded at all.
    if text.len() != 43 {
        return None;
    }
    decode(text)?.try_into().ok()
}

pub(crate) fn is_base64url(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
