//! Tasks and stops: what surrounds a request. They are read only from a whole ledger; a selection may leave them out.

use gatehold_core::delegation::Moment;
use gatehold_core::directory::Directory;
use gatehold_core::entry::Event;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_core::request::record::Asked;
use gatehold_core::requester::Requester;
use gatehold_core::restraints::{Loosening, Restraints, says_it_loosens};
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Evidence, TrustError};

use super::{Checked, Fold, RequestFold, ensure, wrong};
use crate::finding::Code;
use crate::opened::{Expect, Opened};

/// A task as the leaves tell it.
#[derive(Debug)]
pub(crate) struct TaskFold {
    open: bool,
    purpose: Hash,
    requester: String,
}

impl Fold {
    pub(super) fn task(&mut self, leaf: &Opened) -> Checked {
        let Event::Task {
            task,
            what,
            purpose,
            requester,
        } = &leaf.entry.event
        else {
            return Ok(());
        };
        let known = self.tasks.get_mut(task);
        match (what.as_str(), known) {
            ("started", None) => {
                if let Some(text) = leaf.bytes("purpose") {
                    let hash = Hash::tagged("gatehold/purpose/v1", &[text]);
                    ensure(hash == *purpose, Code::Task, "its purpose is another text")?;
                }
                let begun = TaskFold {
                    open: true,
                    purpose: *purpose,
                    requester: requester.clone(),
                };
                self.tasks.insert(*task, begun);
                Ok(())
            }
            ("ended", Some(known)) if known.open => {
                ensure(
                    known.purpose == *purpose && known.requester == *requester,
                    Code::Task,
                    "the task had another purpose or owner when it began",
                )?;
                known.open = false;
                Ok(())
            }
            ("started" | "ended", _) => wrong(Code::Task, "a task begins once and ends once"),
            _ => wrong(Code::Record, "a task can only begin or end"),
        }
    }

    /// What the delegations at a request depended on at this leaf. A selection that leaves its task out cannot tell that it
    /// had ended.
    pub(super) fn moment(&self, request: &RequestFold, at: Timestamp) -> Moment {
        let named = request.envelope.as_ref().and_then(|envelope| envelope.task);
        let is_open = |task: &TaskId| match self.tasks.get(task) {
            Some(known) => known.open,
            None => self.expect == Expect::Selection,
        };
        Moment {
            now: at,
            task: named.filter(is_open),
        }
    }

    /// Whether a task that is known has ended; a selection may leave its leaves out.
    pub(super) fn task_has_ended(&self, id: Option<&TaskId>) -> bool {
        let known = id.and_then(|id| self.tasks.get(id));
        known.is_some_and(|task| !task.open)
    }

    /// A submission is a step of its own open task, with the purpose that was fixed when it began.
    pub(super) fn check_task(&self, asked: &Asked) -> Checked {
        let Some(id) = asked.task else {
            return ensure(
                matches!(asked.requester, Requester::Human { .. }),
                Code::Task,
                "a workload's action names no task",
            );
        };
        if self.expect == Expect::Selection {
            return Ok(());
        }
        let Some(task) = self.tasks.get(&id) else {
            return wrong(Code::Task, "its task never began");
        };
        ensure(task.open, Code::Task, "its task had ended")?;
        ensure(
            task.purpose == asked.purpose && task.requester == asked.requester.name(),
            Code::Task,
            "its task has another purpose or belongs to another workload",
        )
    }

    /// Who sends signals stands in a configuration and not in the ledger, so nobody can tell here whether they were trusted: a signal
    /// only takes away, as whoever appends a leaf can.
    pub(super) fn stopped(&mut self, by: &StoppedBy, stops: &Stops) -> Checked {
        if let StoppedBy::Human(human) = by {
            ensure(
                self.is_enrolled(human),
                Code::Stop,
                "whoever stopped something was not enrolled",
            )?;
        }
        if self.expect == Expect::Everything {
            ensure(
                self.restraints.stops_with(stops) == *stops,
                Code::Stop,
                "a stop was lifted without people's approval",
            )?;
        }
        Ok(())
    }

    /// What a leaf stops, pauses, lifts or resumes, by the fold that a gate itself reads its leaves with.
    pub(super) fn restrain(&mut self, leaf: &Opened) -> Checked {
        let entry = &leaf.entry;
        if self.expect == Expect::Selection {
            // Leaves between these may have lifted something.
            self.restraints.follow(leaf.index, entry);
            if let Event::Stops { added, stops, .. } = &entry.event {
                self.restraints.told(leaf.index, added, stops);
            }
            return Ok(());
        }
        let Some(before) = self.directory() else {
            // After a broken chain nobody can tell what was approved; that it is broken is said where it breaks.
            self.restraints = Restraints::default();
            return Ok(());
        };
        let approved = says_it_loosens(entry).then(|| loosening(leaf, before));
        let verified = approved.as_ref().and_then(|given| given.as_ref().ok());
        let added = self.restraints.add(leaf.index, entry, verified);
        approved.map_or(Ok(()), |given| given.map(drop))?;
        added.map_err(|why| (Code::Stop, why))
    }

    pub(super) fn lift(&mut self, request: RequestId, leaf: u64, lifted: &Stops) {
        if self.expect == Expect::Selection {
            let asked = self.restraints.asked_at(&request).unwrap_or(leaf);
            self.restraints.lift(lifted, asked);
        }
    }

    /// What stopped a workload's action at this point, if anything did.
    pub(super) fn stop_reason(
        &self,
        envelope: &gatehold_core::action::Envelope,
        requester: &Requester,
    ) -> Option<&'static str> {
        if matches!(requester, Requester::Human { .. }) {
            return None;
        }
        if self.restraints.is_paused(&requester.name()) {
            return Some("workload_paused");
        }
        self.restraints.stops().reason(
            &envelope.workload,
            envelope.task.as_ref(),
            &envelope.target,
            &envelope.resource,
        )
    }
}

/// What people approved to be lifted or resumed.
fn loosening(leaf: &Opened, before: &Directory) -> Checked<Loosening> {
    let refused = |error: TrustError| (Code::Stop, format!("it loosens nothing: {error}"));
    let Some(bytes) = leaf.bytes("evidence") else {
        return wrong(Code::Chain, leaf.absence("evidence"));
    };
    let evidence = Evidence::from_bytes(bytes).map_err(refused)?;
    Loosening::verify(&leaf.entry, &evidence, before).map_err(refused)
}
