//! SSHSIG version 1 (OpenSSH `PROTOCOL.sshsig`): what `ssh-keygen -Y sign` writes, parsed and verified in pure code.
//!
//! [`verify`] is the only way to a [`VerifiedSshsig`]. It must never trust the key or the namespace that the signature
//! names: both are compared with what the caller expects, byte for byte, before anything is computed.
//! Software signing is in [`sign_software`]; the signed bytes of security keys are in `signed_data`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256, Sha512};

use super::key::{
    Application, Ed25519Point, KEY_BLOB_BYTES_MAX, KeyError, P256Point, SshPublicKey,
};
use super::wire::{Reader, WireError, Writer};

const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;
const HEADER: &str = "-----BEGIN SSH SIGNATURE-----\n";
const FOOTER: &str = "\n-----END SSH SIGNATURE-----";
const ARMOR_COLUMNS: usize = 70;

/// Longest signature read, armored or raw, in bytes.
pub const SSHSIG_BYTES_MAX: usize = 8192;
/// Longest namespace, in bytes.
pub const NAMESPACE_BYTES_MAX: usize = 128;
const ALGORITHM_BYTES_MAX: usize = 64;
const SIGNATURE_BYTES_MAX: usize = 512;

const FLAG_USER_PRESENCE: u8 = 0x01;
const FLAG_USER_VERIFICATION: u8 = 0x04;
/// Backup eligibility and state (WebAuthn level 3): true statements about the key that change nothing here.
const FLAGS_BACKUP: u8 = 0x18;

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
    signature: Inner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    Ed25519([u8; 64]),
    EcdsaP256 {
        r: [u8; 32],
        s: [u8; 32],
    },
    SkEd25519 {
        signature: [u8; 64],
        sk: SkPart,
    },
    SkEcdsaP256 {
        r: [u8; 32],
        s: [u8; 32],
        sk: SkPart,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SkPart {
    flags: u8,
    counter: u32,
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
        let signature = Inner::parse(reader.string(SIGNATURE_BYTES_MAX)?, &key)?;
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
        let sk = match (expected_key, &self.signature) {
            (SshPublicKey::Ed25519(point), Inner::Ed25519(signature)) => {
                verify_ed25519(point, &sigdata, signature)?;
                None
            }
            (SshPublicKey::EcdsaP256(point), Inner::EcdsaP256 { r, s }) => {
                verify_p256(point, &sigdata, r, s)?;
                None
            }
            (
                SshPublicKey::SkEd25519 { point, application },
                Inner::SkEd25519 { signature, sk },
            ) => {
                verify_ed25519(point, &sk.signed_data(application, &sigdata), signature)?;
                Some(*sk)
            }
            (SshPublicKey::SkEcdsaP256 { point, application }, Inner::SkEcdsaP256 { r, s, sk }) => {
                verify_p256(point, &sk.signed_data(application, &sigdata), r, s)?;
                Some(*sk)
            }
            (
                SshPublicKey::Ed25519(_)
                | SshPublicKey::EcdsaP256(_)
                | SshPublicKey::SkEd25519 { .. }
                | SshPublicKey::SkEcdsaP256 { .. },
                _,
            ) => return Err(SshsigError::Algorithm),
        };
        Ok(VerifiedSshsig {
            thumbprint: expected_key.thumbprint(),
            flags: sk.map(SkPart::user),
            counter: sk.map(|sk| sk.counter),
        })
    }
}

impl Inner {
    /// The inner signature (RFC 4253 section 6.6, RFC 5656 section 3.1.2, OpenSSH `PROTOCOL.u2f`), of the key's own kind.
    fn parse(blob: &[u8], key: &SshPublicKey) -> Result<Self, SshsigError> {
        let mut reader = Reader::new(blob);
        // This also refuses `webauthn-sk-…` signatures, whose signed bytes are a browser's and not ours.
        if reader.text(ALGORITHM_BYTES_MAX)? != key.algorithm() {
            return Err(SshsigError::Algorithm);
        }
        let body = reader.string(SIGNATURE_BYTES_MAX)?;
        let inner = match key {
            SshPublicKey::Ed25519(_) => Self::Ed25519(ed25519_body(body)?),
            SshPublicKey::EcdsaP256(_) => {
                let (r, s) = p256_body(body)?;
                Self::EcdsaP256 { r, s }
            }
            SshPublicKey::SkEd25519 { .. } => Self::SkEd25519 {
                signature: ed25519_body(body)?,
                sk: SkPart::read(&mut reader)?,
            },
            SshPublicKey::SkEcdsaP256 { .. } => {
                let (r, s) = p256_body(body)?;
                Self::SkEcdsaP256 {
                    r,
                    s,
                    sk: SkPart::read(&mut reader)?,
                }
            }
        };
        reader.finish()?;
        Ok(inner)
    }
}

fn ed25519_body(body: &[u8]) -> Result<[u8; 64], SshsigError> {
    let mut reader = Reader::new(body);
    let signature = reader.array()?;
    reader.finish()?;
    Ok(signature)
}

fn p256_body(body: &[u8]) -> Result<([u8; 32], [u8; 32]), SshsigError> {
    let mut reader = Reader::new(body);
    let pair = (reader.positive_mpint_256()?, reader.positive_mpint_256()?);
    reader.finish()?;
    Ok(pair)
}

impl SkPart {
    fn read(reader: &mut Reader<'_>) -> Result<Self, SshsigError> {
        let part = Self {
            flags: reader.byte()?,
            counter: reader.u32()?,
        };
        // Attested data (0x40) and extensions (0x80) would insert bytes into the signed data; 0x02 and 0x20 are undefined.
        let understood = FLAG_USER_PRESENCE | FLAG_USER_VERIFICATION | FLAGS_BACKUP;
        if part.flags & !understood != 0 {
            return Err(SshsigError::Flags(part.flags));
        }
        Ok(part)
    }

    /// What an authenticator signs: SHA-256(application), flags, counter, SHA-256(sigdata).
    fn signed_data(self, application: &Application, sigdata: &[u8]) -> Vec<u8> {
        let mut signed = Writer::new();
        signed
            .raw(&Sha256::digest(application.as_str().as_bytes()))
            .byte(self.flags)
            .u32(self.counter)
            .raw(&Sha256::digest(sigdata));
        signed.into_bytes()
    }

    const fn user(self) -> SkFlags {
        SkFlags {
            user_presence: self.flags & FLAG_USER_PRESENCE != 0,
            user_verification: self.flags & FLAG_USER_VERIFICATION != 0,
        }
    }
}

/// Strict: refuses small-order points and non-canonical scalars, so that no signature verifies for two messages.
fn verify_ed25519(
    point: &Ed25519Point,
    data: &[u8],
    signature: &[u8; 64],
) -> Result<(), SshsigError> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(point.as_bytes())
        .map_err(|_| SshsigError::Mismatch)?;
    key.verify_strict(data, &ed25519_dalek::Signature::from_bytes(signature))
        .map_err(|_| SshsigError::Mismatch)
}

/// Accepts both signs of `s`: OpenSSH and hardware do not normalise it. See [`VerifiedSshsig`].
fn verify_p256(
    point: &P256Point,
    data: &[u8],
    r: &[u8; 32],
    s: &[u8; 32],
) -> Result<(), SshsigError> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point.as_bytes())
        .map_err(|_| SshsigError::Mismatch)?;
    let signature =
        p256::ecdsa::Signature::from_scalars(*r, *s).map_err(|_| SshsigError::Mismatch)?;
    key.verify(data, &signature)
        .map_err(|_| SshsigError::Mismatch)
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

/// The armored form, in lines of 70 columns as OpenSSH writes it.
pub(super) fn armor(blob: &[u8]) -> String {
    let base64 = STANDARD.encode(blob);
    let mut text = String::from(HEADER);
    for (column, letter) in base64.chars().enumerate() {
        if column > 0 && column % ARMOR_COLUMNS == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(FOOTER);
    text.push('\n');
    text
}

fn dearmor(bytes: &[u8]) -> Result<Vec<u8>, SshsigError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| SshsigError::Armor)?
        .replace("\r\n", "\n");
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let body = text
        .strip_prefix(HEADER)
        .and_then(|t| t.strip_suffix(FOOTER))
        .ok_or(SshsigError::Armor)?;
    let base64: String = body.split('\n').collect();
    STANDARD.decode(base64).map_err(|_| SshsigError::Armor)
}

#[cfg(test)]
mod tests;
