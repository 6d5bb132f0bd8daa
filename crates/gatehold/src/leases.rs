//! Sees to it that what was handed out ends: on a task of its own, so that a target that is down holds nothing else up.

use std::sync::Arc;
use std::time::Duration;

use gatehold_broker::{Leases, Targets};
use gatehold_core::hash::hex;
use gatehold_gate::ports::issuer::Issuer;
use gatehold_gate::ports::store::Store;
use gatehold_gate::{Gate, Trust};
use gatehold_server::App;

use crate::ambient::Os;
use crate::channel::clock;
use crate::config::{Config, ExecutorPlace};
use crate::exit::Failure;
use crate::serve::refused;

/// How long it waits when nothing is ended here.
const TURN: Duration = Duration::from_secs(1);

/// Takes leases away until it is aborted. A turn that is cut off is done again by whoever comes next.
pub async fn run(gate: Gate, app: App) {
    loop {
        let turning = gate.clone();
        // A fault in one turn must not be the end of all revocation.
        match tokio::spawn(async move { turning.tick_leases().await }).await {
            Ok(Ok(did)) => app.metrics().leases(&did),
            Ok(Err(error)) => tracing::error!(%error, "leases could not be looked at"),
            Err(error) => {
                tracing::error!(%error, "a look at the leases broke off; it is tried again")
            }
        }
        gate.lease_ended(TURN).await;
    }
}

/// What makes credentials: an executor of its own, if there is one; or else this process at these targets, under a name that no other gate
/// has: two gates may have one origin, and no two have one first leaf.
///
/// # Errors
/// When the store does not answer.
pub async fn issuer(
    place: &Option<ExecutorPlace>,
    targets: &Targets,
    store: &dyn Store,
) -> Result<Arc<dyn Issuer>, Failure> {
    if let Some(place) = place {
        return Ok(Arc::clone(&place.remote) as Arc<dyn Issuer>);
    }
    let name = gate_name(store).await?;
    Ok(Arc::new(Leases::new(targets, &name, Arc::new(Os), clock())))
}

/// What credentials of a gate are named by: of one that has an executor of its own, by the root that this has pinned.
///
/// # Errors
/// When the store does not answer, or its chain of trust does not verify.
pub async fn named_by(config: &Config, store: &dyn Store) -> Result<String, Failure> {
    match (&config.executor, config.root) {
        (None, _) => gate_name(store).await,
        (Some(_), Some(root)) => Ok(root.to_string()),
        (Some(_), None) => {
            let trust = Trust::read(store, None).await;
            let trust = trust.map_err(|error| refused(&error))?;
            Ok(trust.directory.root.to_string())
        }
    }
}

/// What credentials are named by that a gate makes in its own process.
///
/// # Errors
/// When the store does not answer.
async fn gate_name(store: &dyn Store) -> Result<String, Failure> {
    let first = store.leaves(0, 1, false).await;
    let first = first.map_err(|fault| Failure::fault(fault, "repair the store"))?;
    let first = first.into_iter().next();
    Ok(first.map_or_else(String::new, |leaf| hex(&leaf.leaf)))
}
