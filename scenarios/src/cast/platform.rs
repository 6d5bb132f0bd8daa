//! A platform that watches workloads and says what it sees: a key that the operator pins, and security event tokens pushed over HTTP.

use gatehold_core::hash::hex;
use gatehold_proof::security_event::sign;
use gatehold_proof::{Algorithm, SigningKey};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::trouble::{Outcome, Trouble, trouble};
use crate::{Os, now_millis};

/// Whom its tokens are for: what the configuration of the gate names.
const AUDIENCE: &str = "https://gate.example/v1/signals";
/// The name of its key in its set.
const KEY_ID: &str = "k1";

/// A platform that can sign what it says.
pub struct Platform {
    issuer: String,
    key: SigningKey,
}

impl Platform {
    /// One with a fresh key.
    ///
    /// # Errors
    /// Without randomness.
    pub fn new(name: &str) -> Outcome<Self> {
        Ok(Self {
            issuer: format!("https://{name}.example"),
            key: fresh(name)?,
        })
    }

    /// Who its tokens say that they are of.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom they are for.
    #[must_use]
    pub const fn audience(&self) -> &'static str {
        AUDIENCE
    }

    /// Its public key, as a set.
    #[must_use]
    pub fn keys(&self) -> String {
        let jwk = self.key.public().to_jwk();
        format!(
            r#"{{"keys":[{},"alg":"ES256","kid":"{KEY_ID}"}}]}}"#,
            jwk.trim_end_matches('}')
        )
    }

    /// A token that says this event of a subject; by a key of somebody else's where it is forged.
    ///
    /// # Errors
    /// Without randomness.
    pub fn token(&self, subject: &str, event: &str, forged: bool) -> Outcome<String> {
        let id = hex(&Os.random().map_err(trouble("token"))?);
        let claims = serde_json::json!({
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": now_millis() / 1000,
            "jti": id,
            "sub_id": { "format": "opaque", "id": subject },
            "events": { event: {} },
        });
        let header = format!(r#"{{"alg":"ES256","kid":"{KEY_ID}","typ":"secevent+jwt"}}"#);
        let other = forged.then(|| fresh("forger")).transpose()?;
        let key = other.as_ref().unwrap_or(&self.key);
        sign(key, &header, &claims.to_string()).map_err(trouble("token"))
    }
}

fn fresh(name: &str) -> Outcome<SigningKey> {
    let seed = Os.random().map_err(trouble(name))?;
    SigningKey::from_seed(Algorithm::EcdsaP256, &seed).map_err(trouble(name))
}

/// Pushes a token to a gate as RFC 8935 has it, and gives the status.
///
/// # Errors
/// When nobody answers.
pub async fn push(url: &str, token: String) -> Outcome<u16> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let stream = TcpStream::connect(address).await.map_err(trouble(url))?;
    let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = connected.await.map_err(trouble(url))?;
    let serving = tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri("/v1/signals")
        .header(HOST, address)
        .header(CONTENT_TYPE, "application/secevent+jwt")
        .body(Full::new(Bytes::from(token)))
        .map_err(|error| Trouble(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(trouble(url))?;
    serving.abort();
    Ok(answer.status().as_u16())
}
