//! Where approved actions are executed: in the gate's own process, or in one of its own that alone holds the targets' secrets.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gatehold_broker::{Executors, Remote, Targets};
use gatehold_core::action::DescriptorRef;
use gatehold_core::effect::EffectClass;
use gatehold_gate::Gate;
use gatehold_gate::ports::executor::Executor;

use crate::config::{Config, ExecutorPlace};

/// How often an executor of its own is asked what it has.
const ASKED_AGAIN: Duration = Duration::from_secs(30);

/// What executes for this gate. One in a process of its own is asked for its targets; while it does not answer, the gate starts
/// without them.
pub async fn executor(
    place: &Option<ExecutorPlace>,
    targets: Targets,
    opened: Arc<OnceLock<Gate>>,
) -> Arc<dyn Executor> {
    let Some(place) = place else {
        return Arc::new(Executors::new(targets, effects(opened)));
    };
    ask(place).await;
    Arc::clone(&place.remote) as Arc<dyn Executor>
}

/// Asks again until it is aborted.
pub async fn keep_asking(place: Option<ExecutorPlace>) {
    let Some(place) = place else {
        return;
    };
    let mut turns = tokio::time::interval(ASKED_AGAIN);
    turns.tick().await;
    loop {
        turns.tick().await;
        ask(&place).await;
    }
}

async fn ask(place: &ExecutorPlace) {
    let remote: &Remote = &place.remote;
    match remote.refresh().await {
        Ok(targets) => tracing::info!(url = place.url, targets, "the executor answers"),
        Err(why) => tracing::warn!(
            url = place.url,
            why,
            "the executor does not answer; nothing is executed until it does"
        ),
    }
}

/// Where actions are executed, in words.
#[must_use]
pub fn said(config: &Config) -> String {
    match &config.executor {
        Some(place) => format!("by the executor at {}", place.url),
        None => "in-process".to_owned(),
    }
}

/// What the active bundle says that a kind of action does.
fn effects(
    opened: Arc<OnceLock<Gate>>,
) -> impl Fn(&DescriptorRef) -> Option<BTreeSet<EffectClass>> + Send + Sync + 'static {
    move |named| {
        let bundle = opened.get()?.bundle();
        let descriptor = bundle.descriptors().get(&named.id)?;
        (descriptor.hash() == named.hash).then(|| descriptor.effects.clone())
    }
}
