//! A machine's public key as a JWK (RFC 7517), only to name it: the RFC 7638 thumbprint. Checking its signatures is
//! the `proof` crate's work.

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::json::canonical;

/// Longest JWK in bytes.
pub const JWK_BYTES_MAX: usize = 1024;

/// An Ed25519 or P-256 public key, with exactly the members its thumbprint covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Jwk {
    /// P-256.
    Ec {
        /// `P-256`.
        crv: String,
        /// `EC`.
        kty: String,
        /// base64url without padding.
        x: String,
        /// base64url without padding.
        y: String,
    },
    /// Ed25519.
    Okp {
        /// `Ed25519`.
        crv: String,
        /// `OKP`.
        kty: String,
        /// base64url without padding.
        x: String,
    },
}

/// Text that is no JWK of the accepted kinds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a machine key is a JWK with exactly kty, crv, x (and y): OKP/Ed25519 or EC/P-256")]
pub struct JwkError;

impl Jwk {
    /// Reads a JWK; other members, private parts and other curves are refused.
    ///
    /// # Errors
    /// [`JwkError`].
    pub fn parse(text: &str) -> Result<Self, JwkError> {
        if text.len() > JWK_BYTES_MAX {
            return Err(JwkError);
        }
        let jwk: Self = canonical::from_bytes(text.as_bytes()).map_err(|_| JwkError)?;
        let plain = |part: &str| {
            part.len() == 43
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let accepted = match &jwk {
            Self::Ec { crv, kty, x, y } => crv == "P-256" && kty == "EC" && plain(x) && plain(y),
            Self::Okp { crv, kty, x } => crv == "Ed25519" && kty == "OKP" && plain(x),
        };
        if accepted { Ok(jwk) } else { Err(JwkError) }
    }

    /// RFC 7638: SHA-256 over the required members in lexicographic order, which is the canonical form.
    #[must_use]
    pub fn thumbprint(&self) -> Hash {
        Hash::of(&canonical::to_bytes(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_matches_rfc_8037_appendix_a_3() {
        let jwk =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let hex = Jwk::parse(jwk).unwrap().thumbprint().hex();
        // kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k in base64url
        assert_eq!(
            hex,
            "90facafea9b1556698540f70c0117a22ea37bd5cf3ed3c47093c1707282b4b89"
        );
    }

    #[test]
    fn refuses_private_parts_and_other_curves() {
        let good =
            r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert!(Jwk::parse(good).is_ok());
        for bad in [
            good.replace("Ed25519", "X25519"),
            good.replace(
                '}',
                r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#,
            ),
            good.replace("URo", "UR"),
            "{}".to_owned(),
        ] {
            assert_eq!(Jwk::parse(&bad), Err(JwkError), "{bad}");
        }
    }
}
