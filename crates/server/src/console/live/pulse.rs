//! One look at what is held for every stream of the process, however many there are: at most one a beat of half a second, only
//! while somebody listens, and only when the ledger has grown. What this process writes is heard at once; what another gate on
//! the same store writes within a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehold_gate::{Gate, HeldNow};
use tokio::sync::watch;

use crate::app::App;

/// Between two looks.
const REST: Duration = Duration::from_millis(500);
/// Longest wait for the ledger to grow, so that the end of all listeners is noticed.
const WAIT: Duration = Duration::from_secs(10);
/// How long a store that does not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// Whoever looks for all streams.
#[derive(Default)]
pub(super) struct Pulse(Mutex<Option<watch::Sender<Option<HeldNow>>>>);

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pulse")
    }
}

impl Pulse {
    /// Hears of everything that is held from now on. Whoever listens first has somebody look.
    pub fn listen(&self, app: &App) -> watch::Receiver<Option<HeldNow>> {
        let mut sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref().filter(|sender| !sender.is_closed()) {
            // Somebody listens already, so somebody looks.
            return sender.subscribe();
        }
        let (new, heard) = watch::channel(None);
        tokio::spawn(look(app.gate().clone(), new.clone()));
        *sender = Some(new);
        heard
    }
}

/// Looks until nobody listens.
async fn look(gate: Gate, said: watch::Sender<Option<HeldNow>>) {
    let mut leaves = None;
    while !said.is_closed() {
        match next(&gate, leaves).await {
            Ok((size, Some(held))) => {
                leaves = Some(size);
                // Most of what is written concerns nothing that is held. Then nobody needs to look, and what was worked out
                // stays.
                said.send_if_modified(|known| {
                    let same = known.as_ref().is_some_and(|known| known.is_same_as(&held));
                    if !same {
                        *known = Some(held);
                    }
                    !same
                });
                rest(&said, REST).await;
            }
            Ok((_, None)) => {}
            Err(error) => {
                tracing::warn!(%error, "what is held cannot be read");
                rest(&said, LEFT_ALONE).await;
            }
        }
    }
}

/// Waits so long, or until nobody listens.
async fn rest(said: &watch::Sender<Option<HeldNow>>, at_most: Duration) {
    let _gone = tokio::time::timeout(at_most, said.closed()).await;
}

/// Waits for the ledger to grow, and then reads what is held. Its length is read first: what is written in between is read
/// twice and never missed.
async fn next(
    gate: &Gate,
    leaves: Option<u64>,
) -> Result<(u64, Option<HeldNow>), gatehold_gate::GateError> {
    let size = match leaves {
        None => gate.grown(u64::MAX, WAIT).await?,
        Some(leaves) => gate.grown(leaves, WAIT).await?,
    };
    if leaves == Some(size) {
        return Ok((size, None));
    }
    Ok((size, Some(gate.held_now().await?)))
}
