//! Issuing as a gate does it: the claim is durable, the target makes the credential, that is made durable too, and only then
//! is it handed over. A process can die between any two of these, and what it asked the target for goes on without it.

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::{LeaseStep, Release};
use gatehold_core::grant::Grant;
use gatehold_core::ids::{GrantId, HumanId, RequestId};
use gatehold_core::lease::LeaseEvent;
use gatehold_core::request::State;
use gatehold_core::request::state::Event as Ending;
use gatehold_core::stops::Stops;
use gatehold_core::task::{Task, TaskState};

use super::Simulator;
use super::careless::Careless;
use super::oracle::Checked;
use super::process::Process;
use super::shelf::Shelf;
use super::target::Made;
use super::work::{Intent, Stage, Work};

/// A credential that this process has made.
#[derive(Debug, Clone, Copy)]
pub struct Making {
    /// Under which grant.
    pub grant: GrantId,
    /// For which request.
    pub request: RequestId,
    /// The call at the target, once it has left.
    pub call: Option<u64>,
    /// Stopped meanwhile: its end is waited for, and nobody is handed anything.
    pub given_up: bool,
}

/// A step of a lease.
pub(super) fn step(
    (grant, request): (GrantId, RequestId),
    what: LeaseEvent,
    code: &'static str,
    human: Option<HumanId>,
) -> Intent {
    Intent::Lease {
        grant,
        request,
        step: LeaseStep { what, code, human },
        returned: None,
    }
}

impl Simulator {
    /// One stage of making a credential.
    pub(super) fn making(&mut self, mut work: Work, mut making: Making) -> Checked {
        let about = (making.grant, making.request);
        let Some(call) = making.call else {
            return self.begin_making(work, making);
        };
        if self.careless == Some(Careless::MakesTwice) && self.target.is_making(&making.grant) {
            making.call = None;
        }
        let Some(made) = self.target.answer(call) else {
            work.stage = Stage::Making(making);
            self.work.push(work);
            return Ok(());
        };
        match made {
            Made::Issued if !making.given_up => {
                self.reach("made");
                if self.careless == Some(Careless::HandsOverEarly) {
                    self.oracle.handed_over(&making.grant)?;
                }
                let issued = step(about, LeaseEvent::Issued, "issued", None);
                self.ask_for(work.process, issued, Some(making.grant));
            }
            Made::Refused => self.nothing_handed(work.process, about, Ending::Failed, "refused"),
            Made::Issued | Made::Unknown => {
                self.reach("made-or-not");
                self.nothing_handed(work.process, about, Ending::Lost, "lost");
            }
        }
        Ok(())
    }

    /// The call leaves, unless what it is for was stopped since the claim.
    fn begin_making(&mut self, mut work: Work, mut making: Making) -> Checked {
        let about = (making.grant, making.request);
        let Some(process) = self.processes.get_mut(work.process) else {
            return Ok(());
        };
        let key = RowKey::new(Table::Grant, &making.grant);
        let row = process.row::<Grant>(&self.shelf, &key);
        // What somebody changed is not acted on: its time ends it.
        let Some(lease) = row.ok().flatten().and_then(|(grant, _)| grant.lease) else {
            return Ok(());
        };
        if self.is_given_up(work.process, making.request) {
            self.reach("given-up-before-making");
            self.nothing_handed(work.process, about, Ending::Lost, "stopped");
            return Ok(());
        }
        self.oracle.making_begins(&making.grant)?;
        let faults = (!self.quiet).then_some(&mut self.seed);
        making.call = Some(self.target.begin(making.grant, lease.not_after, faults));
        self.journal.line(format!(
            "{} asks the target for {}",
            work.number, making.grant
        ));
        work.stage = Stage::Making(making);
        self.work.push(work);
        Ok(())
    }

    /// What is under way here is given up where its task has ended or a stop covers it; the target goes on with it.
    pub(super) fn give_up_making(&mut self, at: usize) {
        for place in 0..self.work.len() {
            let own = self.work.get(place).filter(|work| work.process == at);
            let Some(Stage::Making(making)) = own.map(|work| &work.stage) else {
                continue;
            };
            let request = making.request;
            let gives_up = !making.given_up && self.is_given_up(at, request);
            if gives_up
                && let Some(Stage::Making(making)) =
                    self.work.get_mut(place).map(|work| &mut work.stage)
            {
                making.given_up = true;
                self.reach("given-up-while-making");
            }
        }
    }

    fn is_given_up(&mut self, at: usize, request: RequestId) -> bool {
        let process = self.processes.get_mut(at);
        process.is_some_and(|process| process.has_ended(&self.shelf, request) == Some(true))
    }

    /// Nobody is handed anything: the lease ends, and what came of the execution is reported.
    fn nothing_handed(
        &mut self,
        process: usize,
        about: (GrantId, RequestId),
        ending: Ending,
        code: &'static str,
    ) {
        self.ask(process, step(about, LeaseEvent::Ended, code, None));
        let report = Intent::Report {
            request: about.1,
            ending,
        };
        self.ask(process, report);
    }

    /// A write that a credential waits for came to nothing.
    pub(super) fn not_handed(&mut self, work: &Work, ending: Ending) {
        let Some(grant) = work.hands else {
            return;
        };
        match work.intent {
            Intent::Lease { request, .. } => {
                self.reach("made-and-not-handed");
                let about = (grant, request);
                self.nothing_handed(work.process, about, ending, "not_issued");
            }
            Intent::Report { request, .. } => {
                self.reach("not-delivered");
                let ended = step((grant, request), LeaseEvent::Ended, "not_delivered", None);
                self.ask(work.process, ended);
            }
            _ => {}
        }
    }

    /// What a process does next that has something durable in its hands.
    pub(super) fn go_on_with(&mut self, work: &Work, release: &Release) -> Checked {
        match (release, &work.intent) {
            (Release::Grant(_), Intent::Lease { step, request, .. }) => match step.what {
                LeaseEvent::Issued => {
                    let report = Intent::Report {
                        request: *request,
                        ending: Ending::Completed,
                    };
                    self.ask_for(work.process, report, work.hands);
                }
                LeaseEvent::Verified => self.reach("gone"),
                LeaseEvent::Returned => self.reach("returned"),
                LeaseEvent::Overdue => self.reach("overdue"),
                LeaseEvent::Ended => self.reach("lease-ended"),
                // Nobody in this world loses what they were handed.
                LeaseEvent::Rekeying | LeaseEvent::Rekeyed => {}
            },
            (Release::Request(_), Intent::Report { .. }) => {
                if let Some(grant) = work.hands {
                    self.oracle.handed_over(&grant)?;
                    let sessions = u32::try_from(self.seed.below(3)).unwrap_or(0);
                    self.target.used(&grant, sessions);
                    self.reach("handed-over");
                }
            }
            (Release::Task(task), Intent::EndTask { .. }) => {
                let leases = self.oracle.leases.iter();
                let living = leases.filter(|(_, lease)| lease.is_living(task.id));
                let living: Vec<_> = living.map(|(id, lease)| (*id, lease.request)).collect();
                for about in living {
                    let ended = step(about, LeaseEvent::Ended, "task_ended", None);
                    self.ask(work.process, ended);
                }
                self.give_up_making(work.process);
            }
            _ => {}
        }
        Ok(())
    }

    /// Somebody takes away what was handed out; now and then somebody whom nobody knows.
    pub(super) fn revoke_lease(&mut self) -> Option<Intent> {
        let leases = self.oracle.leases.iter();
        let living: Vec<_> = leases
            .filter(|(_, lease)| lease.is_active())
            .map(|(id, lease)| (*id, lease.request))
            .collect();
        let about = *self.seed.pick(&living)?;
        let stranger = HumanId::new("evil.example", "ann").expect("a plain name");
        let human = if self.seed.per_mille(200) {
            stranger
        } else {
            self.some_human()?
        };
        Some(step(about, LeaseEvent::Ended, "revoked", Some(human)))
    }
}

impl Process {
    /// Whether a stop covers a request, or its task has ended; nothing where that cannot be read.
    fn has_ended(&mut self, shelf: &Shelf, request: RequestId) -> Option<bool> {
        let key = RowKey::new(Table::Request, &request);
        let (record, _) = self
            .row::<gatehold_core::request::RequestRecord>(shelf, &key)
            .ok()??;
        let envelope = record.envelope;
        let stops = self.versioned::<Stops>(shelf, Table::Stops, "main").ok()?;
        let stopped = stops.value.reason(
            &envelope.workload,
            envelope.task.as_ref(),
            &envelope.target,
            &envelope.resource,
        );
        Some(stopped.is_some() || !self.task_is_open(shelf, envelope.task?)?)
    }

    /// Whether a task is open and its time not over; nothing where its row cannot be read.
    pub(super) fn task_is_open(
        &mut self,
        shelf: &Shelf,
        task: gatehold_core::ids::TaskId,
    ) -> Option<bool> {
        let key = RowKey::new(Table::Task, &task);
        let (task, _) = self.row::<Task>(shelf, &key).ok()??;
        let over = task
            .boundary
            .is_some_and(|boundary| shelf.now() > boundary.not_after);
        Some(task.state == TaskState::Open && !over)
    }

    /// Whether what was handed out for a request in this state is, or will be, in somebody's hands.
    pub(super) const fn is_handed(state: State, issued: bool) -> bool {
        match state {
            State::Completed => issued,
            State::Executing => true,
            _ => false,
        }
    }
}
