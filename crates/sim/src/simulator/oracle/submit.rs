//! Submissions: policy's real answer at the moment of the commit, and nothing that is stopped, paused, over or not
//! theirs.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::history::History;
use gatehold_core::ids::HumanId;
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::task::TaskState;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::Change;
use gatehold_core::verdict::Verdict;

use super::held::{Held, holds_at};
use super::{Checked, Commit, Oracle, Request, Violation, holds};
use crate::simulator::work::Intent;

impl Oracle {
    pub(super) fn submitted(&mut self, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let Event::Submitted { trace, .. } = &commit.entry.event else {
            return holds(false, "fold-equals-row", || {
                format!("{} began oddly", record.id)
            });
        };
        self.trace_is_true(trace)?;
        let request = match commit.intent {
            Intent::Submit { action, .. } => self.asked_by_workload(action, record, commit)?,
            Intent::Propose { human, action, .. } => {
                self.asked_by_human(human, action, record, commit)?
            }
            _ => {
                return holds(false, "own-key", || {
                    format!("{} was asked for by nobody", record.id)
                });
            }
        };
        holds(
            record.digest == request.action.digest(),
            "signed-is-exact",
            || format!("{} is not what was asked for", record.id),
        )?;
        self.let_out(&request, record, commit)?;
        if record.state == State::Held {
            let open = self
                .requests
                .values()
                .filter(|other| other.state == State::Held && other.name == request.name);
            let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
            let miscounted = self.holds_miscounted();
            holds(
                miscounted || open < self.settings.open_holds_max,
                "world-guarded",
                || format!("{} has {open} open holds and got another", request.name),
            )?;
        }
        let mut request = request;
        if record.state == State::Allowed {
            self.count(&mut request);
        }
        request
            .history
            .add(commit.entry)
            .map_err(|broken| Violation {
                invariant: "fold-equals-row",
                what: broken.to_string(),
            })?;
        self.requests.insert(record.id, request);
        Ok(())
    }

    /// What this submission lets out is what policy says, and nothing stands against it.
    fn let_out(&self, request: &Request, record: &RequestRecord, commit: &Commit<'_>) -> Checked {
        let verdict = self.verdict(request, commit.rules);
        match record.state {
            State::Denied => return Ok(()),
            State::Allowed => {
                holds(
                    verdict.verdict() == &Verdict::Allow,
                    "world-guarded",
                    || format!("{} was allowed and policy does not allow it now", record.id),
                )?;
            }
            State::Held => {
                let held = record.held.as_ref();
                let same = held.is_some_and(|held| holds_at(&verdict, &held.requirement));
                holds(same, "world-guarded", || {
                    format!(
                        "{} is held at something that policy does not say now",
                        record.id
                    )
                })?;
            }
            _ => {
                return holds(false, "terminal-stays-terminal", || {
                    format!("{} began as {}", record.id, record.state.name())
                });
            }
        }
        self.unhindered(request)
    }

    /// Nothing is stopped or paused that this would have to pass, and its task is open.
    pub(super) fn unhindered(&self, request: &Request) -> Checked {
        if request.human.is_some() {
            return Ok(());
        }
        let envelope = request.action.envelope();
        let stopped = self.stops.everything
            || self.stops.workloads.contains(&envelope.workload)
            || self.stops.targets.contains(&envelope.target)
            || envelope
                .task
                .is_some_and(|task| self.stops.tasks.contains(&task));
        holds(!stopped, "world-guarded", || {
            format!("{} is stopped", request.id)
        })?;
        holds(
            !self.paused.contains(&request.name),
            "world-guarded",
            || format!("{} is paused", request.name),
        )?;
        let task = envelope.task.and_then(|task| self.tasks.get(&task));
        let open = task.is_some_and(|task| task.task.state == TaskState::Open);
        holds(open, "world-guarded", || {
            format!("the task of {} is over", request.id)
        })
    }

    fn asked_by_workload(
        &self,
        action: &Arc<Action>,
        record: &RequestRecord,
        commit: &Commit<'_>,
    ) -> Result<Request, Violation> {
        let wrong = |what: &str| Violation {
            invariant: "world-guarded",
            what: format!("{}: {what}", record.id),
        };
        let key = commit.intent.call().map(|call| call.key);
        let key = key.ok_or_else(|| wrong("no call"))?;
        let (workload, proposer) = self
            .realm
            .acting(&key, commit.time)
            .ok_or_else(|| wrong("asked by a key without force"))?;
        let envelope = action.envelope();
        let task = envelope.task.and_then(|task| self.tasks.get(&task));
        let task = &task.ok_or_else(|| wrong("without a task"))?.task;
        if envelope.workload != workload.id || task.workload != workload.id || task.key != key {
            return Err(Violation {
                invariant: "own-key",
                what: format!(
                    "{} was asked for in somebody else's name or task",
                    record.id
                ),
            });
        }
        if envelope.target.as_str() == gatehold_core::trust::GATE_TARGET {
            return Err(wrong("a workload asked for a change of the gate"));
        }
        if envelope.descriptor.hash != Hash::of(envelope.descriptor.id.as_str().as_bytes()) {
            return Err(wrong("its descriptor is not active"));
        }
        if envelope.payload.media_type != "application/json" {
            return Err(wrong("its descriptor does not take such bytes"));
        }
        let boundary = task.boundary.as_ref();
        let over = boundary.is_some_and(|boundary| commit.time > boundary.not_after);
        if over {
            return Err(wrong("the time of its task was over"));
        }
        let mut excluded = self.realm.around(workload, proposer);
        let initiator = task.on_behalf_of.clone();
        let someone_else = task.attested
            && initiator
                .as_ref()
                .is_some_and(|human| *human != workload.owner && *human != workload.backup);
        if !someone_else {
            excluded.insert(workload.owner.clone());
            excluded.insert(workload.backup.clone());
        }
        excluded.extend(initiator);
        let name = workload.id.to_string();
        Ok(request(record, action, commit, name, key, None, excluded))
    }

    fn asked_by_human(
        &self,
        human: &HumanId,
        action: &Arc<Action>,
        record: &RequestRecord,
        commit: &Commit<'_>,
    ) -> Result<Request, Violation> {
        let key = record.requester.key();
        let force = self.realm.has_force(human, &key);
        holds(force, "world-guarded", || {
            format!("{} was asked for with a key without force", record.id)
        })?;
        let envelope = action.envelope();
        let of_gate = envelope.target.as_str() == gatehold_core::trust::GATE_TARGET;
        holds(of_gate, "world-guarded", || {
            format!("{human} asked for something outside the gate, past every stop")
        })?;
        let change = Change::of(action).map_err(|error| Violation {
            invariant: "chain-gives-force",
            what: error.to_string(),
        })?;
        let mut excluded = self.realm.gaining(&change);
        excluded.insert(human.clone());
        let empty = Submitted {
            record,
            action,
            labels: Default::default(),
            at: commit.entry.at,
            leaf: commit.leaf,
        };
        Ok(empty.request(human.to_string(), key, Some(human.clone()), excluded))
    }

    /// The step counts into its chain from the first decision on.
    pub(super) fn count(&mut self, request: &mut Request) {
        let task = request.action.envelope().task;
        if let Some(task) = task.and_then(|task| self.tasks.get_mut(&task))
            && !request.counted
        {
            request.counted = true;
            task.steps += 1;
            task.sensitive += u64::from(request.labels.sensitive);
        }
    }
}

fn request(
    record: &RequestRecord,
    action: &Arc<Action>,
    commit: &Commit<'_>,
    name: String,
    key: Hash,
    human: Option<HumanId>,
    excluded: BTreeSet<HumanId>,
) -> Request {
    let labels = match commit.intent {
        Intent::Submit { labels, .. } => *labels,
        _ => Default::default(),
    };
    let submitted = Submitted {
        record,
        action,
        labels,
        at: commit.entry.at,
        leaf: commit.leaf,
    };
    submitted.request(name, key, human, excluded)
}

struct Submitted<'a> {
    record: &'a RequestRecord,
    action: &'a Arc<Action>,
    labels: gatehold_core::task::StepLabels,
    at: Timestamp,
    leaf: u64,
}

impl Submitted<'_> {
    fn request(
        &self,
        name: String,
        key: Hash,
        human: Option<HumanId>,
        excluded: BTreeSet<HumanId>,
    ) -> Request {
        let record = self.record;
        let held = record.held.as_ref();
        Request {
            id: record.id,
            leaf: self.leaf,
            name,
            key,
            human,
            excluded,
            action: Arc::clone(self.action),
            labels: self.labels,
            counted: false,
            state: record.state,
            version: 1,
            history: History::of(record.id),
            held: held.map(|held| Held::begun(held.requirement.clone(), held.decide_by, self.at)),
            spend_by: record.spend_by,
            request_hash: record.request_hash,
            display_hash: record.display_hash,
            claims_head: record.claims_root,
            grant: None,
            claims: 0,
            releases: 0,
            tampered: BTreeSet::new(),
        }
    }
}
