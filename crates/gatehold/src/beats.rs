//! What a serving gate does by itself: what is due, about once a second, and publishing its ledger.

use std::sync::Arc;
use std::time::Duration;

use gatehold_gate::Gate;
use gatehold_server::App;
use gatehold_store::anchor::Anchors;
use gatehold_store::derive::{Cadence, Publisher};

use crate::published::Published;

/// How often the gate's clock looks.
const TICK: Duration = Duration::from_secs(1);

/// Does what is due about once a second, and says how it went.
pub struct Clock {
    /// Does it.
    pub gate: Gate,
    /// Counts.
    pub app: App,
    /// Whether decisions are anchored.
    pub anchors: Arc<Anchors>,
}

impl Clock {
    /// Ticks until `end`, never half a tick.
    pub async fn run(self, mut end: tokio::sync::oneshot::Receiver<()>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut end => return,
                _ = tick.tick() => self.tick().await,
            }
        }
    }

    async fn tick(&self) {
        let metrics = self.app.metrics();
        match self.gate.tick().await {
            Ok(done) => metrics.ticked(&done),
            Err(error) => tracing::error!(%error, "the clock could not do what is due"),
        }
        if let Err(error) = self.gate.probe().await {
            tracing::error!(%error, "the store takes no writes; nothing can be decided");
        }
        metrics.anchored(self.anchors.holds());
    }
}

/// Publishes the ledger, on a task of its own: nothing that is due holds it up.
pub struct Publishing {
    /// Counts.
    pub app: App,
    /// What is published.
    pub published: Arc<Published>,
    /// Where to, if this process does.
    pub publisher: Option<Publisher>,
}

impl Publishing {
    /// Publishes until `end`, never half.
    pub async fn run(mut self, mut end: tokio::sync::oneshot::Receiver<()>) -> Self {
        let mut cadence = Cadence::start();
        loop {
            tokio::select! {
                _ = &mut end => return self,
                () = cadence.next() => self.publish().await,
            }
        }
    }

    /// Brings tree head and tiles up to the ledger.
    pub async fn publish(&mut self) {
        let metrics = self.app.metrics();
        let Some(publisher) = &mut self.publisher else {
            metrics.published(None);
            return;
        };
        match self.published.publish(publisher).await {
            Ok(size) => metrics.published(Some(size)),
            Err(fault) => {
                tracing::error!(%fault, "no tree head was published");
                metrics.publishing_failed();
            }
        }
    }
}
