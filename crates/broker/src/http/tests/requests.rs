//! Requests with one reading are sent exactly; all others open no connection (threats B2, C14; M213).

use gatehold_core::ids::RequestId;

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn b02_the_wire_holds_exactly_what_was_approved_and_what_is_injected() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let target = target(upstream.port);
    let payload = r#"{"method": "POST", "path": "/v1/orders/7:refund", "query": {"q": "a b&c=d#\r\n", "e": "é"},
        "headers": {"Content-Type": "application/json", "idempotency-key": "k-1"}, "body": "{\"n\": 1.00}"}"#;
    let mut call = ask(Write, payload);
    call.precondition = Some("etag:\"v3\"".to_owned());
    call.request = Some(RequestId::from_bytes([7; 16]));
    let ended = run(&target, &call).await;
    assert_eq!((ended.ending, ended.status), (Ending::Completed, Some(200)));
    assert_eq!(ended.body, b"ok");
    let requests = upstream.requests();
    let [request] = requests.as_slice() else {
        panic!("one request: {requests:?}");
    };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    let first = lines.remove(0);
    lines.sort_unstable();
    let query = "q=a%20b%26c%3Dd%23%0D%0A&e=%C3%A9";
    assert_eq!(
        first,
        format!("POST /api/v1/orders/7:refund?{query}&api_key={CANARY} HTTP/1.1")
    );
    let wanted = [
        "accept-encoding: identity".to_owned(),
        format!("authorization: Bearer {CANARY}"),
        "connection: close".to_owned(),
        "content-length: 11".to_owned(),
        "content-type: application/json".to_owned(),
        "gatehold-request: req_07070707070707070707070707070707".to_owned(),
        format!("host: 127.0.0.1:{}", upstream.port),
        "idempotency-key: k-1".to_owned(),
        "if-match: \"v3\"".to_owned(),
        "user-agent: gatehold".to_owned(),
    ];
    assert_eq!(lines, wanted);
    assert_eq!(body, "{\"n\": 1.00}");
    assert_eq!(upstream.accepted(), 1);
}

#[tokio::test]
async fn binary_and_empty_bodies_are_framed_by_their_length() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let target = target(upstream.port);
    for (payload, length, body) in [
        (
            r#"{"method": "PUT", "path": "/v1/x", "body_base64": "R0VUIC8="}"#,
            5,
            "GET /",
        ),
        (r#"{"method": "POST", "path": "/v1/x"}"#, 0, ""),
        (r#"{"method": "DELETE", "path": "/v1/x"}"#, 0, ""),
    ] {
        assert_eq!(
            run(&target, &ask(Write, payload)).await.ending,
            Ending::Completed
        );
        let request = upstream.requests().pop().unwrap();
        assert!(
            request.contains(&format!("content-length: {length}\r\n")),
            "{request}"
        );
        assert!(!request.to_ascii_lowercase().contains("transfer-encoding"));
        assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{request}");
    }
}

#[tokio::test]
async fn a_secret_in_a_body_takes_the_place_that_was_approved_and_no_other() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let mut target = target(upstream.port);
    let secret = Secret::new(CANARY.as_bytes().to_vec()).unwrap();
    target.inject = vec![Inject {
        place: Place::Body("/auth/token".to_owned()),
        prefix: "key-".to_owned(),
        source: Source::Captured(secret),
    }];
    let post = |media_type: &str, body: &str| {
        let body = serde_json::to_string(body).unwrap();
        let headers = format!(r#"{{"content-type": "{media_type}"}}"#);
        format!(r#"{{"method": "POST", "path": "/v1/x", "headers": {headers}, "body": {body}}}"#)
    };
    let approved = r#"{"auth":{"token":"gatehold:secret"}, "n":1.00}"#;
    let payload = post("application/json", approved);
    let ended = run(&target, &ask(Write, &payload)).await;
    assert_eq!(ended.ending, Ending::Completed);
    let sent = upstream.requests().pop().unwrap();
    let body = approved.replace("gatehold:secret", &format!("key-{CANARY}"));
    assert!(sent.ends_with(&format!("\r\n\r\n{body}")), "{sent}");
    assert!(sent.contains(&format!("content-length: {}\r\n", body.len())));
    // What has no body has no place for it.
    assert_eq!(
        run(&target, &ask(Read, GET)).await.ending,
        Ending::Completed
    );
    assert_eq!(upstream.accepted(), 2);

    for payload in [
        post(
            "application/json",
            r#"{"auth":{}, "token":"gatehold:secret"}"#,
        ),
        post(
            "application/json",
            r#"{"auth":{"token":"gatehold:secret"},"note":"gatehold:secret"}"#,
        ),
        post("text/plain", approved),
        POST.to_owned(),
    ] {
        let ended = run(&target, &ask(Write, &payload)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, code::PAYLOAD),
            "{payload}"
        );
    }
    assert_eq!(upstream.accepted(), 2, "nothing was opened");
}

/// What two readers could take differently, or what is not a workload's to say.
const REFUSED: &[&str] = &[
    // Framing and identity.
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Content-Length": "0"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Transfer-Encoding": "chunked"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"transfer_encoding": "chunked"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Transfer-Encoding ": "chunked"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"TE": "trailers"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Trailer": "x"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Connection": "authorization"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Upgrade": "h2c"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Expect": "100-continue"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Content-Encoding": "gzip"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Accept-Encoding": "gzip"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Host": "other"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Authorization": "Basic eDp5"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Proxy-Authorization": "x"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"Cookie": "a=b"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"X-Forwarded-For": "127.0.0.1"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"X-HTTP-Method-Override": "DELETE"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"X-Original-URL": "/admin"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"x-unknown": "1"}}"#,
    // Lines that end early, names that are there twice.
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "a\r\nHost: other"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "a\nx: y"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "a\u0000"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": " a"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "é"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept\r\nx": "y"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"": "y"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "a", "accept": "b"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": "a", "Accept": "b"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "headers": {"accept": ["a", "b"]}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": {"a": "1", "a": "2"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": {"a": "1", "A": "2"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": {"a": 1}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": {"api_key": "mine"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": {"API_KEY": "mine"}}"#,
    r#"{"method": "POST", "path": "/v1/x", "query": "a=1&a=2"}"#,
    // Paths that lead elsewhere.
    r#"{"method": "POST", "path": "/v1/../admin"}"#,
    r#"{"method": "POST", "path": "/v1/%2e%2e/admin"}"#,
    r#"{"method": "POST", "path": "/v1/..;/admin"}"#,
    r#"{"method": "POST", "path": "/v1%2fx"}"#,
    r#"{"method": "POST", "path": "/v1/x HTTP/1.1\r\nHost: other"}"#,
    r#"{"method": "POST", "path": "/v1/x?a=1"}"#,
    r#"{"method": "POST", "path": "//other/v1/x"}"#,
    r#"{"method": "POST", "path": "http://other/v1/x"}"#,
    r#"{"method": "POST", "path": "/v2/x"}"#,
    r#"{"method": "POST", "path": "/v1x"}"#,
    // Methods.
    r#"{"method": "PATCH", "path": "/v1/x"}"#,
    r#"{"method": "CONNECT", "path": "/v1/x"}"#,
    r#"{"method": "post", "path": "/v1/x"}"#,
    r#"{"method": "POST /v1/y HTTP/1.1\r\n", "path": "/v1/x"}"#,
    r#"{"method": "GET", "path": "/v1/x", "body": "x"}"#,
    // The document itself.
    r#"{"method": "POST", "path": "/v1/x", "body": "x", "body_base64": "eA=="}"#,
    r#"{"method": "POST", "path": "/v1/x", "body_base64": "eA"}"#,
    r#"{"method": "POST", "path": "/v1/x", "body": {"n": 1}}"#,
    r#"{"method": "POST", "path": "/v1/x", "path": "/v1/y"}"#,
    r#"{"method": "POST", "path": "/v1/x", "url": "http://other"}"#,
    r#"{"method": "POST"}"#,
    r#"{"path": "/v1/x"}"#,
    r#"["POST", "/v1/x"]"#,
    "POST /v1/x HTTP/1.1",
];

#[tokio::test]
async fn b02_what_has_two_readings_opens_no_connection() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let target = target(upstream.port);
    for payload in REFUSED {
        let ended = run(&target, &ask(Write, payload)).await;
        assert_eq!(ended.ending, Ending::Failed, "{payload}");
        assert!(
            matches!(ended.code, "payload_unusable" | "target_refused"),
            "{payload}: {}",
            ended.code
        );
    }
    let mut call = ask(Read, POST);
    assert_eq!(
        run(&target, &call).await.code,
        "target_refused",
        "reading does not post"
    );
    call = ask(Write, POST);
    call.media_type = "text/plain".to_owned();
    assert_eq!(run(&target, &call).await.code, "payload_unusable");
    call = ask(Write, POST);
    call.caps.insert("amount".to_owned(), 50);
    assert_eq!(run(&target, &call).await.code, "limits_unusable");
    call = ask(Write, POST);
    call.precondition = Some("rows=1".to_owned());
    assert_eq!(run(&target, &call).await.code, "precondition");
    let both = POST.replace(
        "\"body\"",
        "\"headers\": {\"if-match\": \"\\\"v1\\\"\"}, \"body\"",
    );
    call = ask(Write, &both);
    call.precondition = Some("etag:\"v2\"".to_owned());
    assert_eq!(run(&target, &call).await.code, "precondition");
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn without_its_secret_nothing_is_sent() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let mut target = target(upstream.port);
    for source in [
        Source::File("/nonexistent/secret".into()),
        Source::Command(vec!["false".to_owned()]),
        Source::Captured(Secret::new(b"short".to_vec()).unwrap()),
        Source::Captured(Secret::new("sécret-sécret".as_bytes().to_vec()).unwrap()),
    ] {
        target.inject[0].source = source;
        let ended = run(&target, &ask(Write, POST)).await;
        assert_eq!(
            (ended.ending, ended.code),
            (Ending::Failed, "secret_unavailable")
        );
    }
    assert_eq!(upstream.accepted(), 0);
}

#[tokio::test]
async fn m023_no_workload_says_for_which_request_a_call_is() {
    let upstream = Upstream::start(Manner::Answer(OK.to_vec())).await;
    let mut target = target(upstream.port);
    target.request_id_header = Some("x-request-id".to_owned());
    // Whatever else may be set there.
    for name in ["x-request-id", "gatehold-request"] {
        target.headers.insert(name.to_owned());
        let payload =
            format!(r#"{{"method": "GET", "path": "/v1/x", "headers": {{"{name}": "req_1"}}}}"#);
        let mut call = ask(Read, &payload);
        call.request = Some(RequestId::from_bytes([7; 16]));
        let ended = run(&target, &call).await;
        assert_eq!(ended.code, code::REFUSED, "{name}");
    }
    assert_eq!(upstream.accepted(), 0);
}
