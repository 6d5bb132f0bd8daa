//! Tokens as providers sign them, and as nobody may: one question a test.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};

use super::*;
use crate::key::{Algorithm, SigningKey};

const CLAIMS: &str = r#"{"iss":"https://login.example","sub":"ann","aud":"gate","exp":2,"iat":1,"extra":[null,1.5]}"#;

fn es256() -> SigningKey {
    SigningKey::from_seed(Algorithm::EcdsaP256, &[7; 32]).unwrap()
}

fn ed25519() -> SigningKey {
    SigningKey::from_seed(Algorithm::Ed25519, &[8; 32]).unwrap()
}

fn jwk(key: &SigningKey, more: &str) -> String {
    let jwk = key.public().to_jwk();
    format!("{}{more}}}", jwk.trim_end_matches('}'))
}

fn set(keys: &[&str]) -> IssuerKeys {
    IssuerKeys::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes()).unwrap()
}

fn input(header: &str, claims: &str) -> String {
    let part = |text: &str| base64url::encode(text.as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
    let input = input(header, claims);
    let signature = base64url::encode(&key.sign(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

fn open(keys: &IssuerKeys, header: &str) -> Result<SignedClaims, IdTokenError> {
    keys.open(&signed(&es256(), header, CLAIMS))
}

struct Rsa(RsaKeyPair);

impl Rsa {
    fn new() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn jwk(&self, more: &str) -> String {
        // RSAPublicKey in DER: two numbers behind fixed heads, for this size.
        let der = self.0.public_key().as_ref();
        let n = base64url::encode(&der[9..265]);
        let e = base64url::encode(&der[der.len() - 3..]);
        format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"{more}}}"#)
    }

    fn sign(&self, with: &'static dyn RsaEncoding, header: &str) -> String {
        let input = input(header, CLAIMS);
        let mut signature = vec![0; 256];
        let random = SystemRandom::new();
        self.0
            .sign(with, &random, input.as_bytes(), &mut signature)
            .unwrap();
        format!("{input}.{}", base64url::encode(&signature))
    }
}

#[test]
fn each_algorithm_is_verified_with_its_own_kind_of_key() {
    let rsa = Rsa::new();
    let keys = set(&[
        r#"{"kty":"oct","k":"c2VjcmV0","kid":"h"}"#,
        r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA","kid":"p"}"#,
        &jwk(&es256(), r#","kid":"e","x5c":["AA"]"#),
        &jwk(&ed25519(), r#","kid":"o""#),
        &rsa.jwk(r#","kid":"r""#),
    ]);
    for (token, good) in [
        (
            signed(
                &es256(),
                r#"{"alg":"ES256","kid":"e","typ":"JWT","x5t":"q"}"#,
                CLAIMS,
            ),
            true,
        ),
        (
            signed(&ed25519(), r#"{"alg":"EdDSA","kid":"o"}"#, CLAIMS),
            true,
        ),
        (
            rsa.sign(&RSA_PKCS1_SHA256, r#"{"alg":"RS256","kid":"r"}"#),
            true,
        ),
        (
            rsa.sign(&RSA_PSS_SHA256, r#"{"alg":"PS256","kid":"r"}"#),
            true,
        ),
        // One signature is not the other, and no key is taken for another.
        (
            rsa.sign(&RSA_PSS_SHA256, r#"{"alg":"RS256","kid":"r"}"#),
            false,
        ),
        (
            rsa.sign(&RSA_PKCS1_SHA256, r#"{"alg":"PS256","kid":"r"}"#),
            false,
        ),
        (
            signed(&ed25519(), r#"{"alg":"EdDSA","kid":"e"}"#, CLAIMS),
            false,
        ),
        (
            signed(&es256(), r#"{"alg":"ES256","kid":"o"}"#, CLAIMS),
            false,
        ),
        (
            signed(&es256(), r#"{"alg":"RS256","kid":"r"}"#, CLAIMS),
            false,
        ),
    ] {
        assert_eq!(keys.open(&token).is_ok(), good, "{token}");
    }
    // An RSA key that is published for one of both is good for that one alone.
    let narrow = set(&[&rsa.jwk(r#","kid":"r","alg":"PS256""#)]);
    assert!(
        narrow
            .open(&rsa.sign(&RSA_PSS_SHA256, r#"{"alg":"PS256","kid":"r"}"#))
            .is_ok()
    );
    let other = narrow.open(&rsa.sign(&RSA_PKCS1_SHA256, r#"{"alg":"RS256","kid":"r"}"#));
    assert_eq!(other, Err(IdTokenError::UnknownKey));
}

#[test]
fn nothing_unsigned_and_nothing_with_a_shared_secret() {
    let keys = set(&[&jwk(&es256(), "")]);
    for alg in [
        "none", "None", "NONE", "", "HS256", "HS512", "RS512", "ES384", "es256", "ES256K",
    ] {
        let header = format!(r#"{{"alg":"{alg}"}}"#);
        assert_eq!(open(&keys, &header), Err(IdTokenError::Algorithm), "{alg}");
        let unsigned = format!("{}.", input(&header, CLAIMS));
        assert_eq!(keys.open(&unsigned), Err(IdTokenError::Algorithm), "{alg}");
    }
    let unsigned = format!("{}.", input(r#"{"alg":"ES256"}"#, CLAIMS));
    assert_eq!(keys.open(&unsigned), Err(IdTokenError::BadSignature));
}

#[test]
fn what_is_changed_after_signing_does_not_verify() {
    let keys = set(&[&jwk(&es256(), "")]);
    let token = signed(&es256(), r#"{"alg":"ES256"}"#, CLAIMS);
    assert_eq!(keys.open(&token).unwrap().subject(), "ann");
    let other = signed(
        &es256(),
        r#"{"alg":"ES256"}"#,
        &CLAIMS.replace("ann", "bob"),
    );
    let [a, b]: [Vec<&str>; 2] = [&token, &other].map(|token| token.split('.').collect());
    let swapped = [a[0], b[1], a[2]].join(".");
    assert_eq!(keys.open(&swapped), Err(IdTokenError::BadSignature));
    let foreign = SigningKey::from_seed(Algorithm::EcdsaP256, &[9; 32]).unwrap();
    let token = signed(&foreign, r#"{"alg":"ES256"}"#, CLAIMS);
    assert_eq!(keys.open(&token), Err(IdTokenError::BadSignature));
    // A key inside the token is nobody's.
    let header = format!(r#"{{"alg":"ES256","jwk":{}}}"#, jwk(&foreign, ""));
    let token = signed(&foreign, &header, CLAIMS);
    assert_eq!(keys.open(&token), Err(IdTokenError::BadSignature));
}

#[test]
fn a_key_is_found_by_its_name_and_never_guessed() {
    let other = SigningKey::from_seed(Algorithm::EcdsaP256, &[9; 32]).unwrap();
    let keys = set(&[
        &jwk(&es256(), r#","kid":"a""#),
        &jwk(&other, r#","kid":"b""#),
    ]);
    assert!(open(&keys, r#"{"alg":"ES256","kid":"a"}"#).is_ok());
    for (header, why) in [
        (r#"{"alg":"ES256","kid":"b"}"#, IdTokenError::BadSignature),
        (r#"{"alg":"ES256","kid":"c"}"#, IdTokenError::UnknownKey),
        (r#"{"alg":"ES256"}"#, IdTokenError::UnknownKey),
        (r#"{"alg":"EdDSA","kid":"a"}"#, IdTokenError::UnknownKey),
    ] {
        assert_eq!(open(&keys, header), Err(why), "{header}");
    }
    let unnamed = set(&[&jwk(&es256(), "")]);
    assert!(open(&unnamed, r#"{"alg":"ES256"}"#).is_ok());
    let named = open(&unnamed, r#"{"alg":"ES256","kid":"a"}"#);
    assert_eq!(named, Err(IdTokenError::UnknownKey));
}

#[test]
fn headers_and_forms_that_are_refused() {
    let keys = set(&[&jwk(&es256(), "")]);
    for header in [
        "",
        "[]",
        "{}",
        r#"{"alg":7}"#,
        r#"{"alg":"ES256","alg":"ES256"}"#,
        r#"{"alg":"ES256","crit":["exp"]}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","typ":"logout+jwt"}"#,
    ] {
        assert_eq!(open(&keys, header), Err(IdTokenError::Header), "{header}");
    }
    let good = signed(&es256(), r#"{"alg":"ES256"}"#, CLAIMS);
    let long = format!("{}{good}", "A".repeat(64 * 1024));
    for token in ["", ".", "..", "a.b", "ä.ö.ü", &format!("{good}="), &long] {
        assert!(keys.open(token).is_err(), "{token}");
    }
    assert!(keys.open(&good.replace('.', "..")).is_err());
}

#[test]
fn claims_have_their_types_and_stand_there_once() {
    let keys = set(&[&jwk(&es256(), "")]);
    let header = r#"{"alg":"ES256"}"#;
    let claims = |claims: &str| keys.open(&signed(&es256(), header, claims));
    let several = claims(&CLAIMS.replace(r#""gate""#, r#"["gate","b"]"#)).unwrap();
    assert_eq!(several.audience(), ["gate", "b"]);
    for (from, to) in [
        (r#""iss":"https://login.example","#, ""),
        (r#""sub":"ann""#, r#""sub":7"#),
        (r#""sub":"ann""#, r#""sub":null"#),
        (r#""sub":"ann""#, r#""sub":"ann","sub":"bob""#),
        (r#""sub":"ann""#, r#""sub":"ann","\u0073ub":"bob""#),
        (r#""exp":2"#, r#""exp":"2""#),
        (r#""exp":2"#, r#""exp":2.5"#),
        (r#""exp":2"#, r#""exp":-2"#),
        (r#""exp":2"#, r#""exp":1e3"#),
        (r#""exp":2,"#, ""),
        (r#""iat":1"#, r#""iat":null"#),
        (r#""iat":1"#, r#""iat":1,"auth_time":"0""#),
        (r#""iat":1"#, r#""iat":1,"nonce":7"#),
    ] {
        let text = CLAIMS.replace(from, to);
        assert_ne!(text, CLAIMS);
        assert!(
            matches!(claims(&text), Err(IdTokenError::Claims(_))),
            "{text}"
        );
    }
    assert!(matches!(claims("[]"), Err(IdTokenError::Claims(_))));
}

#[test]
fn groups_are_texts_and_nothing_else() {
    let keys = set(&[&jwk(&es256(), "")]);
    let groups = |value: &str| {
        let claims = CLAIMS.replace(r#""extra":[null,1.5]"#, value);
        let token = signed(&es256(), r#"{"alg":"ES256"}"#, &claims);
        keys.open(&token).unwrap().texts("groups")
    };
    assert_eq!(groups(r#""x":{"groups":["a"]}"#), Ok(None));
    assert_eq!(groups(r#""groups":[]"#), Ok(Some(Vec::new())));
    assert_eq!(groups(r#""groups":"a""#), Ok(Some(vec!["a".to_owned()])));
    let both = Ok(Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(groups(r#""groups":["a","b"]"#), both);
    let many = format!(r#""groups":[{}"a"]"#, r#""a","#.repeat(1_000));
    let long = format!(r#""groups":["{}"]"#, "a".repeat(513));
    for bad in [
        r#""groups":[7]"#,
        r#""groups":["a",null]"#,
        r#""groups":null"#,
        r#""groups":{"a":true}"#,
        r#""groups":["a"],"groups":["b"]"#,
        r#""groups":["a"],"group\u0073":["b"]"#,
        &many,
        &long,
    ] {
        assert!(groups(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_set_without_a_key_that_verifies_is_none() {
    let parse = |text: &str| IssuerKeys::parse(text.as_bytes()).is_ok();
    let good = jwk(
        &es256(),
        r#","use":"sig","key_ops":["verify"],"alg":"ES256""#,
    );
    assert!(parse(&format!(r#"{{"keys":[{good}],"more":1}}"#)));
    let small = r#"{"kty":"RSA","n":"","e":"AQAB"}"#;
    for keys in [
        "",
        r#"{"kty":"oct","k":"c2VjcmV0"}"#,
        r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
        &good.replace(r#""sig""#, r#""enc""#),
        &good.replace("verify", "encrypt"),
        &good.replace("ES256", "HS256"),
        &good.replace("ES256", "none"),
        small,
        "7",
    ] {
        assert!(!parse(&format!(r#"{{"keys":[{keys}]}}"#)), "{keys}");
    }
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#] {
        assert!(!parse(text), "{text}");
    }
    assert!(!parse(&format!(
        r#"{{"keys":[{}{good}]}}"#,
        format!("{good},").repeat(100)
    )));
    assert!(!parse(&format!(
        r#"{{"keys":[{good}]{}}}"#,
        " ".repeat(256 * 1024)
    )));
}

#[test]
fn a_small_rsa_key_verifies_nothing() {
    // 1,024 bits: the set may hold it, and no token is opened with it.
    let n = base64url::encode(&[0xff; 128]);
    let keys = set(&[&format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB"}}"#)]);
    let token = format!(
        "{}.{}",
        input(r#"{"alg":"RS256"}"#, CLAIMS),
        base64url::encode(&[1; 128])
    );
    assert_eq!(keys.open(&token), Err(IdTokenError::BadSignature));
}

#[test]
fn the_challenge_is_that_of_the_standard() {
    // RFC 7636, appendix B.
    assert_eq!(
        code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
}

proptest::proptest! {
    #[test]
    fn reading_never_panics(bytes: Vec<u8>, text: String) {
        let _ = IssuerKeys::parse(&bytes);
        let _ = set(&[&jwk(&es256(), "")]).open(&text);
    }
}
