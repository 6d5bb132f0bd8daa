//! Credentials that were handed out: how many are to be gone, and what became of them.

use gatehold_gate::LeaseTick;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of this process, and how many wait.
#[derive(Debug, Default)]
pub(super) struct Leases {
    revoking: Gauge,
    verified: Counter,
    overdue: Counter,
    orphans: Counter,
}

impl Leases {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "leases_revoking",
            "Credentials that are to be gone and whose target has not said so",
            self.revoking.clone(),
        );
        registry.register(
            "leases_verified",
            "Credentials of which the target said that nothing is left",
            self.verified.clone(),
        );
        registry.register(
            "leases_overdue",
            "Credentials that were not gone a minute after that was decided",
            self.overdue.clone(),
        );
        registry.register(
            "lease_orphans",
            "Credentials found at a target that no grant answers for",
            self.orphans.clone(),
        );
    }

    pub fn take(&self, did: &LeaseTick) {
        self.revoking
            .set(i64::try_from(did.waiting).unwrap_or(i64::MAX));
        self.verified.inc_by(did.verified);
        self.overdue.inc_by(did.overdue);
        self.orphans.inc_by(did.orphans);
    }
}
