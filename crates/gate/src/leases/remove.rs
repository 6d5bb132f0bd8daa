//! Takes ended leases away at their targets. It never gives up: a target that is down is tried again after seconds, for ever,
//! and after a minute people are told (threat C3). Removals go on beside the turns (`queue.rs`), so a target that stalls keeps no
//! other waiting, and no stage of a turn keeps the next from being done.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use gatehold_core::decide::LeaseStep;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::guard;
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Lease, LeaseEvent, retry_seconds};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::State;
use gatehold_core::time::Timestamp;

use super::end::{Did, Look};
use super::queue::UnderWay;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::issuer::Removal;
use crate::ports::store::RowQuery;

/// How often everything is looked at although nothing is known to have changed, in seconds.
const LOOK_SECONDS: u32 = 60;
/// How long a turn waits for what it has begun. What takes longer goes on beside the next turns.
const TURN: Duration = Duration::from_secs(1);

/// Why something may be there: somebody has not come to the end of making it.
const MAKING: &str = "issuing";

/// What was done since the last turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeaseTick {
    /// Leases that were ended.
    pub ended: u64,
    /// Leases of which the target says that nothing is left.
    pub verified: u64,
    /// Leases that are still to be taken away.
    pub waiting: u64,
    /// Those of them that became overdue.
    pub overdue: u64,
    /// Credentials that stood at a target and that nobody remembers, or that were gone before.
    pub orphans: u64,
}

/// Attempts to take one lease away: in memory alone, so that a new process tries at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    count: u32,
    at: Timestamp,
    pause_seconds: u32,
    /// Why it was still there.
    remains: Option<&'static str>,
}

/// What was looked at last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Looks {
    /// Versions of the directory and of the stops, and when.
    pub(super) supported: Option<(u64, u64, Timestamp)>,
    /// When targets were asked what stands there.
    pub(super) orphans: Option<Timestamp>,
}

impl Gate {
    /// Ends leases that are to end, takes them away, and looks for what nobody remembers. Called about once a second beside
    /// [`Gate::tick`], by any process; doing it twice is harmless.
    ///
    /// # Errors
    /// The first thing that could not be done; everything else was done all the same.
    pub async fn tick_leases(&self) -> Result<LeaseTick, GateError> {
        let now = self.store().now().await?;
        let mut first = Ok(());
        let mut ended = 0;
        let mut begun = Vec::new();
        let mut keep = |did: Result<Did, GateError>| match did {
            Ok((count, removals)) => {
                ended += count;
                begun.extend(removals);
            }
            Err(error) if first.is_ok() => first = Err(error),
            Err(_) => {}
        };
        keep(self.end_due_leases(now).await.map(Look::did));
        // What is known to end waits for no look at the others; what that look ends is begun by it.
        keep(self.removals(now).await.map(|removals| (0, removals)));
        keep(self.look_at_support(now).await);
        begun.extend(self.orphan_searches(now));
        begun.extend(self.ask_again(self.active().directory.version, now));
        // Whoever is slow goes on beside the next turn.
        let _ = tokio::time::timeout(TURN, join_all(begun)).await;
        first?;
        let waiting = self.revoking().await?.len();
        let mut under_way = self.leases_under_way();
        let mut did = std::mem::take(&mut under_way.did);
        did.ended += ended;
        did.waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        Ok(did)
    }

    /// Waits until a lease was ended here or what leases rest on has changed, at most so long: so that it is taken away at once
    /// and not at the next turn.
    pub async fn lease_ended(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.inner.lease_ended.notified()).await;
    }

    /// Looks at every lease where something changed that leases rest on. What was missed is looked at again.
    async fn look_at_support(&self, now: Timestamp) -> Result<Did, GateError> {
        let directory = self.current().await?.directory.version;
        // A row that somebody changed is one that changed.
        let stops = self
            .stops_now()
            .await
            .map_or(u64::MAX, |stops| stops.version);
        let supported = self.lease_looks().supported;
        let due = supported.is_none_or(|(then, stopped, at)| {
            (then, stopped) != (directory, stops) || now.has_passed(at, LOOK_SECONDS)
        });
        if !due {
            return Ok((0, Vec::new()));
        }
        let look = self.end_unsupported_leases(now).await?;
        if look.whole {
            self.lease_looks().supported = Some((directory, stops, now));
        }
        Ok(look.did())
    }

    /// What is to be gone, with its target as it is listed.
    async fn revoking(&self) -> Result<BTreeMap<GrantId, String>, GateError> {
        let query = RowQuery {
            states: vec![GrantState::Revoking.name().to_owned()],
            ..RowQuery::default()
        };
        let listed = self.leased_rows(query).await?;
        Ok(listed.into_iter().collect())
    }

    /// Begins what is due and not under way.
    async fn removals(
        &self,
        now: Timestamp,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, GateError> {
        let mut listed = self.revoking().await?;
        self.lease_tries().retain(|id, _| listed.contains_key(id));
        listed.retain(|id, _| self.is_due(id, now));
        Ok(self.take_away(listed.into_iter().map(|(id, target)| (target, id))))
    }

    /// Has one taken away that is to be gone, where its target has room for it.
    pub(super) fn begin_removal(&self, grant: &Grant) {
        if let Some(lease) = &grant.lease
            && grant.state == GrantState::Revoking
        {
            let target = lease.target.to_string();
            // It goes on beside this.
            let _begun = self.take_away([(target, grant.id)]);
        }
    }

    /// Takes one away, and says so only when the target did.
    pub(super) async fn remove_one(&self, grant: &Grant, lease: &Lease) {
        let id = grant.id;
        let removed = match self.removed(grant, lease).await {
            Ok(Removal::Gone) => self.say_verified(id, lease).await,
            Ok(Removal::Remains(code)) => Err(Some(code)),
            Err(error) => {
                tracing::warn!(grant = %id, %error, "a lease is to end, and nobody can tell how far it is");
                Err(None)
            }
        };
        match removed {
            Ok(()) => {
                self.lease_tries().remove(&id);
                self.leases_under_way().did.verified += 1;
            }
            Err(code) => {
                // Counted from here: an attempt may have taken long.
                if let Ok(now) = self.store().now().await {
                    self.tried(id, now, code);
                }
                if let Some(code) = code {
                    tracing::warn!(grant = %id, code, "a lease is to end and is still at its target");
                    // What is still being made may not be there at all: nobody is told that it is.
                    let making = guard!("overdue-once-made", code == MAKING);
                    if !making {
                        self.say_overdue(id, code).await;
                    }
                }
            }
        }
    }

    async fn removed(&self, grant: &Grant, lease: &Lease) -> Result<Removal, GateError> {
        let target = lease.target.as_str();
        let removal = self.issuer().remove(target, &lease.recipe).await;
        // INVARIANT(revoked-is-verified): nothing but the target's own word is written as `revoked`.
        if guard!("verified-by-target", removal != Removal::Gone) {
            return Ok(removal);
        }
        // Somebody may still be making it: what is not there yet could stand there a moment later.
        let making = lease.issued_at.is_none() && self.is_being_made(grant, lease).await?;
        if guard!("verified-after-making", making) {
            return Ok(Removal::Remains(MAKING));
        }
        Ok(Removal::Gone)
    }

    async fn is_being_made(&self, grant: &Grant, lease: &Lease) -> Result<bool, GateError> {
        match self.request(grant.request).await {
            Ok(of) => Ok(of.record.state == State::Executing),
            // Its row says nothing: whoever made it has given up by then.
            Err(GateError::Damaged(_)) => {
                let now = self.store().now().await?;
                let longest = self.inner.parts.execution_seconds_max;
                let since = lease.end.as_ref().map_or(grant.created_at, |end| end.at);
                Ok(now <= since.plus_seconds(longest))
            }
            Err(error) => Err(error),
        }
    }

    async fn say_verified(&self, id: GrantId, lease: &Lease) -> Result<(), Option<&'static str>> {
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
        match self.lease_step_where(id, &verified, this_end).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(grant = %id, %error, "a lease is gone, and that cannot be stored yet");
                Err(None)
            }
        }
    }

    async fn say_overdue(&self, id: GrantId, code: &'static str) {
        let step = LeaseStep {
            what: LeaseEvent::Overdue,
            code,
            human: None,
        };
        match self.lease_step(id, &step).await {
            Ok(_) => self.leases_under_way().did.overdue += 1,
            // Too early, or said before.
            Err(GateError::Refused(Refusal::WrongState { .. })) => {}
            Err(error) => {
                tracing::warn!(grant = %id, %error, "that a lease is overdue cannot be stored yet");
            }
        }
    }

    fn is_due(&self, id: &GrantId, now: Timestamp) -> bool {
        let tries = self.lease_tries();
        tries
            .get(id)
            .is_none_or(|tries| now.has_passed(tries.at, tries.pause_seconds))
    }

    // INVARIANT(never-gives-up): an attempt that failed is followed by another within seconds, whatever their number.
    pub(super) fn tried(&self, id: GrantId, now: Timestamp, remains: Option<&'static str>) {
        let mut all = self.lease_tries();
        let count = all
            .get(&id)
            .map_or(0, |tries| tries.count)
            .saturating_add(1);
        let tries = Tries {
            count,
            at: now,
            pause_seconds: retry_seconds(count),
            remains,
        };
        all.insert(id, tries);
    }

    /// How often this process tried to take a lease away, and why it was still there.
    pub(super) fn tried_so_far(&self, id: &GrantId) -> (u32, Option<&'static str>) {
        let tries = self.lease_tries();
        tries
            .get(id)
            .map_or((0, None), |tries| (tries.count, tries.remains))
    }

    fn lease_tries(&self) -> MutexGuard<'_, BTreeMap<GrantId, Tries>> {
        let tries = &self.inner.lease_tries;
        tries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lease_looks(&self) -> MutexGuard<'_, Looks> {
        let looks = &self.inner.lease_looks;
        looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leases_under_way(&self) -> MutexGuard<'_, UnderWay> {
        let under_way = &self.inner.leases_under_way;
        under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
