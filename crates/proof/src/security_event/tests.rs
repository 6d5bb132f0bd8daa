//! Tokens as transmitters sign them, and as nobody may.

use super::*;
use crate::jws;
use crate::key::SigningKey;

const AGE: u64 = 1_000;
const NOW: u64 = 10_000;
const HEADER: &str = r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt"}"#;

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

fn keys() -> IssuerKeys {
    let jwk = |key: &SigningKey, kid: &str| {
        let jwk = key.public().to_jwk();
        format!(r#"{},"kid":"{kid}"}}"#, jwk.trim_end_matches('}'))
    };
    let one = jwk(&key(Algorithm::Ed25519, 1), "k1");
    let two = jwk(&key(Algorithm::EcdsaP256, 2), "k2");
    IssuerKeys::parse(format!(r#"{{"keys":[{one},{two}]}}"#).as_bytes()).unwrap()
}

fn verifier() -> EventVerifier {
    let both = vec![Algorithm::Ed25519, Algorithm::EcdsaP256];
    EventVerifier::new("https://idp.example", "https://gate.example", keys(), both).unwrap()
}

fn claims(more: &str) -> String {
    let revoked = EventKind::SessionRevoked.uri();
    format!(
        r#"{{"iss":"https://idp.example","aud":"https://gate.example","iat":9990,"jti":"j1",{more}
        "sub_id":{{"format":"opaque","id":"bot"}},"events":{{"{revoked}":{{"event_timestamp":9990}}}}}}"#
    )
}

fn verified(header: &str, claims: &str) -> Result<VerifiedEvent, RefusedEvent> {
    let token = jws::sign(&key(Algorithm::Ed25519, 1), header, claims).unwrap();
    verify(&token)
}

fn verify(token: &str) -> Result<VerifiedEvent, RefusedEvent> {
    let window = Window {
        now: NOW,
        skew_seconds: 5,
    };
    verifier().verify(token, &window, AGE)
}

/// One text of the good claims replaced by another.
fn changed(from: &str, to: &str) -> Result<VerifiedEvent, RefusedEvent> {
    let good = claims("");
    assert!(good.contains(from), "{from}");
    verified(HEADER, &good.replacen(from, to, 1))
}

#[test]
fn a_token_of_the_profile_is_read() {
    let event = verified(HEADER, &claims("")).unwrap();
    assert_eq!(event.token_id(), "j1");
    assert_eq!(event.issued_at(), 9990);
    assert_eq!(event.asks_to_stop(), Some(EventKind::SessionRevoked));
    let bot = Subject::Simple(SubjectId::Opaque("bot".to_owned()));
    assert_eq!(event.subject(), Some(&bot));
    let one = r#""aud":["https://gate.example"]"#;
    assert!(changed(r#""aud":"https://gate.example""#, one).is_ok());
    assert!(verified(HEADER, &claims(r#""txn":"t","toe":9000,"#)).is_ok());
    let es256 = r#"{"alg":"ES256","kid":"k2","typ":"secevent+jwt"}"#;
    let token = jws::sign(&key(Algorithm::EcdsaP256, 2), es256, &claims("")).unwrap();
    assert!(verify(&token).is_ok());
}

#[test]
fn c09_a_header_outside_the_profile_is_refused_before_anything_is_believed() {
    for header in [
        r#"{"alg":"none","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"HS256","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"ES256","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"Ed25519","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"JWT"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k1"}"#,
        r#"{"alg":"EdDSA","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k2","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"other","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt","crit":["x"],"x":1}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt","crit":[]}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt","jku":"https://evil.example"}"#,
        r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt","b64":false}"#,
        r#"{"alg":"EdDSA","alg":"none","kid":"k1","typ":"secevent+jwt"}"#,
        r#"{"alg":"EdDSA","kid":["k1"],"typ":"secevent+jwt"}"#,
    ] {
        let refused = verified(header, &claims("")).unwrap_err();
        assert_eq!(refused.signer, None, "{header}: {refused}");
    }
    let stranger = jws::sign(&key(Algorithm::Ed25519, 9), HEADER, &claims("")).unwrap();
    let refused = verify(&stranger).unwrap_err();
    assert_eq!(
        (refused.error, refused.signer),
        (TokenError::BadSignature, None)
    );
}

#[test]
fn c09_a_claim_that_is_missing_of_another_type_twice_or_unknown_is_refused() {
    let (iss, aud) = (
        r#""iss":"https://idp.example""#,
        r#""aud":"https://gate.example""#,
    );
    for (from, to) in [
        (iss, r#""x":1"#),
        (iss, r#""iss":"https://evil.example""#),
        (iss, r#""iss":["https://idp.example"]"#),
        (
            iss,
            r#""iss":"https://idp.example","iss":"https://idp.example""#,
        ),
        (aud, r#""x":1"#),
        (aud, r#""aud":[]"#),
        (
            aud,
            r#""aud":["https://gate.example","https://other.example"]"#,
        ),
        (aud, r#""aud":["https://other.example"]"#),
        (aud, r#""aud":[["https://gate.example"]]"#),
        (aud, r#""aud":7"#),
        (aud, r#""aud":"https://gate.example/""#),
        (r#""iat":9990"#, r#""x":1"#),
        (r#""iat":9990"#, r#""iat":"9990""#),
        (r#""iat":9990"#, r#""iat":10006"#),
        (r#""iat":9990"#, r#""iat":8994"#),
        (r#""iat":9990"#, r#""iat":-1"#),
        (r#""iat":9990"#, r#""iat":9990.0"#),
        (r#""jti":"j1""#, r#""x":1"#),
        (r#""jti":"j1""#, r#""jti":"""#),
        (r#""jti":"j1""#, r#""jti":"a b""#),
        (r#""jti":"j1""#, r#""jti":"\u202e""#),
        (r#""jti":"j1""#, r#""jti":["j1"]"#),
        (r#""jti":"j1""#, r#""jti":"j1","exp":99999"#),
        (r#""jti":"j1""#, r#""jti":"j1","nbf":1"#),
        (r#""jti":"j1""#, r#""jti":"j1","sub":"bot""#),
        (r#""jti":"j1""#, r#""jti":"j1","toe":"now""#),
        (r#""events":{"#, r#""events":{"urn:x":{},"#),
        (r#""events":{"#, r#""events":[],"x":{"#),
        (r#""sub_id":{"format":"opaque""#, r#""sub_id":{"format":7"#),
        (
            r#""sub_id":{"format":"opaque""#,
            r#""sub_id":{"format":"opaque","more":1"#,
        ),
        (
            r#""sub_id":{"format":"opaque","id":"bot"}"#,
            r#""sub_id":"bot""#,
        ),
        (
            r#""event_timestamp":9990"#,
            r#""subject":{"format":"opaque","id":"other"}"#,
        ),
        (r#""event_timestamp":9990"#, r#""a":1,"a":2"#),
        (r#"{"event_timestamp":9990}"#, "true"),
    ] {
        let refused = changed(from, to).unwrap_err();
        // Whoever signs nonsense is known for it.
        assert!(refused.signer.is_some(), "{to}: {refused}");
    }
    let long = format!(r#""jti":"{}""#, "j".repeat(257));
    assert!(changed(r#""jti":"j1""#, &long).is_err());
    let long = claims(&format!(r#""txn":"{}","#, "t".repeat(13_000)));
    assert!(verified(HEADER, &long).is_err());
}

#[test]
fn the_last_second_of_a_tokens_age_is_the_last() {
    for (iat, taken) in [
        (8_995, true),
        (8_994, false),
        (10_005, true),
        (10_006, false),
    ] {
        let changed = changed(r#""iat":9990"#, &format!(r#""iat":{iat}"#));
        assert_eq!(changed.is_ok(), taken, "{iat}");
    }
}

#[test]
fn an_event_asks_to_stop_only_where_it_says_that_trust_is_gone() {
    let ask = |uri: &str, event: &str| {
        let events = format!(r#""events":{{"{uri}":{event}}}"#);
        let claims = format!(
            r#"{{"iss":"https://idp.example","aud":"https://gate.example","iat":9990,"jti":"j1",{events}}}"#
        );
        verified(HEADER, &claims).map(|event| event.asks_to_stop())
    };
    for kind in EventKind::ALL {
        let (event, wrong) = match kind {
            EventKind::CredentialChange => {
                (r#"{"change_type":"revoke"}"#, r#"{"change_type":"x"}"#)
            }
            EventKind::RiskLevelChange => (r#"{"current_level":"HIGH"}"#, "{}"),
            EventKind::AssuranceLevelChange => ("{}", r#"{"change_direction":"up"}"#),
            _ => (r#"{"anything":[1]}"#, "[]"),
        };
        assert_eq!(ask(&kind.uri(), event), Ok(Some(kind)), "{event}");
        assert!(ask(&kind.uri(), wrong).is_err(), "{kind:?}");
    }
    let caep = |name: &str| format!("https://schemas.openid.net/secevent/caep/event-type/{name}");
    for (uri, event) in [
        (caep("credential-change"), r#"{"change_type":"update"}"#),
        (caep("risk-level-change"), r#"{"current_level":"MEDIUM"}"#),
        (
            caep("assurance-level-change"),
            r#"{"change_direction":"increase"}"#,
        ),
        (caep("session-established"), "{}"),
        ("urn:x".to_owned(), "{}"),
    ] {
        assert_eq!(ask(&uri, event), Ok(None), "{uri} {event}");
    }
}

#[test]
fn a_complex_subject_has_members_and_no_other_depth() {
    let read = |json: &str| Subject::read(Object::parse(json.as_bytes(), 4096).unwrap());
    let both = r#"{"format":"complex","user":{"format":"iss_sub","iss":"i","sub":"s"},"session":{"format":"opaque","id":"t"}}"#;
    let both = read(both).unwrap();
    assert_eq!(
        both.member("session"),
        Some(&SubjectId::Opaque("t".to_owned()))
    );
    let user = SubjectId::IssuerSubject {
        issuer: "i".to_owned(),
        subject: "s".to_owned(),
    };
    assert_eq!(both.member("user"), Some(&user));
    assert_eq!(both.member("device"), None);
    let mail = read(r#"{"format":"email","email":"a@b.example"}"#);
    assert_eq!(mail, Ok(Subject::Simple(SubjectId::Other)));
    for wrong in [
        r#"{"format":"complex"}"#,
        r#"{"format":"complex","user":"s"}"#,
        r#"{"format":"complex","user":{"format":"complex","user":{"format":"opaque","id":"t"}}}"#,
        r#"{"format":"iss_sub","iss":"i"}"#,
        r#"{"format":"uri","uri":""}"#,
        r#"{"id":"t"}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn keys_that_cannot_verify_or_have_no_name_make_no_verifier() {
    let nameless = format!(
        r#"{{"keys":[{}]}}"#,
        key(Algorithm::Ed25519, 1).public().to_jwk()
    );
    let nameless = IssuerKeys::parse(nameless.as_bytes()).unwrap();
    for (keys, algorithms) in [(nameless, vec![Algorithm::Ed25519]), (keys(), vec![])] {
        assert!(EventVerifier::new("i", "a", keys, algorithms).is_err());
    }
}

/// What the page of reference says that an event asks for: to stop, at least to look, or nothing; nothing at all where it is refused.
fn asked_for(uri: &str, members: &[(&str, &str)]) -> Option<(bool, bool)> {
    let said = |name| {
        let mut named = members.iter().filter(|(member, _)| *member == name);
        named.next().map(|(_, word)| *word)
    };
    let (stop, hold, nothing) = (
        Some((true, true)),
        Some((false, true)),
        Some((false, false)),
    );
    match uri.rsplit(['/', ':']).next().unwrap_or_default() {
        "unusual" => hold,
        "credential-change" => match said("change_type") {
            Some("revoke" | "delete") => stop,
            Some("create" | "update") => nothing,
            _ => None,
        },
        "assurance-level-change" => match said("change_direction") {
            None | Some("decrease") => stop,
            Some("increase") => nothing,
            Some(_) => None,
        },
        "risk-level-change" => match said("current_level") {
            Some("HIGH") => stop,
            Some("MEDIUM") => hold,
            Some("LOW") => nothing,
            _ => None,
        },
        name if EventKind::ALL.iter().any(|kind| kind.name() == name) => stop,
        _ => nothing,
    }
}

proptest::proptest! {
    #[test]
    fn an_event_asks_for_what_the_page_says_and_for_no_more(
        event in 0_usize..10,
        words in proptest::array::uniform3(proptest::option::of(0_usize..12)),
    ) {
        const WORDS: [&str; 12] = [
            "revoke", "delete", "create", "update", "increase", "decrease", "HIGH", "MEDIUM", "LOW", "high", "", "MEDIUM ",
        ];
        const MEMBERS: [&str; 3] = ["change_type", "change_direction", "current_level"];
        let uri = match event {
            8 => UNUSUAL.to_owned(),
            9 => "https://schemas.openid.net/secevent/ssf/event-type/verification".to_owned(),
            known => EventKind::ALL[known].uri(),
        };
        let members: Vec<(&str, &str)> = MEMBERS
            .into_iter()
            .zip(words)
            .filter_map(|(member, word)| Some((member, WORDS[word?])))
            .collect();
        let written: Vec<String> = members
            .iter()
            .map(|(member, word)| format!(r#""{member}":"{word}""#))
            .collect();
        let revoked = EventKind::SessionRevoked.uri();
        let claims = claims("").replace(
            &format!(r#"{{"{revoked}":{{"event_timestamp":9990}}}}"#),
            &format!(r#"{{"{uri}":{{{}}}}}"#, written.join(",")),
        );
        let read = verified(HEADER, &claims).ok();
        let found = read.map(|event| (event.asks_to_stop().is_some(), event.asks_to_hold()));
        proptest::prop_assert_eq!(found, asked_for(&uri, &members));
    }

    #[test]
    fn no_bytes_are_a_token(text: String) {
        proptest::prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn no_changed_byte_is_taken(at in 0_usize..600, to in 0_u8..128) {
        let token = jws::sign(&key(Algorithm::Ed25519, 1), HEADER, &claims("")).unwrap();
        let mut bytes = token.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        let changed = String::from_utf8(bytes).unwrap();
        proptest::prop_assert!(changed == token || verify(&changed).is_err());
    }
}
