//! Where the gate is and whom to trust for its certificate. Plain HTTP is for loopback only.

use super::ClientError;
use reqwest::{Certificate, Url, redirect};
use std::time::Duration;

/// Configuration of a [`super::Client`].
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The gate's public URL, exactly as the gate is configured: `https://host[:port][/prefix]`, no trailing slash.
    pub public_url: String,
    /// Where to connect instead: another address of the same gate. Calls are signed for the public URL all the same.
    pub connect_url: Option<String>,
    /// Whom to trust for the gate's certificate.
    pub trust: TrustRoots,
    /// Time to connect.
    pub connect_timeout: Duration,
}

/// Chooses the cryptography of TLS for this process: reqwest panics without one. Doing it twice is harmless, and when the
/// program has chosen already, that stays.
pub fn install_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Whom to trust for the gate's certificate.
#[derive(Debug, Clone)]
pub enum TrustRoots {
    /// The roots of the operating system.
    System,
    /// Only these certificates (PEM, one or more).
    Only(Vec<u8>),
}

impl ClientConfig {
    /// A configuration with the system's roots and five seconds to connect.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            connect_url: None,
            trust: TrustRoots::System,
            connect_timeout: Duration::from_secs(5),
        }
    }

    /// The URL, checked to be its own canonical spelling: it is signed as text.
    pub(super) fn public_url(&self) -> Result<&str, ClientError> {
        checked(&self.public_url)
    }

    /// Where to connect.
    pub(super) fn connect_url(&self) -> Result<&str, ClientError> {
        checked(self.connect_url.as_ref().unwrap_or(&self.public_url))
    }

    pub(super) fn http_client(&self) -> Result<reqwest::Client, ClientError> {
        install_cryptography();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gatehold-client/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry a signed request to somebody else; the signature covers one target only.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60));
        if let TrustRoots::Only(pem) = &self.trust {
            let roots = Certificate::from_pem_bundle(pem)
                .map_err(|error| ClientError::Config(format!("trust roots: {error}")))?;
            if roots.is_empty() {
                return Err(ClientError::Config(
                    "trust roots: the file holds no certificate; give the gate's CA as PEM".into(),
                ));
            }
            builder = builder.tls_certs_only(roots);
        }
        builder
            .build()
            .map_err(|error| ClientError::Config(error.to_string()))
    }
}

fn checked(text: &str) -> Result<&str, ClientError> {
    let url = Url::parse(text)
        .map_err(|error| ClientError::Config(format!("`{text}` is not a URL ({error})")))?;
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(ClientError::Config(format!(
            "`{text}` must be https; plain http is for 127.0.0.1 only"
        )));
    }
    let canonical = url.as_str().trim_end_matches('/');
    if text != canonical
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(ClientError::Config(format!(
            "write `{text}` as `{canonical}`: no user, query, fragment or final slash"
        )));
    }
    Ok(text)
}
