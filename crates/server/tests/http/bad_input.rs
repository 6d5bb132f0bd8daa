//! Bad input over a real port: each has a stable type, a sentence that says what to do, the right status, and changes
//! nothing.

use gatehold_core::hash::Hash;
use gatehold_core::json::canonical;
use gatehold_proof::SigningKey;
use serde_json::{Value, json};

use crate::support::call::{Answer, Call};
use crate::support::people::Person;
use crate::support::{House, key};

/// The workload's submission as JSON, to be spoilt.
async fn submission(house: &House) -> Value {
    let bot = house.client(&house.workload);
    let task = house.task(&bot).await;
    serde_json::to_value(house.action(&task, "shop.read", "SELECT 1")).unwrap()
}

fn base64(bytes: &[u8]) -> Value {
    serde_json::to_value(gatehold_client::wire::Base64Bytes(bytes.to_vec())).unwrap()
}

fn envelope_of(submission: &Value) -> Value {
    let bytes: gatehold_client::wire::Base64Bytes =
        serde_json::from_value(submission["envelope"].clone()).unwrap();
    serde_json::from_slice(&bytes.0).unwrap()
}

fn with_envelope(submission: &Value, envelope: &str) -> Vec<u8> {
    let mut submission = submission.clone();
    submission["envelope"] = base64(envelope.as_bytes());
    serde_json::to_vec(&submission).unwrap()
}

async fn post(house: &House, body: impl Into<Vec<u8>>) -> Answer {
    Call::new("POST", "/v1/requests", body)
        .signed(house, &house.workload)
        .send(house)
        .await
}

#[tokio::test]
async fn bodies_that_are_not_what_the_call_takes() {
    let house = House::open().await;
    let good = submission(&house).await;
    let text = good.to_string();
    let leaves = house.leaves().await;
    let mut too_large = good.clone();
    too_large["payload"] = base64(&vec![0; (1 << 20) + 1]);
    let table: Vec<(&str, Vec<u8>, (u16, &str))> = vec![
        ("empty", b"".to_vec(), (415, "wrong_content_type")),
        (
            "not JSON",
            b"envelope=e30".to_vec(),
            (400, "malformed_body"),
        ),
        (
            "cut",
            text.as_bytes()[..text.len() - 1].to_vec(),
            (400, "malformed_body"),
        ),
        ("an array", b"[]".to_vec(), (400, "malformed_body")),
        (
            "trailing",
            format!("{text}{text}").into_bytes(),
            (400, "malformed_body"),
        ),
        (
            "not UTF-8",
            b"{\"envelope\":\"\xff\",\"payload\":\"\"}".to_vec(),
            (400, "malformed_body"),
        ),
        (
            "doubled",
            text.replacen('{', r#"{"payload":"","#, 1).into_bytes(),
            (400, "malformed_body"),
        ),
        (
            "unknown member",
            text.replacen('{', r#"{"approved":true,"#, 1).into_bytes(),
            (400, "malformed_body"),
        ),
        (
            "claims with a decision",
            text.replacen("\"claims\":{", "\"claims\":{\"approved_by\":\"x\",", 1)
                .into_bytes(),
            (400, "malformed_body"),
        ),
        (
            "empty envelope",
            with_envelope(&good, ""),
            (422, "out_of_bounds"),
        ),
        (
            "payload beyond its bound",
            serde_json::to_vec(&too_large).unwrap(),
            (422, "out_of_bounds"),
        ),
        (
            "body beyond its bound",
            vec![b' '; 2 * 1024 * 1024 + 1],
            (413, "too_large"),
        ),
    ];
    for (what, body, expected) in table {
        let (status, word) = post(&house, body).await.word();
        assert_eq!((status, word.as_str()), expected, "{what}");
    }
    assert_eq!(house.leaves().await, leaves, "nothing was written");
}

#[tokio::test]
async fn a_cap_that_the_target_does_not_keep_is_refused_at_the_submission() {
    let house = House::open().await;
    let good = submission(&house).await;
    let with_cap = |cap: &str| {
        let mut envelope = envelope_of(&good);
        envelope["caps"] = serde_json::json!({ cap: 3 });
        with_envelope(&good, &envelope.to_string())
    };
    let leaves = house.leaves().await;
    let (status, word) = post(&house, with_cap("files")).await.word();
    assert_eq!((status, word.as_str()), (422, "cap_not_enforced"));
    assert_eq!(house.leaves().await, leaves, "nothing was written");
    assert!(post(&house, with_cap("rows")).await.status < 300);
}

#[tokio::test]
async fn envelopes_that_are_not_exactly_of_the_form() {
    let house = House::open().await;
    let good = submission(&house).await;
    let envelope = envelope_of(&good);
    let text = envelope.to_string();
    let changed = |member: &str, value: Value| {
        let mut envelope = envelope.clone();
        envelope[member] = value;
        envelope.to_string()
    };
    let mut without = envelope.clone();
    without.as_object_mut().unwrap().remove("precondition");
    let other_descriptor = json!({ "id": "shop.read", "hash": Hash::of(b"other") });
    let table: Vec<(&str, String, (u16, &str))> = vec![
        (
            "doubled",
            text.replacen('{', r#"{"target":"sql:shop","#, 1),
            (422, "invalid_action"),
        ),
        (
            "doubled by an escape",
            text.replacen('{', r#"{"t\u0061rget":"sql:shop","#, 1),
            (422, "invalid_action"),
        ),
        (
            "unknown member",
            changed("approved", json!(true)),
            (422, "invalid_action"),
        ),
        (
            "missing member",
            without.to_string(),
            (422, "invalid_action"),
        ),
        (
            "float",
            changed("duration_seconds", json!(1.5)),
            (422, "invalid_action"),
        ),
        (
            "beyond 2^53",
            changed("caps", json!({ "rows": 9_007_199_254_740_993_u64 })),
            (422, "invalid_action"),
        ),
        (
            "control character",
            changed("resource", json!("shop/\u{7}orders")),
            (422, "invalid_action"),
        ),
        (
            "line feed",
            changed("resource", json!("shop/orders\n")),
            (422, "invalid_action"),
        ),
        (
            "bidi override",
            changed("resource", json!("shop/\u{202e}sredro")),
            (422, "invalid_action"),
        ),
        (
            "zero width",
            changed("target", json!("sql:sh\u{200b}op")),
            (422, "invalid_action"),
        ),
        (
            "byte order mark",
            format!("\u{feff}{text}"),
            (422, "invalid_action"),
        ),
        (
            "too deep",
            format!("{}{}", "[".repeat(40), "]".repeat(40)),
            (422, "invalid_action"),
        ),
        (
            "too long",
            changed("resource", json!("x".repeat(17 << 10))),
            (413, "invalid_action"),
        ),
        (
            "payload of another size",
            changed(
                "payload",
                json!({"media_type":"application/sql","size":7,"sha256":Hash::of(b"SELECT 1")}),
            ),
            (422, "invalid_action"),
        ),
        (
            "payload of another hash",
            changed(
                "payload",
                json!({"media_type":"application/sql","size":8,"sha256":Hash::of(b"SELECT 2")}),
            ),
            (422, "invalid_action"),
        ),
        (
            "media type",
            changed(
                "payload",
                json!({"media_type":"text/plain","size":8,"sha256":Hash::of(b"SELECT 1")}),
            ),
            (422, "wrong_media_type"),
        ),
        (
            "unknown descriptor",
            changed(
                "descriptor",
                json!({"id":"shop.drop","hash":Hash::of(b"x")}),
            ),
            (422, "unknown_descriptor"),
        ),
        (
            "descriptor of another hash",
            changed("descriptor", other_descriptor),
            (422, "unknown_descriptor"),
        ),
        (
            "unknown target",
            changed("target", json!("sql:elsewhere")),
            (422, "unknown_target"),
        ),
        (
            "another's name",
            changed("workload", json!("someone-else")),
            (403, "not_permitted"),
        ),
        (
            "unknown task",
            changed("task", json!("tsk_00000000000000000000000000000000")),
            (409, "task_not_usable"),
        ),
    ];
    for (what, envelope, expected) in table {
        let answer = post(&house, with_envelope(&good, &envelope)).await;
        let (status, word) = answer.word();
        assert_eq!(
            (status, word.as_str()),
            expected,
            "{what}: {}",
            answer.problem().detail
        );
    }
    assert!(house.executed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn c16_calls_that_are_not_signed_as_they_must_be() {
    let house = House::open().await;
    let body = submission(&house).await.to_string();
    let leaves = house.leaves().await;
    let other: SigningKey = key(b"stranger");
    let call = || Call::new("POST", "/v1/requests", body.clone());
    let good = || call().signed(&house, &house.workload);
    let signature_of = |call: &Call, name: &str| {
        let found = call
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .unwrap();
        String::from_utf8(found.1.clone()).unwrap()
    };
    // Body, path, method, nonce, key and time swapped in turn.
    let other_nonce = {
        let signed = good();
        let input = signature_of(&signed, "signature-input");
        let (before, after) = input.split_once(";nonce=\"").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        let input = format!("{before};nonce=\"{}\"{after}", house.nonce());
        signed.header("signature-input", input)
    };
    let mut other_body = good();
    other_body.body = body.replace("SELECT", "select").into_bytes();
    other_body.body.push(b' ');
    let mut other_path = good();
    other_path.target = "/v1/requests?dry_run=true".to_owned();
    let mut other_method = good();
    other_method.method = "PUT".to_owned();
    let as_other = {
        let signed = call().signed(&house, &other);
        let keyid = other.public().thumbprint().to_string();
        let input = signature_of(&signed, "signature-input")
            .replace(&keyid, &house.workload.public().thumbprint().to_string());
        signed.header("signature-input", input)
    };
    let uncovered_key = good().header("idempotency-key", "later");
    let twice = {
        let mut call = good();
        let signature = signature_of(&call, "signature");
        call.headers
            .push(("signature".to_owned(), signature.into_bytes()));
        call
    };
    let long_lived = {
        let signed = good();
        let input = signature_of(&signed, "signature-input");
        let until = input
            .split("expires=")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        signed.header("signature-input", input.replace(&until, "1895000000"))
    };
    let table: Vec<(&str, Call, &str)> = vec![
        (
            "unsigned",
            call().header("content-type", "application/json"),
            "unsigned",
        ),
        ("no digest", good().without("content-digest"), "unsigned"),
        (
            "other digest",
            good().header("content-digest", "md5=:AAAA:"),
            "malformed_signature",
        ),
        ("other body", other_body, "body_mismatch"),
        ("other path", other_path, "bad_signature"),
        ("other method", other_method, "wrong_method"),
        ("other nonce", other_nonce, "bad_signature"),
        ("another's key", as_other, "bad_signature"),
        (
            "a stranger's key",
            call().signed(&house, &other),
            "unknown_principal",
        ),
        (
            "other host",
            call().signed_at(&house, &house.workload, "https://gate.example", 0),
            "bad_signature",
        ),
        (
            "other prefix",
            call().signed_at(&house, &house.workload, &format!("{}/gate", house.url), 0),
            "bad_signature",
        ),
        (
            "expired",
            call().signed_at(&house, &house.workload, &house.url, 60),
            "signature_expired",
        ),
        (
            "from the future",
            call().signed_at(&house, &house.workload, &house.url, -60),
            "signature_from_future",
        ),
        ("too long a life", long_lived, "malformed_signature"),
        (
            "uncovered Idempotency-Key",
            uncovered_key,
            "malformed_signature",
        ),
        ("two signatures", twice, "malformed_signature"),
        (
            "binary signature",
            good().header("signature", vec![0xff, 0xfe]),
            "malformed_signature",
        ),
    ];
    for (what, call, expected) in table {
        let (status, word) = call.send(&house).await.word();
        let expected_status = if expected == "wrong_method" { 405 } else { 401 };
        assert_eq!(
            (status, word.as_str()),
            (expected_status, expected),
            "{what}"
        );
    }
    assert_eq!(house.leaves().await, leaves, "strangers write nothing");

    // Forwarded headers say nothing, whatever they say.
    let forwarded = good()
        .header("x-forwarded-host", "gate.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "host=gate.example;proto=https");
    assert_eq!(forwarded.send(&house).await.status, 200);
}

#[tokio::test]
async fn what_was_sent_before_is_refused() {
    let house = House::open().await;
    let body = submission(&house).await.to_string();
    let call = Call::new("POST", "/v1/requests", body).signed(&house, &house.workload);
    assert_eq!(call.send(&house).await.status, 200);
    assert_eq!(call.send(&house).await.word(), (401, "replayed".to_owned()));

    // People's calls: the session lives in this process, and so do its nonces.
    let reviewer = Person::Reviewer.log_in(&house).await;
    drop(reviewer);
    let stop = br#"{"scope":"resource","name":"hr/","reason":"odd"}"#.to_vec();
    let call = Call::new("POST", "/v1/stops", stop).signed(&house, &Person::Reviewer.session_key());
    assert_eq!(call.send(&house).await.status, 200);
    assert_eq!(call.send(&house).await.word(), (401, "replayed".to_owned()));
}

#[tokio::test]
async fn paths_queries_and_types_are_closed() {
    let house = House::open().await;
    let bot = &house.workload;
    let zeros = "0".repeat(32);
    let long = format!("/v1/requests/req_{zeros}?workload={}", "x".repeat(4090));
    let table: Vec<(Call, (u16, &str))> = vec![
        (
            Call::new("GET", "/v1/requests/req_1", "").signed(&house, bot),
            (400, "malformed_member"),
        ),
        (
            Call::new("GET", &format!("/v1/requests/tsk_{zeros}"), "").signed(&house, bot),
            (400, "malformed_member"),
        ),
        (
            Call::new("GET", "/v1/requests/%ff", "").signed(&house, bot),
            (400, "malformed_member"),
        ),
        (
            Call::new("GET", "/v1/requests/%00", "").signed(&house, bot),
            (400, "malformed_member"),
        ),
        (
            Call::new("GET", &format!("/v1/requests/req_{zeros}"), "").signed(&house, bot),
            (404, "no_such_request"),
        ),
        (
            Call::new("GET", "/v1/requests", "").signed(&house, bot),
            (405, "wrong_method"),
        ),
        (Call::new("DELETE", "/v1/gate", ""), (405, "wrong_method")),
        (
            Call::new("GET", "/v1/approve", "").signed(&house, bot),
            (404, "no_such_path"),
        ),
        (
            Call::new("GET", "/v1/gate?x=1", "").signed(&house, bot),
            (400, "malformed_query"),
        ),
        (
            Call::new("POST", "/v1/requests?dry_run=maybe", "{}").signed(&house, bot),
            (400, "malformed_query"),
        ),
        (
            Call::new("POST", "/v1/requests?dry_run=true&dry_run=false", "{}").signed(&house, bot),
            (400, "malformed_query"),
        ),
        (
            Call::new(
                "POST",
                &format!("/v1/requests/req_{zeros}/redeem?dry_run=true"),
                "",
            )
            .signed(&house, bot),
            (400, "malformed_query"),
        ),
        (
            Call::new("POST", &format!("/v1/requests/req_{zeros}/redeem"), "{}")
                .signed(&house, bot),
            (400, "malformed_body"),
        ),
        (
            Call::new("POST", "/v1/tasks", r#"{"purpose":"x"}"#)
                .signed(&house, bot)
                .header("content-type", "text/plain"),
            (415, "wrong_content_type"),
        ),
        (
            Call::new(
                "POST",
                "/v1/tasks?workload=deploy-bot",
                r#"{"purpose":"x"}"#,
            )
            .signed(&house, bot),
            (403, "acting_for"),
        ),
        (Call::new("GET", &long, ""), (414, "target_too_long")),
        (
            Call::new("GET", "/v1/inbox", "").signed(&house, bot),
            (403, "wrong_principal"),
        ),
    ];
    for (call, expected) in table {
        let (status, word) = call.send(&house).await.word();
        assert_eq!(
            (status, word.as_str()),
            expected,
            "{} {}",
            call.method,
            call.target
        );
    }
}

#[tokio::test]
async fn logins_that_do_not_hold() {
    let house = House::open().await;
    let ephemeral = Person::Reviewer.session_key();
    let good = Person::Reviewer.login_request(&house.gate, &ephemeral);
    let body = |login: &gatehold_client::wire::LoginRequest| serde_json::to_vec(login).unwrap();
    let mut of_another = good.clone();
    of_another.signature = Person::Second.sign("gatehold/login/v1", &good.statement.0);
    let mut other_namespace = good.clone();
    other_namespace.signature = Person::Reviewer.sign("gatehold/review/v1", &good.statement.0);
    let mut other_gate: Value = serde_json::from_slice(&good.statement.0).unwrap();
    other_gate["gate"] = json!("dev.other/gate");
    let statement = canonical::to_bytes(&other_gate).unwrap();
    let elsewhere = gatehold_client::wire::LoginRequest {
        signature: Person::Reviewer.sign("gatehold/login/v1", &statement),
        statement: statement.into(),
    };
    let table: Vec<(&str, Call, (u16, &str))> = vec![
        (
            "unsigned call",
            Call::new("POST", "/v1/sessions", body(&good))
                .header("content-type", "application/json"),
            (401, "unsigned"),
        ),
        (
            "call by another key",
            Call::new("POST", "/v1/sessions", body(&good)).signed(&house, &key(b"thief")),
            (401, "wrong_key"),
        ),
        (
            "signed by another person",
            Call::new("POST", "/v1/sessions", body(&of_another)).signed(&house, &ephemeral),
            (401, "login_refused"),
        ),
        (
            "signed for another purpose",
            Call::new("POST", "/v1/sessions", body(&other_namespace)).signed(&house, &ephemeral),
            (401, "login_refused"),
        ),
        (
            "for another gate",
            Call::new("POST", "/v1/sessions", body(&elsewhere)).signed(&house, &ephemeral),
            (401, "login_refused"),
        ),
        (
            "too large",
            Call::new("POST", "/v1/sessions", vec![b' '; 70_000]).signed(&house, &ephemeral),
            (413, "too_large"),
        ),
    ];
    for (what, call, expected) in table {
        let (status, word) = call.send(&house).await.word();
        assert_eq!((status, word.as_str()), expected, "{what}");
    }
    let session = Call::new("GET", "/v1/inbox", "").signed(&house, &ephemeral);
    assert_eq!(
        session.send(&house).await.word(),
        (401, "unknown_principal".to_owned())
    );
}

#[tokio::test]
async fn a_store_that_is_gone_lets_nothing_out_and_says_nothing() {
    let house = House::open().await;
    let body = submission(&house).await.to_string();
    house.store.set_down(true);
    let answer = post(&house, body).await;
    assert_eq!(answer.word(), (503, "unavailable".to_owned()));
    assert!(answer.head.to_lowercase().contains("retry-after: 1"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("switched off"));
    let ready = Call::new("GET", "/readyz", "").send(&house).await;
    assert_eq!(ready.status, 503);
    house.store.set_down(false);
    assert_eq!(
        Call::new("GET", "/readyz", "").send(&house).await.status,
        200
    );
}
