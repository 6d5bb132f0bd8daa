//! What a mail looks like on the wire. Against real servers it is tested in crates/gatehold/tests/channels.rs.

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::notifier::{Notice, NoticeKind};

use std::sync::Arc;

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::text::tests::{NOW, notice};
use super::*;

/// To Priya and Tomas, at a server on this machine.
pub(crate) fn mail(server: &str) -> Mail {
    let (host, port) = server.rsplit_once(':').unwrap();
    let people = [
        ("priya", "Priya.N+gate@acme.example"),
        ("tomas", "tk@acme.example"),
    ];
    let people = people.map(|(name, address)| {
        let human = format!("{name}@login.acme.example").parse().unwrap();
        (human, address.parse().unwrap())
    });
    Mail {
        host: host.to_owned(),
        port: port.parse().unwrap(),
        protection: Protection::None,
        from: "Gatehold <gate@acme.example>".parse().unwrap(),
        login: None,
        people: people.into(),
        limit: Duration::from_secs(20),
        taken: Taken::default(),
    }
}

fn written(notice: &Notice, now: Timestamp, name: &str) -> String {
    let mail = mail("127.0.0.1:1");
    let human = format!("{name}@login.acme.example").parse().unwrap();
    let message = Message::of(notice, now);
    let written = mail
        .written(&message, &human, &mail.people[&human])
        .unwrap();
    String::from_utf8(written.formatted()).unwrap()
}

/// Headers by name, unfolded, and the body.
fn parts(mail: &str) -> (BTreeMap<String, String>, String) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let mut headers = BTreeMap::new();
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap();
        let before = headers.insert(name.to_owned(), value.to_owned());
        assert_eq!(before, None, "{name} is there twice");
    }
    // Long lines may be folded by their encoding.
    (headers, body.replace("=\r\n", ""))
}

#[test]
fn a_mail_is_plain_text_that_stays_with_those_of_its_request() {
    let (headers, body) = parts(&written(&notice(), NOW, "priya"));
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "Auto-Submitted",
            "Content-Transfer-Encoding",
            "Content-Type",
            "Date",
            "From",
            "In-Reply-To",
            "MIME-Version",
            "Message-ID",
            "References",
            "Subject",
            "To"
        ]
    );
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    assert_eq!(headers["Date"], "Sun, 22 Nov 2026 22:13:00 +0000");
    assert_eq!(headers["To"], "Priya.N+gate@acme.example");
    let thread = "<req_07070707070707070707070707070707@acme.example>";
    assert_eq!(headers["References"], thread);
    assert_eq!(headers["In-Reply-To"], thread);
    assert_eq!(
        headers["Subject"],
        "[RED] UPDATE 4212 rows in orders.payments on sql:prod-eu"
    );
    assert!(headers["Content-Type"].starts_with("text/plain"));
    assert!(body.contains("Words: amber-lotus-kite-seven"), "{body}");
    assert_eq!(body.matches("http").count(), 1, "{body}");
    assert!(body.contains("no mail approves or denies anything"));

    // A repetition is the same mail; another person's, and the next of the request, are others of the same thread.
    let later = Timestamp::from_millis(NOW.millis() + 300_000);
    let (again, _) = parts(&written(&notice(), later, "priya"));
    assert_eq!(again["Message-ID"], headers["Message-ID"]);
    let closed = Notice {
        key: "req_07070707070707070707070707070707-9".to_owned(),
        kind: NoticeKind::Closed,
        ..notice()
    };
    for other in [
        parts(&written(&notice(), NOW, "tomas")).0,
        parts(&written(&closed, NOW, "priya")).0,
    ] {
        assert_ne!(other["Message-ID"], headers["Message-ID"]);
        assert_eq!(other["References"], thread);
        assert_eq!(other["Subject"], headers["Subject"]);
    }
}

#[test]
fn no_name_ends_a_header_or_begins_another() {
    let evil = "x\r\nBcc: eve@evil.example\r\n\r\n.\r\nMAIL FROM:<eve@evil.example>\u{85}\u{2028}é";
    let notice = Notice {
        sentence: evil.to_owned(),
        requester: evil.to_owned(),
        held_at: vec![evil.to_owned()],
        state: evil.to_owned(),
        ..notice()
    };
    for kind in super::super::KINDS.map(|(_, kind)| kind) {
        let mail = written(
            &Notice {
                kind,
                ..notice.clone()
            },
            NOW,
            "tomas",
        );
        let (headers, _) = parts(&mail);
        assert_eq!(headers["To"], "tk@acme.example");
        assert!(!headers.contains_key("Bcc"), "{mail}");
        assert!(
            !mail.contains("\nBcc") && !mail.contains("\nMAIL FROM"),
            "{mail}"
        );
        // A bare line feed or carriage return is read in two ways by two servers.
        let bare = mail.replace("\r\n", "");
        assert!(!bare.contains(['\r', '\n']), "{mail:?}");
    }
}

/// A server's TLS, and how a client speaks it with `localhost`.
fn tls() -> (TlsAcceptor, Tls) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let client = Tls {
        config: crate::tls::client(&roots).unwrap(),
        name: crate::tls::server_name("localhost").unwrap(),
    };
    (TlsAcceptor::from(Arc::new(config)), client)
}

/// Says what a server says before TLS, with `early` behind its last word; gives what reached it under TLS, if that came about.
async fn before_tls(listener: TcpListener, acceptor: TlsAcceptor, early: &str) -> Option<String> {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut asked = [0; 256];
    for said in [
        "220 hello\r\n",
        "250-hello\r\n250 STARTTLS\r\n",
        &format!("220 go\r\n{early}"),
    ] {
        stream.write_all(said.as_bytes()).await.unwrap();
        if !said.starts_with("220 go") {
            assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
        }
    }
    let mut stream = acceptor.accept(stream).await.ok()?;
    let read = stream.read(&mut asked).await.unwrap();
    Some(String::from_utf8_lossy(&asked[..read]).into_owned())
}

/// Else whoever sits between could say that a mail was taken, which the server never saw (CVE-2021-38371 and its kin).
#[tokio::test]
async fn what_was_said_before_tls_is_not_heard_under_it() {
    for (early, reached) in [("", true), ("250-evil\r\n250 taken\r\n", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acceptor, tls) = tls();
        let mail = Mail {
            protection: Protection::StartTls(tls),
            ..mail(&format!("127.0.0.1:{port}"))
        };
        let (said, opened) = tokio::join!(
            before_tls(listener, acceptor, early),
            connect::open(&mail, None)
        );
        let hello = said.is_some_and(|said| said == "EHLO acme.example\r\n");
        assert_eq!(hello, reached, "{early:?}");
        let why = opened.map(drop).unwrap_err();
        assert_eq!(why.contains("certificate"), !reached, "{why}");
    }
}
