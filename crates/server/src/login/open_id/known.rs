//! What is known of a provider: its description and its keys, read when they are needed, for an hour. A key that is not
//! among them is looked for once more, and not more often than once a minute, so that nobody makes this gate ask all day.
//!
//! One asks for all. Whoever waits for that looks at the clock when it is their turn, so a provider that hangs is asked once and
//! not once for each of them; and no more than so many wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gatehold_proof::id_token::{IdTokenError, IssuerKeys, SignedClaims};
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::discovery::Discovery;
use super::{CallError, OpenIdError, OpenIdSettings, ProviderCalls};

/// How long description and keys are used.
const KNOWN: Duration = Duration::from_secs(3_600);
/// How long one that did not answer is left alone.
const FAILED: Duration = Duration::from_secs(5);
/// Between two looks for keys that were not there.
const AGAIN: Duration = Duration::from_secs(60);
/// How many wait for what one of them asks.
const WAITING_MAX: usize = 64;

/// Tells how long ago something was. Never goes back.
type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// What is known, and when it was read.
pub(super) struct Known {
    told: Mutex<Told>,
    waiting: Semaphore,
    clock: Clock,
}

#[derive(Default)]
struct Told {
    description: Option<(Arc<Discovery>, Instant)>,
    keys: Option<(Arc<IssuerKeys>, Instant)>,
    failed: Option<(OpenIdError, Instant)>,
    looked_again: Option<Instant>,
}

/// Whoever has it knows and asks, alone.
struct Turn<'a> {
    told: MutexGuard<'a, Told>,
    clock: &'a Clock,
    _place: SemaphorePermit<'a>,
}

impl Known {
    #[expect(
        clippy::disallowed_methods,
        reason = "the outermost layer measures how long ago a provider was asked; whom it vouches for is judged by the store's time"
    )]
    pub fn new() -> Self {
        Self::by(Box::new(Instant::now))
    }

    fn by(clock: Clock) -> Self {
        Self {
            told: Mutex::default(),
            waiting: Semaphore::new(WAITING_MAX),
            clock,
        }
    }

    /// What the provider says about itself.
    pub async fn description(
        &self,
        calls: &dyn ProviderCalls,
        settings: &OpenIdSettings,
    ) -> Result<Arc<Discovery>, OpenIdError> {
        let mut turn = self.turn().await?;
        if let Some(known) = fresh(turn.told.description.as_ref(), turn.now()) {
            return Ok(known);
        }
        turn.may_ask()?;
        let read = async {
            let json = get(calls, &Discovery::address(&settings.issuer)).await?;
            Discovery::read(&json, &settings.issuer, settings.plain_on_loopback)
        };
        let read = turn.remember(read.await.map(Arc::new))?;
        turn.told.description = Some((read.clone(), turn.now()));
        Ok(read)
    }

    /// Verifies a token with the provider's keys.
    pub async fn open(
        &self,
        calls: &dyn ProviderCalls,
        keys_at: &str,
        token: &str,
    ) -> Result<SignedClaims, OpenIdError> {
        let mut turn = self.turn().await?;
        let keys = match fresh(turn.told.keys.as_ref(), turn.now()) {
            Some(known) => known,
            None => turn.read_keys(calls, keys_at).await?,
        };
        match keys.open(token) {
            // It signs with a new one: that is looked for, within bounds.
            Err(IdTokenError::UnknownKey) if turn.may_look_again() => {
                turn.told.looked_again = Some(turn.now());
                let keys = turn.read_keys(calls, keys_at).await?;
                Ok(keys.open(token)?)
            }
            opened => Ok(opened?),
        }
    }

    /// Waits for whoever asks now.
    async fn turn(&self) -> Result<Turn<'_>, OpenIdError> {
        let place = self.waiting.try_acquire().map_err(|_| OpenIdError::Busy)?;
        Ok(Turn {
            told: self.told.lock().await,
            clock: &self.clock,
            _place: place,
        })
    }
}

impl Turn<'_> {
    fn now(&self) -> Instant {
        (self.clock)()
    }

    async fn read_keys(
        &mut self,
        calls: &dyn ProviderCalls,
        keys_at: &str,
    ) -> Result<Arc<IssuerKeys>, OpenIdError> {
        self.may_ask()?;
        let read = async {
            let json = get(calls, keys_at).await?;
            IssuerKeys::parse(&json).map_err(|_| OpenIdError::Unusable("its keys cannot be read"))
        };
        let read = self.remember(read.await.map(Arc::new))?;
        self.told.keys = Some((read.clone(), self.now()));
        Ok(read)
    }

    /// Whether the provider is to be left alone after it failed.
    fn may_ask(&self) -> Result<(), OpenIdError> {
        match &self.told.failed {
            Some((why, at)) if self.now().duration_since(*at) <= FAILED => Err(why.clone()),
            _ => Ok(()),
        }
    }

    /// It failed when that is known, however long it took.
    fn remember<T>(&mut self, read: Result<T, OpenIdError>) -> Result<T, OpenIdError> {
        self.told.failed = read.as_ref().err().map(|why| (why.clone(), self.now()));
        read
    }

    fn may_look_again(&self) -> bool {
        let last = self.told.looked_again;
        last.is_none_or(|last| self.now().duration_since(last) > AGAIN)
    }
}

fn fresh<T>(known: Option<&(Arc<T>, Instant)>, now: Instant) -> Option<Arc<T>> {
    let (known, read_at) = known?;
    (now.duration_since(*read_at) <= KNOWN).then(|| known.clone())
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
    use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use gatehold_proof::id_token::sign;
    use gatehold_proof::{Algorithm, SigningKey};

    use super::super::{Answer, ClientSecret};
    use super::*;

    const ISSUER: &str = "https://login.example";

    /// Counts how often it is asked; has the key of this number, and fails with 0.
    struct Counted {
        calls: AtomicUsize,
        key: AtomicU8,
        /// Where the clock stands, in seconds.
        clock: Arc<AtomicU64>,
        /// How long each call takes.
        takes: u64,
        /// Calls wait for one of these.
        answers: Semaphore,
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::from_seed(Algorithm::Ed25519, &[number; 32]).unwrap()
    }

    #[async_trait]
    impl ProviderCalls for Counted {
        async fn get(&self, address: &str) -> Result<Answer, CallError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let _answer = self.answers.acquire().await;
            self.clock.fetch_add(self.takes, Ordering::Relaxed);
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
            clock: Arc::default(),
            takes: 0,
            answers: Semaphore::new(1),
        }
    }

    /// Nothing is known yet, by the clock of these calls.
    fn known(calls: &Counted) -> Known {
        let (start, clock) = (Known::new().clock.as_ref()(), calls.clock.clone());
        Known::by(Box::new(move || {
            start + Duration::from_secs(clock.load(Ordering::Relaxed))
        }))
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
    async fn described(known: &Known, calls: &Counted, seconds: u64) -> (bool, usize) {
        calls.clock.store(seconds, Ordering::Relaxed);
        let read = known.description(calls, &settings()).await;
        (read.is_ok(), calls.calls.load(Ordering::Relaxed))
    }

    /// Whether a token of this key is opened, and how often the provider was asked by then.
    async fn opened(known: &Known, calls: &Counted, number: u8, seconds: u64) -> (bool, usize) {
        calls.clock.store(seconds, Ordering::Relaxed);
        let header = format!(r#"{{"alg":"EdDSA","kid":"{number}"}}"#);
        let claims = r#"{"iss":"i","sub":"s","aud":"a","exp":1,"iat":1}"#;
        let token = sign(&key(number), &header, claims).unwrap();
        let keys_at = format!("{ISSUER}/keys");
        let read = known.open(calls, &keys_at, &token).await;
        (read.is_ok(), calls.calls.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_description_is_used_for_an_hour() {
        let calls = provider(1);
        let known = known(&calls);
        assert_eq!(described(&known, &calls, 0).await, (true, 1));
        assert_eq!(described(&known, &calls, 3_600).await, (true, 1));
        // One that does not answer then is not believed for what it said once.
        calls.key.store(0, Ordering::Relaxed);
        assert_eq!(described(&known, &calls, 3_601).await, (false, 2));
    }

    #[tokio::test]
    async fn one_that_fails_is_left_alone_for_five_seconds() {
        let calls = provider(0);
        let known = known(&calls);
        assert_eq!(described(&known, &calls, 0).await, (false, 1));
        calls.key.store(1, Ordering::Relaxed);
        assert_eq!(described(&known, &calls, 5).await, (false, 1));
        assert_eq!(described(&known, &calls, 6).await, (true, 2));
    }

    #[tokio::test]
    async fn one_that_hangs_is_asked_once_for_all_who_wait_and_only_so_many_do() {
        let mut hanging = provider(0);
        (hanging.takes, hanging.answers) = (10, Semaphore::new(0));
        let all = Arc::new((known(&hanging), hanging));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING_MAX {
            let all = all.clone();
            waiting.spawn(async move { all.0.description(&all.1, &settings()).await });
        }
        while all.0.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // One more is told at once, and does not wait.
        let refused = all.0.description(&all.1, &settings()).await;
        assert_eq!(refused.unwrap_err(), OpenIdError::Busy);
        // After ten seconds it fails. Who waited that long is told so, and it is left alone from then on.
        all.1.answers.add_permits(1);
        for read in waiting.join_all().await {
            assert!(matches!(read, Err(OpenIdError::Unreachable(_))), "{read:?}");
        }
        assert_eq!(described(&all.0, &all.1, 15).await, (false, 1));
        // Then all find a place again.
        assert_eq!(all.0.waiting.available_permits(), WAITING_MAX);
        all.1.key.store(1, Ordering::Relaxed);
        assert_eq!(described(&all.0, &all.1, 16).await, (true, 2));
    }

    #[tokio::test]
    async fn a_new_key_is_looked_for_once_a_minute() {
        let calls = provider(1);
        let known = known(&calls);
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
