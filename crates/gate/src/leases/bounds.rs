//! How soon what was handed out is gone, target by target: what each declares, and what was measured of the leases that were taken
//! away there last (M215). Counted from the decision to the target's own word, on the store's clock, out of the rows that say both.

use std::collections::BTreeMap;

use gatehold_core::commit::Table;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::lease::{Lease, RevocationClass};

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::store::RowQuery;
use crate::stored::body;

/// Of so many grants that are over, the newest, it is measured.
const LATEST: u32 = 500;

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationBound {
    /// Which.
    pub target: String,
    /// How soon its own terms say that taking away takes hold; of one that is configured no more, what its last lease said.
    pub class: RevocationClass,
    /// What it enforces by itself; nothing where it is configured no more.
    pub enforces: Vec<String>,
    /// Whether it hands out anything now.
    pub configured: bool,
    /// What was measured.
    pub measured: Measured,
}

/// Times from the decision that a lease is to end to its target's word that nothing of it is left, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// Of how many leases; the others are nothing where there is none.
    pub leases: u32,
    /// At the median.
    pub median_millis: u64,
    /// Of 99 in 100.
    pub p99_millis: u64,
    /// At most.
    pub longest_millis: u64,
}

impl Measured {
    /// By nearest rank.
    fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |hundredths: usize| {
            let rank = times.len().saturating_mul(hundredths).div_ceil(100);
            let found = times.get(rank.saturating_sub(1));
            found.copied().unwrap_or_default()
        };
        Self {
            leases: u32::try_from(times.len()).unwrap_or(u32::MAX),
            median_millis: at(50),
            p99_millis: at(99),
            longest_millis: at(100),
        }
    }
}

impl Gate {
    /// How soon what is handed out can be taken away, by target.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn revocation_bounds(&self) -> Result<Vec<RevocationBound>, GateError> {
        let query = RowQuery {
            states: vec![GrantState::Revoked.name().to_owned()],
            newest_first: true,
            limit: LATEST,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Grant, &query).await?;
        let believed = self.believe_all(&rows).await?;
        let mut gone: BTreeMap<String, (RevocationClass, Vec<u64>)> = BTreeMap::new();
        for (row, _) in rows.iter().zip(believed).filter(|(_, believed)| *believed) {
            let Some(lease) = body::<Grant>(row)?.lease else {
                continue;
            };
            // The newest comes first, and says how it is by now.
            let of = gone.entry(lease.target.to_string());
            let (_, times) = of.or_insert_with(|| (lease.class, Vec::new()));
            times.extend(took(&lease));
        }
        let mut bounds = Vec::new();
        for target in self.issuer().targets() {
            let Some(terms) = self.issuer().terms(&target) else {
                continue;
            };
            let times = gone.remove(&target).map(|(_, times)| times);
            bounds.push(RevocationBound {
                target,
                class: terms.class,
                enforces: terms.enforces,
                configured: true,
                measured: Measured::of(times.unwrap_or_default()),
            });
        }
        let others = gone
            .into_iter()
            .map(|(target, (class, times))| RevocationBound {
                target,
                class,
                enforces: Vec::new(),
                configured: false,
                measured: Measured::of(times),
            });
        bounds.extend(others);
        bounds.sort_by(|one, other| one.target.cmp(&other.target));
        Ok(bounds)
    }
}

/// How long it took, of a lease that was made.
fn took(lease: &Lease) -> Option<u64> {
    lease.issued_at?;
    let (from, until) = (lease.end.as_ref()?.at, lease.verified_at?);
    u64::try_from(until.millis().saturating_sub(from.millis())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_a_time_that_was_measured() {
        assert_eq!(Measured::of(Vec::new()), Measured::default());
        let one = Measured::of(vec![7]);
        assert_eq!((one.leases, one.median_millis, one.p99_millis), (1, 7, 7));
        let many = Measured::of((1..=200).rev().collect());
        let told = (many.median_millis, many.p99_millis, many.longest_millis);
        assert_eq!(told, (100, 198, 200));
    }
}
