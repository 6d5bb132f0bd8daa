//! Listeners over real sockets: TLS, client certificates, bounds, and what is refused before anything is served.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use gatehold_server::listen::{
    ClientCertificates, Ended, ListenError, ListenLimits, ListenSettings, Listener, TlsSettings,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Identity {
            certificate,
            key: key.serialize_pem(),
        }
    }
}

fn settings(tls: Option<TlsSettings>) -> ListenSettings {
    ListenSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        tls,
        behind_proxy: false,
        limits: ListenLimits::default(),
    }
}

fn tls(identity: &Identity, clients: ClientCertificates) -> TlsSettings {
    TlsSettings {
        certificates_pem: identity.certificate.clone().into_bytes(),
        key_pem: identity.key.clone().into_bytes(),
        clients,
    }
}

struct Served {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<Ended>,
}

async fn serve(settings: &ListenSettings, router: Router) -> Served {
    let listener = Listener::bind(settings)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let address = listener.address();
    let (end, ended) = oneshot::channel();
    let serving = tokio::spawn(listener.serve(router, async { drop(ended.await) }));
    Served {
        address,
        end,
        serving,
    }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Trusts this authority, and shows an identity if there is one.
fn client(authority: &Authority, identity: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain =
                vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// Asks over TLS; nothing when the other side refuses.
async fn ask(
    address: SocketAddr,
    authority: &Authority,
    identity: Option<&Identity>,
) -> Option<String> {
    let config = client(authority, identity);
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("gate.example").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .ok()?;
    stream.write_all(GET).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    String::from_utf8(answer)
        .ok()
        .filter(|text| text.contains("hello"))
}

#[tokio::test]
async fn tls_serves_and_client_certificates_keep_strangers_out() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = ours.issue("gate.example");
    let open = serve(
        &settings(Some(tls(&server, ClientCertificates::NotAsked))),
        hello(),
    )
    .await;
    assert!(ask(open.address, &ours, None).await.is_some());

    let required = ClientCertificates::Required {
        roots_pem: ours.pem().into_bytes(),
    };
    let closed = serve(&settings(Some(tls(&server, required))), hello()).await;
    assert_eq!(
        ask(closed.address, &ours, None).await,
        None,
        "no certificate"
    );
    let stranger = theirs.issue("bot");
    assert_eq!(
        ask(closed.address, &ours, Some(&stranger)).await,
        None,
        "another authority"
    );
    let known = ours.issue("bot");
    assert!(ask(closed.address, &ours, Some(&known)).await.is_some());

    // Plain text on a TLS port gets no answer.
    let mut plain = TcpStream::connect(open.address).await.unwrap();
    plain.write_all(GET).await.unwrap();
    let mut answer = Vec::new();
    let _closed = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn over_tls_the_client_may_choose_http_2() {
    let authority = Authority::new();
    let server = authority.issue("gate.example");
    let served = serve(
        &settings(Some(tls(&server, ClientCertificates::NotAsked))),
        hello(),
    )
    .await;
    let mut config = client(&authority, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("gate.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // Preface and empty SETTINGS (RFC 9113, 3.4); the server begins with SETTINGS too.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    stream.write_all(preface).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let [_, _, _, kind, ..] = head;
    assert_eq!(kind, 4, "SETTINGS");
}

#[tokio::test]
async fn settings_that_cannot_hold_are_refused_all_at_once() {
    let authority = Authority::new();
    let server = authority.issue("gate.example");
    let problems = async |settings: ListenSettings| match Listener::bind(&settings).await {
        Err(ListenError::Settings(problems)) => problems,
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    };
    let network = ListenSettings {
        address: "0.0.0.0:0".parse().unwrap(),
        ..settings(None)
    };
    assert_eq!(
        problems(network).await.len(),
        1,
        "plain HTTP beyond loopback"
    );

    let required = ClientCertificates::Required {
        roots_pem: authority.pem().into_bytes(),
    };
    let behind = ListenSettings {
        behind_proxy: true,
        ..settings(Some(tls(&server, required)))
    };
    let found = problems(behind).await;
    assert!(
        found.len() == 1 && found.iter().all(|text| text.contains("end at the proxy")),
        "{found:?}"
    );

    let broken = TlsSettings {
        certificates_pem: b"not PEM".to_vec(),
        key_pem: b"not PEM".to_vec(),
        clients: ClientCertificates::Required {
            roots_pem: Vec::new(),
        },
    };
    let limits = ListenLimits {
        connections_max: 0,
        headers_max: 0,
        header_bytes_max: 0,
        head_timeout: Duration::ZERO,
        ..ListenLimits::default()
    };
    let found = problems(ListenSettings {
        limits,
        ..settings(Some(broken))
    })
    .await;
    assert!(found.len() >= 7, "{found:#?}");

    let other = authority.issue("other.example");
    let mismatched = TlsSettings {
        key_pem: other.key.into_bytes(),
        ..tls(&server, ClientCertificates::NotAsked)
    };
    assert_eq!(
        problems(settings(Some(mismatched))).await.len(),
        1,
        "a key of another certificate"
    );
}

#[tokio::test]
async fn secrets_of_a_listener_are_not_printed() {
    let authority = Authority::new();
    let server = authority.issue("gate.example");
    let text = format!(
        "{:?}",
        settings(Some(tls(&server, ClientCertificates::NotAsked)))
    );
    assert!(
        !text.contains("PRIVATE") && !text.contains("CERTIFICATE"),
        "{text}"
    );
}

/// What the server sends before it closes.
async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _refused_early = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_are_bounded() {
    let served = serve(&settings(None), hello()).await;
    let line = |length: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\nconnection: close\r\n\r\n",
            "a".repeat(length)
        )
    };
    assert!(
        send(served.address, line(1000).as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    // What was not read is answered by a reset, which may overtake the 431.
    let too_long = send(served.address, line(40_000).as_bytes()).await;
    assert!(
        too_long.is_empty() || too_long.starts_with("HTTP/1.1 431"),
        "{too_long}"
    );
    let many: String = (0..70).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    assert!(
        send(served.address, many.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    assert!(
        send(served.address, b"nonsense\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
}

#[tokio::test]
async fn beyond_the_limit_a_connection_waits_for_a_place() {
    let limits = ListenLimits {
        connections_max: 1,
        ..ListenLimits::default()
    };
    let served = serve(
        &ListenSettings {
            limits,
            ..settings(None)
        },
        hello(),
    )
    .await;
    // The first takes the only place and keeps it.
    let mut first = TcpStream::connect(served.address).await.unwrap();
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let second = tokio::spawn(async move { send(served.address, GET).await });
    assert!(!second.is_finished());
    drop(first);
    assert!(
        second.await.unwrap().starts_with("HTTP/1.1 200"),
        "served once there is a place"
    );
}

#[tokio::test]
async fn a_slow_head_loses_its_connection() {
    let limits = ListenLimits {
        head_timeout: Duration::from_millis(50),
        ..ListenLimits::default()
    };
    let served = serve(
        &ListenSettings {
            limits,
            ..settings(None)
        },
        hello(),
    )
    .await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn the_end_lets_open_requests_finish_and_cuts_what_never_does() {
    let (entered, mut was_entered) = tokio::sync::mpsc::channel::<()>(1);
    let router = Router::new().route(
        "/",
        get(move || {
            let entered = entered.clone();
            async move {
                entered.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }
        }),
    );
    let limits = ListenLimits {
        shutdown_timeout: Duration::from_millis(50),
        ..ListenLimits::default()
    };
    let served = serve(
        &ListenSettings {
            limits,
            ..settings(None)
        },
        router,
    )
    .await;
    let stuck = tokio::spawn(async move { send(served.address, GET).await });
    was_entered.recv().await.unwrap();
    served.end.send(()).unwrap();
    assert_eq!(served.serving.await.unwrap(), Ended::Cut(1));
    assert_eq!(stuck.await.unwrap(), "", "cut without an answer");

    let idle = serve(&settings(None), hello()).await;
    let mut kept = TcpStream::connect(idle.address).await.unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    kept.read_exact(&mut byte).await.unwrap();
    idle.end.send(()).unwrap();
    assert_eq!(
        idle.serving.await.unwrap(),
        Ended::Orderly,
        "an idle connection does not hold it up"
    );
}
