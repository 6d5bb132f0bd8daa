//! Requests signed ahead of time, as the bytes that go on the wire. Each names its own nonce and is good for a minute.

use gatehold_client::Ambient as _;
use gatehold_core::hash::hex;
use gatehold_proof::{PublicUrl, RequestToSign, SigningKey, sign_request};
use gatehold_scenarios::{Os, Outcome, trouble};

/// How long a signature is good.
pub const LIFE_SECONDS: u64 = 60;

/// Signs `number` times the same body, each as a call of its own.
///
/// # Errors
/// Without randomness.
pub fn requests(
    key: &SigningKey,
    url: &str,
    bodies: &[Vec<u8>],
    number: usize,
) -> Outcome<Vec<Vec<u8>>> {
    let public_url = PublicUrl::parse(url).map_err(trouble(url))?;
    let host = url.trim_start_matches("http://");
    let created = Os.now_unix_seconds();
    let seed = hex(&Os.random().map_err(trouble("nonce"))?);
    let seed: String = seed.chars().take(24).collect();
    let mut requests = Vec::with_capacity(number);
    for (at, body) in (0..number).zip(bodies.iter().cycle()) {
        let nonce = format!("{seed}{at:08x}");
        let idempotency_key = format!("{nonce}-bench");
        let request = RequestToSign {
            method: "POST",
            public_url: &public_url,
            request_target: TARGET,
            idempotency_key: Some(&idempotency_key),
            body,
            created,
            life_seconds: LIFE_SECONDS,
            nonce: &nonce,
        };
        let signed = sign_request(key, &request).map_err(trouble("sign"))?;
        let head = format!(
            "POST {TARGET} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             content-digest: {}\r\nsignature-input: {}\r\nsignature: {}\r\nidempotency-key: {idempotency_key}\r\n\r\n",
            body.len(),
            signed.content_digest,
            signed.signature_input,
            signed.signature,
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        requests.push(bytes);
    }
    Ok(requests)
}

const TARGET: &str = "/v1/requests";
