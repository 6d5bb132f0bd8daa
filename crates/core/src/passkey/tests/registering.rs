//! Which registrations name a key, and which of them a pinned root vouches for.

use super::super::soft::{SoftPasskey, UP_UV, attestation_object};
use super::super::{PasskeyError, PasskeyPublicKey, Registration};
use super::{console, origin, passkey};
use crate::attest::{Anchors, AttestError};
use crate::hash::Hash;
use crate::ssh::soft::SoftVendor;
use crate::time::Timestamp;

const MODEL: [u8; 16] = [0xa1; 16];
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const BACKUP_ELIGIBLE: u8 = 0x08;

fn asked() -> Hash {
    PasskeyPublicKey::challenge("gatehold/attest/v1", b"one person at one gate")
}

fn maker() -> SoftVendor {
    SoftVendor::new([1; 32], MODEL)
}

fn anchors() -> Anchors {
    let mut anchors = Anchors::none();
    anchors
        .pin_root("soft", &maker().root_certificate())
        .unwrap();
    anchors
}

fn attested(flags: u8) -> Registration {
    let data = passkey().credential_data(MODEL, flags);
    passkey().register_attested(&asked(), &maker(), &data)
}

#[test]
fn a_new_passkey_is_read_and_counts_as_what_is_proven() {
    let plain = passkey().register(&asked());
    let read = plain.read(&asked(), &console()).unwrap();
    assert_eq!(read.key(), &passkey().public_key());
    assert!(!read.has_attestation());
    assert_eq!(
        read.attested(&anchors(), NOW),
        Err(AttestError::SelfAttested)
    );
    let stored = Registration::from_text(&plain.to_text().unwrap()).unwrap();
    assert_eq!(stored, plain);

    let read = attested(UP_UV).read(&asked(), &console()).unwrap();
    let proof = read.attested(&anchors(), NOW).unwrap();
    assert_eq!(
        proof.thumbprint(),
        passkey().public_key().thumbprint().as_bytes()
    );
    assert_eq!((proof.aaguid(), proof.root_name()), (MODEL, "soft"));
    assert_eq!(
        read.attested(&Anchors::none(), NOW),
        Err(AttestError::Untrusted)
    );
}

#[test]
fn a_registration_is_for_one_challenge_page_and_user() {
    let plain = passkey().register(&asked());
    let refused =
        |challenge: &Hash, page: &str| plain.read(challenge, &origin(page)).map(drop).unwrap_err();
    let other = PasskeyPublicKey::challenge("gatehold/attest/v1", b"another person");
    assert_eq!(
        refused(&other, "https://gate.acme.internal"),
        PasskeyError::Other("something else than what was shown")
    );
    assert_eq!(
        refused(&asked(), "https://gate.acme.internal:8443"),
        PasskeyError::Other("a page of another origin")
    );
    let unattended = |flags| attested(flags).read(&asked(), &console()).map(drop);
    assert_eq!(
        unattended(0x01),
        Err(PasskeyError::Unattended("who was there"))
    );
    assert_eq!(
        unattended(0x04),
        Err(PasskeyError::Unattended("that somebody was there"))
    );
}

#[test]
fn a_key_that_can_be_copied_is_not_attested() {
    let read = attested(UP_UV | BACKUP_ELIGIBLE)
        .read(&asked(), &console())
        .unwrap();
    assert_eq!(
        read.attested(&anchors(), NOW),
        Err(AttestError::BackupEligible)
    );
}

#[test]
fn an_attestation_of_another_model_maker_or_key_vouches_for_nothing() {
    let outcome = |registration: Registration| {
        let read = registration.read(&asked(), &console()).unwrap();
        read.attested(&anchors(), NOW).map(drop)
    };
    let data = passkey().credential_data([0xb2; 16], UP_UV);
    let other_model = passkey().register_attested(&asked(), &maker(), &data);
    assert!(matches!(
        outcome(other_model),
        Err(AttestError::Certificate { .. })
    ));
    let data = passkey().credential_data(MODEL, UP_UV);
    let stranger = SoftVendor::new([2; 32], MODEL);
    let other_maker = passkey().register_attested(&asked(), &stranger, &data);
    assert!(outcome(other_maker).is_err());
    // The statement of one key in front of another's data.
    let other_key = SoftPasskey::new([9; 32], console());
    let swapped = attestation_object(
        "packed",
        Some(&(maker().batch_signature(&data), maker().leaf_certificate())),
        &other_key.credential_data(MODEL, UP_UV),
    );
    let client_data =
        super::super::assertion::decoded("client data", &passkey().register(&asked()).client_data)
            .unwrap();
    assert_eq!(
        outcome(Registration::of(&swapped, &client_data)),
        Err(AttestError::Mismatch)
    );
}

#[test]
fn damaged_objects_are_refused_and_no_byte_is_ignored() {
    let plain = passkey().register(&asked());
    let object = super::super::assertion::decoded("object", &plain.attestation_object).unwrap();
    let client_data = super::super::assertion::decoded("client data", &plain.client_data).unwrap();
    let read = |object: &[u8]| {
        Registration::of(object, &client_data)
            .read(&asked(), &console())
            .map(|read| read.key().clone())
    };
    assert_eq!(read(&object).unwrap(), passkey().public_key());
    for length in 0..object.len() {
        assert!(read(object.get(..length).unwrap()).is_err(), "{length}");
    }
    assert!(read(&[&object[..], &[0]].concat()).is_err());
    // An indefinite map, and a key of another kind.
    assert!(read(&[&[0xbf], &object[1..], &[0xff]].concat()).is_err());
    let at = object
        .windows(2)
        .position(|pair| pair == [0x26, 0x20])
        .unwrap();
    let mut rsa = object.clone();
    rsa[at] = 0x39;
    assert_eq!(read(&rsa), Err(PasskeyError::Algorithm));
}
