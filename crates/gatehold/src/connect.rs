//! Clients of a gate: as a workload with its own key, as a person with the key of a session.

use std::path::Path;
use std::sync::Arc;

use gatehold_client::{
    Client, ClientConfig, RequestSigner, SignatureHeaders, SignerError, ToSign, TrustRoots,
};
use gatehold_proof::{
    Algorithm, PublicUrl, RequestToSign, SignatureError, SigningKey, sign_request,
};

use crate::ambient::Os;
use crate::exit::Failure;
use crate::profile::Profile;

/// Seconds within which a signed call must arrive.
const LIFE_SECONDS: u64 = 30;

/// Signs calls with a key of this process.
pub struct KeySigner(SigningKey);

impl RequestSigner for KeySigner {
    fn sign(&self, call: &ToSign<'_>) -> Result<SignatureHeaders, SignerError> {
        let refuse = |error: SignatureError| SignerError(error.to_string());
        let signed = sign_request(
            &self.0,
            &RequestToSign {
                method: call.method,
                public_url: &PublicUrl::parse(call.public_url).map_err(refuse)?,
                request_target: call.request_target,
                idempotency_key: call.idempotency_key,
                body: call.body,
                created: call.created,
                life_seconds: LIFE_SECONDS,
                nonce: call.nonce,
            },
        )
        .map_err(refuse)?;
        Ok(SignatureHeaders {
            content_digest: signed.content_digest,
            signature_input: signed.signature_input,
            signature: signed.signature,
        })
    }
}

/// A client of the profile's gate, that signs with this key.
///
/// # Errors
/// When the URL or the trust roots cannot be used.
pub fn with_key(profile: &Profile, key: SigningKey) -> Result<Client, Failure> {
    let mut config = ClientConfig::new(&profile.url);
    config.connect_url.clone_from(&profile.connect_url);
    if let Some(pem) = &profile.ca {
        config.trust = TrustRoots::Only(pem.clone());
    }
    Ok(Client::new(
        &config,
        Arc::new(KeySigner(key)),
        Arc::new(Os),
    )?)
}

/// A new Ed25519 key.
///
/// # Errors
/// When there is no randomness.
pub fn new_key() -> Result<SigningKey, Failure> {
    let seed = crate::ambient::random()
        .map_err(|error| Failure::fault(error, "check the system's random source"))?;
    SigningKey::from_seed(Algorithm::Ed25519, &seed)
        .map_err(|error| Failure::fault(error, "try again"))
}

/// The workload key in a PEM file.
///
/// # Errors
/// When it cannot be read.
pub fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", path.display()),
            "make a key with `gatehold workload keygen`, and enrol it",
        )
    })?;
    SigningKey::from_pem(&text).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", path.display()),
            "give the file that `gatehold workload keygen` wrote",
        )
    })
}
