//! SSHSIG version 1 (OpenSSH `PROTOCOL.sshsig`): what `ssh-keygen -Y sign` writes, parsed and verified in pure code.
//!
//! [`verify`] is the only way to a [`VerifiedSshsig`]. It must never trust the key or the namespace that the signature
//! names: both are compared with what the caller expects, byte for byte, before anything is computed.
//! Software signing is in [`sign_software`]; the inner signature is in `signature`.

mod armor;
mod signature;

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256, Sha512};

use super::key::{Ed25519Point, KEY_BLOB_BYTES_MAX, KeyError, SshPublicKey};
use super::wire::{Reader, WireError, Writer};
pub(super) use armor::armor;
use armor::dearmor;
use signature::{InnerSignature, SIGNATURE_BYTES_MAX, SkPart};

const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;

/// Longest signature read, armored or raw, in bytes.
pub const SSHSIG_BYTES_MAX: usize = 8192;
/// Longest namespace, in bytes.
pub const NAMESPACE_BYTES_MAX: usize = 128;
const ALGORITHM_BYTES_MAX: usize = 64;

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshsigError {
    /// Longer than [`SSHSIG_BYTES_MAX`].
    #[error(
        "the signature has more than {SSHSIG_BYTES_MAX} bytes; send the output of `ssh-keygen -Y sign` alone"
    )]
    TooLong,
    /// The armor is incomplete or holds something else.
    #[error(
        "the signature is not one whole SSH SIGNATURE block; send the output of `ssh-keygen -Y sign` as it is"
    )]
    Armor,
    /// The blob does not follow the SSH wire format.
    #[error("the signature is damaged: {0}")]
    Wire(#[from] WireError),
    /// The blob does not begin with `SSHSIG`.
    #[error("this is not an SSH signature; sign with `ssh-keygen -Y sign`")]
    Magic,
    /// A version other than 1.
    #[error("SSH signature version {0} is not known; sign with version 1")]
    Version(u32),
    /// The reserved field holds something. OpenSSH ignores it; we refuse what we do not understand.
    #[error("the signature's reserved field is not empty; sign with a client that leaves it empty")]
    Reserved,
    /// Neither sha256 nor sha512.
    #[error("the signature's hash algorithm is not known; sign with sha256 or sha512")]
    Hash,
    /// The embedded key is not one we accept.
    #[error("the signature's key is refused: {0}")]
    Key(#[from] KeyError),
    /// Signed by another key than the one expected.
    #[error("the signature was made with another key; sign with the enrolled one")]
    WrongKey,
    /// Signed for another purpose.
    #[error(
        "the signature was made for another namespace; sign again with the one that was asked for"
    )]
    WrongNamespace,
    /// An empty or overlong namespace.
    #[error("a namespace has 1 to {NAMESPACE_BYTES_MAX} bytes; choose one of that length")]
    Namespace,
    /// The inner signature's algorithm is not that of the key.
    #[error("the signature's algorithm does not fit its key; sign with `ssh-keygen -Y sign`")]
    Algorithm,
    /// A flag that would change what is signed, or that nobody has defined.
    #[error(
        "the security key set flags that are not understood (0x{0:02x}); sign without extensions"
    )]
    Flags(u8),
    /// The cryptographic check failed.
    #[error("the signature does not match the message; sign exactly the bytes that were given")]
    Mismatch,
}

/// What the security key says it saw of its user. By themselves these flags prove nothing: software can set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SkFlags {
    /// Someone touched the key.
    pub user_presence: bool,
    /// Someone gave the PIN or a fingerprint.
    pub user_verification: bool,
}

/// The proof that [`verify`] accepted a signature by this key over the given message and namespace.
///
/// It holds no bytes of the signature, because those are malleable: ECDSA is accepted with either sign of `s`, as
/// OpenSSH does. Nothing may identify or deduplicate a review by its signature bytes; nonces and thumbprints do that.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct VerifiedSshsig {
    thumbprint: [u8; 32],
    flags: Option<SkFlags>,
    counter: Option<u32>,
}

impl VerifiedSshsig {
    /// The signing key's [`SshPublicKey::thumbprint`].
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// The authenticator's flags; `None` for a software key.
    #[must_use]
    pub const fn flags(&self) -> Option<SkFlags> {
        self.flags
    }

    /// The authenticator's signature counter; `None` for a software key, often constant or 0 for a security key.
    #[must_use]
    pub const fn counter(&self) -> Option<u32> {
        self.counter
    }
}

/// Verifies an armored or raw SSHSIG over `message`, made for `namespace` by exactly `expected_key`.
pub fn verify(
    signature: &[u8],
    message: &[u8],
    namespace: &str,
    expected_key: &SshPublicKey,
) -> Result<VerifiedSshsig, SshsigError> {
    UnverifiedSshsig::parse(signature)?.verify(message, namespace, expected_key)
}

/// Signs `message` with an Ed25519 key whose 32-byte seed is given, as `ssh-keygen -Y sign` would. For keys that are
/// `software` by nature: development, tests, and the making of a root.
pub fn sign_software(
    seed: &[u8; 32],
    namespace: &str,
    message: &[u8],
) -> Result<String, SshsigError> {
    check_namespace(namespace)?;
    let secret = ed25519_dalek::SigningKey::from_bytes(seed);
    let key = software_key(seed);
    let inner = secret
        .sign(&to_be_signed(namespace, Hash::Sha512, message))
        .to_bytes();
    let mut signature = Writer::new();
    signature.string(key.algorithm().as_bytes()).string(&inner);
    Ok(armor(&encode(
        &key,
        namespace,
        Hash::Sha512,
        &signature.into_bytes(),
    )))
}

/// The public key of the Ed25519 software key with this seed.
#[must_use]
pub fn software_key(seed: &[u8; 32]) -> SshPublicKey {
    SshPublicKey::Ed25519(Ed25519Point::of(&ed25519_dalek::SigningKey::from_bytes(
        seed,
    )))
}

/// A signature that parsed and proves nothing yet: what it says about itself are claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedSshsig {
    key_blob: Vec<u8>,
    key: SshPublicKey,
    namespace: String,
    hash: Hash,
    signature: InnerSignature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl UnverifiedSshsig {
    /// Reads the armored form (when it starts with `-`) or the raw blob. Nothing may follow either, save one newline
    /// after the armor.
    pub fn parse(bytes: &[u8]) -> Result<Self, SshsigError> {
        if bytes.len() > SSHSIG_BYTES_MAX {
            return Err(SshsigError::TooLong);
        }
        if bytes.first() == Some(&b'-') {
            Self::parse_raw(&dearmor(bytes)?)
        } else {
            Self::parse_raw(bytes)
        }
    }

    fn parse_raw(blob: &[u8]) -> Result<Self, SshsigError> {
        let mut reader = Reader::new(blob);
        if &reader.array::<6>()? != MAGIC {
            return Err(SshsigError::Magic);
        }
        match reader.u32()? {
            VERSION => {}
            other => return Err(SshsigError::Version(other)),
        }
        let key_blob = reader.string(KEY_BLOB_BYTES_MAX)?;
        let key = SshPublicKey::from_wire(key_blob)?;
        let namespace = reader.text(NAMESPACE_BYTES_MAX)?;
        check_namespace(namespace)?;
        if !reader.string(SSHSIG_BYTES_MAX)?.is_empty() {
            return Err(SshsigError::Reserved);
        }
        let hash = Hash::named(reader.text(ALGORITHM_BYTES_MAX)?)?;
        let signature = InnerSignature::parse(reader.string(SIGNATURE_BYTES_MAX)?, &key)?;
        reader.finish()?;
        Ok(Self {
            key_blob: key_blob.to_vec(),
            key,
            namespace: namespace.to_owned(),
            hash,
            signature,
        })
    }

    /// The key the signature says it was made with: good for looking up an enrolled key, for nothing else.
    #[must_use]
    pub const fn claimed_key(&self) -> &SshPublicKey {
        &self.key
    }

    /// The namespace the signature says it was made for.
    #[must_use]
    pub fn claimed_namespace(&self) -> &str {
        &self.namespace
    }

    /// Verifies the signature over `message`, made for `namespace` by exactly `expected_key`.
    pub fn verify(
        &self,
        message: &[u8],
        namespace: &str,
        expected_key: &SshPublicKey,
    ) -> Result<VerifiedSshsig, SshsigError> {
        // INVARIANT(exact-signer): the signature counts only for the key the caller enrolled and the purpose the caller
        // names; what the signature says of itself never chooses either.
        if self.key_blob != expected_key.to_wire() {
            return Err(SshsigError::WrongKey);
        }
        if self.namespace != namespace {
            return Err(SshsigError::WrongNamespace);
        }
        let sigdata = to_be_signed(namespace, self.hash, message);
        let sk = self.signature.verify(expected_key, &sigdata)?;
        Ok(VerifiedSshsig {
            thumbprint: expected_key.thumbprint(),
            flags: sk.map(SkPart::user),
            counter: sk.map(|sk| sk.counter),
        })
    }
}

impl Hash {
    fn named(name: &str) -> Result<Self, SshsigError> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(SshsigError::Hash),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

fn check_namespace(namespace: &str) -> Result<(), SshsigError> {
    if namespace.is_empty() || namespace.len() > NAMESPACE_BYTES_MAX {
        return Err(SshsigError::Namespace);
    }
    Ok(())
}

/// The bytes an SSHSIG signs (section 3 of `PROTOCOL.sshsig`).
pub(super) fn to_be_signed(namespace: &str, hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut data = Writer::new();
    data.raw(MAGIC)
        .string(namespace.as_bytes())
        .string(b"")
        .string(hash.name().as_bytes())
        .string(&hash.of(message));
    data.into_bytes()
}

/// The raw blob (section 2 of `PROTOCOL.sshsig`).
pub(super) fn encode(key: &SshPublicKey, namespace: &str, hash: Hash, signature: &[u8]) -> Vec<u8> {
    let mut blob = Writer::new();
    blob.raw(MAGIC)
        .u32(VERSION)
        .string(&key.to_wire())
        .string(namespace.as_bytes())
        .string(b"")
        .string(hash.name().as_bytes())
        .string(signature);
    blob.into_bytes()
}

#[cfg(test)]
mod tests;
