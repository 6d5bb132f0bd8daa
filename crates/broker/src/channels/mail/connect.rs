//! A connection to a mail server, up to where mail is handed over. TLS is ours, as towards every other server, and before it nothing
//! of the server's is kept: what somebody between said early, to be read as an answer under TLS, stays in front of the handshake and
//! breaks it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Mail, Protection, why};

/// Longest reply before TLS, in bytes.
const REPLY_BYTES_MAX: usize = 4_096;
/// What a server says first, for a client that expects it again under TLS.
const GREETING: &[u8] = b"220 again\r\n";
/// Whatever went wrong, nobody can tell more.
const UNREACHABLE: &str = "the server cannot be reached, or broke the connection";

/// How TLS is spoken with a server.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// A server that takes mail from this gate. Why not is said without any address.
pub(super) async fn open(
    mail: &Mail,
    credentials: Option<&Credentials>,
) -> Result<AsyncSmtpConnection, String> {
    let hello = mail.from.email.domain();
    let stream = TcpStream::connect((mail.host.as_str(), mail.port)).await;
    let mut stream = stream.map_err(|_| UNREACHABLE.to_owned())?;
    let peer = stream.peer_addr().map_err(|_| UNREACHABLE.to_owned())?;
    let (inner, greeting): (Box<dyn Stream>, &[u8]) = match &mail.protection {
        Protection::None => (Box::new(stream), &[]),
        Protection::Tls(tls) => (Box::new(handshake(tls, stream).await?), &[]),
        Protection::StartTls(tls) => {
            ask_for_tls(&mut stream, hello).await?;
            (Box::new(handshake(tls, stream).await?), GREETING)
        }
    };
    let connected = Connected {
        greeting,
        inner,
        peer,
    };
    let hello = ClientId::Domain(hello.to_owned());
    let opened = AsyncSmtpConnection::connect_with_transport(Box::new(connected), &hello);
    let mut connection = opened.await.map_err(|error| why(&error))?;
    if let Some(credentials) = credentials {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let answer = connection.auth(&mechanisms, credentials).await;
        answer.map_err(|error| why(&error))?;
    }
    Ok(connection)
}

async fn handshake(
    tls: &Tls,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let connector = TlsConnector::from(tls.config.clone());
    connector
        .connect(tls.name.clone(), stream)
        .await
        .map_err(|_| "the server shows no certificate for its name from tls_roots".to_owned())
}

/// RFC 3207, up to where TLS begins.
async fn ask_for_tls(stream: &mut TcpStream, hello: &str) -> Result<(), String> {
    good(&reply(stream).await?)?;
    say(stream, &format!("EHLO {hello}\r\n")).await?;
    let offers = reply(stream).await?;
    good(&offers)?;
    let offered = offers.lines().any(|line| {
        line.get(4..)
            .is_some_and(|offer| offer.eq_ignore_ascii_case("STARTTLS"))
    });
    if !offered {
        return Err("the server does not offer STARTTLS".to_owned());
    }
    say(stream, "STARTTLS\r\n").await?;
    good(&reply(stream).await?)
}

async fn say(stream: &mut TcpStream, text: &str) -> Result<(), String> {
    let said = stream.write_all(text.as_bytes()).await;
    said.map_err(|_| UNREACHABLE.to_owned())
}

/// One reply and not a byte more: whatever follows it is left in the connection.
async fn reply(stream: &mut TcpStream) -> Result<String, String> {
    let mut text = Vec::new();
    let mut line = 0;
    loop {
        let byte = stream.read_u8().await.map_err(|_| UNREACHABLE.to_owned())?;
        text.push(byte);
        if byte == b'\n' {
            // `250-` goes on, `250 ` is the last.
            if text.get(line + 3) != Some(&b'-') {
                return Ok(String::from_utf8_lossy(&text).replace('\r', ""));
            }
            line = text.len();
        }
        if text.len() >= REPLY_BYTES_MAX {
            return Err("the server says too much before TLS".to_owned());
        }
    }
}

fn good(reply: &str) -> Result<(), String> {
    if reply.starts_with('2') {
        return Ok(());
    }
    let code: String = reply.chars().take(3).filter(char::is_ascii_digit).collect();
    Err(format!("the server answered {code} before TLS"))
}

/// Whatever mail is sent over.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// A connection that begins with a greeting, also where the server's came before TLS.
struct Connected {
    greeting: &'static [u8],
    inner: Box<dyn Stream>,
    peer: SocketAddr,
}

impl core::fmt::Debug for Connected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Connected")
    }
}

impl AsyncTokioStream for Connected {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Connected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let length = self.greeting.len().min(buf.remaining());
        let (now, later) = self.greeting.split_at(length);
        buf.put_slice(now);
        self.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connected {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
