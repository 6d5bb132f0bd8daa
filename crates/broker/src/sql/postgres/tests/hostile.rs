//! Servers that lie, break off or never answer, and what is said about it. Threats B2, C8, C14.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::testing::postgres::target;

/// A listener that handles one connection after the other.
async fn listen<F, R>(handle: F) -> (u16, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            handle(stream).await;
        }
    });
    (port, accepted)
}

fn short(port: u16) -> PostgresTarget {
    let mut target = target(Where::Tcp("127.0.0.1".to_owned()), port);
    target.connect_timeout = Duration::from_millis(500);
    target.statement_timeout = Duration::from_millis(500);
    target
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

#[tokio::test]
async fn a_server_that_never_answers_is_unreachable() {
    let (port, accepted) = listen(|mut stream| async move {
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink).await;
    })
    .await;
    let ended = run(&short(port), &sql(Write, "DELETE FROM orders")).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
    assert_eq!(accepted.load(Ordering::SeqCst), 1, "once, and never again");
}

#[tokio::test]
async fn a_closed_port_and_a_wrong_password_are_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ended = run(&short(port), &sql(Write, "SELECT 1")).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));

    let server = shop().await;
    let mut target = server.target();
    if let Login::Parts(parts) = &mut target.login {
        let wrong = Secret::new(b"wrong-password".to_vec()).unwrap();
        parts.password = Some(Source::Captured(wrong));
    }
    let ended = run(&target, &sql(Write, "SELECT 1")).await;
    assert_eq!(
        (ended.ending, ended.code),
        (Ending::Failed, "target_refused")
    );
    assert!(!String::from_utf8_lossy(&ended.body).contains("wrong-password"));
}

#[tokio::test]
async fn endless_messages_and_expensive_handshakes_are_cut_short() {
    // A message of two gigabytes that really comes, before and after the login.
    for logged_in in [false, true] {
        let (port, _) = listen(move |mut stream| async move {
            let mut startup = [0; 4096];
            let _ = stream.read(&mut startup).await;
            if logged_in {
                let hello = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
                let _ = stream.write_all(&hello).await;
                let _ = stream.read(&mut startup).await;
            }
            let _ = stream.write_all(b"D\x7f\xff\xff\xff").await;
            while stream.write_all(&[0; 65_536]).await.is_ok() {}
        })
        .await;
        let mut target = short(port);
        target.connect_timeout = Duration::from_secs(20);
        let ended = run(&target, &sql(Read, "SELECT 1")).await;
        assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
    }
    // SCRAM with four billion rounds.
    let (port, _) = listen(|mut stream| async move {
        let mut startup = [0; 4096];
        let _ = stream.read(&mut startup).await;
        let ask = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
        let _ = stream.write_all(&ask).await;
        let length = stream.read(&mut startup).await.unwrap_or_default();
        let first = String::from_utf8_lossy(&startup[..length]).into_owned();
        let nonce = first.rsplit("r=").next().unwrap_or_default().to_owned();
        let next = format!("\0\0\0\x0br={nonce}x,s=c2FsdA==,i=4294967295");
        let _ = stream.write_all(&message(b'R', next.as_bytes())).await;
        let mut sink = Vec::new();
        let _ = stream.read_to_end(&mut sink).await;
    })
    .await;
    let mut target = short(port);
    target.connect_timeout = Duration::from_secs(600);
    let ended = run(&target, &sql(Read, "SELECT 1")).await;
    assert_eq!((ended.ending, ended.code), (Ending::Failed, "unreachable"));
}

/// What goes wrong between a client and a real server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// It breaks before the statement arrives.
    BeforeStatement,
    /// It breaks before COMMIT arrives.
    BeforeCommit,
    /// COMMIT is done; it breaks before the answer arrives.
    AfterCommit,
    /// COMMIT is done and the answer never comes.
    AnswerWithheld,
    /// COMMIT is done and the answer is that the server goes down.
    FatalAnswer,
    /// COMMIT is refused with an ordinary error.
    ErrorAnswer,
    Nothing,
}

/// Stands between, and says how often it was connected to.
async fn between(upstream: u16, fault: Fault) -> (u16, Arc<AtomicUsize>) {
    listen(move |client| async move {
        let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
        let _ = relay(client, server, fault).await;
    })
    .await
}

async fn relay(mut client: TcpStream, mut server: TcpStream, fault: Fault) -> std::io::Result<()> {
    let (mut asked, mut said) = ([0; 65_536], [0; 65_536]);
    loop {
        tokio::select! {
            length = server.read(&mut said) => match length? {
                0 => return Ok(()),
                length => client.write_all(&said[..length]).await?,
            },
            length = client.read(&mut asked) => {
                let part = match length? {
                    0 => return Ok(()),
                    length => &asked[..length],
                };
                let holds = |needle: &[u8]| part.windows(needle.len()).any(|window| window == needle);
                if fault == Fault::BeforeStatement && holds(b"UPDATE orders") {
                    return Ok(());
                }
                if fault != Fault::Nothing && holds(b"COMMIT\0") {
                    return at_commit(client, server, part, fault).await;
                }
                server.write_all(part).await?;
            }
        }
    }
}

async fn at_commit(
    mut client: TcpStream,
    mut server: TcpStream,
    part: &[u8],
    fault: Fault,
) -> std::io::Result<()> {
    let mut sink = [0; 4_096];
    // What the client tidies up comes along in front of COMMIT and has its own answer.
    let (before, commit) = part.split_at(part.len() - message(b'Q', b"COMMIT\0").len());
    if !before.is_empty() {
        server.write_all(before).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(&message(b'Z', b"T")) {
            answer.push(server.read_u8().await?);
        }
        client.write_all(&answer).await?;
    }
    if !matches!(fault, Fault::BeforeCommit | Fault::ErrorAnswer) {
        server.write_all(commit).await?;
        // The answer: COMMIT is durable, whatever the client is told.
        let _ = server.read(&mut sink).await?;
    }
    match fault {
        Fault::AnswerWithheld => {
            let _ = client.read(&mut sink).await?;
        }
        Fault::FatalAnswer => {
            let body = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0";
            client.write_all(&message(b'E', body)).await?;
        }
        Fault::ErrorAnswer => {
            let body = b"SERROR\0VERROR\0C40001\0Mcould not serialize\0\0";
            client.write_all(&message(b'E', body)).await?;
            client.write_all(&message(b'Z', b"I")).await?;
            let _ = client.read(&mut sink).await?;
        }
        _ => {}
    }
    Ok(())
}

#[tokio::test]
async fn what_nobody_can_tell_is_unknown_and_is_not_repeated() {
    let server = shop().await;
    for (fault, ending, code, changed) in [
        (Fault::Nothing, Ending::Completed, "ok", true),
        (Fault::BeforeStatement, Ending::Failed, "lost", false),
        (Fault::BeforeCommit, Ending::Unknown, "lost", false),
        (Fault::AfterCommit, Ending::Unknown, "lost", true),
        (Fault::AnswerWithheld, Ending::Unknown, "lost", true),
        (Fault::FatalAnswer, Ending::Unknown, "lost", true),
        (Fault::ErrorAnswer, Ending::Failed, "target_refused", false),
    ] {
        server.admin("UPDATE orders SET status = 'open'").await;
        let (port, accepted) = between(server.port(), fault).await;
        let mut target = short(port);
        target.statement_timeout = Duration::from_secs(20);
        // The limit of COMMIT is that of connecting: short only where nothing comes.
        if fault != Fault::AnswerWithheld {
            target.connect_timeout = Duration::from_secs(20);
        }
        let update = sql(Write, "UPDATE orders SET status = 'gone' WHERE id = 7");
        let ended = run(&target, &update).await;
        assert_eq!((ended.ending, ended.code), (ending, code), "{fault:?}");
        let now = server.admin("SELECT status FROM orders WHERE id = 7").await;
        let status = if changed { "gone" } else { "open" };
        assert_eq!(now, [[status]], "{fault:?}");
        assert_eq!(accepted.load(Ordering::SeqCst), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_password_is_not_repeated() {
    let server = shop().await;
    let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'you are {CANARY}'; END $$");
    let function = format!(
        "CREATE FUNCTION tell() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN \
         RAISE NOTICE '{CANARY}'; {} RETURN 1; END $f$",
        raise.replace("DO $$ BEGIN ", "").replace(" END $$", "")
    );
    server.admin(&function).await;
    let ended = run(&server.target(), &sql(Write, "SELECT tell()")).await;
    assert_eq!(
        (ended.ending, ended.code),
        (Ending::Failed, "target_refused")
    );
    assert!(String::from_utf8_lossy(&ended.body).contains("you are [redacted"));
    assert!(!format!("{:?}", server.target()).contains(CANARY));
}
