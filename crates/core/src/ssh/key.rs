//! SSH public keys of the four kinds that may sign here: Ed25519 and ECDSA P-256, each as a file key or on a security key.
//!
//! A value of [`SshPublicKey`] is a checked point on its curve; there is no other way to make one. It must never accept
//! two encodings of one key, because the [`thumbprint`](SshPublicKey::thumbprint) is how a key is named everywhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::wire::{Reader, WireError, Writer};

pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
pub(super) const P256_CURVE: &str = "nistp256";

/// Longest key blob read, in bytes.
pub const KEY_BLOB_BYTES_MAX: usize = 1024;
/// Longest `authorized_keys` line read, in bytes.
pub const KEY_LINE_BYTES_MAX: usize = 4096;
pub(super) const ALGORITHM_BYTES_MAX: usize = 64;
const APPLICATION_BYTES_MAX: usize = 256;

/// Why something is not a public key we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The blob does not follow the SSH wire format.
    #[error("the public key is damaged: {0}")]
    Wire(#[from] WireError),
    /// RSA keys are not accepted.
    #[error("RSA keys are not accepted; make an Ed25519 key with `ssh-keygen -t ed25519-sk`")]
    Rsa,
    /// DSA keys are not accepted.
    #[error("DSA keys are not accepted; make an Ed25519 key with `ssh-keygen -t ed25519-sk`")]
    Dsa,
    /// ECDSA on another curve than P-256.
    #[error("of the ECDSA curves only P-256 is accepted; make a key with `ssh-keygen -t ecdsa-sk`")]
    Curve,
    /// A certificate where a plain key belongs.
    #[error("this is an SSH certificate; give the plain public key it was made from")]
    Certificate,
    /// Another kind of key.
    #[error(
        "this kind of key is not accepted; use one of ssh-ed25519, ecdsa-sha2-nistp256 or their sk- forms"
    )]
    Unknown,
    /// Not a point of the curve, a weak point, or not its one canonical encoding.
    #[error("the public key is not a valid point of its curve; make a new key")]
    Point,
    /// The application of a security key is not of the `ssh:` form.
    #[error(
        "the security key's application must be printable ASCII starting with `ssh:`; make the key without `-O application` or with one that does"
    )]
    Application,
    /// Not the one-line form.
    #[error(
        "the public key is not of the form `type base64 [comment]`; give one line of a .pub file, without options"
    )]
    Line,
}

/// A checked Ed25519 public point: canonical and not of small order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ed25519Point([u8; 32]);

/// A checked P-256 public point in uncompressed form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct P256Point([u8; 65]);

/// The application (relying party) of a security key, starting with `ssh:`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Application(String);

/// A public key that may sign.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SshPublicKey {
    /// `ssh-ed25519`: a key in a file or an agent.
    Ed25519(Ed25519Point),
    /// `ecdsa-sha2-nistp256`: a key in a file or an agent.
    EcdsaP256(P256Point),
    /// `sk-ssh-ed25519@openssh.com`: made by a security key, or by software that says so.
    SkEd25519 {
        /// The public point.
        point: Ed25519Point,
        /// What the authenticator scoped the key to.
        application: Application,
    },
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: made by a security key, or by software that says so.
    SkEcdsaP256 {
        /// The public point.
        point: P256Point,
        /// What the authenticator scoped the key to.
        application: Application,
    },
}

impl SshPublicKey {
    /// Whether the private key lives in a FIDO authenticator, so that flags mean something.
    #[must_use]
    pub const fn is_security_key(&self) -> bool {
        matches!(self, Self::SkEd25519 { .. } | Self::SkEcdsaP256 { .. })
    }

    /// Reads the wire blob (RFC 4253 section 6.6); nothing may follow it.
    pub fn from_wire(blob: &[u8]) -> Result<Self, KeyError> {
        if blob.len() > KEY_BLOB_BYTES_MAX {
            return Err(WireError::TooLong {
                length: blob.len(),
                limit: KEY_BLOB_BYTES_MAX,
            }
            .into());
        }
        let mut reader = Reader::new(blob);
        let key = match reader.text(ALGORITHM_BYTES_MAX)? {
            ED25519 => Self::Ed25519(Ed25519Point::read(&mut reader)?),
            ECDSA_P256 => Self::EcdsaP256(P256Point::read(&mut reader)?),
            SK_ED25519 => Self::SkEd25519 {
                point: Ed25519Point::read(&mut reader)?,
                application: Application::read(&mut reader)?,
            },
            SK_ECDSA_P256 => Self::SkEcdsaP256 {
                point: P256Point::read(&mut reader)?,
                application: Application::read(&mut reader)?,
            },
            other => return Err(refuse_algorithm(other)),
        };
        reader.finish()?;
        Ok(key)
    }

    /// Reads one line of a `.pub` or `authorized_keys` file: type, base64, optional comment, which is dropped.
    /// Options before the type are refused: they mean something to sshd and nothing here.
    pub fn from_line(line: &str) -> Result<Self, KeyError> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > KEY_LINE_BYTES_MAX || line.contains(['\n', '\r']) {
            return Err(KeyError::Line);
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(KeyError::Line);
        };
        let blob = STANDARD
            .decode(base64)
            .map_err(|_| match refuse_algorithm(algorithm) {
                KeyError::Unknown => KeyError::Line,
                named => named,
            })?;
        let key = Self::from_wire(&blob)?;
        if key.algorithm() != algorithm {
            return Err(KeyError::Line);
        }
        Ok(key)
    }

    /// The wire blob; [`from_wire`](Self::from_wire) of it gives the same key.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.string(self.algorithm().as_bytes());
        self.write_parts(&mut writer);
        writer.into_bytes()
    }

    /// What follows the algorithm's name, in a blob and in a certificate.
    pub(super) fn write_parts(&self, writer: &mut Writer) {
        match self {
            Self::Ed25519(point) | Self::SkEd25519 { point, .. } => writer.string(&point.0),
            Self::EcdsaP256(point) | Self::SkEcdsaP256 { point, .. } => {
                writer.string(P256_CURVE.as_bytes()).string(&point.0)
            }
        };
        if let Some(application) = self.application() {
            writer.string(application.as_str().as_bytes());
        }
    }

    /// The one-line form without a comment, as in a `.pub` file.
    #[must_use]
    pub fn to_line(&self) -> String {
        format!("{} {}", self.algorithm(), STANDARD.encode(self.to_wire()))
    }

    /// SHA-256 of the wire blob: the name of this key in records, contexts and directories.
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        Sha256::digest(self.to_wire()).into()
    }

    /// The thumbprint as `ssh-keygen -l` prints it: `SHA256:` and unpadded base64.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(self.thumbprint()))
    }

    /// The SSH name of the key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => ED25519,
            Self::EcdsaP256(_) => ECDSA_P256,
            Self::SkEd25519 { .. } => SK_ED25519,
            Self::SkEcdsaP256 { .. } => SK_ECDSA_P256,
        }
    }

    /// The application, for a security key; `None` for a software key.
    #[must_use]
    pub const fn application(&self) -> Option<&Application> {
        match self {
            Self::Ed25519(_) | Self::EcdsaP256(_) => None,
            Self::SkEd25519 { application, .. } | Self::SkEcdsaP256 { application, .. } => {
                Some(application)
            }
        }
    }
}

fn refuse_algorithm(name: &str) -> KeyError {
    if name.contains("-cert-v") {
        KeyError::Certificate
    } else if name == "ssh-rsa" || name.starts_with("rsa-sha2-") {
        KeyError::Rsa
    } else if name == "ssh-dss" {
        KeyError::Dsa
    } else if name.starts_with("ecdsa-sha2-") {
        KeyError::Curve
    } else {
        KeyError::Unknown
    }
}

impl Ed25519Point {
    /// Checks a compressed point.
    pub fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)?;
        // Decompression reduces y modulo p silently; without this check a key would have two thumbprints.
        let canonical = key.to_edwards().compress().to_bytes() == bytes;
        if key.is_weak() || !canonical {
            return Err(KeyError::Point);
        }
        Ok(Self(bytes))
    }

    /// The public half of a secret key: a multiple of the base point, so neither weak nor non-canonical.
    pub(super) fn of(secret: &ed25519_dalek::SigningKey) -> Self {
        Self(secret.verifying_key().to_bytes())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        Self::new(reader.string(32)?.try_into().map_err(|_| KeyError::Point)?)
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl P256Point {
    /// Checks an uncompressed point (0x04, x, y).
    pub fn new(bytes: [u8; 65]) -> Result<Self, KeyError> {
        // The compressed and compact forms have other lengths; 65 bytes leave only 0x04 and what the parser refuses.
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&bytes).map_err(|_| KeyError::Point)?;
        Ok(Self(bytes))
    }

    /// The public half of a secret key.
    pub(crate) fn of(secret: &p256::ecdsa::SigningKey) -> Self {
        let mut bytes = [0; 65];
        bytes.copy_from_slice(&secret.verifying_key().to_sec1_point(false).to_bytes());
        Self(bytes)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        if reader.text(ALGORITHM_BYTES_MAX)? != P256_CURVE {
            return Err(KeyError::Curve);
        }
        Self::new(reader.string(65)?.try_into().map_err(|_| KeyError::Point)?)
    }

    /// The uncompressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }
}

impl Application {
    /// Checks that an application is one that only SSH uses, so that a web credential is never taken for a key here.
    pub fn new(name: &str) -> Result<Self, KeyError> {
        let printable = name.bytes().all(|b| b.is_ascii_graphic());
        if !name.starts_with("ssh:") || name.len() > APPLICATION_BYTES_MAX || !printable {
            return Err(KeyError::Application);
        }
        Ok(Self(name.to_owned()))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        Self::new(reader.text(APPLICATION_BYTES_MAX)?)
    }

    /// The application as text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

impl fmt::Debug for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SshPublicKey({} {})",
            self.algorithm(),
            self.fingerprint()
        )
    }
}

impl fmt::Debug for Ed25519Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Point({})", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for P256Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P256Point({})", STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({})", self.0)
    }
}

impl std::str::FromStr for SshPublicKey {
    type Err = KeyError;
    fn from_str(line: &str) -> Result<Self, KeyError> {
        Self::from_line(line)
    }
}

/// In documents a key stands as its one-line form.
impl serde::Serialize for SshPublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_line())
    }
}

/// Only the exact one-line form is read, so that a document with a key has one encoding: no comment, no extra spaces.
impl<'de> serde::Deserialize<'de> for SshPublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let key = Self::from_line(&line).map_err(serde::de::Error::custom)?;
        if key.to_line() != line {
            return Err(serde::de::Error::custom(KeyError::Line));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
