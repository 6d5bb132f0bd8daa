//! Sees to it that what was handed out ends: on a task of its own, so that a target that is down holds nothing else up.

use std::time::Duration;

use gatehold_gate::Gate;
use gatehold_server::App;

/// How long it waits when nothing is ended here.
const TURN: Duration = Duration::from_secs(1);

/// Takes leases away until it is aborted. A turn that is cut off is done again by whoever comes next.
pub async fn run(gate: Gate, app: App) {
    loop {
        match gate.tick_leases().await {
            Ok(did) => app.metrics().leases(&did),
            Err(error) => tracing::error!(%error, "leases could not be looked at"),
        }
        gate.lease_ended(TURN).await;
    }
}
