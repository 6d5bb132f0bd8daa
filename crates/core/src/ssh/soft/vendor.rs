//! A maker of security keys in software, for tests: it issues attestation certificates and attests soft keys.
//!
//! Certificates are written by hand from RFC 5280, apart from the code that reads them, and every field that matters
//! can be made wrong. It must never be compiled into a product.

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha256};

use super::{SoftAuthenticator, UP, p256_secret};
use crate::ssh::key::SshPublicKey;
use crate::ssh::wire::Writer;

const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 0x04, 0x0b];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const AAGUID: &[u8] = &[
    0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04,
];
const UNKNOWN: &[u8] = &[0x2a, 0x03, 0x04];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const GENERALIZED_TIME: u8 = 0x18;

/// A certificate to be issued. Defaults come from [`authority`](Self::authority) and [`leaf`](Self::leaf).
#[derive(Debug, Clone)]
pub struct SoftCertificate {
    /// Common name of the subject.
    pub subject: String,
    /// Common name of the issuer.
    pub issuer: String,
    /// The subject's organizational unit.
    pub unit: Option<String>,
    /// X.509 version as encoded: 2 means version 3.
    pub version: u8,
    /// Start of validity, `YYYYMMDDHHMMSSZ`.
    pub not_before: String,
    /// End of validity, `YYYYMMDDHHMMSSZ`.
    pub not_after: String,
    /// Whether it is a CA; `None` leaves the extension out.
    pub is_ca: Option<bool>,
    /// Path length constraint.
    pub path_length: Option<u8>,
    /// The one byte of key usage bits, from the left: 0x80 signs, 0x04 signs certificates.
    pub key_usage: Option<u8>,
    /// The AAGUID extension.
    pub aaguid: Option<[u8; 16]>,
    /// Adds a critical extension that nobody knows.
    pub unknown_critical: bool,
}

impl SoftCertificate {
    /// A CA certificate.
    #[must_use]
    pub fn authority(subject: &str, issuer: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            unit: None,
            version: 2,
            not_before: "20200101000000Z".to_owned(),
            not_after: "20500101000000Z".to_owned(),
            is_ca: Some(true),
            path_length: None,
            key_usage: Some(0x04),
            aaguid: None,
            unknown_critical: false,
        }
    }

    /// An authenticator's certificate as WebAuthn level 3, section 8.2.1 wants it.
    #[must_use]
    pub fn leaf(issuer: &str, aaguid: [u8; 16]) -> Self {
        Self {
            unit: Some("Authenticator Attestation".to_owned()),
            is_ca: Some(false),
            key_usage: None,
            aaguid: Some(aaguid),
            ..Self::authority("Soft authenticator", issuer)
        }
    }

    /// Issues it for `subject_key`, signed by `issuer_key`; both are seeds, see [`SoftVendor`].
    #[must_use]
    pub fn issue(&self, subject_key: [u8; 32], issuer_key: [u8; 32]) -> Vec<u8> {
        let point = p256_secret(subject_key)
            .verifying_key()
            .to_sec1_point(false)
            .to_bytes();
        let algorithm = tlv(SEQUENCE, &[&tlv(OID, &[ECDSA_SHA256])]);
        let key_kind = tlv(SEQUENCE, &[&tlv(OID, &[EC_PUBLIC_KEY]), &tlv(OID, &[P256])]);
        let signed_part = tlv(
            SEQUENCE,
            &[
                &tlv(0xa0, &[&tlv(INTEGER, &[&[self.version]])]),
                &tlv(INTEGER, &[&[0x01]]),
                &algorithm,
                &name(&self.issuer, None),
                &tlv(
                    SEQUENCE,
                    &[
                        &tlv(GENERALIZED_TIME, &[self.not_before.as_bytes()]),
                        &tlv(GENERALIZED_TIME, &[self.not_after.as_bytes()]),
                    ],
                ),
                &name(&self.subject, self.unit.as_deref()),
                &tlv(SEQUENCE, &[&key_kind, &tlv(BIT_STRING, &[&[0], &point])]),
                &tlv(0xa3, &[&tlv(SEQUENCE, &[&self.extensions()])]),
            ],
        );
        let signature = ecdsa_der(&p256_secret(issuer_key), &signed_part);
        tlv(
            SEQUENCE,
            &[
                &signed_part,
                &algorithm,
                &tlv(BIT_STRING, &[&[0], &signature]),
            ],
        )
    }

    fn extensions(&self) -> Vec<u8> {
        let mut all = Vec::new();
        if let Some(is_ca) = self.is_ca {
            let ca = if is_ca {
                tlv(BOOLEAN, &[&[0xff]])
            } else {
                Vec::new()
            };
            let length = self
                .path_length
                .map(|length| tlv(INTEGER, &[&[length]]))
                .unwrap_or_default();
            all.extend(extension(
                BASIC_CONSTRAINTS,
                true,
                &tlv(SEQUENCE, &[&ca, &length]),
            ));
        }
        if let Some(bits) = self.key_usage {
            let unused = u8::try_from(bits.trailing_zeros().min(7)).unwrap_or(0);
            all.extend(extension(
                KEY_USAGE,
                true,
                &tlv(BIT_STRING, &[&[unused, bits]]),
            ));
        }
        if let Some(aaguid) = self.aaguid {
            all.extend(extension(AAGUID, false, &tlv(OCTET_STRING, &[&aaguid])));
        }
        if self.unknown_critical {
            all.extend(extension(UNKNOWN, true, &tlv(NULL, &[])));
        }
        all
    }
}

/// A maker with one root and one batch of authenticators. Its keys come from seeds.
pub struct SoftVendor {
    root_seed: [u8; 32],
    batch_seed: [u8; 32],
    aaguid: [u8; 16],
}

impl SoftVendor {
    /// The name of the root.
    pub const ROOT: &'static str = "Soft vendor root";

    /// A maker of one model.
    #[must_use]
    pub fn new(seed: [u8; 32], aaguid: [u8; 16]) -> Self {
        Self {
            root_seed: seed,
            batch_seed: Sha256::digest(seed).into(),
            aaguid,
        }
    }

    /// The root certificate (DER), to be pinned.
    #[must_use]
    pub fn root_certificate(&self) -> Vec<u8> {
        SoftCertificate::authority(Self::ROOT, Self::ROOT).issue(self.root_seed, self.root_seed)
    }

    /// The batch's certificate (DER), issued by the root.
    #[must_use]
    pub fn leaf_certificate(&self) -> Vec<u8> {
        self.issue_leaf(&SoftCertificate::leaf(Self::ROOT, self.aaguid))
    }

    /// A certificate of the batch's key as told, issued by the root's key.
    #[must_use]
    pub fn issue_leaf(&self, leaf: &SoftCertificate) -> Vec<u8> {
        leaf.issue(self.batch_seed, self.root_seed)
    }

    /// The batch key's signature (DER) over `data`.
    #[must_use]
    pub fn batch_signature(&self, data: &[u8]) -> Vec<u8> {
        ecdsa_der(&p256_secret(self.batch_seed), data)
    }

    /// What `ssh-keygen -O write-attestation` would write for this key and challenge.
    #[must_use]
    pub fn attest(&self, authenticator: &SoftAuthenticator, challenge: &[u8]) -> Vec<u8> {
        let data = authenticator_data(&authenticator.public_key(), self.aaguid, UP | 0x40, &[]);
        let signature = self.batch_signature(&[&data[..], &Sha256::digest(challenge)].concat());
        attestation_blob(&self.leaf_certificate(), &signature, &data)
    }
}

/// FIDO2 authenticator data naming `key` (WebAuthn level 3, section 6.1), with these flags and extension bytes.
#[must_use]
pub fn authenticator_data(
    key: &SshPublicKey,
    aaguid: [u8; 16],
    flags: u8,
    extensions: &[u8],
) -> Vec<u8> {
    let application = key
        .application()
        .map(|name| name.as_str().to_owned())
        .unwrap_or_default();
    let credential_id = [0xc1; 48];
    let mut data = Writer::new();
    data.raw(&Sha256::digest(application.as_bytes()))
        .byte(flags)
        .u32(1)
        .raw(&aaguid)
        .raw(&[0, 48])
        .raw(&credential_id);
    match key {
        SshPublicKey::Ed25519(point) | SshPublicKey::SkEd25519 { point, .. } => {
            // {1: 1, 3: -8, -1: 6, -2: x}
            data.raw(&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 32])
                .raw(point.as_bytes());
        }
        SshPublicKey::EcdsaP256(point) | SshPublicKey::SkEcdsaP256 { point, .. } => {
            // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
            let [_, coordinates @ ..] = point.as_bytes();
            let (x, y) = coordinates.split_at(32);
            data.raw(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32])
                .raw(x)
                .raw(&[0x22, 0x58, 32])
                .raw(y);
        }
    }
    data.raw(extensions);
    data.into_bytes()
}

/// The `ssh-sk-attest-v01` blob of these parts.
#[must_use]
pub fn attestation_blob(
    certificate: &[u8],
    signature: &[u8],
    authenticator_data: &[u8],
) -> Vec<u8> {
    let mut wrapped = match u8::try_from(authenticator_data.len()) {
        Ok(length) => vec![0x58, length],
        Err(_) => {
            let [.., high, low] = authenticator_data.len().to_be_bytes();
            vec![0x59, high, low]
        }
    };
    wrapped.extend_from_slice(authenticator_data);
    let mut blob = Writer::new();
    blob.string(b"ssh-sk-attest-v01")
        .string(certificate)
        .string(signature)
        .string(&wrapped)
        .u32(0)
        .string(b"");
    blob.into_bytes()
}

fn ecdsa_der(secret: &SigningKey, data: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = secret.sign(data);
    signature.to_der().as_bytes().to_vec()
}

fn name(common_name: &str, unit: Option<&str>) -> Vec<u8> {
    let part = |oid: &[u8], text: &str| {
        tlv(
            SET,
            &[&tlv(
                SEQUENCE,
                &[&tlv(OID, &[oid]), &tlv(UTF8_STRING, &[text.as_bytes()])],
            )],
        )
    };
    let unit = unit
        .map(|unit| part(ORGANIZATIONAL_UNIT, unit))
        .unwrap_or_default();
    tlv(SEQUENCE, &[&unit, &part(COMMON_NAME, common_name)])
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        tlv(BOOLEAN, &[&[0xff]])
    } else {
        Vec::new()
    };
    tlv(
        SEQUENCE,
        &[&tlv(OID, &[oid]), &critical, &tlv(OCTET_STRING, &[value])],
    )
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let [.., high, low] = value.len().to_be_bytes();
    let mut encoded = match (high, low) {
        (0, 0..=0x7f) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    encoded.extend(value);
    encoded
}
