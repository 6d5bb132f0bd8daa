use super::base::{finish, line};
use super::*;
use crate::key::{Algorithm, SigningKey, WorkloadKey};
use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

const NOW: u64 = 1_764_000_000;
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const BODY: &[u8] = br#"{"envelope":"e30"}"#;
const URL: &str = "https://gate.example";

/// One request as it travels, every part of it open to tampering.
#[derive(Clone)]
struct Sent {
    method: String,
    public_url: String,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
    now: u64,
}

impl Sent {
    fn signed(key: &SigningKey, idempotency_key: Option<&str>) -> Self {
        let public_url = PublicUrl::parse(URL).unwrap();
        let request = RequestToSign {
            method: "POST",
            public_url: &public_url,
            request_target: "/v1/requests?dry_run=true",
            idempotency_key,
            body: BODY,
            created: NOW,
            life_seconds: 30,
            nonce: NONCE,
        };
        let signed = sign_request(key, &request).unwrap();
        let mut sent = Self {
            method: "POST".into(),
            public_url: URL.into(),
            target: request.request_target.into(),
            headers: HeaderMap::new(),
            body: BODY.to_vec(),
            now: NOW,
        };
        sent.set("content-digest", &signed.content_digest);
        sent.set("signature-input", &signed.signature_input);
        sent.set("signature", &signed.signature);
        if let Some(idempotency_key) = idempotency_key {
            sent.set("idempotency-key", idempotency_key);
        }
        sent
    }

    fn get(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }

    fn edit(&mut self, name: &'static str, from: &str, to: &str) {
        let value = self.get(name);
        assert!(value.contains(from), "{value} has no {from}");
        self.set(name, &value.replacen(from, to, 1));
    }

    fn verify(&self, key: &WorkloadKey) -> Result<VerifiedSubmitProof, SignatureError> {
        let public_url = PublicUrl::parse(&self.public_url)?;
        let parts = RequestParts::collect(
            &self.method,
            &public_url,
            &self.target,
            &self.headers,
            &self.body,
        )?;
        UnverifiedRequestSignature::parse(parts)?.verify(
            key,
            &Window {
                now: self.now,
                skew_seconds: 5,
            },
        )
    }
}

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

#[test]
fn a_signed_request_verifies_and_its_evidence_again() {
    for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
        for idempotency_key in [None, Some("attempt 7")] {
            let key = key(algorithm, 1);
            let proof = Sent::signed(&key, idempotency_key)
                .verify(key.public())
                .unwrap();
            assert_eq!(proof.key(), key.public().thumbprint());
            assert_eq!(
                (proof.nonce(), proof.created(), proof.expires()),
                (NONCE, NOW, NOW + 30)
            );
            let stored = proof.evidence().to_bytes();
            let evidence = SubmitEvidence::from_bytes(&stored).unwrap();
            let again = evidence.reverify(key.public(), BODY).unwrap();
            assert_eq!(again.method(), "POST");
            assert_eq!(
                again.target_uri(),
                "https://gate.example/v1/requests?dry_run=true"
            );
            assert_eq!(again.idempotency_key(), idempotency_key);
            assert_eq!(
                (again.key(), again.nonce(), again.created(), again.expires()),
                (proof.key(), NONCE, NOW, NOW + 30)
            );
        }
    }
}

/// Threat C16 and the profile's edges: whatever is swapped, dropped, added or doubled is refused, and for its own reason.
#[test]
fn every_tampering_is_refused() {
    use SignatureError as E;
    type Tamper = fn(&mut Sent);
    let table: &[(&str, Tamper, E)] = &[
        ("body", |s| s.body = b"{}".to_vec(), E::BodyMismatch),
        ("body dropped", |s| s.body.clear(), E::BodyMismatch),
        ("method", |s| s.method = "PUT".into(), E::BadSignature),
        ("method case", |s| s.method = "post".into(), E::Target),
        (
            "path",
            |s| s.target = "/v1/request?dry_run=true".into(),
            E::BadSignature,
        ),
        (
            "query",
            |s| s.target = "/v1/requests?dry_run=false".into(),
            E::BadSignature,
        ),
        (
            "query dropped",
            |s| s.target = "/v1/requests".into(),
            E::BadSignature,
        ),
        (
            "absolute target",
            |s| s.target = "https://gate.example/v1/requests".into(),
            E::Target,
        ),
        (
            "line feed in target",
            |s| s.target = "/v1\n\"content-digest\": x".into(),
            E::Target,
        ),
        (
            "host",
            |s| s.public_url = "https://gate2.example".into(),
            E::BadSignature,
        ),
        (
            "scheme",
            |s| s.public_url = "http://gate.example".into(),
            E::BadSignature,
        ),
        (
            "created later",
            |s| {
                s.edit(
                    "signature-input",
                    "created=1764000000",
                    "created=1764000001",
                )
            },
            E::BadSignature,
        ),
        (
            "expires later",
            |s| {
                s.edit(
                    "signature-input",
                    "expires=1764000030",
                    "expires=1764000060",
                )
            },
            E::BadSignature,
        ),
        (
            "nonce",
            |s| s.edit("signature-input", "\"AAAA", "\"BAAA"),
            E::BadSignature,
        ),
        ("expired", |s| s.now = NOW + 36, E::Expired),
        ("created in future", |s| s.now = NOW - 6, E::CreatedInFuture),
        (
            "life over 60 s",
            |s| {
                s.edit(
                    "signature-input",
                    "expires=1764000030",
                    "expires=1764000061",
                )
            },
            E::Lifetime,
        ),
        (
            "expires before created",
            |s| {
                s.edit(
                    "signature-input",
                    "expires=1764000030",
                    "expires=1763999999",
                )
            },
            E::Lifetime,
        ),
        (
            "expires missing",
            |s| s.edit("signature-input", ";expires=1764000030", ""),
            E::MissingParameter("expires"),
        ),
        (
            "created missing",
            |s| s.edit("signature-input", ";created=1764000000", ""),
            E::MissingParameter("created"),
        ),
        (
            "nonce missing",
            |s| s.edit("signature-input", ";nonce=\"AAAAAAAAAAAAAAAAAAAAAA\"", ""),
            E::MissingParameter("nonce"),
        ),
        (
            "tag missing",
            |s| s.edit("signature-input", ";tag=\"gatehold-v1\"", ""),
            E::MissingParameter("tag"),
        ),
        (
            "other tag",
            |s| s.edit("signature-input", "gatehold-v1", "gatehold-v2"),
            E::Tag,
        ),
        (
            "alg dropped",
            |s| s.edit("signature-input", ";alg=\"ed25519\"", ""),
            E::BadSignature,
        ),
        (
            "other alg",
            |s| s.edit("signature-input", "\"ed25519\"", "\"ecdsa-p256-sha256\""),
            E::AlgorithmMismatch,
        ),
        (
            "alg none",
            |s| s.edit("signature-input", "\"ed25519\"", "\"none\""),
            E::AlgorithmMismatch,
        ),
        (
            "keyid",
            |s| s.edit("signature-input", "keyid=\"", "keyid=\"A"),
            E::Parameter,
        ),
        (
            "short nonce",
            |s| s.edit("signature-input", NONCE, "AAAAAAAAAAAAAAA"),
            E::Parameter,
        ),
        (
            "nonce alphabet",
            |s| s.edit("signature-input", "\"AAAA", "\"AA+A"),
            E::Parameter,
        ),
        (
            "created twice",
            |s| s.edit("signature-input", ";nonce", ";created=1764000000;nonce"),
            E::Parameter,
        ),
        (
            "created negative",
            |s| s.edit("signature-input", "created=1", "created=-1"),
            E::Parameter,
        ),
        (
            "created padded",
            |s| s.edit("signature-input", "created=1", "created=01"),
            E::Parameter,
        ),
        (
            "created decimal",
            |s| {
                s.edit(
                    "signature-input",
                    "created=1764000000",
                    "created=1764000000.0",
                )
            },
            E::Parameter,
        ),
        (
            "created as text",
            |s| {
                s.edit(
                    "signature-input",
                    "created=1764000000",
                    "created=\"1764000000\"",
                )
            },
            E::Parameter,
        ),
        (
            "unknown parameter",
            |s| s.edit("signature-input", ";nonce", ";x=1;nonce"),
            E::Parameter,
        ),
        (
            "space after semicolon",
            |s| s.edit("signature-input", ";nonce", "; nonce"),
            E::Parameter,
        ),
        (
            "boolean parameter",
            |s| s.edit("signature-input", ";nonce", ";x;nonce"),
            E::Parameter,
        ),
        (
            "escape in string",
            |s| s.edit("signature-input", "\"AAAA", "\"\\AAAA"),
            E::Parameter,
        ),
        (
            "extra component",
            |s| {
                s.edit(
                    "signature-input",
                    "\"content-digest\"",
                    "\"content-digest\" \"date\"",
                )
            },
            E::Components,
        ),
        (
            "missing component",
            |s| s.edit("signature-input", " \"content-digest\"", ""),
            E::Components,
        ),
        (
            "component twice",
            |s| s.edit("signature-input", "\"@method\"", "\"@method\" \"@method\""),
            E::Components,
        ),
        (
            "component order",
            |s| {
                s.edit(
                    "signature-input",
                    "\"@method\" \"@target-uri\"",
                    "\"@target-uri\" \"@method\"",
                )
            },
            E::Components,
        ),
        (
            "component parameter",
            |s| s.edit("signature-input", "\"@method\"", "\"@method\";req"),
            E::Components,
        ),
        (
            "two spaces",
            |s| s.edit("signature-input", "\"@method\" ", "\"@method\"  "),
            E::Components,
        ),
        (
            "no component",
            |s| {
                s.edit(
                    "signature-input",
                    "\"@method\" \"@target-uri\" \"content-digest\"",
                    "",
                )
            },
            E::Components,
        ),
        (
            "key added",
            |s| s.set("idempotency-key", "other"),
            E::Components,
        ),
        (
            "key covered, not sent",
            |s| {
                s.edit(
                    "signature-input",
                    "digest\"",
                    "digest\" \"idempotency-key\"",
                )
            },
            E::Components,
        ),
        (
            "second label",
            |s| {
                let v = s.get("signature-input");
                s.set("signature-input", &format!("{v}, {v}"))
            },
            E::NotOneSignature,
        ),
        (
            "second signature",
            |s| {
                let v = s.get("signature");
                s.set("signature", &format!("{v}, {v}"))
            },
            E::NotOneSignature,
        ),
        (
            "labels differ",
            |s| s.edit("signature", "gatehold", "sig1"),
            E::NotOneSignature,
        ),
        (
            "label case",
            |s| s.edit("signature-input", "gatehold", "Gatehold"),
            E::MalformedHeader("signature-input"),
        ),
        (
            "no inner list",
            |s| s.set("signature-input", "gatehold=1"),
            E::MalformedHeader("signature-input"),
        ),
        (
            "header line twice",
            |s| {
                let v = s.headers["signature"].clone();
                s.headers.append("signature", v);
            },
            E::RepeatedHeader("signature"),
        ),
        (
            "digest line twice",
            |s| {
                let v = s.headers["content-digest"].clone();
                s.headers.append("content-digest", v);
            },
            E::RepeatedHeader("content-digest"),
        ),
        (
            "no signature",
            |s| {
                s.headers.remove("signature");
            },
            E::MissingHeader("signature"),
        ),
        (
            "no input",
            |s| {
                s.headers.remove("signature-input");
            },
            E::MissingHeader("signature-input"),
        ),
        (
            "no digest",
            |s| {
                s.headers.remove("content-digest");
            },
            E::MissingHeader("content-digest"),
        ),
        (
            "other digest algorithm",
            |s| s.edit("content-digest", "sha-256", "sha-512"),
            E::MalformedHeader("content-digest"),
        ),
        (
            "digest of another body",
            |s| {
                s.set(
                    "content-digest",
                    &crate::ContentDigest::of(b"{}").to_header(),
                )
            },
            E::BadSignature,
        ),
        (
            "body and digest together",
            |s| {
                s.body = b"{}".to_vec();
                s.set(
                    "content-digest",
                    &crate::ContentDigest::of(b"{}").to_header(),
                )
            },
            E::BadSignature,
        ),
        (
            "signature truncated",
            |s| s.edit("signature", "==:", ":"),
            E::MalformedHeader("signature"),
        ),
        (
            "signature with parameter",
            |s| {
                let v = s.get("signature");
                s.set("signature", &format!("{v};a=1"))
            },
            E::MalformedHeader("signature"),
        ),
        (
            "signature zero",
            |s| s.set("signature", &format!("gatehold=:{}==:", "A".repeat(86))),
            E::BadSignature,
        ),
        (
            "oversized input",
            |s| s.set("signature-input", &format!("gatehold={}", "(".repeat(2000))),
            E::MalformedHeader("signature-input"),
        ),
    ];
    let key = key(Algorithm::Ed25519, 1);
    let honest = Sent::signed(&key, None);
    assert!(honest.verify(key.public()).is_ok());
    for (what, tamper, expected) in table {
        let mut sent = honest.clone();
        tamper(&mut sent);
        assert_eq!(
            sent.verify(key.public()).map(|_| ()),
            Err(expected.clone()),
            "{what}"
        );
    }
}

#[test]
fn an_idempotency_key_is_covered() {
    let key = key(Algorithm::Ed25519, 1);
    let honest = Sent::signed(&key, Some("attempt-7"));
    assert!(honest.verify(key.public()).is_ok());
    let mut swapped = honest.clone();
    swapped.set("idempotency-key", "attempt-8");
    assert_eq!(
        swapped.verify(key.public()).map(|_| ()),
        Err(SignatureError::BadSignature)
    );
    let mut dropped = honest;
    dropped.headers.remove("idempotency-key");
    assert_eq!(
        dropped.verify(key.public()).map(|_| ()),
        Err(SignatureError::Components)
    );
}

#[test]
fn another_key_is_refused() {
    let signer = key(Algorithm::Ed25519, 1);
    let other = key(Algorithm::Ed25519, 2);
    let mut sent = Sent::signed(&signer, None);
    assert_eq!(
        sent.verify(other.public()).map(|_| ()),
        Err(SignatureError::KeyMismatch)
    );
    sent.edit(
        "signature-input",
        &signer.public().thumbprint().to_string(),
        &other.public().thumbprint().to_string(),
    );
    assert_eq!(
        sent.verify(other.public()).map(|_| ()),
        Err(SignatureError::BadSignature)
    );
}

/// The window is closed at both ends exactly where it says; the nonce is remembered beyond the last accepted second.
#[test]
fn the_window_ends_where_it_says() {
    let key = key(Algorithm::EcdsaP256, 1);
    let mut sent = Sent::signed(&key, None);
    for (now, accepted) in [
        (NOW - 6, false),
        (NOW - 5, true),
        (NOW + 35, true),
        (NOW + 36, false),
    ] {
        sent.now = now;
        let proof = sent.verify(key.public());
        assert_eq!(proof.is_ok(), accepted, "at {now}");
        if let Ok(proof) = proof {
            assert!(proof.nonce_kept_until() > now);
            assert_eq!(proof.nonce_kept_until(), NOW + 40);
            assert!(
                proof.nonce_kept_until() - now <= VerifiedSubmitProof::nonce_life_seconds_max(5)
            );
        }
    }
}

#[test]
fn altered_evidence_is_refused() {
    let signer = key(Algorithm::Ed25519, 1);
    let stored = Sent::signed(&signer, Some("a"))
        .verify(signer.public())
        .unwrap()
        .into_evidence()
        .to_bytes();
    let text = String::from_utf8(stored.clone()).unwrap();
    for (from, to) in [
        ("POST", "PUT"),
        ("dry_run", "dry-run"),
        ("sha-256=:", "sha-256=:A"),
        ("created=1764000000", "created=1764000001"),
        ("\"a\\n", "\"b\\n"),
        ("idempotency-key\\\": a", "idempotency-key\\\": b"),
        ("gatehold-v1", "gatehold-v2"),
        ("v1\"}", "v2\"}"),
        ("{", "{ "),
        ("\"type\"", "\"kind\""),
        ("\\\"@method\\\": POST\\n", ""),
    ] {
        let altered = text.replacen(from, to, 1);
        let verdict = SubmitEvidence::from_bytes(altered.as_bytes())
            .and_then(|e| e.reverify(signer.public(), BODY));
        assert_eq!(verdict.is_err(), altered != text, "{from} -> {to}");
    }
    let evidence = SubmitEvidence::from_bytes(&stored).unwrap();
    assert_eq!(
        evidence.reverify(signer.public(), b"other"),
        Err(SignatureError::BodyMismatch)
    );
    assert_eq!(
        evidence.reverify(key(Algorithm::Ed25519, 2).public(), BODY),
        Err(SignatureError::KeyMismatch)
    );
}

#[test]
fn one_url_has_one_spelling() {
    for url in [
        "https://gate.example",
        "http://127.0.0.1:8080",
        "https://[::1]:8443",
        "https://[::1]",
        "https://a.example/gate/v0",
    ] {
        assert!(PublicUrl::parse(url).is_ok(), "{url}");
    }
    for url in [
        "",
        "https://",
        "gate.example",
        "ftp://gate.example",
        "https://Gate.example",
        "HTTPS://gate.example",
        "https://gate.example/",
        "https://gate.example/a/",
        "https://gate.example//a",
        "https://gate.example/../a",
        "https://u@gate.example",
        "https://gate.example:0443",
        "https://gate.example:0",
        "https://gate.example:99999",
        "https://gate.example:",
        "https://gate.example?x",
        "https://gate.example#x",
        "https://gate.example/a b",
        "https://[::1",
        "https://gate.example/%2e",
        "https://g\u{e4}te.example",
    ] {
        assert!(PublicUrl::parse(url).is_err(), "{url}");
    }
}

/// RFC 9421, appendix B.2.6. Its components are not ours, so the line builder and the key are checked against it.
#[test]
fn rfc_9421_ed25519_vector() {
    let mut base = String::new();
    line(&mut base, "date", &["Tue, 20 Apr 2021 02:07:55 GMT"]);
    line(&mut base, "@method", &["POST"]);
    line(&mut base, "@path", &["/foo"]);
    line(&mut base, "@authority", &["example.com"]);
    line(&mut base, "content-type", &["application/json"]);
    line(&mut base, "content-length", &["18"]);
    finish(
        &mut base,
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
    );
    let key = WorkloadKey::from_jwk(
        br#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#,
    )
    .unwrap();
    let signature =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let signature = base64::engine::general_purpose::STANDARD
        .decode(signature)
        .unwrap();
    assert!(key.verifies(base.as_bytes(), &signature));
    base.push(' ');
    assert!(!key.verifies(base.as_bytes(), &signature));
}

proptest! {
    #[test]
    fn the_parsers_never_panic(text in "\\PC*", input in "[a-z]{1,3}=[()\";=, :a-z@0-9-]{0,80}") {
        for text in [&text, &input] {
            let _ = fields::label("signature", text);
            let _ = fields::params(text);
            let _ = fields::signature(text);
            let _ = PublicUrl::parse(text);
            let _ = base::split(text);
            let _ = SubmitEvidence::from_bytes(text.as_bytes());
        }
    }

    #[test]
    fn one_flipped_character_is_refused(at in 0usize..400, to in 0x20u8..0x7f) {
        let key = key(Algorithm::Ed25519, 1);
        let honest = Sent::signed(&key, Some("attempt-7"));
        let names = ["signature-input", "signature", "content-digest", "idempotency-key"];
        let mut at = at % names.iter().map(|name| honest.get(name).len()).sum::<usize>();
        for name in names {
            let mut value = honest.get(name).into_bytes();
            if at >= value.len() {
                at -= value.len();
                continue;
            }
            prop_assume!(value[at] != to);
            value[at] = to;
            let mut sent = honest.clone();
            sent.set(name, std::str::from_utf8(&value).unwrap());
            prop_assert!(sent.verify(key.public()).is_err(), "{name} at {at}");
            return Ok(());
        }
    }

    #[test]
    fn whatever_is_signed_verifies(
        path in "/[!-~&&[^#]]{0,60}", body: Vec<u8>, nonce in "[A-Za-z0-9_-]{16,64}", created in 1u64..999_999_998_000,
        life_seconds in 1u64..=60, idempotency_key in proptest::option::of("[!-~]{1,40}"), p256: bool, seed in 1u8..255,
    ) {
        let key = key(if p256 { Algorithm::EcdsaP256 } else { Algorithm::Ed25519 }, seed);
        let public_url = PublicUrl::parse(URL).unwrap();
        let request = RequestToSign {
            method: "POST", public_url: &public_url, request_target: &path, idempotency_key: idempotency_key.as_deref(),
            body: &body, created, life_seconds, nonce: &nonce,
        };
        let signed = sign_request(&key, &request).unwrap();
        let mut sent = Sent { method: "POST".into(), public_url: URL.into(), target: path, headers: HeaderMap::new(), body, now: created };
        sent.set("content-digest", &signed.content_digest);
        sent.set("signature-input", &signed.signature_input);
        sent.set("signature", &signed.signature);
        if let Some(idempotency_key) = &idempotency_key {
            sent.set("idempotency-key", idempotency_key);
        }
        let proof = sent.verify(key.public()).unwrap();
        prop_assert_eq!(proof.nonce(), &nonce);
        let evidence = SubmitEvidence::from_bytes(&proof.evidence().to_bytes()).unwrap();
        prop_assert!(evidence.reverify(key.public(), &sent.body).is_ok());
    }
}
