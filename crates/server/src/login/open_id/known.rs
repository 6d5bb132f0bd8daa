//! What is known of a provider: its description and its keys, read when they are needed, for an hour. A key that is not
//! among them is looked for once more, and not more often than once a minute, so that nobody makes this gate ask all day.

use std::sync::Arc;

use gatehold_core::time::Timestamp;
use gatehold_proof::id_token::{IdTokenError, IssuerKeys, SignedClaims};
use tokio::sync::Mutex;

use super::discovery::Discovery;
use super::{CallError, OpenIdError, OpenIdSettings, ProviderCalls};

/// How long description and keys are used.
const KNOWN_SECONDS: u32 = 3_600;
/// How long one that did not answer is left alone.
const FAILED_SECONDS: u32 = 5;
/// Between two looks for keys that were not there.
const AGAIN_SECONDS: u32 = 60;

/// What is known, and when it was read.
#[derive(Default)]
pub(super) struct Known(Mutex<Told>);

#[derive(Default)]
struct Told {
    description: Option<(Arc<Discovery>, Timestamp)>,
    keys: Option<(Arc<IssuerKeys>, Timestamp)>,
    failed: Option<(OpenIdError, Timestamp)>,
    looked_again: Option<Timestamp>,
}

impl Known {
    /// What the provider says about itself.
    pub async fn description(
        &self,
        calls: &dyn ProviderCalls,
        settings: &OpenIdSettings,
        now: Timestamp,
    ) -> Result<Arc<Discovery>, OpenIdError> {
        let mut told = self.0.lock().await;
        if let Some(known) = fresh(told.description.as_ref(), now) {
            return Ok(known);
        }
        told.may_ask(now)?;
        let read = async {
            let json = get(calls, &Discovery::address(&settings.issuer)).await?;
            Discovery::read(&json, &settings.issuer, settings.plain_on_loopback)
        };
        let read = told.remember(read.await.map(Arc::new), now)?;
        told.description = Some((read.clone(), now));
        Ok(read)
    }

    /// Verifies a token with the provider's keys.
    pub async fn open(
        &self,
        calls: &dyn ProviderCalls,
        keys_at: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<SignedClaims, OpenIdError> {
        let mut told = self.0.lock().await;
        let keys = match fresh(told.keys.as_ref(), now) {
            Some(known) => known,
            None => told.read_keys(calls, keys_at, now).await?,
        };
        match keys.open(token) {
            // It signs with a new one: that is looked for, within bounds.
            Err(IdTokenError::UnknownKey) if told.may_look_again(now) => {
                told.looked_again = Some(now);
                let keys = told.read_keys(calls, keys_at, now).await?;
                Ok(keys.open(token)?)
            }
            opened => Ok(opened?),
        }
    }
}

impl Told {
    async fn read_keys(
        &mut self,
        calls: &dyn ProviderCalls,
        keys_at: &str,
        now: Timestamp,
    ) -> Result<Arc<IssuerKeys>, OpenIdError> {
        self.may_ask(now)?;
        let read = async {
            let json = get(calls, keys_at).await?;
            IssuerKeys::parse(&json).map_err(|_| OpenIdError::Unusable("its keys cannot be read"))
        };
        let read = self.remember(read.await.map(Arc::new), now)?;
        self.keys = Some((read.clone(), now));
        Ok(read)
    }

    /// Whether the provider is to be left alone after it failed.
    fn may_ask(&self, now: Timestamp) -> Result<(), OpenIdError> {
        match &self.failed {
            Some((why, at)) if now <= at.plus_seconds(FAILED_SECONDS) => Err(why.clone()),
            _ => Ok(()),
        }
    }

    fn remember<T>(
        &mut self,
        read: Result<T, OpenIdError>,
        now: Timestamp,
    ) -> Result<T, OpenIdError> {
        self.failed = read.as_ref().err().map(|why| (why.clone(), now));
        read
    }

    fn may_look_again(&self, now: Timestamp) -> bool {
        self.looked_again
            .is_none_or(|last| now > last.plus_seconds(AGAIN_SECONDS))
    }
}

fn fresh<T>(known: Option<&(Arc<T>, Timestamp)>, now: Timestamp) -> Option<Arc<T>> {
    let (known, read_at) = known?;
    (now <= read_at.plus_seconds(KNOWN_SECONDS)).then(|| known.clone())
}

async fn get(calls: &dyn ProviderCalls, address: &str) -> Result<Vec<u8>, OpenIdError> {
    let answer = calls.get(address).await?;
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        Err(CallError(format!("{address} answers with {}", answer.status)).into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use gatehold_proof::id_token::sign;
    use gatehold_proof::{Algorithm, SigningKey};

    use super::super::{Answer, ClientSecret};
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const ISSUER: &str = "https://login.example";

    /// Counts how often it is asked; has the key of this number, and fails with 0.
    struct Counted {
        calls: AtomicUsize,
        key: AtomicU8,
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(Algorithm::Ed25519, &[number; 32]).unwrap()
    }

    #[async_trait]
    impl ProviderCalls for Counted {
        async fn get(&self, address: &str) -> Result<Answer, CallError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let number = self.key.load(Ordering::Relaxed);
            let body = if address.ends_with("/keys") {
                let jwk = key(number.max(1)).public().to_jwk();
                let named = jwk.trim_end_matches('}');
                format!(r#"{{"keys":[{named},"kid":"{number}"}}]}}"#)
            } else {
                format!(
                    r#"{{"issuer":"{ISSUER}","authorization_endpoint":"{ISSUER}/auth","token_endpoint":"{ISSUER}/token","jwks_uri":"{ISSUER}/keys"}}"#
                )
            };
            Ok(Answer {
                status: if number == 0 { 500 } else { 200 },
                body: body.into_bytes(),
            })
        }

        async fn post(
            &self,
            _: &str,
            _: String,
            _: Option<(String, String)>,
        ) -> Result<Answer, CallError> {
            Err(CallError("nobody posts here".to_owned()))
        }
    }

    fn provider(number: u8) -> Counted {
        Counted {
            calls: AtomicUsize::new(0),
            key: AtomicU8::new(number),
        }
    }

    fn settings() -> OpenIdSettings {
        OpenIdSettings {
            issuer: ISSUER.to_owned(),
            client_id: "gate".to_owned(),
            secret: ClientSecret(String::new()),
            scope: "openid".to_owned(),
            max_age_seconds: None,
            groups: None,
            public_url: "https://gate.example".to_owned(),
            plain_on_loopback: false,
        }
    }

    /// Whether a provider describes itself, and how often it was asked by then.
    async fn described(known: &Known, calls: &Counted, seconds: u32) -> (bool, usize) {
        let now = NOW.plus_seconds(seconds);
        let read = known.description(calls, &settings(), now).await;
        (read.is_ok(), calls.calls.load(Ordering::Relaxed))
    }

    /// Whether a token of this key is opened, and how often the provider was asked by then.
    async fn opened(known: &Known, calls: &Counted, number: u8, seconds: u32) -> (bool, usize) {
        let header = format!(r#"{{"alg":"EdDSA","kid":"{number}"}}"#);
        let claims = r#"{"iss":"i","sub":"s","aud":"a","exp":1,"iat":1}"#;
        let token = sign(&key(number), &header, claims).unwrap();
        let now = NOW.plus_seconds(seconds);
        let keys_at = format!("{ISSUER}/keys");
        let read = known.open(calls, &keys_at, &token, now).await;
        (read.is_ok(), calls.calls.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_description_is_used_for_an_hour() {
        let (known, calls) = (Known::default(), provider(1));
        assert_eq!(described(&known, &calls, 0).await, (true, 1));
        assert_eq!(described(&known, &calls, 3_600).await, (true, 1));
        // One that does not answer then is not believed for what it said once.
        calls.key.store(0, Ordering::Relaxed);
        assert_eq!(described(&known, &calls, 3_601).await, (false, 2));
    }

    #[tokio::test]
    async fn one_that_fails_is_left_alone_for_five_seconds() {
        let (known, calls) = (Known::default(), provider(0));
        assert_eq!(described(&known, &calls, 0).await, (false, 1));
        calls.key.store(1, Ordering::Relaxed);
        assert_eq!(described(&known, &calls, 5).await, (false, 1));
        assert_eq!(described(&known, &calls, 6).await, (true, 2));
    }

    #[tokio::test]
    async fn a_new_key_is_looked_for_once_a_minute() {
        let (known, calls) = (Known::default(), provider(1));
        assert_eq!(opened(&known, &calls, 1, 0).await, (true, 1));
        // A key that nobody published is asked for once.
        assert_eq!(opened(&known, &calls, 9, 1).await, (false, 2));
        assert_eq!(opened(&known, &calls, 8, 1).await, (false, 2));
        assert_eq!(opened(&known, &calls, 1, 2).await, (true, 2));
        calls.key.store(2, Ordering::Relaxed);
        assert_eq!(opened(&known, &calls, 2, 61).await, (false, 2));
        assert_eq!(opened(&known, &calls, 2, 62).await, (true, 3));
        // The old one is gone with it, and an hour later all are read again.
        assert_eq!(opened(&known, &calls, 1, 63).await, (false, 3));
        assert_eq!(opened(&known, &calls, 2, 62 + 3_601).await, (true, 4));
    }
}
