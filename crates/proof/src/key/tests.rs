use super::*;
use crate::strict_json::JsonError;

const ED25519_JWK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn p256_jwk() -> String {
    SigningKey::from_seed(Algorithm::EcdsaP256, &[7; 32])
        .unwrap()
        .public()
        .to_jwk()
}

/// RFC 8037, appendix A.3: the thumbprint of an Ed25519 key.
#[test]
fn rfc_8037_thumbprint() {
    let key = WorkloadKey::from_jwk(ED25519_JWK.as_bytes()).unwrap();
    assert_eq!(
        key.thumbprint().to_string(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    assert_eq!(
        key.to_jwk(),
        r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
    );
}

/// RFC 7638, section 3.1: the hash is over the canonical JWK, checked on the RFC's own RSA key, which we do not accept.
#[test]
fn rfc_7638_thumbprint() {
    let canonical = concat!(
        r#"{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV"#,
        r#"4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91"#,
        r#"CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#,
    );
    assert_eq!(
        Thumbprint::of_canonical_jwk(canonical.as_bytes()).to_string(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
    assert_eq!(
        WorkloadKey::from_jwk(canonical.as_bytes()),
        Err(KeyError::Json(JsonError::Missing("crv")))
    );
}

#[test]
fn a_jwk_survives_the_round_trip() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        let key = SigningKey::from_seed(algorithm, &[9; 32]).unwrap();
        let again = WorkloadKey::from_jwk(key.public().to_jwk().as_bytes()).unwrap();
        assert_eq!(&again, key.public());
        assert_eq!(again.algorithm(), algorithm);
        let set = JwkSet::parse(JwkSet::new(vec![again]).to_json().as_bytes()).unwrap();
        let kid = key.public().thumbprint().to_string();
        assert_eq!(set.find(&kid, algorithm), Some(key.public()));
        let other = if algorithm == Algorithm::Ed25519 {
            Algorithm::EcdsaP256
        } else {
            Algorithm::Ed25519
        };
        assert_eq!(set.find(&kid, other), None);
    }
}

#[test]
fn every_deviating_jwk_is_refused() {
    let p256 = p256_jwk();
    let mutations = [
        ED25519_JWK.replace("OKP", "EC"),
        ED25519_JWK.replace("Ed25519", "X25519"),
        ED25519_JWK.replace("Ed25519", "ed25519"),
        ED25519_JWK.replace("URo\"", "URp\""), // non-zero trailing bits
        ED25519_JWK.replace("URo\"", "URo=\""),
        ED25519_JWK.replace("URo\"", "UR\""),
        ED25519_JWK.replace("\"x\":", "\"X\":"),
        ED25519_JWK.replace(
            '}',
            r#","y":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        ),
        ED25519_JWK.replace(
            '}',
            r#","d":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        ),
        ED25519_JWK.replace('}', r#","alg":"ES256"}"#),
        ED25519_JWK.replace('}', r#","alg":["EdDSA"]}"#),
        ED25519_JWK.replace('}', r#","use":"enc"}"#),
        ED25519_JWK.replace('}', r#","kid":"mine"}"#),
        ED25519_JWK.replace('}', r#","key_ops":["verify"]}"#),
        ED25519_JWK.replace('}', r#","kty":"OKP"}"#),
        ED25519_JWK.replace("{", "[{").replace('}', "}]"),
        ED25519_JWK.replace('}', &format!("{}}}", " ".repeat(JWK_BYTES_MAX))),
        p256.replace("P-256", "P-384"),
        p256.replace("\"y\":\"", "\"y\":\"A")
            .replace("\"}", "")
            .to_owned()
            + "\"}",
        p256.replace("\"x\":", "\"z\":"),
    ];
    for jwk in mutations {
        assert!(
            WorkloadKey::from_jwk(jwk.as_bytes()).is_err(),
            "accepted {jwk}"
        );
    }
    let agreeing = ED25519_JWK.replace(
        '}',
        r#","alg":"EdDSA","use":"sig","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}"#,
    );
    assert!(WorkloadKey::from_jwk(agreeing.as_bytes()).is_ok());
}

#[test]
fn points_off_the_curve_and_of_small_order_are_refused() {
    assert_eq!(
        WorkloadKey::from_p256([0; 32], [0; 32]),
        Err(KeyError::Point)
    );
    assert_eq!(
        WorkloadKey::from_p256([1; 32], [2; 32]),
        Err(KeyError::Point)
    );
    for sign in [0, 0x80] {
        for mut y in SMALL_ORDER_Y {
            y[31] |= sign;
            assert_eq!(WorkloadKey::from_ed25519(y), Err(KeyError::Point));
        }
        for low in 0xed..=0xff {
            let mut y = [0xff; 32];
            y[0] = low;
            y[31] = 0x7f | sign;
            assert_eq!(WorkloadKey::from_ed25519(y), Err(KeyError::Point));
        }
    }
}

#[test]
fn private_keys_survive_every_form() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        let key = SigningKey::from_seed(algorithm, &[3; 32]).unwrap();
        let from_der = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        let from_pem = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
        for again in [from_der, from_pem] {
            assert_eq!(again.public(), key.public());
            assert_eq!(*again.to_seed().unwrap(), [3; 32]);
            let signature = again.sign(b"message").unwrap();
            assert!(key.public().verifies(b"message", &signature));
            assert!(!key.public().verifies(b"massage", &signature));
        }
    }
}

/// The RFC 9421 test key, as its appendix B.1.4 prints it.
#[test]
fn a_foreign_pem_is_read() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
    let key = SigningKey::from_pem(pem).unwrap();
    assert_eq!(
        key.public().to_jwk(),
        r#"{"crv":"Ed25519","kty":"OKP","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#
    );
    for broken in [
        pem.replace("PRIVATE KEY", "EC PRIVATE KEY"),
        format!("{pem}{pem}"),
        pem.replace("MC4", "MC5"),
        String::new(),
    ] {
        assert!(SigningKey::from_pem(&broken).is_err(), "accepted {broken}");
    }
}

#[test]
fn scalars_out_of_range_are_refused() {
    assert!(SigningKey::from_seed(Algorithm::EcdsaP256, &[0; 32]).is_err());
    assert!(SigningKey::from_seed(Algorithm::EcdsaP256, &[0xff; 32]).is_err());
    let mut draws = 0;
    let made = SigningKey::generate(Algorithm::EcdsaP256, |seed| {
        draws += 1;
        *seed = if draws < 3 { [0xff; 32] } else { [5; 32] };
    });
    assert!(made.is_ok());
    assert!(SigningKey::generate(Algorithm::EcdsaP256, |_| ()).is_err());
}

#[test]
fn debug_prints_no_secret() {
    let key = SigningKey::from_seed(Algorithm::Ed25519, &[0x41; 32]).unwrap();
    let printed = format!("{key:?}");
    assert!(printed.contains(&key.public().thumbprint().to_string()));
    assert!(!printed.contains("65, 65") && !printed.contains("QUFB") && !printed.contains("4141"));
}
