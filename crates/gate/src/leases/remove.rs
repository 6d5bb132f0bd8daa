//! Takes ended leases away at their targets. It never gives up: a target that is down is tried again after seconds, for ever,
//! and after a minute people are told (threat C3). One target that stalls keeps no other waiting.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use gatehold_core::commit::Table;
use gatehold_core::decide::LeaseStep;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{LeaseEvent, retry_seconds};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::issuer::Removal;
use crate::ports::store::RowQuery;
use crate::stored::body;

/// Leases looked at in one turn, so that a turn ends.
const PAGE: u32 = 1_000;
/// Removals under way at once.
const AT_ONCE: usize = 16;
/// How often everything is looked at although nothing is known to have changed, in seconds.
const LOOK_SECONDS: u32 = 60;

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaseTick {
    /// Leases that were ended.
    pub ended: u64,
    /// Leases of which the target says that nothing is left.
    pub verified: u64,
    /// Leases that are still to be taken away.
    pub waiting: u64,
    /// Those of them that became overdue now.
    pub overdue: u64,
    /// Credentials that stood at a target and that nobody remembers, or that were gone before.
    pub orphans: u64,
}

/// Attempts to take one lease away: in memory alone, so that a new process tries at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    count: u32,
    next: Timestamp,
}

/// What was looked at last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looks {
    /// Versions of the directory and of the stops, and when.
    supported: Option<(u64, u64, Timestamp)>,
    /// When targets were asked what stands there.
    pub(super) orphans: Option<Timestamp>,
}

impl Gate {
    /// Ends leases that are to end, takes them away, and looks for what nobody remembers. Called about once a second beside
    /// [`Gate::tick`], by any process; doing it twice is harmless.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn tick_leases(&self) -> Result<LeaseTick, GateError> {
        if self.issuer().targets().is_empty() {
            return Ok(LeaseTick::default());
        }
        let now = self.store().now().await?;
        let mut did = LeaseTick {
            ended: self.end_due_leases(now).await?,
            ..LeaseTick::default()
        };
        if self.is_to_look(now).await? {
            did.ended += self.end_unsupported_leases(now).await?;
        }
        did.orphans = self.look_for_orphans(now).await?;
        self.remove_ended(now, &mut did).await?;
        Ok(did)
    }

    /// Waits until a lease was ended here, at most so long: so that it is taken away at once and not at the next turn.
    pub async fn lease_ended(&self, at_most: std::time::Duration) {
        let _ = tokio::time::timeout(at_most, self.inner.lease_ended.notified()).await;
    }

    async fn is_to_look(&self, now: Timestamp) -> Result<bool, GateError> {
        let directory = self.current().await?.directory.version;
        let stops = self.stops_now().await?.version;
        let mut looks = self.lease_looks();
        let due = looks.supported.is_none_or(|(then, stopped, at)| {
            (then, stopped) != (directory, stops) || now >= at.plus_seconds(LOOK_SECONDS)
        });
        if due {
            looks.supported = Some((directory, stops, now));
        }
        Ok(due)
    }

    async fn remove_ended(&self, now: Timestamp, did: &mut LeaseTick) -> Result<(), GateError> {
        let query = RowQuery {
            states: vec![GrantState::Revoking.name().to_owned()],
            limit: PAGE,
            ..RowQuery::default()
        };
        let rows = self.store().rows(Table::Grant, &query).await?;
        let listed: Vec<GrantId> = rows
            .iter()
            .filter_map(|row| body::<Grant>(row).ok().map(|grant| grant.id))
            .collect();
        self.lease_tries().retain(|id, _| listed.contains(id));
        let due = listed
            .iter()
            .filter(|id| self.is_due(id, now))
            .copied()
            .collect::<Vec<_>>();
        did.waiting = u64::try_from(listed.len()).unwrap_or(u64::MAX);
        let mut removals = futures_util::stream::iter(due)
            .map(|id| async move { (id, self.remove_one(id).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((id, removed)) = removals.next().await {
            match removed {
                Ok(Removal::Gone) => {
                    did.verified += 1;
                    did.waiting = did.waiting.saturating_sub(1);
                    self.lease_tries().remove(&id);
                }
                Ok(Removal::Remains(code)) => {
                    self.tried(id, now);
                    tracing::warn!(grant = %id, code, "a lease is to end and is still at its target");
                    did.overdue += u64::from(self.say_overdue(id, code).await?);
                }
                Err(GateError::Damaged(what)) => {
                    self.tried(id, now);
                    tracing::error!(grant = %id, what, "a lease's row cannot be believed");
                }
                Err(GateError::Refused(_) | GateError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes one away, and says so only when the target did.
    async fn remove_one(&self, id: GrantId) -> Result<Removal, GateError> {
        let (grant, _) = self.grant(id).await?;
        let of = self.request(grant.request).await?.record;
        let target = &of.envelope.target;
        let Some(lease) = grant.lease.filter(|_| grant.state == GrantState::Revoking) else {
            return Err(Refusal::WrongState {
                state: grant.state.name(),
            }
            .into());
        };
        let removal = self.issuer().remove(target.as_str(), &lease.recipe).await;
        // INVARIANT(revoked-is-verified): nothing but the target's own word is written as `revoked`.
        if guard!("verified-by-target", removal != Removal::Gone) {
            return Ok(removal);
        }
        // Somebody may still be making it: what is not there yet could stand there a moment later.
        let making = lease.issued_at.is_none() && of.state == State::Executing;
        if guard!("verified-after-making", making) {
            return Ok(Removal::Remains("issuing"));
        }
        let verified = LeaseStep {
            what: LeaseEvent::Verified,
            code: "gone",
            human: None,
        };
        // Another process may have called it gone meanwhile, and found it there again: that is another end.
        let this_end = |grant: &Grant| {
            let now = grant.lease.as_ref().map(|now| now.returned);
            now == Some(lease.returned)
        };
        self.lease_step_where(id, &verified, this_end).await?;
        Ok(Removal::Gone)
    }

    async fn say_overdue(&self, id: GrantId, code: &'static str) -> Result<bool, GateError> {
        let step = LeaseStep {
            what: LeaseEvent::Overdue,
            code,
            human: None,
        };
        match self.lease_step(id, &step).await {
            Ok(_) => Ok(true),
            // Too early, or said before.
            Err(GateError::Refused(_) | GateError::Busy) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn is_due(&self, id: &GrantId, now: Timestamp) -> bool {
        let tries = self.lease_tries();
        tries.get(id).is_none_or(|tries| now >= tries.next)
    }

    // INVARIANT(never-gives-up): an attempt that failed is followed by another within seconds, whatever their number.
    fn tried(&self, id: GrantId, now: Timestamp) {
        let mut all = self.lease_tries();
        let count = all
            .get(&id)
            .map_or(0, |tries| tries.count)
            .saturating_add(1);
        let next = now.plus_seconds(retry_seconds(count));
        all.insert(id, Tries { count, next });
    }

    fn lease_tries(&self) -> MutexGuard<'_, BTreeMap<GrantId, Tries>> {
        let tries = &self.inner.lease_tries;
        tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lease_looks(&self) -> MutexGuard<'_, Looks> {
        let looks = &self.inner.lease_looks;
        looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
