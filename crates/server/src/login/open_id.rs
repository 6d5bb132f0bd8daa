//! An OpenID provider: where a browser is sent, and what its answer is worth. Code flow with PKCE, state and nonce; the rules
//! are the gate's ([`gatehold_gate::openid`]), the calls go through a port.
//!
//! A provider that does not answer vouches for nobody, and nobody is signed in by its absence.

mod address;
mod discovery;
mod error;
mod known;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::openid::{self, Arrived, Expected, Groups, Transaction, Vouched};
use gatehold_proof::id_token::code_challenge;
use serde::Deserialize;
use tokio::sync::Semaphore;

use address::encoded;
use discovery::Discovery;
use known::Known;

pub use address::{AddressError, check_issuer};
pub use error::OpenIdError;

/// Where a provider sends people back to, below the public URL.
pub(crate) const CALLBACK: &str = "/sign-in/callback";
/// Codes that are brought to the provider at once.
const EXCHANGES_MAX: usize = 32;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(5);
/// Longest code, state, issuer or error of an answer.
const FIELD_BYTES_MAX: usize = 4_096;

/// A provider, and what we are there.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    /// Exactly as its tokens name it.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What shows that it is us.
    pub secret: ClientSecret,
    /// What is asked for; `openid` is among it.
    pub scope: String,
    /// How long ago somebody may have shown the provider who they are.
    pub max_age_seconds: Option<u32>,
    /// Which teams it is asked about, if any.
    pub groups: Option<Groups>,
    /// The gate's public URL.
    pub public_url: String,
    /// A provider on this machine may be called without TLS: at a development gate.
    pub plain_on_loopback: bool,
}

/// Is not printed.
#[derive(Clone)]
pub struct ClientSecret(pub String);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

/// An answer of a provider, whatever it says.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// All of it.
    pub body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CallError(pub String);

/// Calls of a provider: within bounds of time and size, once, and without following it elsewhere.
#[async_trait]
pub trait ProviderCalls: Send + Sync + 'static {
    /// `GET` of a document.
    async fn get(&self, address: &str) -> Result<Answer, CallError>;

    /// `POST` of a form, with `Authorization` where one is given.
    async fn post(
        &self,
        address: &str,
        form: String,
        basic: Option<(String, String)>,
    ) -> Result<Answer, CallError>;
}

/// What a provider sends a browser back with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    state: String,
    issuer: Option<String>,
    code: Option<String>,
}

impl Callback {
    /// Reads the query of an answer. What it does not name is ignored, as the standard asks for; what it names twice is not.
    pub fn read(fields: Vec<(String, String)>) -> Option<Self> {
        let [mut state, mut issuer, mut code, mut error] = [None, None, None, None];
        for (name, value) in fields {
            let place = match name.as_str() {
                "state" => &mut state,
                "iss" => &mut issuer,
                "code" => &mut code,
                "error" => &mut error,
                _ => continue,
            };
            if value.len() > FIELD_BYTES_MAX || place.replace(value).is_some() {
                return None;
            }
        }
        // Either a code or an error.
        if code.is_some() == error.is_some() {
            return None;
        }
        Some(Self {
            state: state?,
            issuer,
            code,
        })
    }
}

/// One provider. Connects to nothing before somebody signs in.
pub struct OpenId {
    settings: OpenIdSettings,
    calls: Arc<dyn ProviderCalls>,
    known: Known,
    exchanges: Semaphore,
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenId({})", self.settings.issuer)
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

#[derive(Deserialize)]
struct TokenRefusal {
    error: String,
}

impl OpenId {
    /// A provider that is called so.
    ///
    /// # Errors
    /// When it cannot be the issuer of a gate like this.
    pub fn new(
        settings: OpenIdSettings,
        calls: Arc<dyn ProviderCalls>,
    ) -> Result<Self, AddressError> {
        check_issuer(&settings.issuer, settings.plain_on_loopback)?;
        Ok(Self {
            settings,
            calls,
            known: Known::new(),
            exchanges: Semaphore::new(EXCHANGES_MAX),
        })
    }

    /// What people know it by.
    pub(crate) fn host(&self) -> String {
        address::host(&self.settings.issuer)
    }

    /// Names it, what we are called there and what it is asked: sessions that rest on it have no force under another.
    pub(crate) fn name(&self) -> Hash {
        let settings = &self.settings;
        openid::provider(
            &settings.issuer,
            &settings.client_id,
            settings.max_age_seconds,
            settings.groups.as_ref(),
        )
    }

    fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.settings.public_url)
    }

    async fn description(&self) -> Result<Arc<Discovery>, OpenIdError> {
        let calls = self.calls.as_ref();
        self.known.description(calls, &self.settings).await
    }

    /// Where a browser goes that begins this sign-in.
    pub(crate) async fn depart(&self, transaction: &Transaction) -> Result<String, OpenIdError> {
        let description = self.description().await?;
        let settings = &self.settings;
        let (state, nonce) = (transaction.state(), transaction.nonce());
        let challenge = code_challenge(&transaction.verifier());
        let redirect_uri = self.redirect_uri();
        let max_age = settings.max_age_seconds.map(|seconds| seconds.to_string());
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", settings.client_id.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("scope", settings.scope.as_str()),
            ("state", state.as_str()),
            ("nonce", nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if let Some(max_age) = &max_age {
            fields.push(("max_age", max_age));
        }
        Ok(description.authorization.with(&fields))
    }

    /// Whether an answer belongs to the sign-in that this browser began. Until then nothing of it is used.
    pub(crate) async fn check_answer(
        &self,
        transaction: &Transaction,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<(), OpenIdError> {
        let description = self.description().await?;
        let arrived = Arrived {
            state: &callback.state,
            issuer: callback.issuer.as_deref(),
        };
        let issuer = &self.settings.issuer;
        Ok(transaction.answered(arrived, issuer, description.names_itself, now)?)
    }

    /// Whom the provider vouches for, by an answer that belongs to this sign-in.
    pub(crate) async fn arrive(
        &self,
        transaction: &Transaction,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Vouched, OpenIdError> {
        let code = callback.code.as_deref().ok_or(OpenIdError::Declined)?;
        let turn = tokio::time::timeout(TURN, self.exchanges.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(OpenIdError::Busy);
        };
        let description = self.description().await?;
        let token = self.redeem(&description, transaction, code).await?;
        let calls = self.calls.as_ref();
        let keys_at = description.keys.as_str();
        let claims = self.known.open(calls, keys_at, &token).await?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &transaction.nonce(),
            begun: transaction.begun(),
            max_age_seconds: self.settings.max_age_seconds,
            groups: self.settings.groups.as_ref(),
            now,
        };
        Ok(Vouched::by(&claims, &expected)?)
    }

    /// Brings the code to the provider, which takes it once, and gives its ID token.
    async fn redeem(
        &self,
        description: &Discovery,
        transaction: &Transaction,
        code: &str,
    ) -> Result<String, OpenIdError> {
        let settings = &self.settings;
        let (redirect_uri, verifier) = (self.redirect_uri(), transaction.verifier());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", &verifier),
        ];
        let (id, secret) = (settings.client_id.as_str(), settings.secret.0.as_str());
        // Both are encoded as in a form before they stand in the header (RFC 6749, 2.3.1).
        let basic = (address::percent(id), address::percent(secret));
        let basic = description.basic.then_some(basic);
        if basic.is_none() {
            form.extend([("client_id", id), ("client_secret", secret)]);
        }
        let address = description.token.as_str();
        let answer = self.calls.post(address, encoded(&form), basic).await?;
        match answer.status {
            200 => serde_json::from_slice::<Tokens>(&answer.body)
                .map(|tokens| tokens.id_token)
                .map_err(|_| OpenIdError::Unusable("its answer holds no ID token")),
            400 | 401 => Err(refusal(&answer.body)),
            other => Err(CallError(format!("{address} answers with {other}")).into()),
        }
    }
}

fn refusal(body: &[u8]) -> OpenIdError {
    match serde_json::from_slice::<TokenRefusal>(body) {
        Ok(TokenRefusal { error }) if error == "invalid_grant" => OpenIdError::CodeRefused,
        _ => OpenIdError::ClientRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(query: &str) -> Option<Callback> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Callback::read(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn an_answer_has_a_state_and_a_code_or_an_error_once() {
        let read = callback("state=s&code=c&session_state=x&session_state=y").unwrap();
        assert_eq!((read.state.as_str(), read.issuer), ("s", None));
        let read = callback("iss=i&error=access_denied&error_description=<b>&state=s").unwrap();
        assert_eq!((read.issuer.as_deref(), read.code), (Some("i"), None));
        let long = format!("state=s&code={}", "c".repeat(4_097));
        for bad in [
            "",
            "code=c",
            "state=s",
            "state=s&state=s&code=c",
            "state=s&code=c&code=d",
            "state=s&code=c&iss=a&iss=b",
            "state=s&code=c&error=access_denied",
            &long,
        ] {
            assert_eq!(callback(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = ClientSecret("hunter2".to_owned());
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn whose_fault_a_refused_code_is() {
        let of = |text: &str| refusal(text.as_bytes());
        assert_eq!(of(r#"{"error":"invalid_grant"}"#), OpenIdError::CodeRefused);
        for other in [r#"{"error":"invalid_client"}"#, "", "<html>", "{}"] {
            assert_eq!(of(other), OpenIdError::ClientRefused, "{other}");
        }
    }
}
