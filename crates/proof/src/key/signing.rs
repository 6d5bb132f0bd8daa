//! The private half. It lives in the cryptographic library, which overwrites it when it is freed; bytes that pass through
//! here are in `Zeroizing`. `Debug` names the public key only, and there is no `Clone`: share it by reference.

use super::{Algorithm, KeyError, WorkloadKey, pem};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use std::fmt;
use zeroize::Zeroizing;

/// A private key that signs.
pub struct SigningKey {
    pair: Pair,
    public: WorkloadKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key from random bytes that the caller brings: `fill` must fill its argument with fresh, secret randomness.
    ///
    /// # Errors
    /// `Unreadable` when four draws gave no valid P-256 scalar: the random source is broken.
    pub fn generate(
        algorithm: Algorithm,
        mut fill: impl FnMut(&mut [u8; 32]),
    ) -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        let mut made = Err(KeyError::Unreadable);
        for _ in 0..4 {
            fill(&mut seed);
            made = Self::from_seed(algorithm, &seed);
            if made.is_ok() {
                break;
            }
        }
        made
    }

    /// From the 32 secret bytes: the Ed25519 seed of RFC 8032, or the P-256 scalar, big-endian.
    ///
    /// # Errors
    /// `Unreadable` when a P-256 scalar is zero or not below the group order.
    pub fn from_seed(algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 => Self::new(Pair::Ed25519(
                Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Unreadable)?,
            )),
            Algorithm::EcdsaP256 => {
                let der = Zeroizing::new([&RFC_5915_HEAD[..], seed, &RFC_5915_TAIL].concat());
                let pair =
                    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
                Self::new(Pair::P256(pair.map_err(|_| KeyError::Unreadable)?))
            }
        }
    }

    /// From an unencrypted PKCS#8 document (DER), version 1 or 2.
    ///
    /// # Errors
    /// `Unreadable` when it is neither an Ed25519 nor a P-256 key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        if der.len() > PKCS8_BYTES_MAX {
            return Err(KeyError::Unreadable);
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Self::new(Pair::Ed25519(pair));
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyError::Unreadable)?;
        Self::new(Pair::P256(pair))
    }

    /// From a PEM file with one `PRIVATE KEY` block, as `openssl genpkey` writes it.
    ///
    /// # Errors
    /// `Unreadable` for anything else, also for an encrypted key.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pkcs8(&pem::decode(text).ok_or(KeyError::Unreadable)?)
    }

    /// PKCS#8 version 1 (DER).
    ///
    /// # Errors
    /// `Unreadable` when the library cannot encode the key.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let document = match &self.pair {
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
            Pair::P256(pair) => pair.to_pkcs8v1(),
        };
        Ok(Zeroizing::new(
            document
                .map_err(|_| KeyError::Unreadable)?
                .as_ref()
                .to_vec(),
        ))
    }

    /// PKCS#8 version 1 as PEM, for a key file (mode 0600 is the caller's duty).
    ///
    /// # Errors
    /// As [`SigningKey::to_pkcs8`].
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        Ok(pem::encode(&self.to_pkcs8()?))
    }

    /// The 32 secret bytes, as [`SigningKey::from_seed`] takes them.
    ///
    /// # Errors
    /// `Unreadable` when the library cannot give them out.
    pub fn to_seed(&self) -> Result<Zeroizing<[u8; 32]>, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        match &self.pair {
            Pair::Ed25519(pair) => {
                let secret = pair.seed().map_err(|_| KeyError::Unreadable)?;
                let bytes: Curve25519SeedBin<'_> =
                    secret.as_be_bytes().map_err(|_| KeyError::Unreadable)?;
                seed.copy_from_slice(bytes.as_ref());
            }
            Pair::P256(pair) => {
                let secret = pair.private_key();
                let bytes: EcPrivateKeyBin<'_> =
                    secret.as_be_bytes().map_err(|_| KeyError::Unreadable)?;
                seed.copy_from_slice(bytes.as_ref());
            }
        }
        Ok(seed)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &WorkloadKey {
        &self.public
    }

    /// Signs `message`. Kept inside the crate: outside, a key signs only within a profile, so that a signature made for
    /// one protocol is never one for another.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64], KeyError> {
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(message),
            // The library draws the nonce itself and ignores the argument.
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), message),
        };
        signature
            .map_err(|_| KeyError::Signing)?
            .as_ref()
            .try_into()
            .map_err(|_| KeyError::Signing)
    }

    fn new(pair: Pair) -> Result<Self, KeyError> {
        let public = match &pair {
            Pair::Ed25519(pair) => WorkloadKey::from_ed25519(
                pair.public_key()
                    .as_ref()
                    .try_into()
                    .map_err(|_| KeyError::Unreadable)?,
            )?,
            Pair::P256(pair) => {
                let (x, y) = match pair.public_key().as_ref().split_first_chunk::<33>() {
                    Some(([4, x @ ..], y)) => (*x, y.try_into().map_err(|_| KeyError::Unreadable)?),
                    _ => return Err(KeyError::Unreadable),
                };
                WorkloadKey::from_p256(x, y)?
            }
        };
        Ok(Self { pair, public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(secret of {:?})", self.public)
    }
}

const PKCS8_BYTES_MAX: usize = 1024;

/// `ECPrivateKey` (RFC 5915): version 1, the scalar, and the curve named in the tail; the library computes the public half.
const RFC_5915_HEAD: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const RFC_5915_TAIL: [u8; 12] = [
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];
