//! Security event tokens over a real port, as RFC 8935 has them pushed: what a sender is answered, and that nothing but a token by
//! a pinned key changes anything.

use std::collections::BTreeMap;

use gatehold_client::Submission;
use gatehold_client::wire::Submitted;
use gatehold_core::commit::Table;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{RowQuery, Store as _};
use gatehold_gate::{Named, SignalMay, SignalRules, Signals};
use gatehold_proof::id_token::IssuerKeys;
use gatehold_proof::security_event::{EventKind, EventVerifier, SubjectId, sign};
use gatehold_proof::{Algorithm, SigningKey};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::support::House;
use crate::support::browser::Browser;
use crate::support::call::{Answer, Call};
use crate::support::people::Person;

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://gate.example/v1/signals";

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

fn named(key: &SigningKey, kid: &str) -> String {
    let jwk = key.public().to_jwk();
    format!(r#"{},"kid":"{kid}"}}"#, jwk.trim_end_matches('}'))
}

async fn house() -> House {
    house_where(SignalMay {
        stop_workload: true,
        stop_task: true,
        hold_seconds: None,
    })
    .await
}

async fn house_where(may: SignalMay) -> House {
    let keys = format!(
        r#"{{"keys":[{},{}]}}"#,
        named(&key(Algorithm::EcdsaP256, 7), "es"),
        named(&key(Algorithm::Ed25519, 8), "ed")
    );
    let keys = IssuerKeys::parse(keys.as_bytes()).unwrap();
    let both = vec![Algorithm::EcdsaP256, Algorithm::Ed25519];
    House::open_signalled(Signals::new(vec![SignalRules {
        name: "corp-idp".to_owned(),
        verifier: EventVerifier::new(ISSUER, AUDIENCE, keys, both).unwrap(),
        may,
        subjects: vec![Named {
            subject: SubjectId::IssuerSubject {
                issuer: ISSUER.to_owned(),
                subject: "svc-1".to_owned(),
            },
            workload: "deploy-bot".parse().unwrap(),
        }],
        own_names: false,
        per_minute_max: 3,
        tell: Vec::new(),
    }]))
    .await
}

fn now(house: &House) -> i64 {
    let millis = gatehold_store::clock::Clock::now(house.store.clock()).millis();
    Timestamp::from_millis(millis).seconds()
}

fn claims(house: &House, jti: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": now(house), "jti": jti,
        "sub_id": { "format": "iss_sub", "iss": ISSUER, "sub": "svc-1" },
        "events": { EventKind::SessionRevoked.uri(): { "initiating_entity": "policy" } },
    })
}

const HEADER: &str = r#"{"alg":"ES256","kid":"es","typ":"secevent+jwt"}"#;

fn token(claims: &Value) -> String {
    sign(&key(Algorithm::EcdsaP256, 7), HEADER, &claims.to_string()).unwrap()
}

async fn push(house: &House, token: impl Into<Vec<u8>>) -> Answer {
    let call = Call::new("POST", "/v1/signals", token);
    let call = call.header("content-type", "application/secevent+jwt");
    call.send(house).await
}

/// The code of RFC 8935, checked for the form of its body.
fn refused(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{}", answer.head);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("content-language"), Some("en"));
    let body: BTreeMap<String, String> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body.len(), 2);
    assert!(!body["description"].is_empty());
    body["err"].clone()
}

/// Every row that a decision reads, and how many leaves there are.
async fn everything(house: &House) -> (u64, Vec<String>) {
    let mut rows = Vec::new();
    for table in Table::ALL {
        let query = RowQuery {
            limit: 1_000,
            ..RowQuery::default()
        };
        let all = house.store.rows(table, &query).await.unwrap();
        rows.extend(all.iter().map(|row| format!("{row:?}")));
    }
    (house.leaves().await, rows)
}

#[tokio::test]
async fn m191_a_pushed_token_stops_the_workload_that_it_names_and_says_so_with_202() {
    let house = house().await;
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");
    bot.submit(&read, &Submission::default()).await.unwrap();
    let token = token(&claims(&house, "j1"));
    let answer = push(&house, token.clone()).await;
    assert_eq!((answer.status, answer.body.as_slice()), (202, &b""[..]));
    let stopped = bot.submit(&read, &Submission::default()).await.unwrap();
    let Submitted::Decided(stopped) = stopped else {
        panic!("{stopped:?}");
    };
    let reasons = stopped.reasons.iter().map(|reason| reason.code.as_str());
    assert!(reasons.eq(["workload_stopped"]), "{stopped:?}");
    let leaves = house.leaves().await;
    // Again, and by another process of the sender: the same answer, and nothing more is written.
    assert_eq!(push(&house, token).await.status, 202);
    assert_eq!(house.leaves().await, leaves);
}

#[tokio::test]
async fn m055_what_a_sender_may_only_have_held_is_answered_and_counted_as_held() {
    let house = house_where(SignalMay {
        hold_seconds: Some(3_600),
        ..SignalMay::default()
    })
    .await;
    let answer = push(&house, token(&claims(&house, "j1"))).await;
    assert_eq!((answer.status, answer.body.as_slice()), (202, &b""[..]));
    let operations = gatehold_server::operations_router(&house.app);
    let metrics = operations.oneshot(Call::new("GET", "/metrics", "").to_request());
    let metrics = axum::body::to_bytes(metrics.await.unwrap().into_body(), usize::MAX);
    let metrics = String::from_utf8(metrics.await.unwrap().to_vec()).unwrap();
    let held = "gatehold_signals_total{outcome=\"held\"} 1";
    assert!(metrics.contains(held), "{metrics}");
    // Nothing is stopped by it.
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    let read = house.action(&task, "shop.read", "SELECT 1");
    let asked = bot.submit(&read, &Submission::default()).await.unwrap();
    assert!(matches!(asked, Submitted::Decided(decision)
        if decision.outcome == gatehold_client::wire::Outcome::Allowed));
    let mut browser = Browser::of(&house, Person::Owner).await;
    let page = browser.page("/overview").await;
    let says = "deploy-bot (session-revoked by signal: corp-idp, https://idp.example, until ";
    assert!(
        page.contains("Said to be unusual") && page.contains(says),
        "{page}"
    );
    let page = browser.page("/workloads").await;
    assert!(page.contains("SAID TO BE UNUSUAL"), "{page}");
}

#[tokio::test]
async fn what_asks_for_nothing_is_taken_and_changes_nothing() {
    let house = house().await;
    let before = everything(&house).await;
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let mut unknown = claims(&house, "j1");
    unknown["sub_id"]["sub"] = json!("svc-2");
    let mut nobody = claims(&house, "j2");
    nobody.as_object_mut().unwrap().remove("sub_id");
    let mut event = claims(&house, "j3");
    event["events"] = json!({ verification: { "state": "s" } });
    for claims in [unknown, nobody, event] {
        let answer = push(&house, token(&claims)).await;
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{claims}");
    }
    assert_eq!(everything(&house).await, before);
}

#[tokio::test]
async fn a_sender_that_stops_too_much_is_told_to_come_again() {
    let house = house().await;
    let bot = house.client(&house.workload);
    let mut tokens = Vec::new();
    for jti in ["j1", "j2", "j3", "j4"] {
        let mut claims = claims(&house, jti);
        claims["sub_id"] = json!({ "format": "opaque", "id": house.task(&bot).await });
        tokens.push(token(&claims));
    }
    let last = tokens.pop().unwrap();
    for token in tokens {
        assert_eq!(push(&house, token).await.status, 202);
    }
    let leaves = house.leaves().await;
    let answer = push(&house, last).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("60"));
    assert_eq!(house.leaves().await, leaves);
}

/// A token outside the profile: what it is, and the code that it is answered with.
fn hostile(house: &House) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = claims(house, "j1");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        token(&claims).into_bytes()
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        token(&claims).into_bytes()
    };
    let header = |header: &str| {
        let key = key(Algorithm::EcdsaP256, 7);
        sign(&key, header, &good.to_string()).unwrap().into_bytes()
    };
    let text = |from: &str, to: &str| {
        let claims = good.to_string();
        assert!(claims.contains(from), "{from} in {claims}");
        let key = key(Algorithm::EcdsaP256, 7);
        let changed = claims.replacen(from, to, 1);
        sign(&key, HEADER, &changed).unwrap().into_bytes()
    };
    let stranger = key(Algorithm::EcdsaP256, 9);
    let stranger = sign(&stranger, HEADER, &good.to_string()).unwrap();
    let mut unsigned = token(&good);
    unsigned.truncate(unsigned.rfind('.').unwrap() + 1);
    let typ = r#""typ":"secevent+jwt""#;
    vec![
        (
            "a stranger's key",
            stranger.into_bytes(),
            "authentication_failed",
        ),
        ("no signature", unsigned.into_bytes(), "invalid_request"),
        (
            "alg none",
            header(&format!(r#"{{"alg":"none","kid":"es",{typ}}}"#)),
            "invalid_request",
        ),
        (
            "a shared secret",
            header(&format!(r#"{{"alg":"HS256","kid":"es",{typ}}}"#)),
            "invalid_request",
        ),
        (
            "the algorithm of another key",
            header(&format!(r#"{{"alg":"EdDSA","kid":"es",{typ}}}"#)),
            "invalid_key",
        ),
        (
            "an unknown key",
            header(&format!(r#"{{"alg":"ES256","kid":"x",{typ}}}"#)),
            "invalid_key",
        ),
        (
            "no kid",
            header(&format!(r#"{{"alg":"ES256",{typ}}}"#)),
            "invalid_request",
        ),
        (
            "another type",
            header(r#"{"alg":"ES256","kid":"es","typ":"JWT"}"#),
            "invalid_request",
        ),
        (
            "no type",
            header(r#"{"alg":"ES256","kid":"es"}"#),
            "invalid_request",
        ),
        (
            "crit",
            header(&format!(
                r#"{{"alg":"ES256","kid":"es",{typ},"crit":["b64"]}}"#
            )),
            "invalid_request",
        ),
        (
            "a key of its own",
            header(&format!(r#"{{"alg":"ES256","kid":"es",{typ},"jwk":{{}}}}"#)),
            "invalid_request",
        ),
        ("no issuer", without("iss"), "invalid_request"),
        (
            "another issuer",
            with("iss", json!("https://evil.example")),
            "invalid_issuer",
        ),
        ("no audience", without("aud"), "invalid_request"),
        (
            "another audience",
            with("aud", json!("https://other.example")),
            "invalid_audience",
        ),
        (
            "an audience among others",
            with("aud", json!([AUDIENCE, "https://other.example"])),
            "invalid_audience",
        ),
        ("no time", without("iat"), "invalid_request"),
        (
            "a time to come",
            with("iat", json!(now(house) + 6)),
            "invalid_request",
        ),
        (
            "a time long past",
            with("iat", json!(now(house) - 604_806)),
            "invalid_request",
        ),
        ("no jti", without("jti"), "invalid_request"),
        ("no events", without("events"), "invalid_request"),
        (
            "two events",
            with("events", json!({ "urn:a": {}, "urn:b": {} })),
            "invalid_request",
        ),
        (
            "an end",
            with("exp", json!(now(house) + 60)),
            "invalid_request",
        ),
        ("a person", with("sub", json!("svc-1")), "invalid_request"),
        (
            "a subject that is none",
            with("sub_id", json!({ "format": "opaque" })),
            "invalid_request",
        ),
        (
            "a name twice",
            text(r#""jti":"j1""#, r#""jti":"j1","jti":"j1""#),
            "invalid_request",
        ),
        (
            "null",
            text(r#""jti":"j1""#, r#""jti":null"#),
            "invalid_request",
        ),
        ("nothing", Vec::new(), "invalid_request"),
        ("no text", vec![0xff; 64], "invalid_request"),
        ("no token", b"a.b.c".to_vec(), "invalid_request"),
        ("json", b"{}".to_vec(), "invalid_request"),
    ]
}

#[tokio::test]
async fn c09_a_hostile_token_is_refused_with_the_code_of_the_standard_and_changes_nothing() {
    let house = house().await;
    let before = everything(&house).await;
    for (what, token, code) in hostile(&house) {
        let answer = push(&house, token).await;
        assert_eq!(refused(&answer), code, "{what}");
    }
    // The body, the kind and the verb.
    let good = token(&claims(&house, "j1"));
    for kind in ["application/jwt", "application/json", ""] {
        let call = Call::new("POST", "/v1/signals", good.clone()).header("content-type", kind);
        assert_eq!(
            refused(&call.send(&house).await),
            "invalid_request",
            "{kind}"
        );
    }
    assert_eq!(push(&house, "a".repeat(12 * 1024 + 1)).await.status, 413);
    let call = Call::new("GET", "/v1/signals", "");
    assert_eq!(call.send(&house).await.status, 405);
    assert_eq!(everything(&house).await, before);
    // And what is not hostile is still taken.
    assert_eq!(push(&house, good).await.status, 202);
    assert_ne!(everything(&house).await, before);
}

#[tokio::test]
async fn c09_no_token_without_a_signature_of_a_pinned_key_changes_any_row() {
    let house = house().await;
    let good = token(&claims(&house, "j1"));
    let before = everything(&house).await;
    // Every byte of it changed in turn, and cut off in every place.
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let answer = push(&house, bytes).await;
        assert_eq!(answer.status, 400, "{at}");
        if at % 7 == 0 {
            assert_eq!(
                push(&house, good.as_bytes()[..at].to_vec()).await.status,
                400
            );
        }
    }
    assert_eq!(everything(&house).await, before);
}

#[tokio::test]
async fn a_gate_without_senders_has_no_such_door() {
    let house = House::open().await;
    let answer = push(&house, "a.b.c").await;
    assert_eq!(answer.status, 404);
}
