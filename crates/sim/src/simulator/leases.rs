//! What any process does about leases once a second: ends what is to end, takes it away at the target for as long as that
//! needs, and looks for what nobody remembers. It mirrors `crates/gate/src/leases/`.

use std::collections::BTreeMap;

use gatehold_core::commit::{RowKey, Table};
use gatehold_core::directory::Directory;
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::ids::{GrantId, RequestId};
use gatehold_core::lease::{LeaseEvent, RETRY_SECONDS_MAX, retry_seconds};
use gatehold_core::request::{RequestRecord, State};
use gatehold_core::stops::Stops;
use gatehold_core::task::Chain;
use gatehold_core::time::Timestamp;

use super::Simulator;
use super::careless::Careless;
use super::issuing::step;
use super::oracle::{Checked, Leased, holds};
use super::process::Process;
use super::shelf::Shelf;
use super::target::{Removal, Target};
use super::work::{Intent, Stage, Work};

/// How often everything is looked at although nothing is known to have changed, in seconds.
const LOOK_SECONDS: u32 = 60;
/// How often the target is asked what stands there, in seconds.
const ASK_SECONDS: u32 = 30;
/// After how many attempts a process that gives up does.
const GIVES_UP_AFTER: u32 = 3;

/// What a process remembers of leases. A crash forgets it, so that whoever starts next begins at once.
#[derive(Debug, Default)]
pub struct Remembered {
    tries: BTreeMap<GrantId, Tries>,
    /// When an attempt last began.
    attempts: BTreeMap<GrantId, Timestamp>,
    /// Versions of the directory and of the stops when all was looked at, and when.
    looked: Option<(u64, u64, Timestamp)>,
    asked: Option<Timestamp>,
    /// Under which version of the directory, and with which chain, a lease stood when policy was asked about it last.
    pub(super) stood: BTreeMap<GrantId, (u64, Chain)>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    at: Timestamp,
    pause_seconds: u32,
}

impl Remembered {
    fn is_due(&self, id: &GrantId, now: Timestamp) -> bool {
        self.tries
            .get(id)
            .is_none_or(|tries| now.has_passed(tries.at, tries.pause_seconds))
    }

    fn tried(&mut self, id: GrantId, at: Timestamp) {
        let count = self.tries.get(&id).map_or(0, |tries| tries.count) + 1;
        let pause_seconds = retry_seconds(count);
        let tries = Tries {
            count,
            at,
            pause_seconds,
        };
        self.tries.insert(id, tries);
    }

    fn asks_now(&mut self, now: Timestamp) -> bool {
        let due = self.asked.is_none_or(|at| now.has_passed(at, ASK_SECONDS));
        if due {
            self.asked = Some(now);
        }
        due
    }
}

/// What one look finds to do.
#[derive(Default)]
struct Wanted {
    ends: Vec<(GrantId, RequestId, &'static str)>,
    removals: Vec<(GrantId, RequestId)>,
    /// What lives, and is asked about because something has changed that it was made from.
    again: Vec<(GrantId, RequestId)>,
}

impl Simulator {
    /// One turn of a process. The store's clock decides, as in a gate.
    pub(super) fn lease_turn(&mut self, at: usize) -> Checked {
        self.give_up_making(at);
        let now = self.shelf.now();
        let Some(process) = self.processes.get_mut(at) else {
            return Ok(());
        };
        let wanted = process.wanted(&self.shelf, now);
        let asks = process.remembered.asks_now(now);
        for (grant, request, code) in wanted.ends {
            self.lease_step_once(at, (grant, request), LeaseEvent::Ended, code);
        }
        for about in wanted.again {
            self.ask_again(at, about);
        }
        if asks && self.careless != Some(Careless::IgnoresOrphans) {
            self.look_for_orphans(at);
        }
        for (grant, request) in wanted.removals {
            self.try_to_remove(at, (grant, request), now);
        }
        self.lives_while_allowed(at)?;
        self.never_gives_up(at, now)
    }

    /// Asks for it unless it is on its way here already.
    fn lease_step_once(
        &mut self,
        at: usize,
        about: (GrantId, RequestId),
        what: LeaseEvent,
        code: &'static str,
    ) {
        let under_way = self.work.iter().any(|work| {
            work.process == at
                && matches!(&work.intent, Intent::Lease { grant, step, .. } if (*grant, step.what) == (about.0, what))
        });
        if !under_way {
            self.ask(at, step(about, what, code, None));
        }
    }

    fn is_removing(&self, at: usize, id: &GrantId) -> bool {
        self.work.iter().any(|work| {
            let about = match &work.intent {
                Intent::Remove { grant, .. } => Some(grant),
                Intent::Lease { grant, step, .. } if step.what == LeaseEvent::Verified => {
                    Some(grant)
                }
                _ => None,
            };
            work.process == at && about == Some(id)
        })
    }

    fn try_to_remove(&mut self, at: usize, (grant, request): (GrantId, RequestId), now: Timestamp) {
        if self.is_removing(at, &grant) {
            return;
        }
        let Some(process) = self.processes.get_mut(at) else {
            return;
        };
        let tries = process.remembered.tries.get(&grant);
        let many = tries.is_some_and(|tries| tries.count >= GIVES_UP_AFTER);
        if many && self.careless == Some(Careless::GivesUp) {
            return;
        }
        process.remembered.attempts.insert(grant, now);
        self.ask(
            at,
            Intent::Remove {
                grant,
                request,
                since: now,
            },
        );
    }

    // INVARIANT(never-gives-up): after each turn, what is to end was tried no longer ago than the longest pause.
    fn never_gives_up(&self, at: usize, now: Timestamp) -> Checked {
        let Some(process) = self.processes.get(at) else {
            return Ok(());
        };
        for (key, row) in self.shelf.rows() {
            if key.table != Table::Grant || self.edited.contains(key) {
                continue;
            }
            let grant: Option<Grant> = row.read();
            let Some(grant) = grant.filter(|one| one.state == GrantState::Revoking) else {
                continue;
            };
            let last = process.remembered.attempts.get(&grant.id);
            let lately = last
                .is_some_and(|last| *last <= now && now <= last.plus_seconds(RETRY_SECONDS_MAX));
            holds(
                lately || self.is_removing(at, &grant.id),
                "never-gives-up",
                || {
                    format!(
                        "{at} has not tried to take {} away since {last:?}",
                        grant.id
                    )
                },
            )?;
        }
        Ok(())
    }

    /// The first half of an attempt: what it is about is read, and the target is asked.
    pub(super) fn begin_removal(&mut self, work: &Work) -> Option<Stage> {
        let Intent::Remove {
            grant,
            request,
            since,
        } = work.intent
        else {
            return None;
        };
        let careless = self.careless;
        let process = self.processes.get_mut(work.process)?;
        let Ok(read) = process.read(&self.shelf, &work.intent) else {
            process.remembered.tried(grant, since);
            return None;
        };
        let (stored, _) = read.grant?;
        let (of, _) = read.request?;
        let lease = stored
            .lease
            .filter(|_| stored.state == GrantState::Revoking)?;
        if careless == Some(Careless::AsksNobody) {
            let verified = step((grant, request), LeaseEvent::Verified, "gone", None);
            self.ask(work.process, verified);
            return None;
        }
        // Somebody may still be making it: what is not there yet could stand there a moment later.
        let making = lease.issued_at.is_none() && of.state == State::Executing;
        Some(Stage::Removing {
            making: making && careless != Some(Careless::ForgetsMakers),
            returned: lease.returned,
        })
    }

    /// The second half: the target answers, or not yet.
    pub(super) fn removing(&mut self, mut work: Work, making: bool, returned: u32) {
        let Intent::Remove {
            grant,
            request,
            since,
        } = work.intent
        else {
            return;
        };
        let about = (grant, request);
        let faults = (!self.quiet).then_some(&mut self.seed);
        let mut removal = self.target.remove(&grant, faults);
        if removal == Removal::Waits {
            work.stage = Stage::Removing { making, returned };
            self.work.push(work);
            return;
        }
        self.target_was_asked(&grant, &request);
        if self.careless == Some(Careless::HearsGone) {
            removal = Removal::Gone;
        }
        let code = match removal {
            Removal::Gone if !making => {
                if !self.is_removing(work.process, &grant) {
                    let verified = step(about, LeaseEvent::Verified, "gone", None);
                    self.ask(work.process, asked_at(verified, returned));
                }
                return;
            }
            Removal::Gone => "issuing",
            Removal::Remains(code) => code,
            Removal::Waits => "timeout",
        };
        self.reach(if code == "issuing" {
            "remains-issuing"
        } else {
            "remains"
        });
        if let Some(process) = self.processes.get_mut(work.process) {
            process.remembered.tried(grant, since);
        }
        // Mostly when it is due: it is refused before, and once it was said. What is still being made may not be there at all.
        let overdue = self.oracle.leases.get(&grant).filter(|_| code != "issuing");
        let due = overdue.and_then(Leased::overdue_at);
        if due.is_some_and(|at| self.shelf.now() >= at) || self.seed.per_mille(100) {
            self.lease_step_once(work.process, about, LeaseEvent::Overdue, code);
        }
    }

    /// What was really there when the target was asked, for the oracle alone.
    fn target_was_asked(&mut self, grant: &GrantId, request: &RequestId) {
        let now = self.shelf.now();
        let in_time = self.oracle.is_in_time_to_be_made(grant, now);
        let making = self.target.is_making(grant) || self.is_about_to_make(request);
        if making && !in_time {
            // A process stood still, or the store's clock was set, for longer than an execution may take. What is made all
            // the same stands there again, and is found.
            self.reach("asked-beside-an-outlived-making");
        }
        let something = self.target.has(grant) || (making && in_time);
        if !something {
            let leaves = self.shelf.leaves().len();
            self.oracle
                .target_had_nothing(grant, u64::try_from(leaves).unwrap_or(u64::MAX));
        }
    }

    /// Whether some process has a durable claim in its hands of which nothing has come yet.
    fn is_about_to_make(&self, request: &RequestId) -> bool {
        self.work.iter().any(|work| {
            let own = matches!(&work.intent, Intent::Redeem { request: id, .. } if id == request);
            own && match &work.stage {
                Stage::Answered(_, _, leaf) => self.shelf.receipt_of(leaf).is_some(),
                Stage::Making(making) => making.call.is_none(),
                _ => false,
            }
        })
    }

    fn look_for_orphans(&mut self, at: usize) {
        let Some(found) = self.target.found() else {
            return;
        };
        for recipe in found {
            let Some(id) = Target::grant_of(&recipe) else {
                continue;
            };
            let Some(process) = self.processes.get_mut(at) else {
                return;
            };
            match process.answers_for(&self.shelf, id) {
                Some((GrantState::Active | GrantState::Suspended | GrantState::Revoking, _)) => {}
                // Gone before, and there again.
                Some((GrantState::Revoked, request)) => {
                    self.lease_step_once(at, (id, request), LeaseEvent::Returned, "returned");
                }
                Some((GrantState::Ended, _)) | None => {
                    let faults = (!self.quiet).then_some(&mut self.seed);
                    self.target.remove(&id, faults);
                    self.reach("orphan");
                }
            }
        }
    }

    // INVARIANT(never-gives-up): once nothing fails and two minutes have passed, nothing can be used but what is in force.
    pub(super) fn nothing_stands(&self) -> Checked {
        let now = self.shelf.now();
        for id in self.target.usable(now) {
            let row = self.shelf.row(&RowKey::new(Table::Grant, &id));
            let grant: Option<Grant> = row.and_then(|row| row.read());
            let active = grant.filter(|grant| grant.state == GrantState::Active);
            let lease = active.as_ref().and_then(|grant| grant.lease.as_ref());
            let own = lease.is_some_and(|lease| now <= lease.not_after);
            let supported = active.is_some_and(|grant| {
                let of = &grant.request;
                let allowed = self.oracle.supports(of, now) && !self.lets_no_more(of);
                allowed || self.oracle.is_tampered(of)
            });
            holds(own && supported, "never-gives-up", || {
                format!("the credential of {id} can still be used and nothing supports it")
            })?;
        }
        Ok(())
    }
}

/// A step that counts only if it did not stand at the target again since that was asked.
fn asked_at(step: Intent, returned: u32) -> Intent {
    match step {
        Intent::Lease {
            grant,
            request,
            step,
            ..
        } => Intent::Lease {
            grant,
            request,
            step,
            returned: Some(returned),
        },
        other => other,
    }
}

impl Process {
    /// What is to be done about leases, as the rows have them.
    fn wanted(&mut self, shelf: &Shelf, now: Timestamp) -> Wanted {
        let looks = self.is_to_look(shelf, now);
        let mut wanted = Wanted::default();
        let rows = shelf.rows().filter(|(key, _)| key.table == Table::Grant);
        let listed: Vec<Grant> = rows
            .filter_map(|(_, row)| row.read::<Grant>())
            .filter(|grant| grant.lease.is_some())
            .collect();
        let mut revoking = Vec::new();
        for grant in listed {
            match grant.state {
                GrantState::Active => {
                    if let Some((request, code)) = self.why_end(shelf, &grant.id, looks, now) {
                        wanted.ends.push((grant.id, request, code));
                    } else if self.is_to_ask(shelf, &grant) {
                        wanted.again.push((grant.id, grant.request));
                    }
                }
                GrantState::Revoking => revoking.push((grant.id, grant.request)),
                _ => {}
            }
        }
        self.remembered
            .tries
            .retain(|id, _| revoking.iter().any(|(listed, _)| listed == id));
        revoking.retain(|(id, _)| self.remembered.is_due(id, now));
        wanted.removals = revoking;
        wanted
    }

    fn is_to_look(&mut self, shelf: &Shelf, now: Timestamp) -> bool {
        let directory = self.current(shelf).map(|directory| directory.version);
        let stops = self.versioned::<Stops>(shelf, Table::Stops, "main");
        let (Ok(directory), Ok(stops)) = (directory, stops) else {
            return false;
        };
        let known = self.remembered.looked;
        let due = known.is_none_or(|(then, stopped, at)| {
            (then, stopped) != (directory, stops.version) || now.has_passed(at, LOOK_SECONDS)
        });
        if due {
            self.remembered.looked = Some((directory, stops.version, now));
        }
        due
    }

    /// Why a living lease is to end, if it is; by the time alone where it is not looked at closely.
    fn why_end(
        &mut self,
        shelf: &Shelf,
        id: &GrantId,
        looks: bool,
        now: Timestamp,
    ) -> Option<(RequestId, &'static str)> {
        let key = RowKey::new(Table::Grant, id);
        let (grant, _) = self.row::<Grant>(shelf, &key).ok()??;
        let lease = grant.lease.as_ref()?;
        let key = RowKey::new(Table::Request, &grant.request);
        let (of, _) = self.row::<RequestRecord>(shelf, &key).ok()??;
        let ends = |code| Some((grant.request, code));
        if now > lease.not_after {
            return ends("expired");
        }
        if !looks {
            return None;
        }
        let envelope = &of.envelope;
        let stops = self.versioned::<Stops>(shelf, Table::Stops, "main").ok()?;
        let stopped = stops.value.reason(
            &envelope.workload,
            envelope.task.as_ref(),
            &envelope.target,
            &envelope.resource,
        );
        if stopped.is_some() {
            return ends("stopped");
        }
        let directory = self.current(shelf).ok()?;
        let directory: &Directory = &directory;
        if !of.requester.still_has_force(directory, now) {
            return ends("requester_gone");
        }
        if !Self::is_handed(of.state, lease.issued_at.is_some()) {
            return ends("not_delivered");
        }
        let open = self.task_is_open(shelf, grant.task?)?;
        if open { None } else { ends("task_ended") }
    }

    /// Where the lease of a grant stands, if it has one; a row that somebody changed answers for nothing.
    fn answers_for(&mut self, shelf: &Shelf, id: GrantId) -> Option<(GrantState, RequestId)> {
        let key = RowKey::new(Table::Grant, &id);
        let (grant, _) = self.row::<Grant>(shelf, &key).ok()??;
        grant.lease.as_ref()?;
        Some((grant.state, grant.request))
    }
}
