//! What a passkey's signature is refused for, one thing at a time.

mod registering;

use super::soft::{Ceremony, SoftPasskey};
use super::{Assertion, PasskeyError, PasskeyPublicKey, RelyingPartyId, WebOrigin};
use crate::hash::Hash;
use crate::review::{REVIEW_TYPE, ReviewContext};

fn origin(text: &str) -> WebOrigin {
    WebOrigin::new(text).unwrap()
}

fn console() -> WebOrigin {
    origin("https://gate.acme.internal")
}

fn passkey() -> SoftPasskey {
    SoftPasskey::new([7; 32], console())
}

fn challenge() -> Hash {
    PasskeyPublicKey::challenge(REVIEW_TYPE, b"what was shown")
}

fn verify(assertion: &Assertion) -> Result<(), PasskeyError> {
    let key = passkey().public_key();
    key.verify(assertion, &challenge(), &[console()]).map(drop)
}

/// One thing is changed about an otherwise honest signature; what is signed is signed as changed.
fn changed(change: impl FnOnce(&mut Ceremony)) -> Result<(), PasskeyError> {
    let mut ceremony = passkey().honest();
    change(&mut ceremony);
    verify(&passkey().sign_as(&challenge(), &ceremony))
}

#[test]
fn an_honest_signature_counts_and_says_what_was_checked() {
    let key = passkey().public_key();
    let signed = passkey().sign(&challenge());
    let verified = key.verify(&signed, &challenge(), &[console()]).unwrap();
    assert!(verified.flags().user_presence && verified.flags().user_verification);
    let stored = Assertion::from_text(&signed.to_text().unwrap()).unwrap();
    assert_eq!(stored, signed);
}

#[test]
fn a09_one_key_has_one_name_whatever_it_is_called() {
    let key = passkey().public_key();
    let line = key.to_line();
    let renamed = |line: &str| PasskeyPublicKey::from_line(line).unwrap();
    let (rest, _) = line.rsplit_once(' ').unwrap();
    let other_id = renamed(&format!("{rest} AAAA"));
    let other_page = renamed(&line.replace("gate.acme.internal", "gate.acme.example"));
    assert_ne!(other_id, key);
    assert_eq!(other_id.thumbprint(), key.thumbprint());
    assert_eq!(other_page.thumbprint(), key.thumbprint());
    let other_key = SoftPasskey::new([8; 32], console()).public_key();
    assert_ne!(other_key.thumbprint(), key.thumbprint());
}

#[test]
fn the_challenge_over_a_review_context_is_the_one_that_contexts_name() {
    assert_eq!(
        PasskeyPublicKey::challenge(REVIEW_TYPE, b"{}"),
        ReviewContext::challenge(b"{}")
    );
}

#[test]
fn b03_presence_and_verification_are_always_demanded() {
    assert_eq!(
        changed(|c| c.flags = 0x01),
        Err(PasskeyError::Unattended("who was there"))
    );
    assert_eq!(
        changed(|c| c.flags = 0x04),
        Err(PasskeyError::Unattended("that somebody was there"))
    );
    // Backup bits are true statements about the key.
    assert_eq!(changed(|c| c.flags = 0x1d), Ok(()));
    for flags in [0x07, 0x25, 0x45, 0x85] {
        assert_eq!(
            changed(|c| c.flags = flags),
            Err(PasskeyError::Flags(flags))
        );
    }
}

#[test]
fn b05_type_origin_frame_and_relying_party_are_compared_exactly() {
    let other = |what| Err(PasskeyError::Other(what));
    assert_eq!(
        changed(|c| c.kind = "webauthn.create".to_owned()),
        other("another ceremony")
    );
    for wrong in [
        "https://gate.acme.internal:8443",
        "https://evil.gate.acme.internal",
        "https://acme.internal",
        "http://gate.acme.internal",
        "https://gate.acme.internal/",
        "https://GATE.acme.internal",
        "",
    ] {
        let found = changed(|c| c.origin = wrong.to_owned());
        assert_eq!(found, other("a page of another origin"), "{wrong}");
    }
    let extra = r#","topOrigin":"https://evil.example""#;
    let framed = changed(|c| c.extra = extra.to_owned());
    assert_eq!(framed, other("a page inside a page of another origin"));
    assert_eq!(
        changed(|c| c.relying_party = "acme.internal".to_owned()),
        other("another relying party")
    );
}

#[test]
fn b05_a_framed_page_is_refused_and_a_silent_browser_is_not() {
    let asked = challenge();
    let key = passkey();
    let with = |cross: &str| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(asked.as_bytes());
        let client_data = format!(
            r#"{{"type":"webauthn.get","challenge":"{text}","origin":"https://gate.acme.internal"{cross}}}"#
        );
        verify(&key.sign_client_data(client_data.as_bytes(), &key.honest()))
    };
    assert_eq!(with(""), Ok(()));
    assert_eq!(with(r#","crossOrigin":false"#), Ok(()));
    for framed in [
        r#","crossOrigin":true"#,
        r#","crossOrigin":"false""#,
        r#","crossOrigin":null"#,
    ] {
        let refused = PasskeyError::Other("a page inside a page of another origin");
        assert_eq!(with(framed), Err(refused), "{framed}");
    }
    // Two values of one name are two readings.
    assert!(matches!(
        with(r#","origin":"https://gate.acme.internal""#),
        Err(PasskeyError::Form("client data", _))
    ));
}

#[test]
fn b06_members_that_a_browser_adds_at_random_mean_nothing() {
    let extra = r#","other_keys_can_be_added_here":"do not compare clientDataJSON against a template. See https://goo.gl/yabPex""#;
    assert_eq!(changed(|c| c.extra = extra.to_owned()), Ok(()));
}

#[test]
fn b04_a_signature_over_something_else_does_not_count() {
    let other = PasskeyPublicKey::challenge(REVIEW_TYPE, b"what was not shown");
    assert_eq!(
        verify(&passkey().sign(&other)),
        Err(PasskeyError::Other("something else than what was shown"))
    );
    let namespace = PasskeyPublicKey::challenge("gatehold/enrol/v1", b"what was shown");
    assert!(verify(&passkey().sign(&namespace)).is_err());
}

#[test]
fn another_key_and_every_altered_part_is_refused() {
    let stranger = SoftPasskey::new([8; 32], console());
    assert_eq!(
        verify(&stranger.sign(&challenge())),
        Err(PasskeyError::Mismatch)
    );
    let honest = passkey().sign(&challenge());
    let flip = |text: &str| {
        let mut bytes = super::assertion::decoded("part", text).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    };
    let part = |text: &str| super::assertion::decoded("part", text).unwrap();
    let (data, client, signature) = (
        part(&honest.authenticator_data),
        part(&honest.client_data),
        part(&honest.signature),
    );
    for altered in [
        Assertion::of(&flip(&honest.authenticator_data), &client, &signature),
        Assertion::of(&data, &[&client[..], b" "].concat(), &signature),
        Assertion::of(&data, &client, &flip(&honest.signature)),
        Assertion::of(&data, &client, b""),
    ] {
        assert_eq!(verify(&altered), Err(PasskeyError::Mismatch));
    }
    assert!(verify(&Assertion::of(&data[..36], &client, &signature)).is_err());
    assert!(
        verify(&Assertion::of(
            &[&data[..], b"x"].concat(),
            &client,
            &signature
        ))
        .is_err()
    );
}

#[test]
fn p01_no_flipped_bit_of_an_assertion_escapes() {
    let honest = passkey().sign(&challenge());
    let part = |text: &str| super::assertion::decoded("part", text).unwrap();
    let parts = [
        part(&honest.authenticator_data),
        part(&honest.client_data),
        part(&honest.signature),
    ];
    assert_eq!(verify(&honest), Ok(()));
    for (which, bytes) in parts.iter().enumerate() {
        for bit in 0..bytes.len() * 8 {
            let mut parts = parts.clone();
            parts[which][bit / 8] ^= 1 << (bit % 8);
            let [data, client, signature] = &parts;
            let altered = Assertion::of(data, client, signature);
            assert!(verify(&altered).is_err(), "part {which}, bit {bit}");
        }
    }
}

#[test]
fn an_origin_counts_only_for_keys_of_its_own_host() {
    let elsewhere = origin("https://other.acme.internal");
    let key = passkey();
    let mut ceremony = key.honest();
    ceremony.origin = elsewhere.as_str().to_owned();
    let signed = key.sign_as(&challenge(), &ceremony);
    let both = [console(), elsewhere];
    assert_eq!(
        key.public_key().verify(&signed, &challenge(), &both),
        Err(PasskeyError::Other("a page of another origin"))
    );
}

#[test]
fn a_key_has_one_line() {
    let key = passkey().public_key();
    let line = key.to_line();
    assert_eq!(PasskeyPublicKey::from_line(&line).unwrap(), key);
    for other in [
        format!("{line} "),
        format!(" {line}"),
        line.replace(' ', "  "),
        line.replace("es256", "es384"),
        format!("{line}="),
        line.replace("gate.acme", "Gate.acme"),
        line.chars().take(100).collect(),
    ] {
        assert!(PasskeyPublicKey::from_line(&other).is_err(), "{other}");
    }
    let elsewhere = SoftPasskey::new([7; 32], origin("https://other.acme.internal"));
    assert_ne!(elsewhere.public_key().to_line(), line);
}

#[test]
fn an_origin_has_one_spelling() {
    for good in [
        "https://gate.acme.internal",
        "https://gate:8443",
        "http://localhost",
        "http://localhost:7400",
        "https://localhost:7400",
    ] {
        assert_eq!(origin(good).as_str(), good);
    }
    for bad in [
        "http://gate.acme.internal",
        "https://gate.acme.internal/",
        "https://gate.acme.internal:443",
        "http://localhost:80",
        "https://gate.acme.internal:08443",
        "https://gate.acme.internal:0",
        "https://Gate.acme.internal",
        "https://127.0.0.1",
        "http://127.0.0.1:7400",
        "https://user@gate",
        "https://-gate",
        "https://",
        "gate.acme.internal",
        "null",
    ] {
        assert_eq!(WebOrigin::new(bad), Err(PasskeyError::Origin), "{bad}");
    }
    assert!(RelyingPartyId::new("localhost").is_ok());
}
