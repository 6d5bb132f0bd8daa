//! What is so right now, beside what happened: holds that wait, live grants, and whether store, anchor and tree head are
//! well. Holds and grants are counted when somebody reads the metrics, the rest is set by whoever runs the clock.

use std::time::Duration;

use gatehold_gate::Standing;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Every gauge of one process.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    holds_pending: Family<TierLabel, Gauge>,
    hold_age: Gauge,
    uncovered: Gauge,
    notices_waiting: Gauge,
    grants_active: Gauge,
    executing: Gauge,
    tampered: Gauge,
    chain_findings: Gauge,
    quorum_lost: Gauge,
    glass_open: Gauge,
    glass_overdue: Gauge,
    journal_waiting: Gauge,
    store_up: Gauge,
    anchor_up: Gauge,
    tree_head_up: Gauge,
    tree_head_sequence: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TierLabel {
    tier: &'static str,
}

impl Gauges {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "holds_pending",
            "Requests that wait for people",
            self.holds_pending.clone(),
        );
        registry.register_with_unit(
            "hold_age",
            "How long the oldest request that waits for people has waited",
            Unit::Seconds,
            self.hold_age.clone(),
        );
        registry.register(
            "holds_nobody_can_approve",
            "Requests that wait for people and that nobody could approve, by people and keys as they are",
            self.uncovered.clone(),
        );
        registry.register(
            "notices_waiting",
            "Messages of the outbox that a channel has not taken yet",
            self.notices_waiting.clone(),
        );
        registry.register(
            "grants_active",
            "Decisions that may be used and are not used up, over or revoked",
            self.grants_active.clone(),
        );
        registry.register(
            "executing",
            "Actions being performed",
            self.executing.clone(),
        );
        registry.register(
            "tampered_rows",
            "Rows of the database that were refused because they do not follow from the ledger",
            self.tampered.clone(),
        );
        registry.register(
            "chain_findings",
            "Links and rows that do not follow from the chain of trust; above 0 somebody writes to the database",
            self.chain_findings.clone(),
        );
        registry.register(
            "quorum_lost",
            "How often a lost quorum was restored with offline keys",
            self.quorum_lost.clone(),
        );
        self.register_glass(registry);
        registry.register(
            "journal_waiting",
            "Revocations, stops and endings in the journal and not in the ledger; above 0 nothing else is decided",
            self.journal_waiting.clone(),
        );
        registry.register(
            "store_up",
            "1 when the store answered the last look",
            self.store_up.clone(),
        );
        registry.register(
            "anchor_up",
            "1 while decisions are anchored; 0 lets nothing out but acts in the safe direction",
            self.anchor_up.clone(),
        );
        registry.register(
            "tree_head_up",
            "1 when the last signed tree head was published in order, or this process publishes none",
            self.tree_head_up.clone(),
        );
        registry.register(
            "tree_head_sequence",
            "Leaves under the newest signed tree head",
            self.tree_head_sequence.clone(),
        );
    }

    /// What was let out by break-glass and waits for a look.
    fn register_glass(&self, registry: &mut Registry) {
        registry.register(
            "glass_open",
            "Requests that were let out by break-glass and that too few people have looked at",
            self.glass_open.clone(),
        );
        registry.register(
            "glass_overdue",
            "Those of them whose time for that is over; above 0 nothing else is let out so",
            self.glass_overdue.clone(),
        );
    }

    /// The store answered, or did not; what it did not say stays as it was.
    pub fn stands(&self, standing: Option<&Standing>) {
        set(&self.store_up, u64::from(standing.is_some()));
        let Some(standing) = standing else { return };
        for (tier, count) in ["green", "amber", "red"].into_iter().zip(standing.holds) {
            set(
                &self.holds_pending.get_or_create(&TierLabel { tier }),
                count,
            );
        }
        let oldest = Duration::from_millis(standing.oldest_hold_millis);
        set(&self.hold_age, oldest.as_secs());
        set(&self.grants_active, standing.live_grants);
        set(&self.executing, standing.executing);
        set(&self.tampered, standing.tampered);
        set(&self.chain_findings, standing.chain_findings);
        set(&self.quorum_lost, standing.quorum_lost);
        set(&self.glass_open, standing.glass_open);
        set(&self.glass_overdue, standing.glass_overdue);
    }

    /// Found out once a minute.
    pub fn uncovered(&self, holds: u64) {
        set(&self.uncovered, holds);
    }

    /// Set by whoever delivers.
    pub fn notices(&self, waiting: u64) {
        set(&self.notices_waiting, waiting);
    }

    /// Known without the store.
    pub fn journal(&self, waiting: u64) {
        set(&self.journal_waiting, waiting);
    }

    pub fn anchored(&self, holds: bool) {
        set(&self.anchor_up, u64::from(holds));
    }

    pub fn published(&self, well: bool, size: Option<u64>) {
        set(&self.tree_head_up, u64::from(well));
        if let Some(size) = size {
            set(&self.tree_head_sequence, size);
        }
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
