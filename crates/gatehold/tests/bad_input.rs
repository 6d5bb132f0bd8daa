//! Bad input to the real program over its real port, in one table: each has a stable problem type, the right status, and a
//! sentence that says what to do; what a known principal was refused is a leaf afterwards, and nothing was executed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may panic, and signs with the clock"
)]

mod gate;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use gate::{Gate, read, say};
use gatehold_core::hash::{Hash, hex};
use gatehold_proof::{Algorithm, PublicUrl, RequestToSign, SigningKey, sign_request};
use serde_json::{Value, json};

/// A call of the workload, to be spoilt.
struct Desk {
    gate: Gate,
    url: String,
    key: SigningKey,
    envelope: Value,
}

#[derive(Clone)]
struct Call {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

const PAYLOAD: &str = "SELECT status FROM orders WHERE id = 7";

impl Desk {
    fn open() -> Self {
        let gate = Gate::start();
        let task = gate.json(&["task", "start", "--purpose", "look"]);
        let known = gate.json(&["descriptor", "list"]);
        let all = known["descriptors"].as_array().unwrap();
        let read_descriptor = all.iter().find(|one| one["id"] == "sql.read").unwrap();
        let envelope = json!({
            "descriptor": { "id": "sql.read", "hash": read_descriptor["hash"] },
            "workload": "deploy-bot",
            "task": task["task"],
            "target": "sql:shop",
            "resource": "shop/orders",
            "duration_seconds": 60,
            "caps": { "rows": 1 },
            "precondition": null,
            "payload": { "media_type": "application/sql", "size": PAYLOAD.len(), "sha256": Hash::of(PAYLOAD.as_bytes()) },
        });
        Self {
            url: gate.configured("public_url"),
            key: SigningKey::from_pem(&read(&gate.home, "deploy-bot.pem")).unwrap(),
            envelope,
            gate,
        }
    }

    /// The body of a submission with this envelope.
    fn body(&self, envelope: &str) -> Vec<u8> {
        let base64 = |bytes: &[u8]| gatehold_client::wire::Base64Bytes(bytes.to_vec());
        let body = json!({
            "envelope": base64(envelope.as_bytes()),
            "payload": base64(PAYLOAD.as_bytes()),
            "claims": {},
        });
        serde_json::to_vec(&body).unwrap()
    }

    /// The body with one member of the envelope changed.
    fn changed(&self, member: &str, value: Value) -> Vec<u8> {
        let mut envelope = self.envelope.clone();
        envelope[member] = value;
        self.body(&envelope.to_string())
    }

    fn good(&self) -> Vec<u8> {
        self.body(&self.envelope.to_string())
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> Call {
        self.signed("POST", "/v1/requests", body, &[])
    }

    fn signed(
        &self,
        method: &'static str,
        target: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Call {
        self.signed_as(&self.key, &self.url, 0, method, target, body, headers)
    }

    #[expect(clippy::too_many_arguments, reason = "each is something to get wrong")]
    fn signed_as(
        &self,
        key: &SigningKey,
        url: &str,
        ago: u64,
        method: &'static str,
        target: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Call {
        let body = body.into();
        let idempotency = headers.iter().find(|(name, _)| *name == "idempotency-key");
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let request = RequestToSign {
            method,
            public_url: &PublicUrl::parse(url).unwrap(),
            request_target: target,
            idempotency_key: idempotency.map(|(_, value)| *value),
            body: &body,
            created: now.as_secs() - ago,
            life_seconds: 30,
            nonce: &hex(&nonce),
        };
        let signed = sign_request(key, &request).unwrap();
        let mut all = vec![
            ("content-digest".to_owned(), signed.content_digest),
            ("signature-input".to_owned(), signed.signature_input),
            ("signature".to_owned(), signed.signature),
        ];
        if !body.is_empty() {
            all.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let more = headers.iter();
        all.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Call {
            method,
            target: target.to_owned(),
            headers: all,
            body,
        }
    }

    /// Status and problem; the type must be ours, and every sentence there.
    fn send(&self, call: &Call) -> (u16, Value) {
        let address = self.gate.configured("listen");
        let mut bytes = format!(
            "{} {} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\ncontent-length: {}\r\n",
            call.method,
            call.target,
            call.body.len()
        );
        for (name, value) in &call.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(&call.body);
        let (status, body) = say(&address, &bytes);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

impl Call {
    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn on(mut self, method: &'static str, target: &str) -> Self {
        self.method = method;
        self.target = target.to_owned();
        self
    }
}

/// What was spoilt, the call, status and problem, and whether somebody known was refused by a rule.
type Row = (&'static str, Call, u16, &'static str, bool);

fn bodies(desk: &Desk) -> Vec<Row> {
    let text = desk.envelope.to_string();
    let good = String::from_utf8(desk.good()).unwrap();
    let spoilt =
        |what, body: Vec<u8>, status, kind, leaf| (what, desk.post(body), status, kind, leaf);
    let doubled = text.replacen('{', r#"{"target":"sql:shop","#, 1);
    let unknown = json!({ "id": "shop.drop", "hash": Hash::of(b"x") });
    vec![
        spoilt("malformed", b"{".to_vec(), 400, "malformed_body", false),
        spoilt("not UTF-8", b"{\"envelope\":\"\xff\"}".to_vec(), 400, "malformed_body", false),
        spoilt(
            "duplicate key",
            good.replacen('{', r#"{"payload":"","#, 1).into_bytes(),
            400,
            "malformed_body",
            false,
        ),
        spoilt(
            "unknown field",
            good.replacen('{', r#"{"approved":true,"#, 1).into_bytes(),
            400,
            "malformed_body",
            false,
        ),
        spoilt("oversized", vec![b' '; 3 << 20], 413, "too_large", false),
        spoilt("duplicate key in the envelope", desk.body(&doubled), 422, "invalid_action", true),
        spoilt(
            "unknown field in the envelope",
            desk.changed("approved", json!(true)),
            422,
            "invalid_action",
            true,
        ),
        spoilt(
            "control character",
            desk.changed("resource", json!("shop/\u{7}orders")),
            422,
            "invalid_action",
            true,
        ),
        spoilt(
            "bidi control",
            desk.changed("resource", json!("shop/\u{202e}orders")),
            422,
            "invalid_action",
            true,
        ),
        spoilt(
            "other payload",
            desk.changed(
                "payload",
                json!({"media_type":"application/sql","size":PAYLOAD.len(),"sha256":Hash::of(b"other")}),
            ),
            422,
            "invalid_action",
            true,
        ),
        spoilt(
            "unknown descriptor",
            desk.changed("descriptor", unknown),
            422,
            "unknown_descriptor",
            true,
        ),
        spoilt("unknown target", desk.changed("target", json!("sql:x")), 422, "unknown_target", true),
        spoilt(
            "another workload's name",
            desk.changed("workload", json!("other-bot")),
            403,
            "not_permitted",
            true,
        ),
        spoilt(
            "another's task",
            desk.changed("task", json!(format!("tsk_{}", "0".repeat(32)))),
            409,
            "task_not_usable",
            true,
        ),
    ]
}

fn signatures(desk: &Desk) -> Vec<Row> {
    let stranger = SigningKey::from_seed(Algorithm::Ed25519, &[7; 32]).unwrap();
    let body = desk.good();
    let good = || desk.post(desk.good());
    let signed = |key: &SigningKey, url: &str, ago| {
        desk.signed_as(key, url, ago, "POST", "/v1/requests", body.clone(), &[])
    };
    let mut other_body = good();
    other_body.body.push(b' ');
    let elsewhere = "https://gate.example";
    vec![
        (
            "unsigned",
            good().without("signature"),
            401,
            "unsigned",
            false,
        ),
        (
            "no digest",
            good().without("content-digest"),
            401,
            "unsigned",
            false,
        ),
        ("other body", other_body, 401, "body_mismatch", false),
        (
            "stranger's key",
            signed(&stranger, &desk.url, 0),
            401,
            "unknown_principal",
            false,
        ),
        (
            "expired",
            signed(&desk.key, &desk.url, 120),
            401,
            "signature_expired",
            false,
        ),
        (
            "another host",
            signed(&desk.key, elsewhere, 0),
            401,
            "bad_signature",
            false,
        ),
        (
            "another query",
            good().on("POST", "/v1/requests?dry_run=true"),
            401,
            "bad_signature",
            false,
        ),
        (
            "another path",
            good().on("POST", "/v1/tasks"),
            401,
            "bad_signature",
            false,
        ),
        (
            "another method",
            good().on("PUT", "/v1/requests"),
            405,
            "wrong_method",
            false,
        ),
        (
            "no such path",
            good().on("POST", "/v1/approve"),
            404,
            "no_such_path",
            false,
        ),
        (
            "wrongly signed",
            good().with(
                "signature",
                &format!("gatehold=:{}:", "A".repeat(86) + "=="),
            ),
            401,
            "bad_signature",
            false,
        ),
        (
            "a header that is not signed",
            good().with("idempotency-key", "later"),
            401,
            "malformed_signature",
            false,
        ),
    ]
}

#[test]
fn every_kind_of_bad_input_says_what_it_is_and_what_to_do() {
    let mut desk = Desk::open();
    let mut refused = BTreeSet::new();
    let check = |what: &str, (status, problem): (u16, Value), expected: (u16, &str)| {
        let kind = format!("urn:gatehold:problem:{}", expected.1);
        assert_eq!(status, expected.0, "{what}: {problem}");
        assert_eq!(problem["type"], kind, "{what}: {problem}");
        assert_eq!(problem["status"], expected.0, "{what}: {problem}");
        for member in ["title", "detail", "next", "code", "request_id"] {
            let text = problem[member].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{what}: no `{member}` in {problem}");
        }
    };
    for (what, call, status, kind, leaf) in bodies(&desk).into_iter().chain(signatures(&desk)) {
        check(what, desk.send(&call), (status, kind));
        if leaf {
            refused.insert(kind.to_owned());
        }
    }

    // Sent twice, and another body under the same key.
    let call = desk.post(desk.good());
    let allowed = desk.send(&call);
    assert_eq!(allowed.0, 200, "{allowed:?}");
    check("replayed", desk.send(&call), (401, "replayed"));
    let keyed = |body: Vec<u8>| {
        let headers = [("idempotency-key", "attempt-1")];
        desk.signed("POST", "/v1/requests", body, &headers)
    };
    assert_eq!(desk.send(&keyed(desk.good())).0, 200);
    let other = keyed(desk.changed("duration_seconds", json!(61)));
    check(
        "other body",
        desk.send(&other),
        (422, "idempotency_mismatch"),
    );
    refused.extend(["replayed", "idempotency_mismatch"].map(str::to_owned));

    // What the connection itself refuses has no body to explain in.
    let many: Vec<(String, String)> = (0..100)
        .map(|n| (format!("x-{n}"), "1".to_owned()))
        .collect();
    let mut crowded = desk.post(desk.good());
    crowded.headers.extend(many);
    assert_eq!(desk.send(&crowded).0, 431);
    let long = desk.post(desk.good()).with("x-long", &"x".repeat(40_000));
    assert_eq!(desk.send(&long).0, 431);

    // Only what a known principal was refused by a rule is kept, once per kind and minute.
    desk.gate.terminate();
    assert!(desk.gate.ended());
    let out = desk.gate.home.join("all.export");
    let config = desk.gate.home.join("gatehold.toml");
    let [config, out] = [&config, &out].map(|path| path.to_str().unwrap());
    let export = ["audit", "export", "--config", config, "--out", out];
    assert!(desk.gate.run(&export).status.success());
    let export = std::fs::read_to_string(out).unwrap();
    assert_eq!(gate::refusals(&export), refused);
    let executed = export.matches("\\\"claimed\\\"").count();
    assert_eq!(executed, 0, "nothing was executed");
}
