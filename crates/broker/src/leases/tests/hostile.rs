//! Servers that stall, never stop talking or make logging in expensive cost an answer and never the gate (threat C8).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[derive(Debug, Clone, Copy)]
enum Manner {
    /// It takes the connection and says nothing.
    Stalls,
    /// It lets in, and says nothing to the first question.
    StallsLater,
    /// It announces two gigabytes, and sends them.
    Endless,
    /// The same once it let in.
    EndlessLater,
    /// It asks for four billion rounds of SCRAM.
    Scram,
    /// It says yes to whatever it reads, and no more.
    Nods,
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

async fn hostile(manner: Manner) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(treat(stream, manner));
        }
    });
    port
}

async fn treat(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    let mut asked = [0; 4_096];
    let _ = stream.read(&mut asked).await?;
    let hello = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
    let done = [message(b'C', b"SET\0"), message(b'Z', b"I")].concat();
    match manner {
        Manner::Stalls => {}
        Manner::StallsLater => stream.write_all(&hello).await?,
        Manner::Endless => endless(&mut stream).await?,
        Manner::EndlessLater => {
            stream.write_all(&hello).await?;
            let _ = stream.read(&mut asked).await?;
            endless(&mut stream).await?;
        }
        Manner::Scram => {
            stream
                .write_all(&message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"))
                .await?;
            let length = stream.read(&mut asked).await?;
            let first = String::from_utf8_lossy(&asked[..length]).into_owned();
            let nonce = first.rsplit("r=").next().unwrap_or_default().to_owned();
            let next = format!("\0\0\0\x0br={nonce}x,s=c2FsdA==,i=4294967295");
            stream.write_all(&message(b'R', next.as_bytes())).await?;
        }
        Manner::Nods => {
            stream.write_all(&hello).await?;
            while stream.read(&mut asked).await? > 0 {
                stream.write_all(&done).await?;
            }
        }
    }
    let mut sink = Vec::new();
    stream.read_to_end(&mut sink).await.map(|_| ())
}

async fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"D\x7f\xff\xff\xff").await?;
    loop {
        stream.write_all(&[0; 65_536]).await?;
    }
}

#[tokio::test]
async fn c08_a_hostile_server_costs_an_answer_and_is_never_believed() {
    for manner in [
        Manner::Stalls,
        Manner::StallsLater,
        Manner::Endless,
        Manner::EndlessLater,
        Manner::Scram,
        Manner::Nods,
    ] {
        let limits = "connect_timeout_seconds = 1\nstatement_timeout_seconds = 1";
        let leases = leases_at(hostile(manner).await, limits);
        let planned = lease(&leases, "orders_reader", 1);
        let made = leases.make(TARGET, &planned, b"").await;
        assert!(matches!(made, Issuance::Unknown(_)), "{manner:?}: {made:?}");
        let removed = leases.remove(TARGET, &planned.recipe).await;
        assert!(
            matches!(removed, Removal::Remains(_)),
            "{manner:?}: {removed:?}"
        );
        assert!(leases.found(TARGET).await.is_err(), "{manner:?}");
    }
}
