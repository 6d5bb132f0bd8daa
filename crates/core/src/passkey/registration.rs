//! A new passkey (`AuthenticatorAttestationResponse`, WebAuthn Level 3, section 7.1): which key, and who made it.
//!
//! The key's possession is proven by a signature of its own, like any other key's. What is read here is which key a browser
//! made and whether its maker vouches for it: the `packed` format with a certificate, checked against pinned roots like an
//! SSH security key's. Every other format counts as no attestation. Nothing that a certificate brings is believed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Decoder;
use minicbor::data::Type;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::assertion::{FLAG_USER_PRESENCE, FLAG_USER_VERIFICATION, decoded};
use super::client_data::{self, Ceremony};
use super::{PasskeyError, PasskeyPublicKey, WebOrigin};
use crate::attest::{self, Anchors, AttestError, Attested, Packed};
use crate::hash::Hash;
use crate::json::canonical;
use crate::ssh::key::P256Point;
use crate::ssh::wire::Reader;
use crate::time::Timestamp;

/// Longest registration read, in bytes of its JSON.
pub const REGISTRATION_BYTES_MAX: usize = 16 << 10;

const FLAG_BACKUP_ELIGIBLE: u8 = 0x08;
const FLAG_ATTESTED_CREDENTIAL: u8 = 0x40;
const FLAG_EXTENSIONS: u8 = 0x80;
/// `COSE_Key` of an ES256 key in CTAP2 canonical CBOR up to x: {1: EC2, 3: ES256, -1: P-256, -2: x, -3: y}.
pub(super) const COSE_HEAD: [u8; 10] = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
pub(super) const COSE_Y: [u8; 3] = [0x22, 0x58, 0x20];

/// A registration as it travels and is stored, each member base64url: canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Registration {
    /// The CBOR that the authenticator and the browser made.
    pub attestation_object: String,
    /// What the browser says of the page.
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
}

/// A registration whose form was checked: it names a key and, maybe, a maker. It gives nothing force.
#[derive(Debug)]
pub struct Registered {
    key: PasskeyPublicKey,
    aaguid: [u8; 16],
    backup_eligible: bool,
    authenticator_data: Vec<u8>,
    client_data_hash: [u8; 32],
    packed: Option<PackedStatement>,
}

/// The attestation statement of the `packed` format with a certificate.
#[derive(Debug)]
struct PackedStatement {
    signature: Vec<u8>,
    certificate: Vec<u8>,
}

impl Registration {
    /// From the raw parts that a browser returns.
    #[must_use]
    pub fn of(attestation_object: &[u8], client_data: &[u8]) -> Self {
        Self {
            attestation_object: URL_SAFE_NO_PAD.encode(attestation_object),
            client_data: URL_SAFE_NO_PAD.encode(client_data),
        }
    }

    /// The stored form.
    ///
    /// # Errors
    /// Never for text.
    pub fn to_text(&self) -> Result<String, canonical::CanonicalError> {
        let bytes = canonical::to_bytes(self)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`PasskeyError::Form`].
    pub fn from_text(text: &str) -> Result<Self, PasskeyError> {
        if text.len() > REGISTRATION_BYTES_MAX {
            let limit = format!("it has more than {REGISTRATION_BYTES_MAX} bytes");
            return Err(PasskeyError::Form("registration", limit));
        }
        canonical::from_canonical_bytes(text.as_bytes())
            .map_err(|error| PasskeyError::Form("registration", error.to_string()))
    }

    /// Checks that the registration is for this challenge on a page of `origin`, with user verification, and reads its key.
    ///
    /// # Errors
    /// [`PasskeyError`] names the first thing that does not fit.
    pub fn read(&self, challenge: &Hash, origin: &WebOrigin) -> Result<Registered, PasskeyError> {
        let client_data = decoded("client data", &self.client_data)?;
        let origins = core::slice::from_ref(origin);
        client_data::check(&client_data, Ceremony::Create, challenge, origins)?;
        let object = decoded("attestation object", &self.attestation_object)?;
        let (authenticator_data, packed) = attestation_object(&object)
            .map_err(|error| PasskeyError::Form("attestation object", error.to_string()))?;
        let credential = Credential::read(&authenticator_data, origin)?;
        Ok(Registered {
            key: credential.key,
            aaguid: credential.aaguid,
            backup_eligible: credential.backup_eligible,
            authenticator_data,
            client_data_hash: Sha256::digest(&client_data).into(),
            packed,
        })
    }
}

impl Registered {
    /// The key that was made.
    #[must_use]
    pub const fn key(&self) -> &PasskeyPublicKey {
        &self.key
    }

    /// Whether an attestation came with it that a pinned root might vouch for.
    #[must_use]
    pub const fn has_attestation(&self) -> bool {
        self.packed.is_some()
    }

    /// Checks the attestation against pinned roots at `now`.
    ///
    /// # Errors
    /// [`AttestError`]; the key may then still be enrolled without it.
    pub fn attested(&self, anchors: &Anchors, now: Timestamp) -> Result<Attested, AttestError> {
        let Some(packed) = &self.packed else {
            return Err(AttestError::SelfAttested);
        };
        if self.backup_eligible {
            return Err(AttestError::BackupEligible);
        }
        let statement = Packed {
            certificate: &packed.certificate,
            signature: &packed.signature,
            authenticator_data: &self.authenticator_data,
            client_data_hash: &self.client_data_hash,
            aaguid: self.aaguid,
        };
        attest::verify_packed(&statement, *self.key.thumbprint().as_bytes(), anchors, now)
    }
}

/// Authenticator data and the statement about it, when that is one a root could vouch for.
fn attestation_object(
    bytes: &[u8],
) -> Result<(Vec<u8>, Option<PackedStatement>), minicbor::decode::Error> {
    let mut decoder = Decoder::new(bytes);
    let members = definite(decoder.map()?)?;
    let (mut format, mut statement, mut data) = (None, None, None);
    for _ in 0..members {
        match decoder.str()? {
            "fmt" => format = Some(decoder.str()?),
            "attStmt" => {
                let start = decoder.position();
                decoder.skip()?;
                statement = bytes.get(start..decoder.position());
            }
            "authData" => data = Some(decoder.bytes()?.to_vec()),
            _ => return Err(message("it has a member that nobody defined")),
        }
    }
    if decoder.position() != bytes.len() {
        return Err(message("bytes follow it"));
    }
    let (Some(format), Some(statement), Some(data)) = (format, statement, data) else {
        return Err(message("a member is missing"));
    };
    let packed = if format == "packed" {
        packed_statement(statement)?
    } else {
        None
    };
    Ok((data, packed))
}

/// The statement of the `packed` format (section 8.2); `None` when the key vouches only for itself.
fn packed_statement(bytes: &[u8]) -> Result<Option<PackedStatement>, minicbor::decode::Error> {
    let mut decoder = Decoder::new(bytes);
    let members = definite(decoder.map()?)?;
    let (mut signature, mut certificate) = (None, None);
    for _ in 0..members {
        match decoder.str()? {
            "sig" => signature = Some(decoder.bytes()?.to_vec()),
            "x5c" => {
                // The first is the authenticator's own; what follows would vouch for it, and only pinned ones may.
                let chain = definite(decoder.array()?)?;
                for position in 0..chain {
                    let found = decoder.bytes()?;
                    if position == 0 {
                        certificate = Some(found.to_vec());
                    }
                }
            }
            _ => decoder.skip()?,
        }
    }
    let Some(certificate) = certificate else {
        return Ok(None);
    };
    let signature = signature.ok_or_else(|| message("the statement has no signature"))?;
    Ok(Some(PackedStatement {
        signature,
        certificate,
    }))
}

/// CTAP2 writes definite lengths only.
fn definite(length: Option<u64>) -> Result<u64, minicbor::decode::Error> {
    length.ok_or_else(|| minicbor::decode::Error::type_mismatch(Type::MapIndef))
}

fn message(text: &'static str) -> minicbor::decode::Error {
    minicbor::decode::Error::message(text)
}

/// What authenticator data says of a new credential (section 6.5.1).
struct Credential {
    key: PasskeyPublicKey,
    aaguid: [u8; 16],
    backup_eligible: bool,
}

impl Credential {
    fn read(data: &[u8], origin: &WebOrigin) -> Result<Self, PasskeyError> {
        let short = |_| PasskeyError::Form("authenticator data", "it is too short".to_owned());
        let mut reader = Reader::new(data);
        let relying_party: [u8; 32] = reader.array().map_err(short)?;
        let flags = reader.byte().map_err(short)?;
        let _counter = reader.u32().map_err(short)?;
        if relying_party != origin.relying_party().sha256() {
            return Err(PasskeyError::Other("another relying party"));
        }
        if flags & FLAG_USER_PRESENCE == 0 {
            return Err(PasskeyError::Unattended("that somebody was there"));
        }
        if flags & FLAG_USER_VERIFICATION == 0 {
            return Err(PasskeyError::Unattended("who was there"));
        }
        if flags & FLAG_ATTESTED_CREDENTIAL == 0 {
            return Err(PasskeyError::Form(
                "authenticator data",
                "it names no credential".to_owned(),
            ));
        }
        let aaguid: [u8; 16] = reader.array().map_err(short)?;
        let length = reader.array().map(u16::from_be_bytes).map_err(short)?;
        let credential = reader.take(usize::from(length)).map_err(short)?.to_vec();
        let point = cose_es256(&mut reader)?;
        if flags & FLAG_EXTENSIONS == 0 && reader.finish().is_err() {
            return Err(PasskeyError::Form(
                "authenticator data",
                "bytes follow the key".to_owned(),
            ));
        }
        Ok(Self {
            key: PasskeyPublicKey::new(origin.relying_party().clone(), point, credential)?,
            aaguid,
            backup_eligible: flags & FLAG_BACKUP_ELIGIBLE != 0,
        })
    }
}

/// The one canonical encoding of an ES256 key; every other key is of a kind that is not accepted.
fn cose_es256(reader: &mut Reader<'_>) -> Result<P256Point, PasskeyError> {
    let refused = |_| PasskeyError::Algorithm;
    let head: [u8; 10] = reader.array().map_err(refused)?;
    let x: [u8; 32] = reader.array().map_err(refused)?;
    let between: [u8; 3] = reader.array().map_err(refused)?;
    let y: [u8; 32] = reader.array().map_err(refused)?;
    if head != COSE_HEAD || between != COSE_Y {
        return Err(PasskeyError::Algorithm);
    }
    let mut point = [4; 65];
    let coordinates = x.into_iter().chain(y);
    point
        .iter_mut()
        .skip(1)
        .zip(coordinates)
        .for_each(|(slot, byte)| *slot = byte);
    P256Point::new(point).map_err(|_| PasskeyError::Algorithm)
}
