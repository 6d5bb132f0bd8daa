//! Stands between a broker and a real server, and breaks a connection at one statement.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When it breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Break {
    /// The statement never arrives.
    Before,
    /// It was carried out, and its answer never comes.
    After,
}

/// The port of a way to a server on which the first statement that holds these bytes ends its connection.
pub(super) async fn relay(upstream: u16, at: &'static str, when: Break) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
            tokio::spawn(carry(client, server, at, when));
        }
    });
    port
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    at: &str,
    when: Break,
) -> std::io::Result<()> {
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
                if part.windows(at.len()).any(|window| window == at.as_bytes()) {
                    if when == Break::After {
                        server.write_all(part).await?;
                        // It hears no more, and has done all that it heard when it ends: what it says first may be of a statement before.
                        server.shutdown().await?;
                        while server.read(&mut said).await? > 0 {}
                    }
                    return Ok(());
                }
                server.write_all(part).await?;
            }
        }
    }
}
