//! Browsers that people are told at: who has one, where its push service is, and until when. Whoever has one is told that
//! something waits, and nothing that comes back approves.
//!
//! An endpoint comes from a browser, and the gate will speak to it: it is believed only as far as the operator's list of push
//! services goes, when it is given and again each time before something is sent. What the database says is checked the same way.

mod endpoint;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::HumanId;
use gatehold_core::refusal::Refusal;
use gatehold_core::time::Timestamp;
use gatehold_proof::web_push::{BrowserKeys, PushError};

use crate::browser::Visitor;
use crate::error::GateError;
use crate::gate::{Active, Gate};
use crate::ports::notifier::{NotDelivered, Subscriptions};
use crate::ports::store::{Store, StoreFault, StoredSubscription};

pub use endpoint::{Endpoint, PushServices};

/// How a gate tells browsers: to which push services it speaks, and under which key of its own.
#[derive(Debug, Clone)]
pub struct PushRules {
    /// To which it speaks.
    pub services: PushServices,
    /// Its public key, as browsers are given it.
    pub public_key: String,
}

impl PushRules {
    /// Names the key: a browser that subscribed under another one cannot be reached any more.
    fn server_key(&self) -> Hash {
        Hash::of(self.public_key.as_bytes())
    }
}

/// What a browser says of itself when somebody wants to be told there.
#[derive(Clone)]
pub struct SaidByBrowser {
    /// Where its push service takes messages.
    pub endpoint: String,
    /// Its public key.
    pub p256dh: String,
    /// Its secret.
    pub auth: String,
}

impl std::fmt::Debug for SaidByBrowser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SaidByBrowser(…)")
    }
}

/// A browser that can be told something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Hash of its endpoint.
    pub id: Hash,
    /// Whose it is.
    pub human: HumanId,
    /// Where its push service takes messages for it.
    pub endpoint: Endpoint,
    /// What they are encrypted to.
    pub keys: BrowserKeys,
    /// Since when.
    pub since: Timestamp,
}

impl Subscription {
    /// What a stored one says, if it holds under these rules.
    fn read(
        stored: &StoredSubscription,
        rules: &PushRules,
        dev: bool,
    ) -> Result<Self, &'static str> {
        let endpoint = Endpoint::parse(&stored.endpoint, &rules.services, dev)?;
        let keys = BrowserKeys::parse(&stored.p256dh, &stored.auth);
        let keys = keys.map_err(|error| match error {
            PushError::Auth => "its secret is not 16 bytes in base64url",
            _ => "its key is no uncompressed point of P-256 in base64url",
        })?;
        let elsewhere = stored.server_key != rules.server_key();
        if guard!("push-server-key", elsewhere) {
            return Err("it subscribed under another key of this gate");
        }
        Ok(Self {
            id: stored.id,
            human: stored.human.parse().map_err(|_| "it is nobody's")?,
            endpoint,
            keys,
            since: stored.created,
        })
    }
}

impl Gate {
    /// Tells somebody at this browser from now on. Whoever had it before has it no more.
    ///
    /// # Errors
    /// When the browser's push service is none that the operator named, or its keys are none.
    pub async fn subscribe(
        &self,
        visitor: &Visitor,
        said: SaidByBrowser,
        rules: &PushRules,
    ) -> Result<Hash, GateError> {
        let dev = self.active().directory.origin.is_dev();
        let stored = StoredSubscription {
            id: Hash::of(said.endpoint.as_bytes()),
            human: visitor.human.to_string(),
            endpoint: said.endpoint,
            p256dh: said.p256dh,
            auth: said.auth,
            server_key: rules.server_key(),
            created: self.store().now().await?,
        };
        Subscription::read(&stored, rules, dev).map_err(Refusal::Subscription)?;
        let id = stored.id;
        self.store().put_subscription(stored).await?;
        Ok(id)
    }

    /// The browsers at which somebody is told, oldest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn subscriptions(
        &self,
        visitor: &Visitor,
        rules: &PushRules,
    ) -> Result<Vec<Subscription>, GateError> {
        let dev = self.active().directory.origin.is_dev();
        let human = visitor.human.to_string();
        let stored = self.store().subscriptions(&human).await?;
        let read = stored.iter().map(|one| Subscription::read(one, rules, dev));
        Ok(read.filter_map(Result::ok).collect())
    }

    /// Tells somebody no more at this browser of theirs. One that is not theirs stays as it is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn unsubscribe(&self, visitor: &Visitor, id: &Hash) -> Result<(), GateError> {
        let human = visitor.human.to_string();
        Ok(self.store().end_subscription(id, &human).await?)
    }

    /// Forgets the browsers of everybody who has no key with force any more.
    pub(crate) async fn forget_leavers(&self, active: &Active) -> Result<(), GateError> {
        for human in self.store().subscribers().await? {
            let id: Option<HumanId> = human.parse().ok();
            let stays = id.is_some_and(|id| self.has_force(&id, active));
            if guard!("push-leavers", !stays) {
                for one in self.store().subscriptions(&human).await? {
                    self.store().end_subscription(&one.id, &human).await?;
                }
            }
        }
        Ok(())
    }
}

/// The browsers of a gate's people, for a channel. Whoever has no key with force is told nothing.
pub struct Subscribers {
    gate: Gate,
    rules: PushRules,
}

impl Subscribers {
    /// Those that these rules allow.
    #[must_use]
    pub const fn new(gate: Gate, rules: PushRules) -> Self {
        Self { gate, rules }
    }
}

#[async_trait]
impl Subscriptions for Subscribers {
    async fn of(&self, people: &BTreeSet<HumanId>) -> Result<Vec<Subscription>, NotDelivered> {
        let active = self.gate.current().await;
        let active = active.map_err(|error| NotDelivered(error.to_string()))?;
        let stays = |human: &&HumanId| {
            let gone = !self.gate.has_force(human, &active);
            !guard!("push-force", gone)
        };
        let people = people.iter().filter(stays).cloned().collect();
        let dev = active.directory.origin.is_dev();
        of(self.gate.store(), &people, &self.rules, dev).await
    }

    async fn gone(&self, subscription: &Subscription) -> Result<(), NotDelivered> {
        gone(self.gate.store(), subscription).await
    }
}

/// The browsers that a store has, for an operator's test. It looks at no directory: nobody is asked anything by a test.
pub struct StoredSubscribers {
    store: Arc<dyn Store>,
    rules: PushRules,
    dev: bool,
}

impl StoredSubscribers {
    /// Those that these rules allow; `dev` at a development gate.
    #[must_use]
    pub const fn new(store: Arc<dyn Store>, rules: PushRules, dev: bool) -> Self {
        Self { store, rules, dev }
    }
}

#[async_trait]
impl Subscriptions for StoredSubscribers {
    async fn of(&self, people: &BTreeSet<HumanId>) -> Result<Vec<Subscription>, NotDelivered> {
        of(self.store.as_ref(), people, &self.rules, self.dev).await
    }

    async fn gone(&self, subscription: &Subscription) -> Result<(), NotDelivered> {
        gone(self.store.as_ref(), subscription).await
    }
}

fn undelivered(fault: &StoreFault) -> NotDelivered {
    NotDelivered(format!(
        "the store does not say whose browsers there are: {fault}"
    ))
}

/// What the rules do not allow any more is nobody's to be told at, and forgotten.
async fn of(
    store: &dyn Store,
    people: &BTreeSet<HumanId>,
    rules: &PushRules,
    dev: bool,
) -> Result<Vec<Subscription>, NotDelivered> {
    let mut found = Vec::new();
    for human in people {
        let human = human.to_string();
        let stored = store.subscriptions(&human).await;
        for one in stored.map_err(|fault| undelivered(&fault))? {
            match Subscription::read(&one, rules, dev) {
                Ok(subscription) => found.push(subscription),
                Err(why) => {
                    tracing::warn!(subscription = %one.id, %human, why, "a browser is told nothing any more");
                    let ended = store.end_subscription(&one.id, &human).await;
                    ended.map_err(|fault| undelivered(&fault))?;
                }
            }
        }
    }
    Ok(found)
}

async fn gone(store: &dyn Store, subscription: &Subscription) -> Result<(), NotDelivered> {
    let human = subscription.human.to_string();
    let ended = store.end_subscription(&subscription.id, &human).await;
    ended.map_err(|fault| undelivered(&fault))
}
