//! Requests signed by another implementation (Python's `cryptography`, the base written by hand from RFC 9421): label,
//! parameter order and the absent `alg` are its own. The public interface alone is used.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use gatehold_proof::{PublicUrl, RequestParts, UnverifiedRequestSignature, Window, WorkloadKey};
use http::HeaderMap;

const BODY: &[u8] = br#"{"envelope":"e30=","payload":""}"#;
const DIGEST: &str = "sha-256=:Iw4VFB1CH1TA+IQU3KYrY5qH4fobTffjgoAX/5HP4iM=:";

struct Foreign {
    jwk: &'static str,
    keyid: &'static str,
    signature: &'static str,
}

const ED25519: Foreign = Foreign {
    jwk: r#"{"crv":"Ed25519","kty":"OKP","x":"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"}"#,
    keyid: "1IG2tMH7J2wbJZnOf8LJzQitKf7LMvoAElsuDMVM54Y",
    signature: "sig1=:2GF2wvgFwe8qpE4Tr6D7nUVHlXTqie063oRxMI07DpDcZC5CK9KM4hLvcIa7oAc0gOFSEpQe6CYbhRYb/oXoAA==:",
};

const P256: Foreign = Foreign {
    jwk: r#"{"crv":"P-256","kty":"EC","x":"UVw9brnjlrkE0_7Kf1T9zQzB6Ze_N13KUVrQpsO0A18","y":"RTa-OlDzGPv5pUdZAqIhUCvvDVfgjFOyzApW8X2fk1Q"}"#,
    keyid: "6UoWwDCkLjV0J-pQG8c0THxbVhBcpR0AZDift1Yl5DM",
    signature: "sig1=:/PIPcR139v8d/qSea16pqDGlImg/XY7MUO17hA93lF+kJMbb0m8hMJ95XSzPch98NyJvbs0BUKxaj9dOW8m9GQ==:",
};

fn check(foreign: &Foreign, target: &str) -> bool {
    let key = WorkloadKey::from_jwk(foreign.jwk.as_bytes()).unwrap();
    assert_eq!(key.thumbprint().to_string(), foreign.keyid);
    let input = format!(
        r#"sig1=("@method" "@target-uri" "content-digest" "idempotency-key");created=1764000000;keyid="{}";nonce="bm9uY2Utbm9uY2Utbm9uY2U";expires=1764000060;tag="gatehold-v1""#,
        foreign.keyid
    );
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-digest", DIGEST),
        ("idempotency-key", "7f3a"),
        ("signature-input", &input),
        ("signature", foreign.signature),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let url = PublicUrl::parse("https://gate.example").unwrap();
    let parts = RequestParts::collect("POST", &url, target, &headers, BODY).unwrap();
    let window = Window {
        now: 1_764_000_030,
        skew_seconds: 5,
    };
    match UnverifiedRequestSignature::parse(parts)
        .unwrap()
        .verify(&key, &window)
    {
        Ok(proof) => proof.evidence().reverify(&key, BODY).is_ok(),
        Err(_) => false,
    }
}

#[test]
fn another_implementation_signs_for_us() {
    for foreign in [ED25519, P256] {
        assert!(check(&foreign, "/v1/requests?dry_run=true"));
        assert!(!check(&foreign, "/v1/requests?dry_run=false"));
    }
}
