//! Who acts in a story: workloads with keys of their own, people who look, answer and sign, and platforms that say what they see.

mod person;
mod platform;
mod workload;

pub use person::{Answering, Person, ReviewTrouble};
pub use platform::{Platform, push};
pub use workload::{Ask, Workload};

use std::sync::Arc;

use gatehold_client::{Client, ClientConfig, SignatureHeaders, SignerError, ToSign};
use gatehold_proof::{PublicUrl, RequestToSign, SignatureError, SigningKey, sign_request};

use crate::Os;
use crate::trouble::{Outcome, trouble};

/// A client of the gate whose calls this key signs.
fn client(url: &str, key: Arc<SigningKey>) -> Outcome<Client> {
    client_at(url, url, key)
}

/// The same, reaching one process of the gate: what is signed names the public URL, as behind a load balancer.
fn client_at(url: &str, address: &str, key: Arc<SigningKey>) -> Outcome<Client> {
    let public_url = PublicUrl::parse(url).map_err(trouble(url))?;
    let sign = move |call: &ToSign<'_>| {
        let refuse = |error: SignatureError| SignerError(error.to_string());
        let request = RequestToSign {
            method: call.method,
            public_url: &public_url,
            request_target: call.request_target,
            idempotency_key: call.idempotency_key,
            body: call.body,
            created: call.created,
            life_seconds: LIFE_SECONDS,
            nonce: call.nonce,
        };
        let signed = sign_request(&key, &request).map_err(refuse)?;
        Ok(SignatureHeaders {
            content_digest: signed.content_digest,
            signature_input: signed.signature_input,
            signature: signed.signature,
        })
    };
    let config = ClientConfig::new(address);
    Client::new(&config, Arc::new(sign), Arc::new(Os)).map_err(trouble(address))
}

const LIFE_SECONDS: u64 = 30;
