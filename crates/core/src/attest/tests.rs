//! What is attested, and every forgery we could think of. Certificates come from [`SoftVendor`], which writes them from
//! the RFC; `tests/attestation_openssl.rs` does the same with certificates made by OpenSSL.

use super::*;
use crate::ssh::key::Application;
use crate::ssh::soft::{
    SoftAuthenticator, SoftCertificate, SoftVendor, UP, UV, attestation_blob, authenticator_data,
};
use crate::ssh::sshsig::software_key;
use crate::ssh::wire::{Reader, Writer};
use proptest::prelude::*;

const CHALLENGE: &[u8] = b"one enrolment, one challenge";
const MODEL: [u8; 16] = [0xa1; 16];
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const UP_AND_CREDENTIAL: u8 = UP | 0x40;

fn vendor() -> SoftVendor {
    SoftVendor::new([1; 32], MODEL)
}

fn anchors() -> Anchors {
    let mut anchors = Anchors::none();
    anchors
        .pin_root("soft", &vendor().root_certificate())
        .unwrap();
    anchors
}

fn authenticators() -> [SoftAuthenticator; 2] {
    let application = || Application::new("ssh:gatehold").unwrap();
    [
        SoftAuthenticator::ed25519([5; 32], application()),
        SoftAuthenticator::ecdsa_p256([6; 32], application()),
    ]
}

fn key() -> SshPublicKey {
    authenticators()[0].public_key()
}

fn check(blob: &[u8]) -> Result<Attested, AttestError> {
    verify(blob, CHALLENGE, &key(), &anchors(), NOW)
}

/// A blob signed by the batch key over this authenticator data, with this certificate.
fn blob_of(certificate: &[u8], data: &[u8]) -> Vec<u8> {
    let signed = [data, &Sha256::digest(CHALLENGE)].concat();
    attestation_blob(certificate, &vendor().batch_signature(&signed), data)
}

fn good_data() -> Vec<u8> {
    authenticator_data(&key(), MODEL, UP_AND_CREDENTIAL, &[])
}

fn with_leaf(change: impl FnOnce(&mut SoftCertificate)) -> Result<Attested, AttestError> {
    let mut leaf = SoftCertificate::leaf(SoftVendor::ROOT, MODEL);
    change(&mut leaf);
    check(&blob_of(&vendor().issue_leaf(&leaf), &good_data()))
}

#[test]
fn both_kinds_of_key_are_attested() {
    for authenticator in authenticators() {
        let key = authenticator.public_key();
        let blob = vendor().attest(&authenticator, CHALLENGE);
        let attested = verify(&blob, CHALLENGE, &key, &anchors(), NOW).unwrap();
        assert_eq!(attested.thumbprint(), &key.thumbprint());
        assert_eq!((attested.aaguid(), attested.root_name()), (MODEL, "soft"));
    }
}

#[test]
fn user_verification_and_extensions_at_enrolment_change_nothing() {
    let cred_protect = [&[0xa1, 0x6b], &b"credProtect"[..], &[0x03]].concat();
    for (flags, extensions) in [
        (UV, &[][..]),
        (0x80, &cred_protect),
        (UV | 0x80, &cred_protect),
        (0x80, &[0xa0; 200]),
    ] {
        let data = authenticator_data(&key(), MODEL, UP_AND_CREDENTIAL | flags, extensions);
        assert!(
            check(&blob_of(&vendor().leaf_certificate(), &data)).is_ok(),
            "{flags:#x}"
        );
    }
}

#[test]
fn a_certificate_without_aaguid_or_with_key_usage_will_do() {
    assert!(with_leaf(|leaf| leaf.aaguid = None).is_ok());
    assert!(with_leaf(|leaf| leaf.key_usage = Some(0x80)).is_ok());
}

type LeafChange = (fn(&mut SoftCertificate), &'static str);

#[test]
fn each_wrong_certificate_is_refused_by_its_reason() {
    let table: [LeafChange; 12] = [
        (
            |leaf| leaf.unit = None,
            "its subject has no OU `Authenticator Attestation`",
        ),
        (
            |leaf| leaf.unit = Some("Authenticator".to_owned()),
            "its subject has no OU `Authenticator Attestation`",
        ),
        (
            |leaf| leaf.is_ca = Some(true),
            "its basic constraints do not say that it is no CA",
        ),
        (
            |leaf| leaf.is_ca = None,
            "its basic constraints do not say that it is no CA",
        ),
        (
            |leaf| leaf.key_usage = Some(0x04),
            "its key usage excludes signing",
        ),
        (
            |leaf| leaf.aaguid = Some([0xa2; 16]),
            "it is for another model (AAGUID) than the authenticator data names",
        ),
        (|leaf| leaf.version = 1, "it is not of version 3"),
        (
            |leaf| leaf.unknown_critical = true,
            "it has a critical extension that is not understood",
        ),
        (
            |leaf| leaf.not_after = "20240101000000Z".to_owned(),
            "it is outside its validity",
        ),
        (
            |leaf| leaf.not_before = "20400101000000Z".to_owned(),
            "it is outside its validity",
        ),
        (
            |leaf| leaf.not_after = "20241301000000Z".to_owned(),
            "it is not strict DER of an X.509 certificate",
        ),
        (
            |leaf| leaf.not_before = "2020".to_owned(),
            "it is not strict DER of an X.509 certificate",
        ),
    ];
    for (change, why) in table {
        assert_eq!(
            with_leaf(change),
            Err(AttestError::Certificate {
                whose: "the authenticator",
                why
            })
        );
    }
    assert_eq!(
        with_leaf(|leaf| leaf.issuer = "Someone else".to_owned()),
        Err(AttestError::Untrusted)
    );
}

#[test]
fn each_wrong_statement_is_refused_by_its_reason() {
    let leaf = vendor().leaf_certificate();
    let data = |flags, extensions: &[u8]| authenticator_data(&key(), MODEL, flags, extensions);
    let elsewhere =
        SoftAuthenticator::ed25519([5; 32], Application::new("ssh:other").unwrap()).public_key();
    let malformed = AttestError::AuthenticatorData;
    let table = [
        (
            data(0x40, &[]),
            malformed("nobody was present when the key was made"),
        ),
        (data(UP, &[]), malformed("it names no credential")),
        (
            data(UP_AND_CREDENTIAL | 0x08, &[]),
            AttestError::BackupEligible,
        ),
        (
            data(UP_AND_CREDENTIAL, &[0xa0]),
            malformed("bytes follow the key"),
        ),
        (
            authenticator_data(&key(), [0; 16], UP_AND_CREDENTIAL, &[]),
            AttestError::U2f,
        ),
        (
            authenticator_data(
                &authenticators()[1].public_key(),
                MODEL,
                UP_AND_CREDENTIAL,
                &[],
            ),
            AttestError::OtherKey,
        ),
        (
            authenticator_data(&elsewhere, MODEL, UP_AND_CREDENTIAL, &[]),
            AttestError::OtherKey,
        ),
        (
            data(UP_AND_CREDENTIAL, &[])[..120].to_vec(),
            AttestError::OtherKey,
        ),
        (
            data(UP_AND_CREDENTIAL, &[])[..100].to_vec(),
            malformed("it is too short"),
        ),
        (
            data(UP_AND_CREDENTIAL, &[])[..40].to_vec(),
            malformed("it is too short"),
        ),
    ];
    for (data, expected) in table {
        assert_eq!(check(&blob_of(&leaf, &data)), Err(expected));
    }
}

#[test]
fn another_challenge_key_signer_or_time_is_refused() {
    let [ed25519, p256] = authenticators();
    let blob = vendor().attest(&ed25519, CHALLENGE);
    let later = Timestamp::from_millis(2_600_000_000_000);
    let (key, other) = (ed25519.public_key(), p256.public_key());
    let expired = AttestError::Certificate {
        whose: "the authenticator",
        why: "it is outside its validity",
    };
    let table = [
        (
            verify(
                &blob,
                b"another challenge altogether",
                &key,
                &anchors(),
                NOW,
            ),
            AttestError::Mismatch,
        ),
        (
            verify(&blob, b"short", &key, &anchors(), NOW),
            AttestError::Challenge,
        ),
        (
            verify(&blob, CHALLENGE, &other, &anchors(), NOW),
            AttestError::OtherKey,
        ),
        (
            verify(&blob, CHALLENGE, &software_key(&[5; 32]), &anchors(), NOW),
            AttestError::NotSecurityKey,
        ),
        (
            verify(&blob, CHALLENGE, &key, &Anchors::none(), NOW),
            AttestError::Untrusted,
        ),
        (verify(&blob, CHALLENGE, &key, &anchors(), later), expired),
    ];
    for (got, expected) in table {
        assert_eq!(got, Err(expected));
    }
    // A maker of the same name with another key is another maker.
    let impostor = SoftVendor::new([2; 32], MODEL).attest(&ed25519, CHALLENGE);
    assert_eq!(check(&impostor), Err(AttestError::Untrusted));
    // A signature of the new key itself, which is what software could make.
    let signed = [&good_data()[..], &Sha256::digest(CHALLENGE)].concat();
    let own = SoftVendor::new([2; 32], MODEL).batch_signature(&signed);
    assert_eq!(
        check(&attestation_blob(
            &vendor().leaf_certificate(),
            &own,
            &good_data()
        )),
        Err(AttestError::Mismatch)
    );
    assert_eq!(
        check(&attestation_blob(&[], &own, &good_data())),
        Err(AttestError::SelfAttested)
    );
}

#[test]
fn one_intermediate_may_stand_between_and_must_be_a_ca() {
    let (middle_seed, root_seed) = ([3; 32], [1; 32]);
    let leaf = SoftCertificate::leaf("Middle", MODEL);
    // The batch key is the one whose signature `blob_of` makes.
    let batch_seed: [u8; 32] = Sha256::digest(root_seed).into();
    let blob = blob_of(&leaf.issue(batch_seed, middle_seed), &good_data());
    let result = |middle: &SoftCertificate, root: &SoftCertificate| {
        let mut anchors = Anchors::none();
        anchors.pin_root("soft", &root.issue(root_seed, root_seed))?;
        anchors.add_intermediate(&middle.issue(middle_seed, root_seed))?;
        verify(&blob, CHALLENGE, &key(), &anchors, NOW)
            .map(|attested| attested.root_name().to_owned())
    };
    let middle = SoftCertificate::authority("Middle", SoftVendor::ROOT);
    let root = SoftCertificate::authority(SoftVendor::ROOT, SoftVendor::ROOT);
    assert_eq!(result(&middle, &root), Ok("soft".to_owned()));
    assert_eq!(check(&blob), Err(AttestError::Untrusted));

    let short = SoftCertificate {
        path_length: Some(0),
        ..root.clone()
    };
    assert_eq!(result(&middle, &short), Err(AttestError::Untrusted));
    let old = SoftCertificate {
        not_after: "20210101000000Z".to_owned(),
        ..root.clone()
    };
    assert_eq!(result(&middle, &old), Err(AttestError::Untrusted));
    let enough = SoftCertificate {
        path_length: Some(1),
        ..root.clone()
    };
    assert_eq!(result(&middle, &enough), Ok("soft".to_owned()));
    let expired = SoftCertificate {
        not_after: "20210101000000Z".to_owned(),
        ..middle.clone()
    };
    assert_eq!(result(&expired, &root), Err(AttestError::Untrusted));
    let no_ca = SoftCertificate {
        is_ca: Some(false),
        ..middle.clone()
    };
    let refused = |whose, why| Err(AttestError::Certificate { whose, why });
    assert_eq!(
        result(&no_ca, &root),
        refused(
            "the intermediate",
            "its basic constraints do not say that it is a CA"
        )
    );
    let no_signer = SoftCertificate {
        key_usage: Some(0x80),
        ..root
    };
    assert_eq!(
        result(&middle, &no_signer),
        refused(
            "the pinned root",
            "its key usage excludes signing certificates"
        )
    );
}

/// An authenticator's own certificate above another one: the classic way to turn one genuine key into a maker.
#[test]
fn a_genuine_leaf_cannot_issue() {
    let batch_seed: [u8; 32] = Sha256::digest([1; 32]).into();
    let forged = SoftCertificate::leaf("Soft authenticator", MODEL).issue([9; 32], batch_seed);
    let signed = [&good_data()[..], &Sha256::digest(CHALLENGE)].concat();
    let mut anchors = anchors();
    assert!(
        anchors
            .add_intermediate(&vendor().leaf_certificate())
            .is_err()
    );
    let blob = attestation_blob(&forged, &vendor().batch_signature(&signed), &good_data());
    assert_eq!(
        verify(&blob, CHALLENGE, &key(), &anchors, NOW),
        Err(AttestError::Untrusted)
    );
}

#[test]
fn the_blob_has_one_form() {
    let good = vendor().attest(&authenticators()[0], CHALLENGE);
    assert!(check(&good).is_ok());
    let rewrite = |magic: &[u8], unwrap: usize, header: &[u8], flags, reserved: &[u8]| {
        let mut reader = Reader::new(&good);
        let (_, certificate) = (reader.string(99).unwrap(), reader.string(9999).unwrap());
        let (signature, data) = (reader.string(9999).unwrap(), reader.string(9999).unwrap());
        let mut blob = Writer::new();
        blob.string(magic).string(certificate).string(signature);
        blob.string(&[header, &data[unwrap..]].concat())
            .u32(flags)
            .string(reserved);
        check(&blob.into_bytes())
    };
    let length = u8::try_from(good_data().len()).unwrap();
    let magic = b"ssh-sk-attest-v01";
    assert!(rewrite(magic, 2, &[0x58, length], 0, b"").is_ok());
    let not_wrapped = Err(AttestError::AuthenticatorData(
        "it is not one CBOR byte string",
    ));
    assert_eq!(
        rewrite(b"ssh-sk-attest-v00", 0, &[], 0, b""),
        Err(AttestError::Format)
    );
    assert_eq!(rewrite(magic, 0, &[], 1, b""), Err(AttestError::Format));
    assert_eq!(rewrite(magic, 0, &[], 0, b"x"), Err(AttestError::Format));
    assert_eq!(rewrite(magic, 2, &[0x59, 0, length], 0, b""), not_wrapped);
    assert_eq!(rewrite(magic, 2, &[0x58, length - 1], 0, b""), not_wrapped);
    assert_eq!(rewrite(magic, 2, &[0x78, length], 0, b""), not_wrapped);
    assert_eq!(rewrite(magic, 2, &[], 0, b""), not_wrapped);
    for cut in 0..good.len() {
        assert!(check(&good[..cut]).is_err(), "cut at {cut}");
    }
    assert!(check(&[&good[..], &[0]].concat()).is_err());
}

/// The certificate's own signature covers its bytes, the attestation's the rest: no bit is free. ECDSA signatures inside
/// are DER, which is strict, so none of their bits is free either.
#[test]
fn no_single_bit_of_an_attestation_can_change() {
    let good = vendor().attest(&authenticators()[1], CHALLENGE);
    let key = authenticators()[1].public_key();
    let anchors = anchors();
    assert!(verify(&good, CHALLENGE, &key, &anchors, NOW).is_ok());
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            verify(&flipped, CHALLENGE, &key, &anchors, NOW).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn pem_files_are_read_whole() {
    use base64::Engine as _;
    let encode = |der: &[u8]| base64::engine::general_purpose::STANDARD.encode(der);
    let block = |der| {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            encode(der)
        )
    };
    let (root, leaf) = (vendor().root_certificate(), vendor().leaf_certificate());
    let file = format!("Root:\n{}\n# and\n{}", block(&root), block(&leaf));
    assert_eq!(pem_certificates(&file), Some(vec![root, leaf]));
    for damaged in [
        "",
        "no block",
        "-----BEGIN CERTIFICATE-----\nAAAA",
        &file.replace("MII", "M!I"),
    ] {
        assert_eq!(pem_certificates(damaged), None, "{damaged}");
    }
}

proptest! {
    #[test]
    fn the_parsers_never_panic(bytes: Vec<u8>, at: prop::sample::Index, insert: Vec<u8>) {
        let _ = check(&bytes);
        let _ = Anchors::none().pin_root("any", &bytes);
        let mut certificate = vendor().leaf_certificate();
        let position = at.index(certificate.len());
        certificate.splice(position..(position + 1), insert);
        let _ = Anchors::none().pin_root("any", &certificate);
        let _ = check(&blob_of(&certificate, &good_data()));
        let _ = check(&blob_of(&vendor().leaf_certificate(), &bytes));
    }
}
