//! Standard Webhooks (standardwebhooks.com), the symmetric profile: `v1`, HMAC-SHA256 over id, time and body.
//!
//! Whoever receives a message knows from it that this gate sent these bytes at that time, and drops a repetition by its id.
//! It proves nothing about a decision: that stands in the ledger.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// How a secret is written.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret.
const SECRET_BYTES_MIN: usize = 24;
/// See [`SECRET_BYTES_MIN`].
const SECRET_BYTES_MAX: usize = 64;
/// Longest id in bytes.
const ID_BYTES_MAX: usize = 256;

/// Why nothing can be signed. Never a part of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It is written in another way.
    #[error(
        "the secret is no `whsec_` with {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64; take a new one: \
         `echo whsec_$(head -c 32 /dev/urandom | base64)`"
    )]
    Secret,
    /// An id that a receiver could read in two ways.
    #[error("an id has 1 to {ID_BYTES_MAX} visible ASCII characters and no full stop")]
    Id,
}

/// What both sides know. It prints nothing, and its bytes are wiped when they have been read.
pub struct WebhookSecret(Key);

impl core::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl WebhookSecret {
    /// Reads `whsec_` and base64.
    ///
    /// # Errors
    /// When it is anything else, or too short to be a secret.
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(WebhookError::Secret)?;
        // The length is checked first: nothing long is ever decoded.
        if encoded.len() > SECRET_BYTES_MAX * 2 {
            return Err(WebhookError::Secret);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| WebhookError::Secret)?;
        let bytes = Zeroizing::new(bytes);
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(WebhookError::Secret);
        }
        Ok(Self(Key::new(HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature` for a message of this id and time.
    ///
    /// # Errors
    /// [`WebhookError::Id`]: a full stop would move what is id and what is time.
    pub fn sign(&self, id: &str, unix_seconds: i64, body: &[u8]) -> Result<String, WebhookError> {
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(visible) {
            return Err(WebhookError::Id);
        }
        let mut context = Context::with_key(&self.0);
        context.update(format!("{id}.{unix_seconds}.").as_bytes());
        context.update(body);
        let tag = context.sign();
        Ok(format!("v1,{}", STANDARD.encode(tag.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification and its libraries publish.
    #[test]
    fn the_published_example() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        let published = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signature.as_deref(), Ok(published));
    }

    #[test]
    fn every_part_of_a_message_is_signed() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let other = WebhookSecret::parse("whsec_NfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signatures = [
            secret.sign("msg", 1, b"body"),
            secret.sign("msh", 1, b"body"),
            secret.sign("msg", 2, b"body"),
            secret.sign("msg", 1, b"bodi"),
            other.sign("msg", 1, b"body"),
        ];
        let different: std::collections::BTreeSet<_> = signatures
            .iter()
            .map(|signed| signed.as_ref().unwrap())
            .collect();
        assert_eq!(different.len(), signatures.len());
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for good in [24, 32, 64] {
            assert!(WebhookSecret::parse(&secret(good)).is_ok(), "{good}");
        }
        for bad in [
            secret(23),
            secret(65),
            secret(100_000),
            String::new(),
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            "whsec_".to_owned(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS".to_owned(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_-".to_owned(),
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        ] {
            assert_eq!(
                WebhookSecret::parse(&bad).unwrap_err(),
                WebhookError::Secret
            );
        }
        let secret = WebhookSecret::parse(&secret(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret");
        for bad in ["", "a.b", "a b", "a\nb", "é", &"a".repeat(257)] {
            assert_eq!(secret.sign(bad, 0, b""), Err(WebhookError::Id), "{bad}");
        }
    }
}
