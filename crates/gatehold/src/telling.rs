//! Tells people, on a task of its own: no decision waits for a server that somebody is told through.

use std::sync::Arc;
use std::time::Duration;

use gatehold_broker::{Channels, OnCall, Opening, PushParts};
use gatehold_core::time::Timestamp;
use gatehold_gate::push::Subscribers;
use gatehold_gate::{Dispatcher, Gate, Signals};
use gatehold_proof::PublicUrl;
use gatehold_server::App;
use tokio::sync::oneshot::Receiver;
use tokio::time::MissedTickBehavior;

use crate::ambient::Os;
use crate::channel::standing::Keeper;

/// How often it looks for something to tell.
const BEAT: Duration = Duration::from_secs(1);
/// How long what is under way may take when the gate ends. What does not arrive is told again by whoever goes on.
const LAST: Duration = Duration::from_secs(3);

/// Knows what a gate has to tell, and tells it on these channels; to whom first, by the file of who is on call.
pub fn dispatcher(
    gate: &Gate,
    (channels, on_call): (Channels, Option<Arc<OnCall>>),
    public_url: &PublicUrl,
    signals: Option<Arc<Signals>>,
) -> Dispatcher {
    let push = channels.push().map(|rules| PushParts {
        subscriptions: Arc::new(Subscribers::new(gate.clone(), rules)),
        entropy: Arc::new(Os),
    });
    let channels = channels.open(&Opening {
        clock: crate::channel::clock(),
        on_call,
        push,
    });
    Dispatcher::new(gate.clone(), channels, public_url.as_str()).with_signals(signals)
}

/// What tells people.
pub struct Telling {
    /// Counts, and shows how channels stand.
    pub app: App,
    /// Knows what is to be told, and to whom.
    pub dispatcher: Dispatcher,
    /// Keeps how the channels stand, for operators.
    pub keeper: Keeper,
}

impl Telling {
    /// Tells until `end`.
    pub async fn run(mut self, mut end: Receiver<()>) {
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut end => break,
                _ = beat.tick() => self.beat().await,
            }
        }
        let _cut = tokio::time::timeout(LAST, self.dispatcher.end()).await;
    }

    async fn beat(&mut self) {
        let told = async {
            let beat = self.dispatcher.beat().await?;
            self.app.told(&beat).await
        };
        match told.await {
            Ok(()) => {
                let now = crate::ambient::now_millis();
                let now = Timestamp::from_millis(now);
                self.keeper.keep(self.app.channels(), now);
            }
            Err(error) => {
                tracing::error!(%error, "nobody can be told; the store does not say what");
            }
        }
    }
}
