//! One look at what is held for every stream of the process, however many there are: at most one a beat of half a second, only
//! while somebody listens, and only when the ledger has grown. What this process writes is heard at once; what another gate on
//! the same store writes within a second.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gatehold_core::time::Timestamp;
use gatehold_gate::{Gate, HeldNow};
use tokio::sync::watch;

use crate::app::App;

/// Between two looks.
const REST: Duration = Duration::from_millis(500);
/// Longest wait for the ledger to grow, so that the end of all listeners is noticed.
const WAIT: Duration = Duration::from_secs(10);
/// How long a store that does not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// What is held, as it was read.
#[derive(Clone)]
pub(super) struct Heard {
    pub held: HeldNow,
    pub now: Timestamp,
}

/// Whoever looks for all streams.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Option<watch::Sender<Option<Heard>>>>);

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard(at {})", self.now)
    }
}

impl Pulse {
    /// Hears of everything that is held from now on. Whoever listens first has somebody look.
    pub fn listen(&self, app: &App) -> watch::Receiver<Option<Heard>> {
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
async fn look(gate: Gate, said: watch::Sender<Option<Heard>>) {
    let mut leaves = None;
    while !said.is_closed() {
        match next(&gate, leaves).await {
            Ok((size, Some(heard))) => {
                leaves = Some(size);
                // Most of what is written concerns nothing that is held, and then nobody needs to look.
                said.send_if_modified(|known| {
                    let same = known
                        .as_ref()
                        .is_some_and(|known| known.held.is_same_as(&heard.held));
                    *known = Some(heard);
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
async fn rest(said: &watch::Sender<Option<Heard>>, at_most: Duration) {
    let _gone = tokio::time::timeout(at_most, said.closed()).await;
}

/// Waits for the ledger to grow, and then reads what is held. Its length is read first: what is written in between is read
/// twice and never missed.
async fn next(
    gate: &Gate,
    leaves: Option<u64>,
) -> Result<(u64, Option<Heard>), gatehold_gate::GateError> {
    let size = match leaves {
        None => gate.grown(u64::MAX, WAIT).await?,
        Some(leaves) => gate.grown(leaves, WAIT).await?,
    };
    if leaves == Some(size) {
        return Ok((size, None));
    }
    let held = gate.held_now().await?;
    let now = gate.now().await?;
    Ok((size, Some(Heard { held, now })))
}
