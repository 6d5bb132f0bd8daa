//! Hardware attestation of SSH security keys: was this key made inside an authenticator of a make we pinned?
//!
//! `ssh-keygen -t ed25519-sk -O challenge=FILE -O write-attestation=FILE` writes an `ssh-sk-attest-v01` blob: the
//! authenticator's certificate, its signature in the FIDO2 *packed* format over authenticator data and
//! SHA-256(challenge), and that data, which names the new key. [`verify`] accepts it for one key and one challenge.
//! It must never trust a certificate that came with the blob unless a pinned one vouches for it. Pure: `now` is a value.
//!
//! Not accepted: self-attestation (no certificate), and U2F-only keys: they cannot verify their user, so attesting
//! them could not lift a review above `present`, which they reach without it.

mod blob;
mod certificate;
mod chain;
mod pem;
mod rsa;

use sha2::{Digest as _, Sha256};

use crate::ssh::SshPublicKey;
use crate::ssh::wire::WireError;
use crate::time::Timestamp;

use blob::Blob;
use certificate::Certificate;
pub use chain::Anchors;
pub use pem::pem_certificates;

/// Shortest challenge accepted, in bytes; it is drawn by the gate and used for one enrolment.
pub const CHALLENGE_BYTES_MIN: usize = 16;

/// Why a key is not attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttestError {
    /// Not an `ssh-sk-attest-v01` blob.
    #[error("the attestation is damaged: {0}")]
    Wire(#[from] WireError),
    /// Another format or version.
    #[error(
        "this is not an ssh-sk-attest-v01 attestation; make the key with OpenSSH 8.5 or later and `-O write-attestation`"
    )]
    Format,
    /// The authenticator data is not what FIDO2 prescribes.
    #[error("the authenticator data is not well formed: {0}; make the key again")]
    AuthenticatorData(&'static str),
    /// The authenticator left no certificate.
    #[error(
        "the attestation holds no certificate, so it vouches only for itself; enrol the key without attestation"
    )]
    SelfAttested,
    /// A U2F-only authenticator.
    #[error(
        "a U2F-only security key cannot be attested, because it cannot verify its user; enrol it without attestation"
    )]
    U2f,
    /// A key in a file.
    #[error(
        "only security keys (sk-) can be attested; make the key with `ssh-keygen -t ed25519-sk`"
    )]
    NotSecurityKey,
    /// The attestation speaks of another key or application.
    #[error("the attestation is for another key; send the one that was written with this key")]
    OtherKey,
    /// The credential may be copied to other devices.
    #[error(
        "the key can be backed up to other devices, so its hardware proves nothing; make it on a single-device authenticator"
    )]
    BackupEligible,
    /// The challenge is too short to be fresh.
    #[error("the challenge has fewer than {CHALLENGE_BYTES_MIN} bytes; draw a longer one")]
    Challenge,
    /// A certificate cannot be used here.
    #[error("the certificate of {whose} is refused: {why}")]
    Certificate {
        /// Which one.
        whose: &'static str,
        /// What is wrong with it, and so what a right one needs.
        why: &'static str,
    },
    /// No pinned certificate vouches for the authenticator's.
    #[error(
        "no pinned root vouches for this authenticator; pin its maker's root or enrol the key without attestation"
    )]
    Untrusted,
    /// The attestation signature is wrong.
    #[error(
        "the attestation signature does not cover this key and challenge; make the key again with the challenge that was given"
    )]
    Mismatch,
}

/// The proof that [`verify`] accepted an attestation for one key.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Attested {
    thumbprint: [u8; 32],
    aaguid: [u8; 16],
    root_name: String,
}

impl Attested {
    /// The attested key's [`SshPublicKey::thumbprint`].
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// The authenticator's make and model (FIDO AAGUID).
    #[must_use]
    pub const fn aaguid(&self) -> [u8; 16] {
        self.aaguid
    }

    /// The operator's name for the pinned root that vouched.
    #[must_use]
    pub fn root_name(&self) -> &str {
        &self.root_name
    }
}

/// Verifies that `key` was made, for this `challenge`, inside an authenticator whose certificate `anchors` vouch for.
pub fn verify(
    attestation: &[u8],
    challenge: &[u8],
    key: &SshPublicKey,
    anchors: &Anchors,
    now: Timestamp,
) -> Result<Attested, AttestError> {
    if challenge.len() < CHALLENGE_BYTES_MIN {
        return Err(AttestError::Challenge);
    }
    let blob = Blob::parse(attestation)?;
    let statement = Packed {
        certificate: blob.certificate,
        signature: blob.signature,
        authenticator_data: blob.authenticator_data,
        client_data_hash: &Sha256::digest(challenge).into(),
        aaguid: blob.statement_about(key)?,
    };
    verify_packed(&statement, key.thumbprint(), anchors, now)
}

/// A statement of the *packed* format (WebAuthn Level 3, section 8.2) about a key that the authenticator data names: the
/// caller has compared that key, nobody has checked the signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed<'a> {
    /// The authenticator's certificate, DER.
    pub(crate) certificate: &'a [u8],
    /// Over the two below.
    pub(crate) signature: &'a [u8],
    /// What the authenticator said of the key.
    pub(crate) authenticator_data: &'a [u8],
    /// SHA-256 of what was asked of it.
    pub(crate) client_data_hash: &'a [u8; 32],
    /// Make and model, read from the authenticator data.
    pub(crate) aaguid: [u8; 16],
}

/// Verifies a packed statement about the key with this thumbprint.
pub(crate) fn verify_packed(
    statement: &Packed<'_>,
    thumbprint: [u8; 32],
    anchors: &Anchors,
    now: Timestamp,
) -> Result<Attested, AttestError> {
    let leaf = Certificate::parse(statement.certificate).map_err(|why| refused_leaf(why.0))?;
    let attestation_key = leaf
        .as_attestation_leaf(&statement.aaguid)
        .map_err(refused_leaf)?;
    let root_name = anchors.vouch_for(&leaf, now)?;
    // INVARIANT(attested-key): the signature of the vouched-for certificate covers the very key being enrolled (named in
    // the authenticator data) and the challenge the gate drew for this enrolment.
    let mut signed = statement.authenticator_data.to_vec();
    signed.extend_from_slice(statement.client_data_hash);
    if !attestation_key.verifies(&signed, statement.signature) {
        return Err(AttestError::Mismatch);
    }
    Ok(Attested {
        thumbprint,
        aaguid: statement.aaguid,
        root_name: root_name.to_owned(),
    })
}

fn refused_leaf(why: &'static str) -> AttestError {
    AttestError::Certificate {
        whose: "the authenticator",
        why,
    }
}

#[cfg(test)]
mod tests;
