//! Certificates to a rustls configuration: TLS 1.2 and 1.3 by aws-lc-rs, HTTP/2 offered first, client certificates
//! required when a CA is given. Key material is read once and never printed.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// Certificate chain, private key and whom to let connect.
#[derive(Clone)]
pub struct TlsSettings {
    /// The chain, leaf first, PEM.
    pub certificates_pem: Vec<u8>,
    /// The private key, PEM, unencrypted.
    pub key_pem: Vec<u8>,
    /// Whether clients must present a certificate too.
    pub clients: ClientCertificates,
}

/// Mutual TLS. It says who may connect; what a caller may do is decided by its signed call alone.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Anybody may connect.
    NotAsked,
    /// Only holders of a certificate under these roots (PEM).
    Required {
        /// The roots, PEM, one or more.
        roots_pem: Vec<u8>,
    },
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsSettings(clients: {:?})", self.clients)
    }
}

impl fmt::Debug for ClientCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "not asked",
            Self::Required { .. } => "required",
        })
    }
}

impl TlsSettings {
    /// The acceptor, or every problem at once.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Vec<String>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut problems = Vec::new();
        let chain = certificates("certificate", &self.certificates_pem, &mut problems);
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem)
            .map_err(|error| {
                problems.push(format!(
                    "the TLS key cannot be read ({error}); give one unencrypted PEM key"
                ))
            })
            .ok();
        let verifier = match &self.clients {
            ClientCertificates::NotAsked => None,
            ClientCertificates::Required { roots_pem } => {
                let mut roots = RootCertStore::empty();
                for root in certificates("client CA", roots_pem, &mut problems) {
                    if let Err(error) = roots.add(root) {
                        problems.push(format!("a client CA cannot be used ({error})"));
                    }
                }
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| {
                        problems.push(format!("client certificates cannot be checked ({error})"))
                    })
                    .ok()
            }
        };
        let (Some(key), true) = (key, problems.is_empty()) else {
            return Err(problems);
        };
        let refuse =
            |error: rustls::Error| vec![format!("the TLS settings cannot be used ({error})")];
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refuse)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(refuse)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(
    what: &str,
    pem: &[u8],
    problems: &mut Vec<String>,
) -> Vec<CertificateDer<'static>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.unwrap_or_default();
    if certificates.is_empty() {
        problems.push(format!(
            "the TLS {what} cannot be read; give PEM with at least one certificate"
        ));
    }
    certificates
}
