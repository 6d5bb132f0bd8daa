//! Calls of the identity provider: one attempt, bounded in time and size, no redirect followed and no proxy asked for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatehold_server::login::{
    Answer, CallError, IdentityProvider, OpenId, OpenIdSettings, ProviderCalls,
};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, redirect};

use crate::config::IdentityProviderPlace;
use crate::exit::Failure;

/// Time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// Time for everything.
const WHOLE: Duration = Duration::from_secs(10);
/// Largest answer: descriptions, keys and tokens are far smaller.
const BYTES_MAX: usize = 512 * 1024;

/// The provider of a gate.
///
/// # Errors
/// When the configuration does not fit this gate.
pub fn open(
    place: IdentityProviderPlace,
    public_url: &str,
    is_dev: bool,
) -> Result<IdentityProvider, Failure> {
    let calls = Calls::new(place.roots_pem.as_deref(), is_dev)?;
    let settings = OpenIdSettings {
        issuer: place.issuer,
        client_id: place.client_id,
        secret: place.secret,
        scope: place.scope,
        max_age_seconds: place.max_age_seconds,
        groups: place.groups,
        public_url: public_url.to_owned(),
        plain_on_loopback: is_dev,
    };
    let provider = OpenId::new(settings, Arc::new(calls)).map_err(|error| {
        Failure::usage(
            format!("identity_provider.issuer: {error}"),
            "correct `identity_provider.issuer`",
        )
    })?;
    Ok(IdentityProvider::OpenId(Arc::new(provider)))
}

/// Whether the provider answers with its description, as seen from here. Nobody is signed in.
///
/// # Errors
/// Why nobody could be.
pub async fn reach(place: &IdentityProviderPlace) -> Result<(), String> {
    let said = |failure: Failure| failure.causes.join("; ");
    let plain = place.issuer.starts_with("http://");
    let calls = Calls::new(place.roots_pem.as_deref(), plain).map_err(said)?;
    let issuer = place.issuer.trim_end_matches('/');
    let described = format!("{issuer}/.well-known/openid-configuration");
    let answer = calls.get(&described).await.map_err(|error| error.0)?;
    if answer.status == 200 {
        return Ok(());
    }
    Err(format!("it answered {}", answer.status))
}

struct Calls(Client);

impl Calls {
    fn new(roots_pem: Option<&[u8]>, is_dev: bool) -> Result<Self, Failure> {
        // reqwest panics without a provider of cryptography; when the process has one, that one stays.
        gatehold_client::install_cryptography();
        let unusable = |error: reqwest::Error| {
            Failure::usage(
                format!("identity_provider.ca_file: {error}"),
                "give the PEM roots of the provider's certificate, or leave it out",
            )
        };
        let mut builder = Client::builder()
            .user_agent(concat!("gatehold/", env!("CARGO_PKG_VERSION")))
            // What a provider names is called, and nothing that whoever answers there names.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .retry(reqwest::retry::never())
            .https_only(!is_dev)
            .connect_timeout(CONNECT)
            .timeout(WHOLE);
        if let Some(pem) = roots_pem {
            let roots = Certificate::from_pem_bundle(pem).map_err(unusable)?;
            builder = builder.tls_certs_only(roots);
        }
        builder.build().map(Self).map_err(unusable)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > BYTES_MAX {
                return Err(CallError(format!(
                    "it answers with more than {BYTES_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

#[async_trait]
impl ProviderCalls for Calls {
    async fn get(&self, address: &str) -> Result<Answer, CallError> {
        self.answer(self.0.get(address)).await
    }

    async fn post(
        &self,
        address: &str,
        form: String,
        basic: Option<(String, String)>,
    ) -> Result<Answer, CallError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = self.0.post(address).header(CONTENT_TYPE, kind).body(form);
        let request = match basic {
            Some((id, secret)) => request.basic_auth(id, Some(secret)),
            None => request,
        };
        self.answer(request).await
    }
}

/// The whole chain of causes: the outermost says only that there was one.
fn failed(error: reqwest::Error) -> CallError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    CallError(text)
}
