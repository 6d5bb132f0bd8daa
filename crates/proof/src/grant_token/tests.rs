use super::*;
use crate::dpop::{self, DpopRequest};
use crate::http_signature::PublicUrl;
use std::collections::BTreeMap;

const NOW: u64 = 1_764_000_000;
const WINDOW: Window = Window {
    now: NOW,
    skew_seconds: 5,
};
const ISSUER: &str = "https://gate.example";
const AUDIENCE: &str = "https://api.example";

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

fn gate() -> SigningKey {
    key(Algorithm::EcdsaP256, 1)
}

fn workload() -> SigningKey {
    key(Algorithm::Ed25519, 2)
}

fn claims() -> GrantClaims {
    GrantClaims {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        subject: "spiffe://example/agent".into(),
        token_id: "grt_1".into(),
        transaction: "req_1".into(),
        issued_at: NOW,
        not_before: NOW,
        expires_at: NOW + 60,
        confirmation: *workload().public().thumbprint(),
        decided_by: DecidedBy::Human,
        leaf_index: 7,
        details: ActionDetails {
            descriptor: "http.request/v1".into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            target: "api".into(),
            resource: "/rows".into(),
            uses: 1,
            caps: BTreeMap::from([("rows".into(), 10)]),
        },
    }
}

fn verifier() -> GrantTokenVerifier {
    GrantTokenVerifier::new(
        ISSUER,
        AUDIENCE,
        JwkSet::new(vec![gate().public().clone(), workload().public().clone()]),
    )
}

fn proof(by: &SigningKey, token: Option<&str>) -> VerifiedDpopProof {
    let url = PublicUrl::parse(AUDIENCE).unwrap();
    let request = DpopRequest {
        method: "GET",
        public_url: &url,
        path: "/rows",
        access_token: token,
        issued_at: NOW,
        jti: "0123456789abcdef",
    };
    dpop::verify(
        &dpop::prove(by, &request).unwrap(),
        "GET",
        &url,
        "/rows",
        &WINDOW,
    )
    .unwrap()
}

#[test]
fn a_token_is_presented_by_its_key_only() {
    let token = issue(&gate(), &claims()).unwrap();
    let verify = || verifier().verify(&token, &WINDOW).unwrap();
    assert_eq!(verify().confirmation(), workload().public().thumbprint());
    assert_eq!(
        verify()
            .present(&proof(&workload(), Some(&token)))
            .unwrap()
            .claims(),
        &claims()
    );
    let attacker = key(Algorithm::Ed25519, 3);
    for wrong in [
        proof(&attacker, Some(&token)),
        proof(&workload(), None),
        proof(&workload(), Some("another token")),
    ] {
        assert_eq!(
            verify().present(&wrong).map(|_| ()),
            Err(TokenError::NotBound)
        );
    }
}

#[test]
fn the_issuer_signs_nothing_that_would_be_refused() {
    assert_eq!(issue(&workload(), &claims()), Err(TokenError::Algorithm));
    let broken: [fn(&mut GrantClaims); 8] = [
        |c| c.expires_at = NOW + 121,
        |c| c.expires_at = NOW,
        |c| c.not_before = NOW - 1,
        |c| c.not_before = NOW + 60,
        |c| c.audience.clear(),
        |c| c.details.uses = 0,
        |c| c.details.digest = "sha256:AB".into(),
        |c| c.details.caps.extend((0..20).map(|n| (n.to_string(), n))),
    ];
    for break_it in broken {
        let mut claims = claims();
        break_it(&mut claims);
        assert!(issue(&gate(), &claims).is_err(), "{claims:?}");
    }
}

/// Members as (name, JSON), so that each can be altered alone.
type Members = Vec<(String, String)>;

/// Header and claims of a genuine token.
fn members() -> (Members, Members) {
    let header = format!(
        r#"{{"alg":"ES256","kid":"{}","typ":"at+jwt"}}"#,
        gate().public().thumbprint()
    );
    let split = |json: &str| {
        let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).unwrap();
        value
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect()
    };
    (split(&header), split(&claims().to_json().unwrap()))
}

fn join(members: &[(String, String)]) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn verdict(header: &[(String, String)], claims: &[(String, String)]) -> Result<(), TokenError> {
    let token = jws::sign(&gate(), &join(header), &join(claims)).unwrap();
    verifier().verify(&token, &WINDOW).map(|_| ())
}

/// Threat C9: each member of header and claims missing, null, of a wrong type, twice, in an array, and with a stranger.
#[test]
fn no_member_is_optional_and_none_is_extra() {
    let (header, claims) = members();
    assert_eq!(verdict(&header, &claims), Ok(()));
    let alterations: [fn(&mut Members, usize); 8] = [
        |m, n| drop(m.remove(n)),
        |m, n| m.push(m[n].clone()),
        |m, n| m[n].1 = "null".into(),
        |m, n| m[n].1 = "true".into(),
        |m, n| m[n].1 = format!("[{}]", m[n].1),
        |m, n| {
            m[n].1 = if m[n].1.starts_with('"') {
                "1".into()
            } else {
                format!("{:?}", m[n].1)
            }
        },
        |m, n| {
            m[n].1 = if m[n].1.starts_with('"') {
                "\"\"".into()
            } else {
                "-1".into()
            }
        },
        |m, n| m.insert(n, ("stranger".into(), "1".into())),
    ];
    for alter in alterations {
        for n in 0..claims.len() {
            let mut altered = claims.clone();
            alter(&mut altered, n);
            assert!(
                verdict(&header, &altered).is_err(),
                "claims {}",
                join(&altered)
            );
        }
        for n in 0..header.len() {
            let mut altered = header.clone();
            alter(&mut altered, n);
            assert!(
                verdict(&altered, &claims).is_err(),
                "header {}",
                join(&altered)
            );
        }
    }
}

#[test]
fn every_other_value_is_refused_for_its_reason() {
    use TokenError as E;
    let (header, claims) = members();
    let set = |members: &[(String, String)], name: &str, value: &str| {
        let mut altered = members.to_vec();
        altered.retain(|(member, _)| member != name);
        altered.push((name.into(), value.into()));
        altered
    };
    for (name, value, expected) in [
        ("iss", "\"https://evil.example\"", E::NotForUs("iss")),
        ("iss", "\"https://gate.example/\"", E::NotForUs("iss")),
        ("aud", "\"https://api.example/token\"", E::NotForUs("aud")),
        ("iat", "1764000006", E::Lifetime),
        ("nbf", "1764000006", E::NotYetValid),
        ("nbf", "1763999999", E::Lifetime),
        ("nbf", "1764000060", E::Lifetime),
        ("exp", "1764000121", E::Lifetime),
        ("exp", "1764000000", E::Lifetime),
        ("client_id", "\"other\"", E::Claim("client_id")),
        ("decided_by", "\"timeout\"", E::Claim("decided_by")),
        ("cnf", "{\"jkt\":\"short\"}", E::Claim("cnf")),
    ] {
        assert_eq!(
            verdict(&header, &set(&claims, name, value)),
            Err(expected),
            "{name} {value}"
        );
    }
    // A stranger inside a nested object is refused as well; `x5t#S256` beside `jkt` would be a second binding nobody checks.
    for (name, inside, stranger) in [
        ("cnf", "\"jkt\"", "\"x5t#S256\":\"a\",\"jkt\""),
        ("authorization_details", "\"uses\"", "\"any\":1,\"uses\""),
    ] {
        let genuine = &claims.iter().find(|(member, _)| member == name).unwrap().1;
        let refused = verdict(
            &header,
            &set(&claims, name, &genuine.replacen(inside, stranger, 1)),
        );
        assert!(
            matches!(
                refused,
                Err(E::Json(crate::strict_json::JsonError::Unknown(_)))
            ),
            "{name}: {refused:?}"
        );
    }
    let future = set(&set(&claims, "iat", "1764000006"), "nbf", "1764000006");
    assert_eq!(verdict(&header, &future), Err(E::NotYetValid));
    for (name, value, expected) in [
        ("alg", "\"none\"", E::Algorithm),
        ("alg", "\"HS256\"", E::Algorithm),
        ("alg", "\"EdDSA\"", E::Algorithm),
        ("typ", "\"JWT\"", E::Type("at+jwt")),
        ("typ", "\"dpop+jwt\"", E::Type("at+jwt")),
        ("typ", "\"AT+JWT\"", E::Type("at+jwt")),
        ("kid", "\"unknown\"", E::UnknownKey),
        // A trusted key of another algorithm does not sign grant tokens.
        (
            "kid",
            &format!("\"{}\"", workload().public().thumbprint()),
            E::UnknownKey,
        ),
        (
            "crit",
            "[\"exp\"]",
            E::Json(crate::strict_json::JsonError::Unknown("crit".into())),
        ),
        (
            "jku",
            "\"https://evil.example\"",
            E::Json(crate::strict_json::JsonError::Unknown("jku".into())),
        ),
    ] {
        assert_eq!(
            verdict(&set(&header, name, value), &claims),
            Err(expected),
            "{name} {value}"
        );
    }
}

#[test]
fn a_token_ends_when_it_says() {
    let token = issue(&gate(), &claims()).unwrap();
    for (now, expected) in [
        (NOW - 6, Err(TokenError::NotYetValid)),
        (NOW - 5, Ok(())),
        (NOW + 65, Ok(())),
        (NOW + 66, Err(TokenError::Expired)),
    ] {
        assert_eq!(
            verifier()
                .verify(
                    &token,
                    &Window {
                        now,
                        skew_seconds: 5
                    }
                )
                .map(|_| ()),
            expected,
            "at {now}"
        );
    }
}

#[test]
fn a_forged_or_altered_token_is_refused() {
    let token = issue(&gate(), &claims()).unwrap();
    let header = format!(
        r#"{{"alg":"ES256","kid":"{}","typ":"at+jwt"}}"#,
        gate().public().thumbprint()
    );
    let forged = jws::sign(
        &key(Algorithm::EcdsaP256, 9),
        &header,
        &claims().to_json().unwrap(),
    )
    .unwrap();
    assert_eq!(
        verifier().verify(&forged, &WINDOW).map(|_| ()),
        Err(TokenError::BadSignature)
    );
    for n in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[n] = if altered[n] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(
            verifier().verify(&altered, &WINDOW).is_err(),
            "accepted a change at {n}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn verification_never_panics(token in "[A-Za-z0-9_.-]{0,200}|\\PC{0,50}") {
        let _ = verifier().verify(&token, &WINDOW);
        let _ = dpop::verify(&token, "GET", &PublicUrl::parse(AUDIENCE).unwrap(), "/", &WINDOW);
    }
}
