//! The `ssh-sk-attest-v01` blob (OpenSSH `PROTOCOL.u2f`) and the FIDO2 authenticator data inside it.
//!
//! Nothing here is trusted yet: the signature over this data is checked by the caller. The public key is never decoded
//! from CBOR; the one canonical encoding of the key being enrolled is written and compared.

use sha2::{Digest as _, Sha256};

use crate::ssh::SshPublicKey;
use crate::ssh::wire::Reader;

use super::AttestError;

const MAGIC: &[u8] = b"ssh-sk-attest-v01";
const MAGIC_BYTES_MAX: usize = 64;
const CERTIFICATE_BYTES_MAX: usize = 4096;
const SIGNATURE_BYTES_MAX: usize = 512;
const AUTHENTICATOR_DATA_BYTES_MAX: usize = 4096;

const FLAG_USER_PRESENCE: u8 = 0x01;
const FLAG_BACKUP_ELIGIBLE: u8 = 0x08;
const FLAG_ATTESTED_CREDENTIAL: u8 = 0x40;
const FLAG_EXTENSIONS: u8 = 0x80;

/// The parts of an attestation blob.
pub(super) struct Blob<'a> {
    pub(super) certificate: &'a [u8],
    pub(super) signature: &'a [u8],
    /// The bytes the authenticator signed, without the CBOR header that libfido2 puts in front.
    pub(super) authenticator_data: &'a [u8],
}

impl<'a> Blob<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, AttestError> {
        let mut reader = Reader::new(bytes);
        if reader.string(MAGIC_BYTES_MAX)? != MAGIC {
            return Err(AttestError::Format);
        }
        let certificate = reader.string(CERTIFICATE_BYTES_MAX)?;
        let signature = reader.string(SIGNATURE_BYTES_MAX)?;
        let wrapped = reader.string(AUTHENTICATOR_DATA_BYTES_MAX)?;
        let (flags, reserved) = (reader.u32()?, reader.string(MAGIC_BYTES_MAX)?);
        reader.finish()?;
        if flags != 0 || !reserved.is_empty() {
            return Err(AttestError::Format);
        }
        if certificate.is_empty() {
            return Err(AttestError::SelfAttested);
        }
        Ok(Self {
            certificate,
            signature,
            authenticator_data: byte_string(wrapped)?,
        })
    }

    /// Checks that the authenticator data describes `key` and returns the AAGUID. (WebAuthn level 3, section 6.1.)
    pub(super) fn statement_about(&self, key: &SshPublicKey) -> Result<[u8; 16], AttestError> {
        let malformed = |_| AttestError::AuthenticatorData("it is too short");
        let (application, cose_key) = match key {
            SshPublicKey::SkEd25519 { point, application } => {
                (application, cose_ed25519(point.as_bytes()))
            }
            SshPublicKey::SkEcdsaP256 { point, application } => {
                (application, cose_p256(point.as_bytes()))
            }
            SshPublicKey::Ed25519(_) | SshPublicKey::EcdsaP256(_) => {
                return Err(AttestError::NotSecurityKey);
            }
        };
        let mut reader = Reader::new(self.authenticator_data);
        let application_hash: [u8; 32] = reader.array().map_err(malformed)?;
        let flags = reader.byte().map_err(malformed)?;
        let _counter = reader.u32().map_err(malformed)?;
        if flags & FLAG_ATTESTED_CREDENTIAL == 0 {
            return Err(AttestError::AuthenticatorData("it names no credential"));
        }
        if flags & FLAG_USER_PRESENCE == 0 {
            return Err(AttestError::AuthenticatorData(
                "nobody was present when the key was made",
            ));
        }
        if flags & FLAG_BACKUP_ELIGIBLE != 0 {
            return Err(AttestError::BackupEligible);
        }
        let aaguid: [u8; 16] = reader.array().map_err(malformed)?;
        if aaguid == [0; 16] {
            return Err(AttestError::U2f);
        }
        let credential_id_length = reader.array().map(u16::from_be_bytes).map_err(malformed)?;
        let _credential_id = reader
            .take(usize::from(credential_id_length))
            .map_err(malformed)?;
        let named_key = reader
            .take(cose_key.len())
            .map_err(|_| AttestError::OtherKey)?;
        if application_hash != <[u8; 32]>::from(Sha256::digest(application.as_str()))
            || named_key != cose_key
        {
            return Err(AttestError::OtherKey);
        }
        // What follows is the extension map (credProtect and the like): signed, and of no meaning to us.
        if flags & FLAG_EXTENSIONS == 0 && reader.finish().is_err() {
            return Err(AttestError::AuthenticatorData("bytes follow the key"));
        }
        Ok(aaguid)
    }
}

/// Unwraps one CBOR byte string in its shortest form that fills `bytes`.
fn byte_string(bytes: &[u8]) -> Result<&[u8], AttestError> {
    let malformed = AttestError::AuthenticatorData("it is not one CBOR byte string");
    let (announced, content) = match bytes {
        [0x58, length @ 24..=0xff, content @ ..] => (usize::from(*length), content),
        [0x59, high @ 1..=0xff, low, content @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        _ => return Err(malformed),
    };
    if content.len() == announced {
        Ok(content)
    } else {
        Err(malformed)
    }
}

/// COSE_Key of an Ed25519 point in CTAP2 canonical CBOR: {1: OKP, 3: EdDSA, -1: Ed25519, -2: x}.
fn cose_ed25519(point: &[u8; 32]) -> Vec<u8> {
    [
        &[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20][..],
        point,
    ]
    .concat()
}

/// COSE_Key of an uncompressed P-256 point in CTAP2 canonical CBOR: {1: EC2, 3: ES256, -1: P-256, -2: x, -3: y}.
fn cose_p256(point: &[u8; 65]) -> Vec<u8> {
    let [_, coordinates @ ..] = point;
    let (x, y) = coordinates.split_at(32);
    [
        &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20][..],
        x,
        &[0x22, 0x58, 0x20],
        y,
    ]
    .concat()
}
