//! Ways in: TCP, a socket, a URL in a file, TLS with pinned roots.

use std::os::unix::fs::PermissionsExt;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;

use super::*;

const SELECT: &str = "SELECT count(*)::int FROM orders";

async fn counts(target: &PostgresTarget) -> bool {
    let ended = run(target, &sql(Read, SELECT)).await;
    ended.ending == Ending::Completed && testing::json(&ended)["rows"] == json!([[20]])
}

#[tokio::test]
async fn a_socket_and_a_url_lead_in() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let sockets = folder.path().display().to_string();
    let server = Server::start(&[("unix_socket_directories", &sockets)]).await;
    server.admin(SHOP).await;
    let at = Where::Socket(folder.path().to_owned());
    assert!(counts(&testing::postgres::target(at, server.port())).await);

    let mut target = server.target();
    let host = format!("gate:{CANARY}@127.0.0.1:{}", server.port());
    let other = format!("gate:{CANARY}@db.example:5432,127.0.0.1:{}", server.port());
    for (url, works) in [
        (format!("postgres://{host}/postgres"), true),
        (format!("postgres://{other}/postgres"), false),
        (
            format!("postgres://gate:{CANARY}@db.example/postgres"),
            false,
        ),
        (format!("{CANARY} is no URL"), false),
    ] {
        let secret = Secret::new(url.into_bytes()).unwrap();
        target.login = Login::Url(Source::Captured(secret));
        if works {
            assert!(counts(&target).await);
        } else {
            let ended = run(&target, &sql(Read, SELECT)).await;
            assert_eq!(
                (ended.ending, ended.code),
                (Ending::Failed, "secret_unavailable")
            );
        }
    }
}

#[tokio::test]
async fn tls_takes_only_the_configured_roots() {
    let server = shop().await;
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    // The server writes both files itself, so that they are its own and nobody else's.
    let data = server.admin("SHOW data_directory").await.concat().concat();
    for (name, pem) in [
        ("server.crt", cert.pem()),
        ("server.key", signing_key.serialize_pem()),
    ] {
        let write = format!(
            "COPY (SELECT regexp_split_to_table('{}', '\\n')) TO PROGRAM 'umask 077; cat > {data}/{name}'",
            pem.trim()
        );
        server.admin(&write).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let client = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        crate::tls::client(&path).unwrap()
    };
    let mut target = server.target();
    target.tls = Some(client("right.pem", cert.pem()));
    let before = run(&target, &sql(Read, SELECT)).await;
    assert_eq!(
        before.code, "unreachable",
        "a server without TLS gets no password"
    );

    server.admin("ALTER SYSTEM SET ssl = on").await;
    server.admin("SELECT pg_reload_conf()").await;
    // The server reads its settings soon, not at once.
    let mut attempts = 0;
    while !counts(&target).await {
        attempts += 1;
        assert!(attempts < 1_000, "the server never began to speak TLS");
    }
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ended = run(&target, &sql(Read, encrypted)).await;
    assert_eq!(testing::json(&ended)["rows"], json!([[true]]));

    let other = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    target.tls = Some(client("other.pem", other.cert.pem()));
    let ended = run(&target, &sql(Read, SELECT)).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
}
