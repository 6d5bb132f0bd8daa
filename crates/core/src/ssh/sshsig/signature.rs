//! The signature inside an SSHSIG, in the encoding of its key's kind, and its verification.
//!
//! For a security key the signed bytes are the authenticator's (OpenSSH `PROTOCOL.u2f`). It must never be verified with
//! a key of another kind than the one it was parsed for.

use p256::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256};

use super::{ALGORITHM_BYTES_MAX, SkFlags, SshsigError};
use crate::ssh::key::{Application, Ed25519Point, P256Point, SshPublicKey};
use crate::ssh::wire::{Reader, Writer};

pub(super) const SIGNATURE_BYTES_MAX: usize = 512;
const FLAG_USER_PRESENCE: u8 = 0x01;
const FLAG_USER_VERIFICATION: u8 = 0x04;
/// Backup eligibility and state (WebAuthn level 3): true statements about the key that change nothing here.
const FLAGS_BACKUP: u8 = 0x18;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InnerSignature {
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
pub(super) struct SkPart {
    flags: u8,
    pub(super) counter: u32,
}

impl InnerSignature {
    /// The inner signature (RFC 4253 section 6.6, RFC 5656 section 3.1.2, OpenSSH `PROTOCOL.u2f`), of the key's own kind.
    pub(super) fn parse(blob: &[u8], key: &SshPublicKey) -> Result<Self, SshsigError> {
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

    /// Checks the signature over `sigdata`; gives what the security key added, if it is one.
    pub(super) fn verify(
        &self,
        key: &SshPublicKey,
        sigdata: &[u8],
    ) -> Result<Option<SkPart>, SshsigError> {
        Ok(match (key, self) {
            (SshPublicKey::Ed25519(point), Self::Ed25519(signature)) => {
                verify_ed25519(point, sigdata, signature)?;
                None
            }
            (SshPublicKey::EcdsaP256(point), Self::EcdsaP256 { r, s }) => {
                verify_p256(point, sigdata, r, s)?;
                None
            }
            (SshPublicKey::SkEd25519 { point, application }, Self::SkEd25519 { signature, sk }) => {
                verify_ed25519(point, &sk.signed_data(application, sigdata), signature)?;
                Some(*sk)
            }
            (SshPublicKey::SkEcdsaP256 { point, application }, Self::SkEcdsaP256 { r, s, sk }) => {
                verify_p256(point, &sk.signed_data(application, sigdata), r, s)?;
                Some(*sk)
            }
            (
                SshPublicKey::Ed25519(_)
                | SshPublicKey::EcdsaP256(_)
                | SshPublicKey::SkEd25519 { .. }
                | SshPublicKey::SkEcdsaP256 { .. },
                _,
            ) => return Err(SshsigError::Algorithm),
        })
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

    pub(super) const fn user(self) -> SkFlags {
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

/// Accepts both signs of `s`: OpenSSH and hardware do not normalise it. See `VerifiedSshsig`.
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
