//! Leases as they really came about: what was planned and claimed, what the target had when it was asked, and what left a
//! process. Of a row it believes nothing; of core's own machine it uses nothing.

use gatehold_core::commit::Table;
use gatehold_core::entry::Event;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::lease::{Lease, LeaseEvent, OVERDUE_SECONDS};
use gatehold_core::limits::Limits;
use gatehold_core::task::TaskState;
use gatehold_core::time::Timestamp;

use super::{Checked, Commit, Oracle, Request, Violation, holds};
use crate::simulator::target::plan;

/// The longest that an execution may take; what is made later than that stands at the target again.
pub const EXECUTION_SECONDS: u32 = 60;

/// A lease as it really came about.
#[derive(Debug, Clone)]
pub struct Leased {
    /// For which request.
    pub request: RequestId,
    task: Option<TaskId>,
    claimed_at: Timestamp,
    not_after: Timestamp,
    state: GrantState,
    issued: bool,
    /// How often somebody asked the target to make it.
    makings: u32,
    handed: bool,
    /// The leaf that last said that it is to end, and when it says that was.
    ended: Option<(u64, Timestamp)>,
    overdue: bool,
    /// The ledger's length when the target was asked last and had nothing of it.
    nothing: Option<u64>,
    /// Its row as it was last written.
    row: Hash,
}

impl Leased {
    /// Whether nobody has ended it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == GrantState::Active
    }

    /// Whether it is a living one of this task.
    #[must_use]
    pub fn is_living(&self, task: TaskId) -> bool {
        self.is_active() && self.task == Some(task)
    }

    /// When people are to be told that it is still there.
    #[must_use]
    pub fn overdue_at(&self) -> Option<Timestamp> {
        let (_, at) = self.ended.filter(|_| !self.overdue)?;
        Some(at.plus_seconds(OVERDUE_SECONDS))
    }

    /// Where this leads, told again: five ways and no other.
    fn to(&self, what: LeaseEvent) -> Option<GrantState> {
        match (self.state, what) {
            (GrantState::Active, LeaseEvent::Issued) if !self.issued => Some(GrantState::Active),
            (GrantState::Active, LeaseEvent::Ended) => Some(GrantState::Revoking),
            (GrantState::Revoking, LeaseEvent::Overdue) if !self.overdue => {
                Some(GrantState::Revoking)
            }
            (GrantState::Revoking, LeaseEvent::Verified) => Some(GrantState::Revoked),
            (GrantState::Revoked, LeaseEvent::Returned) => Some(GrantState::Revoking),
            _ => None,
        }
    }
}

impl Oracle {
    /// What is about to be made is what was planned, with one lease for one claim, ending with the first of what bounds it.
    // INVARIANT(recipe-first): asked at the claim, before any process can ask the target for anything.
    // INVARIANT(lease-in-window): of the grant, the limits of the claim, the task and the workload as they really are.
    pub(super) fn leased(
        &mut self,
        request: &Request,
        (grant, lease): (GrantId, Option<&Lease>),
        limits: &Limits,
        commit: &Commit<'_>,
    ) -> Checked {
        let id = request.id;
        let envelope = request.action.envelope();
        let planned = plan(envelope, grant).map(|plan| plan.recipe);
        let said = lease.map(|lease| lease.recipe.clone());
        holds(planned == said, "recipe-first", || {
            format!("{id} was claimed without the way to take away what it hands out")
        })?;
        let Some(lease) = lease else {
            return Ok(());
        };
        let before = self.leases.iter();
        let mut before = before.filter(|(other, known)| **other == grant || known.request == id);
        holds(before.next().is_none(), "single-release", || {
            format!("{id} has more than one lease")
        })?;
        let task = envelope.task.and_then(|task| self.tasks.get(&task));
        let task = task.and_then(|task| Some(task.task.boundary.as_ref()?.not_after));
        let workload = self.realm.acting(&request.key, commit.time);
        let bounds = [
            request.grant.map(|(_, ends)| ends),
            Some(limits.not_after),
            task,
            workload.map(|(workload, _)| workload.not_after),
        ];
        let within = bounds
            .into_iter()
            .flatten()
            .all(|last| lease.not_after <= last);
        let tampered = !request.tampered.is_empty();
        holds(within || tampered, "lease-in-window", || {
            format!("the lease of {id} lives longer than what it was given for")
        })?;
        let untouched = lease.issued_at.is_none() && lease.end.is_none();
        let untouched = untouched && lease.verified_at.is_none() && lease.returned == 0;
        holds(untouched, "fold-equals-row", || {
            format!("the lease of {id} begins as something else")
        })?;
        let leased = Leased {
            request: id,
            task: envelope.task,
            claimed_at: commit.time,
            not_after: lease.not_after,
            state: GrantState::Active,
            issued: false,
            makings: 0,
            handed: false,
            ended: None,
            overdue: false,
            nothing: None,
            row: Hash::of(b""),
        };
        self.leases.insert(grant, leased);
        Ok(())
    }

    /// Something became of a lease.
    pub(super) fn lease_step(&mut self, commit: &Commit<'_>) -> Checked {
        let Event::Lease {
            grant,
            of,
            what,
            human,
            trace,
            ..
        } = &commit.entry.event
        else {
            return Ok(());
        };
        let unclaimed = || Violation {
            invariant: "recipe-first",
            what: format!("{grant} was {} and nobody claimed it", what.name()),
        };
        let mut lease = self.leases.get(grant).cloned().ok_or_else(unclaimed)?;
        let request = self.requests.get(of).cloned().ok_or_else(unclaimed)?;
        holds(lease.request == *of, "fold-equals-row", || {
            format!("{grant} is of another request than {of}")
        })?;
        if let Some(trace) = trace {
            self.trace_is_true(trace)?;
        }
        // Over a row that was put back whole, or that nobody compares with its leaf, only what was handed over counts.
        let tampered = !request.tampered.is_empty();
        let row = row_of(commit, grant)?;
        let to = lease.to(*what);
        holds(tampered || to == Some(row.state), "fold-equals-row", || {
            let (was, is) = (lease.state.name(), row.state.name());
            format!("{grant} was {was}, then {}, and is {is}", what.name())
        })?;
        match what {
            LeaseEvent::Issued => {
                self.may_be_handed_over(&request, &lease, commit)?;
                lease.issued = true;
            }
            LeaseEvent::Ended | LeaseEvent::Returned => {
                let known = human
                    .as_ref()
                    .is_none_or(|human| self.realm.humans.contains_key(human));
                holds(known, "chain-gives-force", || {
                    format!("{grant} was ended by somebody who is nobody")
                })?;
                lease.ended = Some((commit.leaf, commit.entry.at));
                lease.overdue = false;
            }
            LeaseEvent::Overdue => {
                let due = lease.overdue_at().is_some_and(|at| commit.entry.at >= at);
                holds(due || tampered, "in-time", || {
                    format!("{grant} was called overdue before it was")
                })?;
                lease.overdue = true;
            }
            // Nobody in this world loses what they were handed.
            LeaseEvent::Rekeying | LeaseEvent::Rekeyed => {
                return Err(unclaimed());
            }
            LeaseEvent::Verified => {
                let asked = lease.ended.zip(lease.nothing);
                let asked = asked.is_some_and(|((ended, _), nothing)| nothing > ended);
                holds(asked || tampered, "revoked-is-verified", || {
                    format!(
                        "{grant} is called gone, and its target was not asked or has not said so"
                    )
                })?;
            }
        }
        lease.state = row.state;
        self.leases.insert(*grant, lease);
        Ok(())
    }

    /// Nothing leaves a process that was stopped, ended or out of time while it was made.
    // INVARIANT(world-guarded): stops, task, pause and key as they really are when its making becomes durable.
    fn may_be_handed_over(
        &self,
        request: &Request,
        lease: &Leased,
        commit: &Commit<'_>,
    ) -> Checked {
        let id = request.id;
        holds(commit.time <= lease.not_after, "in-time", || {
            format!("the credential of {id} was let out after its time")
        })?;
        if !request.tampered.is_empty() {
            return Ok(());
        }
        self.unhindered(request)?;
        holds(self.supports(&id, commit.time), "world-guarded", || {
            format!("the credential of {id} was let out to a key without force, or after its task")
        })
    }

    /// Whether what was handed out for a request still rests on something: its key, its task and no stop.
    #[must_use]
    pub fn supports(&self, id: &RequestId, now: Timestamp) -> bool {
        let Some(request) = self.requests.get(id) else {
            return false;
        };
        let envelope = request.action.envelope();
        let stopped = self.stops.reason(
            &envelope.workload,
            envelope.task.as_ref(),
            &envelope.target,
            &envelope.resource,
        );
        let task = envelope.task.and_then(|task| self.tasks.get(&task));
        let open = task.is_some_and(|task| {
            let last = task.task.boundary.as_ref().map(|last| last.not_after);
            task.task.state == TaskState::Open && last.is_none_or(|last| now <= last)
        });
        stopped.is_none() && open && self.realm.acting(&request.key, now).is_some()
    }

    /// Whether somebody wrote into a request's row where nothing in the gate can tell.
    #[must_use]
    pub fn is_tampered(&self, id: &RequestId) -> bool {
        let request = self.requests.get(id);
        request.is_none_or(|request| !request.tampered.is_empty())
    }

    /// A row with a lease is changed by the claim and by steps of the lease alone, and is as its leaf says.
    pub(super) fn lease_rows(&mut self, commit: &Commit<'_>) -> Checked {
        let rows = commit.write.rows.iter();
        for row in rows.filter(|row| row.key.table == Table::Grant) {
            let id = row.key.id.parse::<GrantId>().ok();
            let Some(lease) = id.and_then(|id| self.leases.get_mut(&id)) else {
                continue;
            };
            let request = self.requests.get(&lease.request);
            let tampered = request.is_none_or(|request| !request.tampered.is_empty());
            let own = matches!(
                commit.entry.event,
                Event::Claimed { .. } | Event::Lease { .. }
            );
            holds(own || tampered, "fold-equals-row", || {
                format!(
                    "{} changed by something that is no step of its lease",
                    row.key
                )
            })?;
            lease.row = Hash::of(&row.body);
            if let Ok(grant) = canonical::from_canonical_bytes::<Grant>(&row.body) {
                lease.state = grant.state;
            }
        }
        Ok(())
    }

    /// A lease's row as it stands is the one that its last leaf named.
    pub(super) fn lease_follows(&self, grant: &GrantId, body: &[u8]) -> Checked {
        let Some(lease) = self.leases.get(grant) else {
            return Ok(());
        };
        let request = self.requests.get(&lease.request);
        let tampered = request.is_none_or(|request| !request.tampered.is_empty());
        holds(
            tampered || lease.row == Hash::of(body),
            "fold-equals-row",
            || format!("the row of {grant} is not what its leaves amount to"),
        )
    }

    /// Somebody asks the target to make it.
    ///
    /// # Errors
    /// `recipe-first` or `single-release`.
    pub fn making_begins(&mut self, grant: &GrantId) -> Checked {
        let Some(lease) = self.leases.get_mut(grant) else {
            return holds(false, "recipe-first", || {
                format!("{grant} is made and nobody has written down how it is taken away")
            });
        };
        lease.makings += 1;
        holds(lease.makings == 1, "single-release", || {
            format!("{grant} is made a second time")
        })
    }

    /// A credential leaves a process.
    ///
    /// # Errors
    /// `release-after-durable` or `single-release`.
    // INVARIANT(release-after-durable): what was made leaves once its making is in the ledger.
    pub fn handed_over(&mut self, grant: &GrantId) -> Checked {
        let lease = self.leases.get_mut(grant).filter(|lease| lease.issued);
        let Some(lease) = lease else {
            return holds(false, "release-after-durable", || {
                format!("the credential of {grant} was handed over before its making was durable")
            });
        };
        let before = core::mem::replace(&mut lease.handed, true);
        holds(!before, "single-release", || {
            format!("the credential of {grant} was handed over twice")
        })
    }

    /// The target was asked, and nothing of it was there nor on its way; the ledger had so many leaves.
    pub fn target_had_nothing(&mut self, grant: &GrantId, leaves: u64) {
        if let Some(lease) = self.leases.get_mut(grant) {
            lease.nothing = Some(leaves);
        }
    }

    /// Whether whoever claimed it may still be making it.
    #[must_use]
    pub fn is_in_time_to_be_made(&self, grant: &GrantId, now: Timestamp) -> bool {
        let lease = self.leases.get(grant);
        lease.is_some_and(|lease| now <= lease.claimed_at.plus_seconds(EXECUTION_SECONDS))
    }

    /// Whether the gate takes what executes for lost by now; nothing for what hands out no credential.
    #[must_use]
    pub fn is_lost(&self, request: &RequestId, now: Timestamp) -> Option<bool> {
        let mut leases = self.leases.iter();
        let (grant, _) = leases.find(|(_, lease)| lease.request == *request)?;
        Some(!self.is_in_time_to_be_made(grant, now))
    }
}

fn row_of(commit: &Commit<'_>, grant: &GrantId) -> Result<Grant, Violation> {
    let body = commit.body(Table::Grant, &grant.to_string());
    let row = body.and_then(|body| canonical::from_canonical_bytes(body).ok());
    row.ok_or_else(|| Violation {
        invariant: "leaf-per-change",
        what: format!("a leaf about {grant} without its row"),
    })
}
