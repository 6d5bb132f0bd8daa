//! The names and keys of logs: the origin that stands in every tree head, the key that verifies it, the key that signs it.
//! Ed25519 only (C2SP signed-note type 0x01). Must never print or compare a secret.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::hash::sha256;

/// Longest origin, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 255;

const ED25519: u8 = 0x01;

/// The identity of a log and the name of its key, such as `gate.example.com/log`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Checks a name.
    ///
    /// # Errors
    /// Refuses an empty or long name, and spaces, control characters and `+` in it.
    pub fn new(name: &str) -> Result<Self, OriginError> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > ORIGIN_BYTES_MAX || name.contains(forbidden) {
            return Err(OriginError);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public key of a log under its origin. Prints as `origin+id+base64`, the verifier key text of Go's
/// `golang.org/x/mod/sumdb/note`.
#[derive(Clone, PartialEq, Eq)]
pub struct LogKey {
    origin: Origin,
    key: VerifyingKey,
}

impl LogKey {
    /// Binds a public key (RFC 8032 encoding) to an origin.
    ///
    /// # Errors
    /// Refuses bytes that are no point of the curve, and points of small order.
    pub fn new(origin: Origin, key: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(key)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or(KeyError::NotAKey)?;
        Ok(Self { origin, key })
    }

    /// Reads a verifier key text.
    ///
    /// # Errors
    /// Refuses any other form, another algorithm, and an id that is not the key's.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        // The base64 may contain a plus sign, the origin and the id cannot.
        let (origin, rest) = text.split_once('+').ok_or(KeyError::Malformed)?;
        let (_, encoded) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let origin = Origin::new(origin).map_err(|_| KeyError::Malformed)?;
        let typed = STANDARD.decode(encoded).map_err(|_| KeyError::Malformed)?;
        let [ED25519, key @ ..] = typed.as_slice() else {
            return Err(KeyError::Malformed);
        };
        let key = Self::new(origin, key.try_into().map_err(|_| KeyError::Malformed)?)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(KeyError::OtherId)
        }
    }

    /// The origin of the log.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The public key as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// First four bytes of `SHA-256(origin || 0x0A || 0x01 || key)`: finds the signature line, proves nothing.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = sha256(&[
            self.origin.0.as_bytes(),
            b"\n",
            &[ED25519],
            self.key.as_bytes(),
        ])
        .0;
        [a, b, c, d]
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let typed: Vec<u8> = [ED25519].into_iter().chain(self.to_bytes()).collect();
        write!(f, "{}+{id:08x}+{}", self.origin, STANDARD.encode(typed))
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({self})")
    }
}

/// The secret key of a log. Wiped from memory when dropped.
pub struct LogSigner {
    origin: Origin,
    key: SigningKey,
}

impl LogSigner {
    /// Makes the key of `seed` (RFC 8032 private key, 32 bytes of entropy) under an origin.
    #[must_use]
    pub fn from_seed(origin: Origin, seed: &[u8; 32]) -> Self {
        Self {
            origin,
            key: SigningKey::from_bytes(seed),
        }
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn log_key(&self) -> LogKey {
        LogKey {
            origin: self.origin.clone(),
            key: self.key.verifying_key(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// Signs something else than a tree head: the message begins with the name of its purpose and a NUL, which no tree head
    /// has. Verifies as a plain Ed25519 signature.
    #[must_use]
    pub fn sign_word(&self, message: &[u8]) -> [u8; 64] {
        self.sign(message)
    }
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogSigner({})", self.log_key())
    }
}

/// The name cannot be an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "origin is empty, longer than 255 bytes, or contains a space, a control character or +; use a name such as gate.example.com/log"
)]
pub struct OriginError;

/// Why a text or bytes are no key of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `origin+id+base64` of an Ed25519 key.
    #[error(
        "key is not of the form origin+id+base64 with an Ed25519 key; copy the whole line from the log's operator"
    )]
    Malformed,
    /// The id or its spelling is not that of this origin and key.
    #[error(
        "key id does not belong to this origin and key; copy the whole line from the log's operator"
    )]
    OtherId,
    /// No point of the curve, or one of small order.
    #[error("bytes are not an Ed25519 public key; ask the log's operator for its key")]
    NotAKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(name: &str) -> Origin {
        Origin::new(name).unwrap()
    }

    /// The key of the note package's own documentation.
    #[test]
    fn reads_a_known_verifier_key() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key = LogKey::parse(text).unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!(key.origin().as_str(), "PeterNeumann");
        assert_eq!(key.id(), [0xc7, 0x4f, 0x20, 0xa3]);
    }

    #[test]
    fn wrong_keys_are_refused() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let check = |wrong: &str, error| assert_eq!(LogKey::parse(wrong), Err(error), "{wrong}");
        check("", KeyError::Malformed);
        check("PeterNeumann", KeyError::Malformed);
        check(&text.replace("+ARpc", "+AhpC"), KeyError::Malformed);
        check(&text.replace("10TW", ""), KeyError::Malformed);
        check(&text.replace("c74f20a3", "c74f20a4"), KeyError::OtherId);
        check(&text.replace("c74f20a3", "C74F20A3"), KeyError::OtherId);
        check(&text.replace("Peter", "Pete"), KeyError::OtherId);
        check(&"a".repeat(600), KeyError::Malformed);
        // The neutral element has order one: any message verifies under it with a forged signature.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(LogKey::new(origin("x"), &neutral), Err(KeyError::NotAKey));
    }

    #[test]
    fn wrong_origins_are_refused() {
        assert!(Origin::new("gate.example.com/log").is_ok());
        assert!(Origin::new(&"a".repeat(255)).is_ok());
        for wrong in [
            "",
            "a b",
            "a+b",
            "a\nb",
            "a\u{2003}b",
            "a\0",
            "a\u{7f}",
            &"a".repeat(256),
        ] {
            assert_eq!(Origin::new(wrong), Err(OriginError), "{wrong:?}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let signer = LogSigner::from_seed(origin("x"), &[0x5a; 32]);
        assert_eq!(
            format!("{signer:?}"),
            format!("LogSigner({})", signer.log_key())
        );
    }
}
