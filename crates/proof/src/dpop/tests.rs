use super::*;
use crate::key::Algorithm;

const NOW: u64 = 1_764_000_000;
const WINDOW: Window = Window {
    now: NOW,
    skew_seconds: 5,
};

fn gate() -> PublicUrl {
    PublicUrl::parse("https://api.example").unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::EcdsaP256, &[4; 32]).unwrap()
}

fn header() -> String {
    format!(
        r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#,
        key().public().to_jwk()
    )
}

const CLAIMS: &str =
    r#"{"jti":"0123456789abcdef","htm":"GET","htu":"https://api.example/rows","iat":1764000000}"#;

fn check(header: &str, claims: &str) -> Result<VerifiedDpopProof, TokenError> {
    verify(
        &jws::sign(&key(), header, claims).unwrap(),
        "GET",
        &gate(),
        "/rows?limit=1",
        &WINDOW,
    )
}

#[test]
fn a_proof_verifies() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        let key = SigningKey::from_seed(algorithm, &[4; 32]).unwrap();
        let request = DpopRequest {
            method: "GET",
            public_url: &gate(),
            path: "/rows?limit=1",
            access_token: Some("token"),
            issued_at: NOW,
            jti: "0123456789abcdef",
        };
        let proof = verify(
            &prove(&key, &request).unwrap(),
            "GET",
            &gate(),
            "/rows",
            &WINDOW,
        )
        .unwrap();
        assert_eq!(proof.key(), key.public().thumbprint());
        assert_eq!(
            (proof.jti(), proof.access_token_hash()),
            ("0123456789abcdef", Some(&token_hash("token")))
        );
        assert_eq!(proof.jti_kept_until(), NOW + 70);
    }
    assert!(
        check(&header(), CLAIMS)
            .unwrap()
            .access_token_hash()
            .is_none()
    );
}

#[test]
fn every_deviation_is_refused() {
    let header = header();
    let other = SigningKey::from_seed(Algorithm::EcdsaP256, &[5; 32]).unwrap();
    for (from, to) in [
        ("dpop+jwt", "jwt"),
        ("dpop+jwt", "DPoP+jwt"),
        ("ES256", "EdDSA"),
        ("ES256", "none"),
        ("ES256", "HS256"),
        ("\"jwk\"", "\"kid\""),
        ("{\"typ\"", "{\"crit\":[\"exp\"],\"typ\""),
        ("{\"typ\"", "{\"kid\":\"a\",\"typ\""),
        ("{\"typ\"", "{\"typ\":\"dpop+jwt\",\"typ\""),
        ("\"jwk\":{", "\"jwk\":{\"d\":\"AAAA\","),
        (&key().public().to_jwk(), &other.public().to_jwk()),
        (&key().public().to_jwk(), "[]"),
    ] {
        let altered = header.replacen(from, to, 1);
        assert_ne!(altered, header);
        assert!(check(&altered, CLAIMS).is_err(), "header {altered}");
    }
    for (from, to) in [
        ("GET", "POST"),
        ("GET", "get"),
        ("\"GET\"", "[\"GET\"]"),
        ("/rows", "/row"),
        ("/rows", "/rows/"),
        ("/rows", "/rows?limit=1"),
        ("api.example", "API.example"),
        ("https", "http"),
        ("1764000000", "1764000006"),
        ("1764000000", "1763999934"),
        ("1764000000", "\"1764000000\""),
        ("1764000000", "1764000000.0"),
        ("\"jti\"", "\"jtj\""),
        ("0123456789abcdef", "0123"),
        ("{", "{\"nonce\":\"x\","),
        ("{", "{\"iat\":1764000000,"),
        ("{", "{\"ath\":\"short\","),
        ("{", "{\"ath\":[],"),
    ] {
        let altered = CLAIMS.replacen(from, to, 1);
        assert_ne!(altered, CLAIMS);
        assert!(check(&header, &altered).is_err(), "claims {altered}");
    }
    let proof = jws::sign(&key(), &header, CLAIMS).unwrap();
    for broken in [
        String::new(),
        proof.replace('.', ""),
        format!("{proof}="),
        format!("{proof}.x"),
        format!(".{proof}"),
        "a".repeat(5000),
    ] {
        assert!(verify(&broken, "GET", &gate(), "/rows", &WINDOW).is_err());
    }
}
