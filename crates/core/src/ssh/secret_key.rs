//! The private key of an authority that certifies, as OpenSSH writes it to a file: unencrypted, Ed25519 or ECDSA P-256.
//!
//! It signs certificates and nothing else. Nothing of it is in an error or a Debug text, and it is wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::key::{
    ALGORITHM_BYTES_MAX, ECDSA_P256, ED25519, Ed25519Point, KEY_BLOB_BYTES_MAX, P256_CURVE,
    P256Point, SshPublicKey,
};
use super::wire::{Reader, WireError, Writer};

/// Longest file of a private key read, in bytes.
pub const SECRET_KEY_BYTES_MAX: usize = 8 << 10;
const HEADER: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const FOOTER: &str = "\n-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const COMMENT_BYTES_MAX: usize = 1024;
/// A key that is not encrypted is padded to a multiple of this.
const BLOCK_BYTES: u8 = 8;

/// Why something is not a private key that may certify. Says what to do, never what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretKeyError {
    /// Another format, or more than one block.
    #[error(
        "this is not one OPENSSH PRIVATE KEY block; make one with `ssh-keygen -t ed25519 -N '' -f ca`"
    )]
    Form,
    /// It has a passphrase.
    #[error(
        "the private key has a passphrase, which nobody types here; take it off with `ssh-keygen -p` and close the file to others"
    )]
    Encrypted,
    /// RSA, another curve, or a key on a security key.
    #[error(
        "a private key of this kind does not certify here; make one with `ssh-keygen -t ed25519`"
    )]
    Kind,
    /// Its parts do not fit together.
    #[error("the private key is damaged; take it from where it was made")]
    Damaged,
}

impl From<WireError> for SecretKeyError {
    fn from(_: WireError) -> Self {
        Self::Damaged
    }
}

/// A private key that certifies.
pub struct SshSecretKey(Secret);

enum Secret {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SshSecretKey {
    /// Reads what `ssh-keygen` wrote.
    ///
    /// # Errors
    /// [`SecretKeyError`].
    pub fn from_openssh(text: &[u8]) -> Result<Self, SecretKeyError> {
        let blob = dearmor(text)?;
        let mut reader = Reader::new(&blob);
        if reader.take(MAGIC.len()) != Ok(MAGIC) {
            return Err(SecretKeyError::Form);
        }
        let (cipher, kdf) = (
            reader.string(ALGORITHM_BYTES_MAX)?,
            reader.string(ALGORITHM_BYTES_MAX)?,
        );
        if cipher != b"none" || kdf != b"none" {
            return Err(SecretKeyError::Encrypted);
        }
        let options = reader.string(ALGORITHM_BYTES_MAX)?;
        if !options.is_empty() || reader.u32()? != 1 {
            return Err(SecretKeyError::Damaged);
        }
        let public = reader.string(KEY_BLOB_BYTES_MAX)?;
        let private = reader.string(SECRET_KEY_BYTES_MAX)?;
        reader.finish()?;
        let key = Self::private(private)?;
        if key.public_key().to_wire() != public {
            return Err(SecretKeyError::Damaged);
        }
        Ok(key)
    }

    fn private(bytes: &[u8]) -> Result<Self, SecretKeyError> {
        let mut reader = Reader::new(bytes);
        if reader.u32()? != reader.u32()? {
            return Err(SecretKeyError::Damaged);
        }
        let secret = match reader.text(ALGORITHM_BYTES_MAX)? {
            ED25519 => ed25519(&mut reader)?,
            ECDSA_P256 => p256(&mut reader)?,
            _ => return Err(SecretKeyError::Kind),
        };
        let _comment = reader.string(COMMENT_BYTES_MAX)?;
        let mut padding = 0;
        while let Ok(byte) = reader.byte() {
            padding += 1;
            if byte != padding || padding >= BLOCK_BYTES {
                return Err(SecretKeyError::Damaged);
            }
        }
        Ok(Self(secret))
    }

    /// Of a seed.
    #[cfg(test)]
    pub(super) fn of_seed(seed: [u8; 32]) -> Self {
        Self(Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(
            &seed,
        )))
    }

    /// Its public half.
    #[must_use]
    pub fn public_key(&self) -> SshPublicKey {
        match &self.0 {
            Secret::Ed25519(secret) => SshPublicKey::Ed25519(Ed25519Point::of(secret)),
            Secret::P256(secret) => SshPublicKey::EcdsaP256(P256Point::of(secret)),
        }
    }

    /// A signature with the name of its algorithm, as it stands in a certificate.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = Writer::new();
        match &self.0 {
            Secret::Ed25519(secret) => {
                let bytes = secret.sign(message).to_bytes();
                signature.string(ED25519.as_bytes()).string(&bytes);
            }
            Secret::P256(secret) => {
                let made: p256::ecdsa::Signature = secret.sign(message);
                let (r, s) = made.split_bytes();
                let mut pair = Writer::new();
                pair.positive_mpint(&r).positive_mpint(&s);
                signature
                    .string(ECDSA_P256.as_bytes())
                    .string(&pair.into_bytes());
            }
        }
        signature.into_bytes()
    }
}

impl fmt::Debug for SshSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshSecretKey({})", self.public_key().fingerprint())
    }
}

/// Seed and public half, and the public half again.
fn ed25519(reader: &mut Reader<'_>) -> Result<Secret, SecretKeyError> {
    let public = reader.string(32)?;
    let (seed, again) = reader
        .string(64)?
        .split_first_chunk::<32>()
        .ok_or(SecretKeyError::Damaged)?;
    let secret = ed25519_dalek::SigningKey::from_bytes(seed);
    let own = secret.verifying_key().to_bytes();
    if public != own || again != own {
        return Err(SecretKeyError::Damaged);
    }
    Ok(Secret::Ed25519(secret))
}

fn p256(reader: &mut Reader<'_>) -> Result<Secret, SecretKeyError> {
    if reader.text(ALGORITHM_BYTES_MAX)? != P256_CURVE {
        return Err(SecretKeyError::Kind);
    }
    let public = reader.string(65)?;
    let scalar = Zeroizing::new(reader.positive_mpint_256()?);
    let secret = p256::ecdsa::SigningKey::from_slice(scalar.as_slice())
        .map_err(|_| SecretKeyError::Damaged)?;
    if P256Point::of(&secret).as_bytes().as_slice() != public {
        return Err(SecretKeyError::Damaged);
    }
    Ok(Secret::P256(secret))
}

fn dearmor(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretKeyError> {
    if text.len() > SECRET_KEY_BYTES_MAX {
        return Err(SecretKeyError::Form);
    }
    let text = std::str::from_utf8(text).map_err(|_| SecretKeyError::Form)?;
    let body = text
        .trim_end_matches(['\n', '\r'])
        .strip_prefix(HEADER)
        .and_then(|text| text.strip_suffix(FOOTER))
        .ok_or(SecretKeyError::Form)?;
    let lines: Vec<&str> = body.split('\n').collect();
    let base64 = Zeroizing::new(lines.concat());
    STANDARD
        .decode(base64.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| SecretKeyError::Form)
}

#[cfg(test)]
mod tests;
