//! The client: every call signed, one attempt, bounded in time and size.
//!
//! It never repeats a call by itself: whether a lost answer means "ask again" is its owner's decision, and asking again
//! safely needs the same [`IdempotencyKey`].

mod audit;
mod call;
mod config;
mod error;
mod human;
mod leases;
mod signer;
mod workload;

pub use config::{ClientConfig, TrustRoots, install_cryptography};
pub use error::ClientError;
pub use leases::LeasesWanted;
pub use signer::{Ambient, AmbientError, RequestSigner, SignatureHeaders, SignerError, ToSign};
pub use workload::{IdempotencyKey, Submission};

use std::fmt;
use std::sync::Arc;

/// A client of one gate, acting with one key. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    public_url: Arc<str>,
    /// Where it connects: the public URL, or another address of the same gate.
    connect_url: Arc<str>,
    signer: Arc<dyn RequestSigner>,
    ambient: Arc<dyn Ambient>,
}

impl Client {
    /// A client that signs with `signer` and takes time and randomness from `ambient`. Connects to nothing yet.
    ///
    /// # Errors
    /// `Config` when the URL or the trust roots cannot be used.
    pub fn new(
        config: &ClientConfig,
        signer: Arc<dyn RequestSigner>,
        ambient: Arc<dyn Ambient>,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            http: config.http_client()?,
            public_url: config.public_url()?.into(),
            connect_url: config.connect_url()?.into(),
            signer,
            ambient,
        })
    }

    /// The gate this client talks to.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.public_url)
    }
}
