//! Public keys of workloads and of logins: Ed25519 and P-256 as JWK, parsed once into the form that verifies, named by
//! their RFC 7638 thumbprint. The private half is in `signing`; nothing here ever holds one.

mod jwk;
mod pem;
mod signing;
mod thumbprint;

pub use jwk::JwkSet;
pub use signing::SigningKey;
pub use thumbprint::Thumbprint;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use std::fmt;

/// The two signature algorithms of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (JWS `EdDSA`, RFC 9421 `ed25519`).
    Ed25519,
    /// ECDSA on P-256 with SHA-256, fixed-length signatures (JWS `ES256`, RFC 9421 `ecdsa-p256-sha256`).
    EcdsaP256,
}

impl Algorithm {
    /// The name in a JOSE header.
    #[must_use]
    pub const fn jose_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::EcdsaP256 => "ES256",
        }
    }

    /// The name in the `alg` parameter of an HTTP message signature.
    #[must_use]
    pub const fn http_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa-p256-sha256",
        }
    }
}

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The JWK's JSON was refused.
    #[error(transparent)]
    Json(#[from] crate::strict_json::JsonError),
    /// A private JWK was offered where a public one belongs.
    #[error(
        "the JWK holds a private key (member `d`); send only its public members and replace the key, it has been disclosed"
    )]
    Private,
    /// Not one of the two key types.
    #[error(
        "the key type is not supported; use Ed25519 (kty OKP, crv Ed25519) or P-256 (kty EC, crv P-256)"
    )]
    Type,
    /// A member that repeats what the key says disagrees with it.
    #[error("member `{0}` of the JWK does not fit the key; correct or remove it")]
    Disagrees(&'static str),
    /// The coordinates are no usable public key.
    #[error(
        "the public key is not a valid point, or is one for which anybody can sign; generate a new key"
    )]
    Point,
    /// The private key cannot be read.
    #[error("the private key cannot be read; give an unencrypted PKCS#8 key, Ed25519 or P-256")]
    Unreadable,
    /// The text is no thumbprint.
    #[error("the text is not a key thumbprint; give the 43 base64url characters of RFC 7638")]
    Thumbprint,
    /// The library could not sign.
    #[error("signing failed inside the cryptographic library; try again")]
    Signing,
}

/// A public key, ready to verify. Compared and printed by its thumbprint.
#[derive(Clone)]
pub struct WorkloadKey {
    coordinates: Coordinates,
    parsed: ParsedPublicKey,
    thumbprint: Thumbprint,
}

#[derive(Clone, Copy)]
enum Coordinates {
    Ed25519([u8; 32]),
    P256 { x: [u8; 32], y: [u8; 32] },
}

impl WorkloadKey {
    /// From the 32 bytes of an Ed25519 public key.
    ///
    /// # Errors
    /// `Point` for a non-canonical encoding or a point of small order: with those anybody can sign, and a requester could
    /// deny what it asked.
    pub fn from_ed25519(bytes: [u8; 32]) -> Result<Self, KeyError> {
        if is_weak_ed25519(&bytes) {
            return Err(KeyError::Point);
        }
        let parsed = ParsedPublicKey::new(&ED25519, bytes).map_err(|_| KeyError::Point)?;
        Ok(Self::new(Coordinates::Ed25519(bytes), parsed))
    }

    /// From the affine coordinates of a P-256 point.
    ///
    /// # Errors
    /// `Point` when they are not on the curve.
    pub fn from_p256(x: [u8; 32], y: [u8; 32]) -> Result<Self, KeyError> {
        let mut sec1 = [4; 65];
        for (to, from) in sec1.iter_mut().skip(1).zip(x.iter().chain(y.iter())) {
            *to = *from;
        }
        let parsed =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, sec1).map_err(|_| KeyError::Point)?;
        Ok(Self::new(Coordinates::P256 { x, y }, parsed))
    }

    fn new(coordinates: Coordinates, parsed: ParsedPublicKey) -> Self {
        let thumbprint = Thumbprint::of_canonical_jwk(jwk::canonical(&coordinates).as_bytes());
        Self {
            coordinates,
            parsed,
            thumbprint,
        }
    }

    /// Parses a public JWK: strict JSON of at most 1 KiB, members `kty`, `crv`, `x`, `y` and, when they agree with the key,
    /// `alg`, `use`, `kid`. No other member.
    ///
    /// # Errors
    /// What was wrong with it.
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        jwk::parse(crate::strict_json::Object::parse(json, JWK_BYTES_MAX)?)
    }

    /// As [`WorkloadKey::from_jwk`], for a JWK inside another document.
    ///
    /// # Errors
    /// What was wrong with it.
    pub fn from_jwk_object(object: crate::strict_json::Object) -> Result<Self, KeyError> {
        jwk::parse(object)
    }

    /// The canonical JWK of RFC 7638: required members only, sorted, no white space.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        jwk::canonical(&self.coordinates)
    }

    /// The RFC 7638 thumbprint (SHA-256), which is this key's name everywhere.
    #[must_use]
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The algorithm this key verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.coordinates {
            Coordinates::Ed25519(_) => Algorithm::Ed25519,
            Coordinates::P256 { .. } => Algorithm::EcdsaP256,
        }
    }

    /// Verifies a signature over `message`. Kept inside the crate: outside, a signature only counts within a profile.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "WorkloadKey({}, {})",
            self.algorithm().jose_name(),
            self.thumbprint
        )
    }
}

impl PartialEq for WorkloadKey {
    fn eq(&self, other: &Self) -> bool {
        self.thumbprint == other.thumbprint
    }
}

impl Eq for WorkloadKey {}

/// Encodings with y >= p, and the points of order 1, 2, 4 and 8 (either sign).
fn is_weak_ed25519(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    let [first, middle @ .., last] = y;
    let not_canonical = first >= 0xed && last == 0x7f && middle.iter().all(|b| *b == 0xff);
    not_canonical || SMALL_ORDER_Y.contains(&y)
}

const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

pub(crate) const JWK_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
