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
