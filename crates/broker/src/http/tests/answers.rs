//! Answers of every kind, and none.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;

use super::*;

fn answer(status: &str, headers: &str, body: &str) -> Manner {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    Manner::Answer(text.into_bytes())
}

#[tokio::test]
async fn the_status_says_how_it_ended() {
    for (status, ending, code) in [
        ("201 Created", Ending::Completed, "ok"),
        ("404 Not Found", Ending::Failed, "target_refused"),
        ("412 Precondition Failed", Ending::Failed, "precondition"),
        ("500 Oops", Ending::Unknown, "target_error"),
        ("307 Elsewhere", Ending::Failed, "redirect"),
        ("303 See Other", Ending::Unknown, "redirect"),
    ] {
        let other = Upstream::start(answer("200 OK", "", "")).await;
        let location = format!("Location: http://127.0.0.1:{}/v1/x\r\n", other.port);
        let upstream = Upstream::start(answer(status, &location, "{}")).await;
        let ended = run(&target(upstream.port), &ask(Write, POST)).await;
        assert_eq!((ended.ending, ended.code), (ending, code), "{status}");
        assert_eq!(ended.body, b"{}", "{status}");
        assert_eq!((upstream.accepted(), other.accepted()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_unknown_unless_it_was_only_reading() {
    for (manner, code) in [(Manner::Close, "lost"), (Manner::Silence, "timeout")] {
        for (mode, payload, ending) in [
            (Write, POST, Ending::Unknown),
            (Write, GET, Ending::Unknown),
            (Read, GET, Ending::Failed),
        ] {
            let upstream = Upstream::start(manner.clone()).await;
            let mut target = target(upstream.port);
            if code == "timeout" {
                target.answer_timeout = Duration::from_millis(100);
            }
            let ended = run(&target, &ask(mode, payload)).await;
            assert_eq!((ended.ending, ended.code), (ending, code), "{payload}");
            assert_eq!(upstream.accepted(), 1, "once, and never again");
        }
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ended = run(&target(port), &ask(Write, POST)).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
}

#[tokio::test]
async fn a_body_is_cut_at_its_cap_while_it_comes() {
    // Chunked and endless: only the cap ends it.
    let mut endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..50 {
        endless.extend_from_slice(b"1000\r\n");
        endless.extend_from_slice(&[b'x'; 4096]);
        endless.extend_from_slice(b"\r\n");
    }
    let upstream = Upstream::start(Manner::Linger(endless)).await;
    let mut call = ask(Write, POST);
    let ended = run(&target(upstream.port), &call).await;
    assert_eq!((ended.ending, ended.code), (Ending::Completed, "ok"));
    assert_eq!((ended.body.len(), ended.truncated), (100_000, true));
    call.caps.insert("bytes".to_owned(), 10);
    let ended = run(&target(upstream.port), &call).await;
    assert_eq!(
        (ended.body.as_slice(), ended.truncated),
        (&b"xxxxxxxxxx"[..], true)
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning";
    let upstream = Upstream::start(Manner::Answer(short.to_vec())).await;
    let ended = run(&target(upstream.port), &ask(Write, POST)).await;
    assert_eq!((ended.ending, ended.code), (Ending::Completed, "body_lost"));
    assert_eq!(
        (ended.body.as_slice(), ended.truncated),
        (&b"beginning"[..], true)
    );
}

#[tokio::test]
async fn heads_that_no_client_should_read_are_lost_answers() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1_000));
    for head in [
        long.as_str(),
        many.as_str(),
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9\r\n",
    ] {
        let upstream = Upstream::start(Manner::Answer(head.as_bytes().to_vec())).await;
        let ended = run(&target(upstream.port), &ask(Write, POST)).await;
        assert_eq!((ended.ending, ended.code), (Ending::Unknown, "lost"));
    }
}

#[tokio::test]
async fn an_injected_secret_does_not_come_back() {
    let echo = format!("{{\"authorization\": \"Bearer {CANARY}\"}}");
    let content_type = format!("Content-Type: text/{CANARY}\r\nX-Echo: {CANARY}\r\n");
    let upstream = Upstream::start(answer("200 OK", &content_type, &echo)).await;
    let ended = run(&target(upstream.port), &ask(Write, POST)).await;
    assert_eq!((ended.ending, ended.code), (Ending::Completed, "redacted"));
    assert!(String::from_utf8_lossy(&ended.body).contains("Bearer [redacted by the gate]"));

    // Across the cut: no beginning of the secret is left either.
    for cap in 0..echo.len() {
        let mut call = ask(Write, POST);
        call.caps
            .insert("bytes".to_owned(), u64::try_from(cap).unwrap());
        let ended = run(&target(upstream.port), &call).await;
        let body = String::from_utf8_lossy(&ended.body).into_owned();
        assert!(!body.contains("canary"), "cap {cap}: {body}");
        assert!(ended.body.len() <= cap);
    }

    // Broken off inside the secret.
    let part = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nBearer canary-5f3a";
    let upstream = Upstream::start(Manner::Answer(part.as_bytes().to_vec())).await;
    let ended = run(&target(upstream.port), &ask(Write, POST)).await;
    assert_eq!(ended.body, b"Bearer ");

    // In errors, and where nobody could look.
    let upstream = Upstream::start(answer("403 Forbidden", "", &echo)).await;
    let ended = run(&target(upstream.port), &ask(Write, POST)).await;
    assert_eq!(
        (ended.ending, ended.code),
        (Ending::Failed, "target_refused")
    );
    let upstream = Upstream::start(answer("200 OK", "Content-Encoding: gzip\r\n", "zzz")).await;
    let ended = run(&target(upstream.port), &ask(Write, POST)).await;
    assert_eq!((ended.code, ended.body.len()), ("body_lost", 0));

    assert!(!format!("{:?}", target(1)).contains(CANARY));
}

#[tokio::test]
async fn tls_takes_only_the_configured_roots_and_sends_nothing_to_others() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let upstream = Upstream::start_tls(answer("200 OK", "", "ok"), acceptor).await;

    let folder = tempfile::tempdir().unwrap();
    let roots = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        crate::tls::client(&path)
    };
    let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut target = target(upstream.port);
    target.base.tls = true;
    let wrong_roots = roots("other.pem", other.cert.pem()).unwrap();
    let right_roots = roots("right.pem", cert.pem()).unwrap();
    for (client, name, ending) in [
        (&right_roots, "localhost", Ending::Completed),
        (&wrong_roots, "localhost", Ending::Failed),
        (&right_roots, "elsewhere.example", Ending::Failed),
    ] {
        target.tls = Some(client.clone());
        target.base.server_name = Some(crate::tls::server_name(name).unwrap());
        let ended = run(&target, &ask(Write, POST)).await;
        assert_eq!(ended.ending, ending, "{name}");
    }
    assert_eq!(upstream.requests().len(), 1, "the others saw no request");
    assert!(roots("empty.pem", String::new()).is_err());
}
