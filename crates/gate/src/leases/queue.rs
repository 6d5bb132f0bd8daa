//! Removals that wait for their turn at a target, and those under way there: so many at once, the next begun as soon as one is done.
//! Where many wait, as after a stop, all of them are shut first: to shut a credential is quick, to take it away is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::GrantId;
use gatehold_core::lease::{Lease, Recipe};

use super::remove::LeaseTick;
use crate::error::GateError;
use crate::gate::Gate;

/// Removals under way at one target.
const AT_ONCE: usize = 8;
/// Credentials that are shut by one call.
const SHUT_AT_ONCE: usize = 100;

/// What goes on beside the turns.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    /// Leases that wait for their removal, or whose removal is under way.
    leases: BTreeSet<GrantId>,
    lines: BTreeMap<String, Line>,
    /// Targets that are being asked what stands there.
    pub(super) asked: BTreeSet<String>,
    /// What came of it since the last turn.
    pub(super) did: LeaseTick,
}

/// What waits at one target.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<GrantId>,
    /// Those of them that are to be shut.
    open: VecDeque<GrantId>,
    workers: usize,
    shutting: bool,
}

impl UnderWay {
    /// Whoever finds nothing has left by then: what is lined up next begins another.
    fn next(&mut self, target: &str) -> Option<GrantId> {
        let next = self.lines.get_mut(target)?.waiting.pop_front();
        if next.is_none() {
            self.worker_left(target);
        }
        next
    }

    fn next_open(&mut self, target: &str) -> Vec<GrantId> {
        let Some(line) = self.lines.get_mut(target) else {
            return Vec::new();
        };
        // From the end: those in front are being taken away.
        let rest = line.open.len().saturating_sub(SHUT_AT_ONCE);
        let next: Vec<GrantId> = line.open.drain(rest..).collect();
        if next.is_empty() {
            self.nobody_shuts(target);
        }
        next
    }

    fn worker_left(&mut self, target: &str) {
        if let Some(line) = self.lines.get_mut(target) {
            line.workers = line.workers.saturating_sub(1);
        }
        self.forget_idle(target);
    }

    fn nobody_shuts(&mut self, target: &str) {
        if let Some(line) = self.lines.get_mut(target) {
            line.shutting = false;
        }
        self.forget_idle(target);
    }

    fn forget_idle(&mut self, target: &str) {
        let idle = |line: &Line| line.workers == 0 && !line.shutting && line.waiting.is_empty();
        if self.lines.get(target).is_some_and(idle) {
            self.lines.remove(target);
        }
    }

    /// Lines up what neither waits nor is under way.
    fn line_up(&mut self, target: &str, id: GrantId, open: bool) {
        if !self.leases.insert(id) {
            return;
        }
        let line = self.lines.entry(target.to_owned()).or_default();
        line.waiting.push_back(id);
        if open {
            line.open.push_back(id);
        }
    }
}

impl Gate {
    /// Has these taken away, each at its target as it is listed there.
    pub(super) fn take_away(
        &self,
        due: impl IntoIterator<Item = (String, GrantId)>,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let due: Vec<_> = due
            .into_iter()
            .map(|(target, id)| {
                let (_, remains) = self.tried_so_far(&id);
                (target, id, is_open(remains))
            })
            .collect();
        let mut under_way = self.leases_under_way();
        for (target, id, open) in due {
            under_way.line_up(&target, id, open);
        }
        let mut begun = Vec::new();
        for (target, line) in &mut under_way.lines {
            // The few that are begun at once need nobody who shuts them first.
            if line.workers.saturating_add(line.waiting.len()) <= AT_ONCE {
                line.open.clear();
            } else if !line.open.is_empty() && !line.shutting {
                line.shutting = true;
                begun.push(self.begin_shutting(target));
            }
            let wanted = AT_ONCE.min(line.workers.saturating_add(line.waiting.len()));
            while line.workers < wanted {
                line.workers += 1;
                begun.push(self.begin_worker(target));
            }
        }
        begun
    }

    fn begin_worker(&self, target: &str) -> tokio::task::JoinHandle<()> {
        let at_work = AtWork::new(self, target, UnderWay::worker_left);
        tokio::spawn(async move {
            loop {
                let next = at_work.next();
                let Some(id) = next else { break };
                let of = Removing {
                    gate: &at_work.gate,
                    id,
                };
                at_work.gate.remove_next(id).await;
                drop(of);
            }
            at_work.has_left();
        })
    }

    async fn remove_next(&self, id: GrantId) {
        match self.to_be_gone(id).await {
            Ok(Some((grant, lease))) => self.remove_one(&grant, &lease).await,
            // Somebody else came to its end meanwhile.
            Ok(None) => {}
            Err(error) => {
                if let Ok(now) = self.store().now().await {
                    self.tried(id, now, None);
                }
                tracing::error!(grant = %id, %error, "a lease's row cannot be believed");
            }
        }
    }

    /// A lease that is to be gone, as its row says now.
    async fn to_be_gone(&self, id: GrantId) -> Result<Option<(Grant, Lease)>, GateError> {
        let (grant, _) = self.grant(id).await?;
        let lease = grant.lease.clone();
        Ok(lease
            .filter(|_| grant.state == GrantState::Revoking)
            .map(|lease| (grant, lease)))
    }

    fn begin_shutting(&self, target: &str) -> tokio::task::JoinHandle<()> {
        let at_work = AtWork::new(self, target, UnderWay::nobody_shuts);
        tokio::spawn(async move {
            loop {
                let next = at_work.next_open();
                if next.is_empty() {
                    break;
                }
                at_work.gate.shut(&at_work.target, next).await;
            }
            at_work.has_left();
        })
    }

    /// Of no use any more, as far as that is quickly done. Nothing is said of it: each is taken away all the same, and only then it is gone.
    async fn shut(&self, target: &str, ids: Vec<GrantId>) {
        let mut recipes: Vec<Recipe> = Vec::new();
        for id in ids {
            // What cannot be read is told where it is to be taken away.
            if let Ok(Some((_, lease))) = self.to_be_gone(id).await
                && lease.target.as_str() == target
            {
                recipes.push(lease.recipe);
            }
        }
        if !recipes.is_empty() {
            self.issuer().shut(target, &recipes).await;
        }
    }
}

/// Whether whoever has it may still use it: nobody came as far as its target, by why it was still there.
fn is_open(remains: Option<&str>) -> bool {
    let nobody = ["unreachable", "timeout", "executor_unreachable"];
    remains.is_none_or(|remains| nobody.contains(&remains))
}

/// Another removal of the same lease may begin, however this one ended.
struct Removing<'a> {
    gate: &'a Gate,
    id: GrantId,
}

impl Drop for Removing<'_> {
    fn drop(&mut self) {
        self.gate.leases_under_way().leases.remove(&self.id);
    }
}

/// Somebody at work at a target: makes room for another, also where the work broke off. What waits then is begun by the next turn.
struct AtWork {
    gate: Gate,
    target: String,
    leaves: fn(&mut UnderWay, &str),
    left: bool,
}

impl AtWork {
    fn new(gate: &Gate, target: &str, leaves: fn(&mut UnderWay, &str)) -> Self {
        Self {
            gate: gate.clone(),
            target: target.to_owned(),
            leaves,
            left: false,
        }
    }

    fn next(&self) -> Option<GrantId> {
        self.gate.leases_under_way().next(&self.target)
    }

    fn next_open(&self) -> Vec<GrantId> {
        self.gate.leases_under_way().next_open(&self.target)
    }

    /// It has found nothing more, and has left the line with that.
    fn has_left(mut self) {
        self.left = true;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.left {
            (self.leaves)(&mut self.gate.leases_under_way(), &self.target);
        }
    }
}
