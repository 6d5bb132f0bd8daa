//! X.509 certificates as attestation needs them: strict DER, version 3, P-256 or RSA keys, no unknown critical extension.
//!
//! The signed part is kept as the bytes that were signed; nothing is re-encoded. This is no general X.509: whatever
//! attestation certificates do not contain is refused rather than skipped.

use der::asn1::{
    AnyRef, BitStringRef, ContextSpecific, GeneralizedTime, ObjectIdentifier, OctetStringRef,
    UtcTime,
};
use der::{Decode as _, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use p256::ecdsa::signature::Verifier as _;

use crate::time::Timestamp;

use super::rsa::RsaKey;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
/// id-fido-gen-ce-aaguid.
const AAGUID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");

const KEY_USAGE_DIGITAL_SIGNATURE: usize = 0;
const KEY_USAGE_CERTIFICATE_SIGN: usize = 5;
const EXTENSIONS_MAX: usize = 32;

/// What is wrong with a certificate, in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusable(pub(super) &'static str);

impl From<der::Error> for Unusable {
    fn from(_: der::Error) -> Self {
        Self("it is not strict DER of an X.509 certificate")
    }
}

/// A certificate that parsed; who vouches for it is another question.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    signed_part: &'a [u8],
    signature_algorithm: SignatureAlgorithm,
    signature: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before_seconds: i64,
    not_after_seconds: i64,
    key: PublicKey,
    constraints: Option<BasicConstraints>,
    key_usage: Option<BitStringRef<'a>>,
    aaguid: Option<[u8; 16]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignatureAlgorithm {
    EcdsaSha256,
    RsaSha256,
}

#[derive(Debug)]
pub(super) enum PublicKey {
    P256(p256::ecdsa::VerifyingKey),
    Rsa(Box<RsaKey>),
}

#[derive(Debug, Clone, Copy)]
struct BasicConstraints {
    is_ca: bool,
    path_length: Option<u8>,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unusable> {
        let mut certificate = whole_sequence(bytes)?;
        let signed_part = certificate.tlv_bytes()?;
        let algorithm = certificate.tlv_bytes()?;
        let signature = bits(&mut certificate)?;
        certificate.finish()?;

        let mut body = whole_sequence(signed_part)?;
        let version = ContextSpecific::<u8>::decode_explicit(&mut body, TagNumber(0))?;
        if version.map(|v| v.value) != Some(2) {
            return Err(Unusable("it is not of version 3"));
        }
        let serial = body.decode::<AnyRef<'_>>()?;
        serial.tag().assert_eq(Tag::Integer)?;
        if body.tlv_bytes()? != algorithm {
            return Err(Unusable("it names two signature algorithms"));
        }
        let issuer = body.tlv_bytes()?;
        let mut validity = sequence(&mut body)?;
        let (not_before_seconds, not_after_seconds) = (time(&mut validity)?, time(&mut validity)?);
        validity.finish()?;
        let subject = body.tlv_bytes()?;
        let key = PublicKey::parse(body.tlv_bytes()?)?;
        let mut parsed = Self {
            signed_part,
            signature_algorithm: SignatureAlgorithm::parse(algorithm)?,
            signature,
            issuer,
            subject,
            not_before_seconds,
            not_after_seconds,
            key,
            constraints: None,
            key_usage: None,
            aaguid: None,
        };
        if let Some(extensions) =
            ContextSpecific::<AnyRef<'_>>::decode_explicit(&mut body, TagNumber(3))?
        {
            parsed.read_extensions(extensions.value)?;
        }
        body.finish()?;
        Ok(parsed)
    }

    fn read_extensions(&mut self, extensions: AnyRef<'a>) -> Result<(), Unusable> {
        extensions.tag().assert_eq(Tag::Sequence)?;
        let mut list = SliceReader::new(extensions.value())?;
        let mut seen = Vec::new();
        while !list.is_finished() {
            let mut extension = sequence(&mut list)?;
            let oid: ObjectIdentifier = extension.decode()?;
            let critical = extension.decode::<Option<bool>>()?.unwrap_or(false);
            let value = extension.decode::<&OctetStringRef>()?.as_bytes();
            extension.finish()?;
            if seen.contains(&oid) || seen.len() >= EXTENSIONS_MAX {
                return Err(Unusable("an extension occurs twice, or there are too many"));
            }
            seen.push(oid);
            match oid {
                BASIC_CONSTRAINTS => {
                    let mut fields = whole_sequence(value)?;
                    let is_ca = fields.decode::<Option<bool>>()?.unwrap_or(false);
                    let path_length = fields.decode::<Option<u8>>()?;
                    fields.finish()?;
                    self.constraints = Some(BasicConstraints { is_ca, path_length });
                }
                KEY_USAGE => self.key_usage = Some(BitStringRef::from_der(value)?),
                AAGUID if critical => {
                    return Err(Unusable("its AAGUID extension is marked critical"));
                }
                AAGUID => {
                    let aaguid = <&OctetStringRef>::from_der(value)?.as_bytes();
                    self.aaguid = Some(
                        aaguid
                            .try_into()
                            .map_err(|_| Unusable("its AAGUID has not 16 bytes"))?,
                    );
                }
                _ if critical => {
                    return Err(Unusable(
                        "it has a critical extension that is not understood",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Checks what WebAuthn level 3, section 8.2.1 demands of a packed attestation certificate; gives its P-256 key.
    pub(super) fn as_attestation_leaf(
        &self,
        aaguid: &[u8; 16],
    ) -> Result<&PublicKey, &'static str> {
        // Without this line other certificates of the same maker, whose keys sign whatever their owner likes, would do.
        if !has_attestation_unit(self.subject).unwrap_or(false) {
            return Err("its subject has no OU `Authenticator Attestation`");
        }
        if self.constraints.is_none_or(|constraints| constraints.is_ca) {
            return Err("its basic constraints do not say that it is no CA");
        }
        if !self.may(KEY_USAGE_DIGITAL_SIGNATURE) {
            return Err("its key usage excludes signing");
        }
        if self.aaguid.is_some_and(|named| named != *aaguid) {
            return Err("it is for another model (AAGUID) than the authenticator data names");
        }
        match self.key {
            PublicKey::P256(_) => Ok(&self.key),
            PublicKey::Rsa(_) => Err("its key is not on P-256"),
        }
    }

    /// Checks that this is a CA certificate that may stand above `intermediates` further CAs.
    pub(super) fn as_authority(&self, intermediates: u8) -> Result<(), &'static str> {
        let Some(BasicConstraints {
            is_ca: true,
            path_length,
        }) = self.constraints
        else {
            return Err("its basic constraints do not say that it is a CA");
        };
        if path_length.is_some_and(|most| most < intermediates) {
            return Err("its path length is too short");
        }
        if !self.may(KEY_USAGE_CERTIFICATE_SIGN) {
            return Err("its key usage excludes signing certificates");
        }
        Ok(())
    }

    /// Whether `authority`'s name and key stand behind this certificate.
    pub(super) fn is_issued_by(&self, authority: &Certificate<'_>) -> bool {
        self.issuer == authority.subject
            && match (&authority.key, self.signature_algorithm) {
                (PublicKey::P256(_), SignatureAlgorithm::EcdsaSha256)
                | (PublicKey::Rsa(_), SignatureAlgorithm::RsaSha256) => {
                    authority.key.verifies(self.signed_part, self.signature)
                }
                (PublicKey::P256(_), SignatureAlgorithm::RsaSha256)
                | (PublicKey::Rsa(_), SignatureAlgorithm::EcdsaSha256) => false,
            }
    }

    /// Whether `now` lies in the validity period, both ends included.
    pub(super) const fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before_seconds <= now.seconds() && now.seconds() <= self.not_after_seconds
    }

    /// A certificate without the key usage extension may do anything.
    fn may(&self, usage: usize) -> bool {
        self.key_usage
            .is_none_or(|allowed| allowed.bits().nth(usage).unwrap_or(false))
    }
}

impl SignatureAlgorithm {
    fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        let mut fields = whole_sequence(bytes)?;
        let oid: ObjectIdentifier = fields.decode()?;
        let parameters: Option<AnyRef<'_>> = fields.decode()?;
        fields.finish()?;
        match (oid, parameters) {
            (ECDSA_SHA256, None) => Ok(Self::EcdsaSha256),
            (RSA_SHA256, Some(parameters)) if parameters.is_null() => Ok(Self::RsaSha256),
            _ => Err(Unusable(
                "it is signed with neither ECDSA-SHA256 nor RSA-SHA256",
            )),
        }
    }
}

impl PublicKey {
    /// SubjectPublicKeyInfo.
    fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        let mut info = whole_sequence(bytes)?;
        let mut algorithm = sequence(&mut info)?;
        let oid: ObjectIdentifier = algorithm.decode()?;
        let parameters: AnyRef<'_> = algorithm.decode()?;
        algorithm.finish()?;
        let key = bits(&mut info)?;
        info.finish()?;
        match oid {
            EC_PUBLIC_KEY
                if parameters
                    .decode_as::<ObjectIdentifier>()
                    .is_ok_and(|curve| curve == P256) =>
            {
                let point = p256::ecdsa::VerifyingKey::from_sec1_bytes(key);
                Ok(Self::P256(point.map_err(|_| {
                    Unusable("its key is not a point of P-256")
                })?))
            }
            RSA if parameters.is_null() => {
                let mut numbers = whole_sequence(key)?;
                let (modulus, exponent) = (unsigned(&mut numbers)?, unsigned(&mut numbers)?);
                numbers.finish()?;
                let key = RsaKey::new(modulus, exponent);
                let key = key.ok_or(Unusable(
                    "its RSA key has not 2048 to 4096 bits and exponent 65537",
                ))?;
                Ok(Self::Rsa(Box::new(key)))
            }
            _ => Err(Unusable("its key is neither on P-256 nor RSA")),
        }
    }

    /// Whether `signature` (DER for ECDSA) over SHA-256 of `data` is by this key.
    pub(super) fn verifies(&self, data: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(data, &signature).is_ok()),
            Self::Rsa(key) => key.verifies_sha256(data, signature),
        }
    }
}

fn whole_sequence(bytes: &[u8]) -> Result<SliceReader<'_>, Unusable> {
    let value = AnyRef::from_der(bytes)?;
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(SliceReader::new(value.value())?)
}

fn sequence<'a>(reader: &mut SliceReader<'a>) -> Result<SliceReader<'a>, Unusable> {
    let value: AnyRef<'a> = reader.decode()?;
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(SliceReader::new(value.value())?)
}

fn bits<'a>(reader: &mut SliceReader<'a>) -> Result<&'a [u8], Unusable> {
    reader
        .decode::<BitStringRef<'a>>()?
        .as_bytes()
        .ok_or(Unusable("a bit string does not end at a byte"))
}

fn unsigned<'a>(reader: &mut SliceReader<'a>) -> Result<&'a [u8], Unusable> {
    Ok(reader.decode::<der::asn1::UintRef<'a>>()?.as_bytes())
}

fn time(reader: &mut SliceReader<'_>) -> Result<i64, Unusable> {
    let value: AnyRef<'_> = reader.decode()?;
    let since_1970 = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => value.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    i64::try_from(since_1970.as_secs()).map_err(|_| Unusable("its validity is out of range"))
}

/// Whether a Name holds OU=Authenticator Attestation.
fn has_attestation_unit(name: &[u8]) -> Result<bool, Unusable> {
    let mut parts = whole_sequence(name)?;
    while !parts.is_finished() {
        let part: AnyRef<'_> = parts.decode()?;
        part.tag().assert_eq(Tag::Set)?;
        let mut attributes = SliceReader::new(part.value())?;
        while !attributes.is_finished() {
            let mut attribute = sequence(&mut attributes)?;
            let oid: ObjectIdentifier = attribute.decode()?;
            let value: AnyRef<'_> = attribute.decode()?;
            attribute.finish()?;
            let is_text = matches!(value.tag(), Tag::Utf8String | Tag::PrintableString);
            if oid == ORGANIZATIONAL_UNIT
                && is_text
                && value.value() == b"Authenticator Attestation"
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
