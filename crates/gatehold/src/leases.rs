//! Sees to it that what was handed out ends: on a task of its own, so that a target that is down holds nothing else up.

use std::sync::Arc;
use std::time::Duration;

use gatehold_broker::{Leases, Targets};
use gatehold_core::hash::hex;
use gatehold_gate::Gate;
use gatehold_gate::ports::issuer::Issuer;
use gatehold_gate::ports::store::Store;
use gatehold_server::App;

use crate::ambient::Os;
use crate::channel::clock;
use crate::config::ExecutorPlace;
use crate::exit::Failure;

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

/// What credentials of this gate are named by.
///
/// # Errors
/// When the store does not answer.
pub async fn gate_name(store: &dyn Store) -> Result<String, Failure> {
    let first = store.leaves(0, 1, false).await;
    let first = first.map_err(|fault| Failure::fault(fault, "repair the store"))?;
    let first = first.into_iter().next();
    Ok(first.map_or_else(String::new, |leaf| hex(&leaf.leaf)))
}
