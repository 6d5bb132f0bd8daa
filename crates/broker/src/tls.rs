//! TLS towards targets: one provider, roots from a file the operator names, never those that happen to be installed.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// Reads the roots a target's certificate must come from.
///
/// # Errors
/// Says what is wrong with the file.
pub(crate) fn client(roots: &Path) -> Result<Arc<ClientConfig>, String> {
    let unusable = |why: String| format!("tls_roots {}: {why}", roots.display());
    let mut store = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(roots).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    // One call, one connection: nothing is kept that could link or resume another.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The same as the holder of a certificate.
///
/// # Errors
/// Everything that is wrong with the files, each with its key.
pub(crate) fn mutual(
    roots: &Path,
    certificate: &Path,
    key: &Path,
) -> Result<Arc<ClientConfig>, Vec<(&'static str, String)>> {
    let mut wrong = Vec::new();
    let mut say = |name, path: &Path, why: String| {
        wrong.push((name, format!("{}: {why}", path.display())));
    };
    let mut store = RootCertStore::empty();
    match certificates(roots) {
        Ok(read) => {
            for one in read {
                if let Err(error) = store.add(one) {
                    say("ca_file", roots, error.to_string());
                }
            }
        }
        Err(why) => say("ca_file", roots, why),
    }
    let chain = certificates(certificate);
    let chain = chain.map_err(|why| say("certificate_file", certificate, why));
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        say(
            "key_file",
            key,
            format!("{error}; give one unencrypted PEM key"),
        )
    });
    let (Ok(chain), Ok(key), true) = (chain, key, wrong.is_empty()) else {
        return Err(wrong);
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let builder = builder.with_root_certificates(store);
            builder.with_client_auth_cert(chain, key)
        });
    let mut config = config.map_err(|error| vec![("certificate_file", error.to_string())])?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// At least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| error.to_string())?
        .collect();
    match read {
        Ok(read) if read.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(read) => Ok(read),
        Err(error) => Err(error.to_string()),
    }
}

/// The name a certificate must be for.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| format!("`{host}` is not a name a certificate can be for"))
}

/// TLS for PostgreSQL, whose client asks for a connector of its own shape.
pub(crate) struct PostgresTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl<S> TlsConnect<S> for PostgresTls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            TlsConnector::from(self.config)
                .connect(self.name, stream)
                .await
                .map(Encrypted)
        })
    }
}

/// An encrypted connection to PostgreSQL.
pub(crate) struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
