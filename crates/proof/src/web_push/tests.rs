//! The example of RFC 8291, and what is no key of a browser. Against a foreign implementation it is tested in
//! crates/gatehold/tests/push.rs.

use super::*;

const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    base64url::decode(text).unwrap().try_into().unwrap()
}

/// RFC 8291, section 5 and appendix A.
#[test]
fn the_example_of_the_rfc() {
    let keys = BrowserKeys::parse(P256DH, AUTH).unwrap();
    let mut record = b"When I grow up, I want to be a watermelon".to_vec();
    record.push(LAST_RECORD);
    let key = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
    let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
    let sealed = keys.sealed(record, &key, &salt).unwrap();
    assert_eq!(
        base64url::encode(&sealed),
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95b\
         Qpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    );
}

#[test]
fn every_message_is_as_long_and_none_is_too_long_for_a_push_service() {
    let keys = BrowserKeys::parse(P256DH, AUTH).unwrap();
    let seal = |length: usize| keys.seal(&vec![b'x'; length], &[7; 32], &[8; 16]);
    let lengths = [0, 1, MESSAGE_BYTES].map(|length| seal(length).unwrap().len());
    assert_eq!(lengths, [16 + 4 + 1 + 65 + MESSAGE_BYTES + 1 + 16; 3]);
    assert!(lengths[0] <= 4_096);
    assert_eq!(seal(MESSAGE_BYTES + 1), Err(PushError::Size));
    // Zero is no key: whoever draws draws again.
    assert_eq!(keys.seal(b"x", &[0; 32], &[8; 16]), Err(PushError::Key));
}

#[test]
fn what_is_no_key_of_a_browser_is_refused() {
    let keys = BrowserKeys::parse(P256DH, AUTH).unwrap();
    assert_eq!(
        (keys.p256dh().as_str(), keys.auth().as_str()),
        (P256DH, AUTH)
    );
    assert_eq!(format!("{keys:?}"), "BrowserKeys");
    let off_curve = P256DH.replace("Aiw4", "Aiw8");
    let compressed = base64url::encode(&[2; 33]);
    let compact = base64url::encode(&[[5; 1].as_slice(), &[7; 64]].concat());
    let zero = base64url::encode(&[[4; 1].as_slice(), &[0; 64]].concat());
    let long = "A".repeat(100_000);
    let padded = format!("{P256DH}=");
    for bad in [
        "",
        &off_curve,
        &compressed,
        &compact,
        &zero,
        &long,
        &padded,
        &P256DH.replace('_', "/"),
    ] {
        assert_eq!(
            BrowserKeys::parse(bad, AUTH),
            Err(PushError::Point),
            "{bad}"
        );
    }
    for bad in [
        "",
        "BTBZMqHH6r4Tts7J_aSIg",
        "BTBZMqHH6r4Tts7J_aSIggAA",
        &long,
        "BTBZMqHH6r4Tts7J/aSIgg",
    ] {
        assert_eq!(
            BrowserKeys::parse(P256DH, bad),
            Err(PushError::Auth),
            "{bad}"
        );
    }
}

#[test]
fn a_push_service_is_told_who_sends_and_the_key_has_one_spelling() {
    let key = VapidKey::generate(|seed| seed.fill(9)).unwrap();
    let text = key.to_text().unwrap();
    assert_eq!(VapidKey::parse(&text).unwrap().public(), key.public());
    assert_eq!(key.public().len(), 87);
    let printed = format!("{key:?}");
    assert!(!printed.contains(text.as_str()), "{printed}");
    let said = key
        .authorization("https://push.example", "mailto:ops@acme.example", 1_000)
        .unwrap();
    let (token, public) = said
        .strip_prefix("vapid t=")
        .unwrap()
        .split_once(", k=")
        .unwrap();
    assert_eq!(public, key.public());
    let claims = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims,
        serde_json::json!({ "aud": "https://push.example", "exp": 4_600, "sub": "mailto:ops@acme.example" })
    );
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature: [u8; 64] = bytes(signature);
    assert!(key.signing.public().verifies(input.as_bytes(), &signature));
    let zero = base64url::encode(&[0; 32]);
    for bad in [
        "",
        "x",
        &zero,
        &format!("{}=", text.as_str()),
        &"A".repeat(5_000),
    ] {
        assert_eq!(VapidKey::parse(bad).unwrap_err(), PushError::Key, "{bad}");
    }
}
