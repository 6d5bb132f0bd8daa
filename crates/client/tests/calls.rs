//! Every call of the client against a server that verifies its signature with the real profile, and answers by script.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gatehold_client::wire::{
    Act, ActRequest, AnswerRequest, Base64Bytes, ChangeRequest, Claims, DelegationEndRequest,
    DelegationRequest, KeyRevocationRequest, KeySignature, LoginRequest, Outcome, ProblemCode,
    RequestState, ReviewRequest, StopRequest, StopScope, SubmitRequest, Submitted, TaskRequest,
};
use gatehold_client::{
    Ambient, AmbientError, Client, ClientConfig, ClientError, IdempotencyKey, LeasesWanted,
    SignatureHeaders, SignerError, Submission, ToSign, TrustRoots,
};
use gatehold_proof::{
    Algorithm, PublicUrl, RequestParts, RequestToSign, SigningKey, UnverifiedRequestSignature,
    Window, sign_request,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const NOW: u64 = 1_764_000_000;

/// Counts instead of drawing, so that two draws differ and a run repeats.
#[derive(Default)]
struct Counting(Mutex<u8>);

impl Ambient for Counting {
    fn now_unix_seconds(&self) -> u64 {
        NOW
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), AmbientError> {
        let mut next = self.0.lock().unwrap();
        *next += 1;
        bytes.fill(*next);
        Ok(())
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::Ed25519, &[1; 32]).unwrap()
}

fn sign(call: &ToSign<'_>) -> Result<SignatureHeaders, SignerError> {
    let refuse = |error: gatehold_proof::SignatureError| SignerError(error.to_string());
    let signed = sign_request(
        &key(),
        &RequestToSign {
            method: call.method,
            public_url: &PublicUrl::parse(call.public_url).map_err(refuse)?,
            request_target: call.request_target,
            idempotency_key: call.idempotency_key,
            body: call.body,
            created: call.created,
            life_seconds: 30,
            nonce: call.nonce,
        },
    )
    .map_err(refuse)?;
    Ok(SignatureHeaders {
        content_digest: signed.content_digest,
        signature_input: signed.signature_input,
        signature: signed.signature,
    })
}

/// What the server saw of one call, after its signature had verified.
#[derive(Debug, Clone)]
struct Seen {
    line: String,
    prefer: Option<String>,
    idempotency_key: Option<String>,
    nonce: String,
    body: Vec<u8>,
}

/// One scripted answer.
#[derive(Clone)]
struct Script {
    status: u16,
    media_type: &'static str,
    body: Vec<u8>,
}

fn json(status: u16, body: &str) -> Script {
    Script {
        status,
        media_type: "application/json",
        body: body.into(),
    }
}

struct Gate {
    client: Client,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl Gate {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(json(200, "{}")));
        let (public_url, to_record, to_answer) = (
            PublicUrl::parse(&url).unwrap(),
            seen.clone(),
            script.clone(),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (public_url, to_record, to_answer) =
                    (public_url.clone(), to_record.clone(), to_answer.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (public_url, to_record, to_answer) =
                        (public_url.clone(), to_record.clone(), to_answer.clone());
                    async move {
                        let saw = verified(request, &public_url).await;
                        to_record.lock().unwrap().push(saw);
                        let script = to_answer.lock().unwrap().clone();
                        let response = Response::builder()
                            .status(script.status)
                            .header("content-type", script.media_type)
                            .header("location", "/v1/elsewhere");
                        Ok::<_, Infallible>(
                            response.body(Full::new(Bytes::from(script.body))).unwrap(),
                        )
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self {
            client: client(&url),
            seen,
            script,
        }
    }

    fn answers(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn client(url: &str) -> Client {
    Client::new(
        &ClientConfig::new(url),
        Arc::new(sign),
        Arc::new(Counting::default()),
    )
    .unwrap()
}

/// Panics, and so breaks the connection, when the signature does not verify.
async fn verified(request: Request<Incoming>, public_url: &PublicUrl) -> Seen {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.uri.path_and_query().unwrap().as_str();
    let parts = RequestParts::collect(
        head.method.as_str(),
        public_url,
        target,
        &head.headers,
        &body,
    )
    .unwrap();
    let signature = UnverifiedRequestSignature::parse(parts).unwrap();
    let proof = signature
        .verify(
            key().public(),
            &Window {
                now: NOW,
                skew_seconds: 5,
            },
        )
        .unwrap();
    let header = |name: &str| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header("content-type").is_some(), !body.is_empty());
    Seen {
        line: format!("{} {target}", head.method),
        prefer: header("prefer"),
        idempotency_key: header("idempotency-key"),
        nonce: proof.nonce().to_owned(),
        body: body.to_vec(),
    }
}

fn action() -> SubmitRequest {
    SubmitRequest {
        envelope: b"{}".to_vec().into(),
        payload: b"payload".to_vec().into(),
        claims: Default::default(),
    }
}

const DENIED: &str = r#"{"request":"req_1","outcome":"denied","decided_by":"policy","reasons":[{"code":"no_permit","text":"outside the boundary"}],"spend_by":2,
    "trace":{"rules":["r1"],"bundle":"sha256:b","input":"sha256:i"},"digest":"sha256:d","tier":"red"}"#;
const HELD: &str = r#"{"request":"req_1","digest":"sha256:d","tier":"red","reasons":[],"trace":{"rules":[],"bundle":"b","input":"i"},"words":["a","b","c","d"],"checkpoints":["prod"],
    "decide_by":1,"spend_by":2,"location":"/v1/requests/req_1"}"#;
const DELEGATION: &str = r#"{"delegation":"sha256:d","from":"a@b","to":"c@b","teams":["t"],"not_before":1,"not_after":2,"standing":"active","leaf":3}"#;
const STATUS: &str = r#"{"request":"req_1","state":"held","digest":"sha256:d","tier":"red","sentence":"s","words":["a","b","c","d"]}"#;
const REDEEMED: &str = r#"{"status":{"request":"req_1","state":"completed","digest":"sha256:d","tier":"red","sentence":"s","words":["a","b","c","d"]},
    "result":{"outcome":"completed","code":"ok","status":200,"media_type":"text/plain","body":"b2s=","truncated":false}}"#;
const OPENED: &str = r#"{"request":"req_1","display":"","view":"","envelope":"e30=","payload":"","asked":"e30=","claims":{},"descriptor":"e30=","request_nonce":"n","context_template":"e30=","authority":"e30=","review_nonce":"n","words":["a","b","c","d"],
    "criteria":[{"id":"scope","text":"Is the scope right?","kind":"choice","choices":["yes","no"],"required":true}],
    "limits":{"ttl_seconds":1,"uses":1,"caps":{"rows":5},"not_before":0,"not_after":9},"decide_by":1,"spend_by":2}"#;

/// Runs one call against a scripted answer and checks its request line.
macro_rules! line_of {
    ($gate:ident, $answer:expr, $client:ident => $call:expr, $line:literal) => {{
        $gate.answers(json(200, $answer));
        let $client = &$gate.client;
        let answer = $call.await.unwrap();
        assert_eq!($gate.last().line, $line);
        answer
    }};
}

#[tokio::test]
async fn every_call_is_signed_and_goes_where_it_should() {
    let gate = Gate::start().await;
    let task = TaskRequest {
        purpose: "fix".into(),
        on_behalf_of: None,
        boundary: None,
    };
    line_of!(gate, r#"{"task":"tsk_1"}"#, c => c.start_task(&task), "POST /v1/tasks");
    assert_eq!(gate.last().body, br#"{"purpose":"fix"}"#);
    line_of!(gate, r#"{"task":"tsk_1"}"#, c => c.end_task("tsk_1"), "POST /v1/tasks/tsk_1/end");
    line_of!(gate, DENIED, c => c.submit(&action(), &Submission::default()), "POST /v1/requests");
    let dry = Submission {
        dry_run: true,
        ..Submission::default()
    };
    line_of!(gate, DENIED, c => c.submit(&action(), &dry), "POST /v1/requests?dry_run=true");
    let status = line_of!(gate, STATUS, c => c.status("req_1", 0), "GET /v1/requests/req_1");
    assert_eq!(status.state, RequestState::Held);
    assert_eq!(
        (gate.last().idempotency_key, gate.last().prefer),
        (None, None)
    );
    line_of!(gate, STATUS, c => c.withdraw("req_1"), "POST /v1/requests/req_1/withdraw");
    let answer = AnswerRequest {
        text: "because".into(),
    };
    line_of!(gate, STATUS, c => c.answer("req_1", &answer), "POST /v1/requests/req_1/answer");
    let result =
        line_of!(gate, REDEEMED, c => c.redeem("req_1", 30), "POST /v1/requests/req_1/redeem");
    assert_eq!(
        (
            result.result.unwrap().body.0.as_slice(),
            gate.last().prefer.as_deref()
        ),
        (&b"ok"[..], Some("wait=30"))
    );
    line_of!(gate, r#"{"items":[]}"#, c => c.inbox(), "GET /v1/inbox");
    line_of!(gate, r#"{"human":"a@b","session_ends":1,"keys":[],"teams":[],"seats":[]}"#, c => c.me(), "GET /v1/me");
    let opened = line_of!(gate, OPENED, c => c.open("req_1"), "POST /v1/requests/req_1/open");
    assert_eq!(opened.criteria[0].choices, ["yes", "no"]);
    let review = ReviewRequest {
        context: b"{}".to_vec().into(),
        signature: "sig".into(),
        answers: [("scope".into(), "yes".into())].into(),
        justification: String::new(),
        salt: "ab".into(),
    };
    line_of!(gate, r#"{"request":"req_1","state":"held"}"#, c => c.review("req_1", &review), "POST /v1/requests/req_1/reviews");
    let login = LoginRequest {
        statement: b"{}".to_vec().into(),
        signature: "sig".into(),
    };
    line_of!(gate, r#"{"human":"a@b","expires_at":1}"#, c => c.login(&login), "POST /v1/sessions");
    let change = ChangeRequest {
        envelope: b"{}".to_vec().into(),
        payload: Base64Bytes::default(),
        claims: Claims::default(),
        nonce: "ab".into(),
        signature: "sig".into(),
    };
    line_of!(gate, DENIED, c => c.submit_change(&change, false), "POST /v1/changes");
    let revocation = KeyRevocationRequest {
        statement: b"{}".to_vec().into(),
        signatures: vec![KeySignature {
            human: "a@b".into(),
            key: "sha256:00".into(),
            signature: "sig".into(),
        }],
    };
    line_of!(gate, "", c => c.revoke_key(&revocation), "POST /v1/keys/revoke");
    let delegation = DelegationRequest {
        statement: b"{}".to_vec().into(),
        signature: "sig".into(),
        reason: String::new(),
        salt: "ab".into(),
    };
    line_of!(gate, r#"{"leases":[]}"#, c => c.leases(&LeasesWanted::default()), "GET /v1/leases");
    line_of!(gate, r#"{"request":"req_1"}"#, c => c.lease("req_1"), "GET /v1/leases/req_1");
    line_of!(gate, r#"{"targets":[]}"#, c => c.revocation(), "GET /v1/revocation");
    line_of!(gate, DELEGATION, c => c.delegate(&delegation), "POST /v1/delegations");
    line_of!(gate, r#"{"delegations":[]}"#, c => c.delegations(), "GET /v1/delegations");
    let end = DelegationEndRequest {
        statement: b"{}".to_vec().into(),
        signatures: revocation.signatures.clone(),
    };
    line_of!(gate, "", c => c.end_delegation(&end), "POST /v1/delegations/end");
    line_of!(gate, STATUS, c => c.revoke_request("req_1"), "POST /v1/requests/req_1/revoke");
    line_of!(gate, r#"{"origin":"o","root":"r","bundle":"b","now":1,"caller":"c","execution":"in_process"}"#, c => c.gate(), "GET /v1/gate");
    line_of!(gate, r#"{"bundle":"b","descriptors":[]}"#, c => c.descriptors(), "GET /v1/descriptors");
    let ask = ActRequest {
        act: Act::Ask,
        reason: None,
        text: Some("why?".into()),
    };
    line_of!(gate, r#"{"request":"req_1","state":"held"}"#, c => c.act("req_1", &ask), "POST /v1/requests/req_1/acts");
    let stop = StopRequest {
        scope: StopScope::All,
        name: None,
        reason: "odd".into(),
    };
    line_of!(gate, r#"{"everything":true,"workloads":[],"tasks":[],"targets":[],"resources":[]}"#, c => c.stop(&stop), "POST /v1/stops");
    line_of!(gate, r#"{"size":1,"root":"r","note":"n"}"#, c => c.tree_head(), "GET /v1/audit/tree-head");
    assert_eq!(
        line_of!(gate, "bytes", c => c.receipt(7), "GET /v1/audit/receipts/7"),
        b"bytes"
    );
    assert_eq!(
        line_of!(gate, "bytes", c => c.dossier("req_1"), "GET /v1/audit/dossiers/req_1"),
        b"bytes"
    );

    // No nonce and no key is ever used twice.
    let seen = gate.seen.lock().unwrap();
    let mut drawn: Vec<&String> = seen
        .iter()
        .map(|call| &call.nonce)
        .chain(seen.iter().filter_map(|call| call.idempotency_key.as_ref()))
        .collect();
    let all = drawn.len();
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), all);
    assert!(
        seen.iter()
            .all(|call| call.line.starts_with("GET") || call.idempotency_key.is_some())
    );
}

#[tokio::test]
async fn held_and_denied_are_answers() {
    let gate = Gate::start().await;
    let repeat = Submission {
        idempotency_key: IdempotencyKey::parse("attempt-7"),
        wait_seconds: 9999,
        dry_run: false,
    };
    gate.answers(json(200, DENIED));
    let Submitted::Decided(decision) = gate.client.submit(&action(), &repeat).await.unwrap() else {
        panic!("held")
    };
    assert_eq!(
        (decision.outcome, decision.reasons[0].code.as_str()),
        (Outcome::Denied, "no_permit")
    );
    assert_eq!(gate.last().idempotency_key.as_deref(), Some("attempt-7"));
    assert_eq!(
        gate.last().prefer.as_deref(),
        Some("wait=120"),
        "the wait is bounded"
    );
    gate.answers(json(202, HELD));
    let Submitted::Held(held) = gate.client.submit(&action(), &repeat).await.unwrap() else {
        panic!("decided")
    };
    assert_eq!(held.location.as_deref(), Some("/v1/requests/req_1"));
}

#[tokio::test]
async fn a_problem_is_typed_and_everything_else_is_foreign() {
    let gate = Gate::start().await;
    let problem = |status: u16, named: u16| {
        Script {
        status,
        media_type: "application/problem+json; charset=utf-8",
        body: format!(r#"{{"type":"https://gatehold.dev/p/stopped","title":"Stopped","status":{named},"detail":"lockdown","code":"stopped","next":"ask the owner"}}"#)
            .into(),
    }
    };
    gate.answers(problem(423, 423));
    let error = gate.client.inbox().await.unwrap_err();
    assert_eq!(error.problem().unwrap().code, ProblemCode::Stopped);
    assert_eq!(error.to_string(), "Stopped: lockdown; ask the owner");
    assert!(!error.may_have_acted());
    gate.answers(problem(503, 503));
    assert!(gate.client.inbox().await.unwrap_err().may_have_acted());

    let foreign = [
        (problem(423, 200), false),
        (json(404, "{}"), false),
        (json(302, ""), false),
        (json(307, ""), false),
        (json(200, "not json"), true),
        (json(200, "[]"), true),
        (json(502, "bad gateway"), true),
    ];
    for (script, may_have_acted) in foreign {
        let status = script.status;
        let calls = gate.seen.lock().unwrap().len();
        gate.answers(script);
        let error = gate.client.withdraw("req_1").await.unwrap_err();
        assert!(
            matches!(error, ClientError::Foreign { status: s, .. } if s == status),
            "{error:?}"
        );
        assert_eq!(error.may_have_acted(), may_have_acted, "{error:?}");
        assert_eq!(
            gate.seen.lock().unwrap().len(),
            calls + 1,
            "nothing is followed or repeated"
        );
    }
    gate.answers(json(201, DENIED));
    assert!(matches!(
        gate.client.submit(&action(), &Submission::default()).await,
        Err(ClientError::Foreign { status: 201, .. })
    ));
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let gate = Gate::start().await;
    let bytes_max = 8 * 1024 * 1024;
    gate.answers(Script {
        status: 200,
        media_type: "application/octet-stream",
        body: vec![b'x'; bytes_max],
    });
    assert_eq!(gate.client.receipt(1).await.unwrap().len(), bytes_max);
    gate.answers(Script {
        status: 200,
        media_type: "application/octet-stream",
        body: vec![b'x'; bytes_max + 1],
    });
    assert!(matches!(
        gate.client.receipt(1).await,
        Err(ClientError::AnswerTooLarge { .. })
    ));
    assert_eq!(
        gate.client.dossier("req_1").await.unwrap().len(),
        bytes_max + 1,
        "a dossier may be larger"
    );
}

#[tokio::test]
async fn nothing_is_sent_that_is_out_of_bounds() {
    let gate = Gate::start().await;
    for id in [
        "",
        "../stops",
        "req_1/redeem",
        "req 1",
        "req_1?x",
        "req_1%2f",
        &"a".repeat(65),
    ] {
        assert!(
            matches!(gate.client.status(id, 0).await, Err(ClientError::Config(_))),
            "{id}"
        );
    }
    let stop = StopRequest {
        scope: StopScope::All,
        name: Some("w".into()),
        reason: "odd".into(),
    };
    assert!(matches!(
        gate.client.stop(&stop).await,
        Err(ClientError::Bounds(_))
    ));
    let refusing = |_: &ToSign<'_>| Err(SignerError("locked".into()));
    let client = Client::new(
        &ClientConfig::new(gate.client.public_url()),
        Arc::new(refusing),
        Arc::new(Counting::default()),
    )
    .unwrap();
    assert!(matches!(client.inbox().await, Err(ClientError::Signer(_))));
    assert!(gate.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_told_from_a_refused_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&url(listener.local_addr().unwrap()));
    let (error, ()) = tokio::join!(client.inbox(), async {
        drop(listener.accept().await.unwrap())
    });
    let error = error.unwrap_err();
    assert!(
        matches!(error, ClientError::NoAnswer(_)) && error.may_have_acted(),
        "{error:?}"
    );
    drop(listener);
    let error = client.inbox().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Connect(_)) && !error.may_have_acted(),
        "{error:?}"
    );
}

#[test]
fn the_configuration_is_checked() {
    let make = |url: &str| {
        Client::new(
            &ClientConfig::new(url),
            Arc::new(sign),
            Arc::new(Counting::default()),
        )
    };
    for url in [
        "https://gate.example",
        "https://gate.example/gate",
        "http://127.0.0.1:8080",
        "http://localhost:1",
    ] {
        assert_eq!(make(url).unwrap().public_url(), url);
    }
    for url in [
        "",
        "gate.example",
        "http://gate.example",
        "ftp://gate.example",
        "https://gate.example/",
        "https://Gate.example",
        "https://gate.example:443",
        "https://u:p@gate.example",
        "https://gate.example?x",
        "https://gate.example#x",
        "https://gate.example/a/../b",
    ] {
        assert!(matches!(make(url), Err(ClientError::Config(_))), "{url}");
    }
    let empty = ClientConfig {
        trust: TrustRoots::Only(Vec::new()),
        ..ClientConfig::new("https://gate.example")
    };
    assert!(Client::new(&empty, Arc::new(sign), Arc::new(Counting::default())).is_err());
    for key in ["", "a b", "a\n", &"a".repeat(256)] {
        assert_eq!(IdempotencyKey::parse(key), None);
    }
}
