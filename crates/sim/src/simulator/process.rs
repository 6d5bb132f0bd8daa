//! One gate process: what it remembers, what it reads, and the one call of core that decides. It mirrors the loading of
//! `crates/gate`; a crash forgets all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::commit::{CounterKey, RowKey, Table, Write};
use gatehold_core::decide::{
    self, Command, Counters, Fresh, Pause, Rendered, Sealed, Settings, TaskNow, Versioned, World,
};
use gatehold_core::directory::Directory;
use gatehold_core::grant::Grant;
use gatehold_core::hash::Hash;
use gatehold_core::history::row_follows;
use gatehold_core::ids::{GrantId, RequestId, TargetId, TaskId};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::requester::{Initiator, Requester};
use gatehold_core::restraints::{Loosening, Restraints, says_it_loosens};
use gatehold_core::stops::Stops;
use gatehold_core::task::{Chain as TaskChain, Task};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Change, Evidence, change_asked};
use gatehold_core::verdict::Evaluated;
use serde::de::DeserializeOwned;

use super::folds::{Folded, Folds};
use super::leases::Remembered;
use super::provider::suspension;
use super::rules::Rules;
use super::shelf::{Leaf, Shelf};
use super::work::{Call, Intent};

/// Oldest signed call that is taken, in milliseconds.
const CALL_MILLIS_MAX: i64 = 60_000;
/// How far ahead a signed call's clock may be.
const CALL_SKEW_MILLIS_MAX: i64 = 5_000;

/// A process that serves a gate.
pub struct Process {
    folded: Folded,
    folds: Folds,
    next_leaf: usize,
    restraints: Restraints,
    /// Up to which leaf, and as of how many changes of the gate, it is known to be right about the gate.
    pub agreed: Option<(usize, u64)>,
    /// The hash its configuration pins.
    pinned: Hash,
    /// How far its clock is off, in milliseconds.
    pub skew: i64,
    /// A bundle it was slow to replace.
    pub lagging: Option<Hash>,
    /// Whether it compares rows with their leaves when it loads them.
    pub checks_rows: bool,
    /// What it has found wrong with the database.
    pub findings: u64,
    /// What it remembers of leases.
    pub remembered: Remembered,
}

/// The thing a command is about, as read.
#[derive(Default)]
pub struct Read {
    pub request: Option<(RequestRecord, u64)>,
    pub grant: Option<(Grant, u64)>,
    pub action: Option<Action>,
}

/// Everything core is told.
pub struct Loaded {
    pub read: Read,
    pub directory: Arc<Directory>,
    pub stops: Versioned<Stops>,
    pub pause: Versioned<Pause>,
    pub restraints: Restraints,
    pub task: Option<TaskNow>,
    pub counters: Counters,
    pub evaluated: Option<Evaluated>,
    pub rendered: Option<Rendered>,
    pub requester: Option<Requester>,
    pub screen: Option<decide::Opened>,
}

/// Why a process does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped(pub String);

impl Process {
    /// A process that has just been started.
    #[must_use]
    pub fn boot(pinned: Hash, checks_rows: bool, folds: &Folds) -> Self {
        Self {
            folded: Folded::nothing(pinned),
            folds: folds.clone(),
            next_leaf: 0,
            restraints: Restraints::default(),
            agreed: None,
            pinned,
            skew: 0,
            lagging: None,
            checks_rows,
            findings: 0,
            remembered: Remembered::default(),
        }
    }

    /// Its clock.
    #[must_use]
    pub fn now(&self, shelf: &Shelf) -> Timestamp {
        Timestamp::from_millis(shelf.now().millis().saturating_add(self.skew))
    }

    /// Reads on in the ledger and folds the key chain. A link that does not verify has no force.
    pub fn read_on(&mut self, shelf: &Shelf) {
        self.read_on_in(shelf.leaves());
    }

    /// The same in leaves that are not the store's.
    pub fn read_on_in(&mut self, leaves: &[Leaf]) {
        let before = self.folded.refused;
        for (index, leaf) in leaves.iter().enumerate().skip(self.next_leaf) {
            let number = u64::try_from(index).unwrap_or(u64::MAX);
            self.restrain(number, leaf);
            if leaf.is_trust() {
                self.folded = self.folded.with(number, leaf, self.pinned, &self.folds);
            }
        }
        self.findings += self.folded.refused - before;
        self.next_leaf = leaves.len();
    }

    /// As a real one, which reads on before it changes the gate itself. Nothing else looks at it.
    fn restraints_for(&mut self, shelf: &Shelf, intent: &Intent, read: &Read) -> Restraints {
        let action = read.action.as_ref();
        let own = action.is_some_and(|action| change_asked(action.envelope()).is_some());
        if !own || !matches!(intent, Intent::Redeem { .. }) {
            return Restraints::default();
        }
        self.read_on(shelf);
        self.restraints.clone()
    }

    fn restrain(&mut self, number: u64, leaf: &Leaf) {
        let Some(entry) = leaf.entry() else {
            return;
        };
        let approved = says_it_loosens(entry)
            .then(|| leaf.attachment("evidence"))
            .flatten()
            .and_then(|evidence| Evidence::from_bytes(evidence).ok())
            .zip(self.folded.directory())
            .and_then(|(evidence, before)| Loosening::verify(entry, &evidence, before).ok());
        // What a leaf that was written past the gate puts, a real process reports.
        let _ = self.restraints.add(number, entry, approved.as_ref());
    }

    /// The directory it goes by, and up to which leaf it was folded.
    #[must_use]
    pub fn directory(&self) -> (Option<&Directory>, usize) {
        let directory = self.folded.directory();
        (directory.map(|directory| &**directory), self.next_leaf)
    }

    pub(super) fn current(&mut self, shelf: &Shelf) -> Result<Arc<Directory>, Stopped> {
        let row = shelf.row(&RowKey::new(Table::Directory, &"main"));
        let known = self.folded.directory().map_or(0, |known| known.version);
        if row.is_none_or(|row| row.version != known) {
            self.read_on(shelf);
        }
        let directory = self.folded.directory().cloned();
        directory.ok_or_else(|| Stopped("there is no root".to_owned()))
    }

    pub(super) fn row<T: DeserializeOwned + Clone + 'static>(
        &mut self,
        shelf: &Shelf,
        key: &RowKey,
    ) -> Result<Option<(T, u64)>, Stopped> {
        let Some(row) = shelf.row(key) else {
            return Ok(None);
        };
        if self.checks_rows {
            let entry = shelf.entry(row.last_leaf);
            let follows = entry.map(|entry| row_follows(key, row.version, row.body(), entry));
            if follows != Some(Ok(())) {
                self.findings += 1;
                return Err(Stopped(format!("{key} does not follow from the ledger")));
            }
        }
        let value = row
            .read()
            .ok_or_else(|| Stopped(format!("{key} cannot be read")))?;
        Ok(Some((value, row.version)))
    }

    pub(super) fn versioned<T: DeserializeOwned + Clone + Default + 'static>(
        &mut self,
        shelf: &Shelf,
        table: Table,
        id: &str,
    ) -> Result<Versioned<T>, Stopped> {
        let read = self.row(shelf, &RowKey::new(table, &id))?;
        Ok(
            read.map_or_else(Versioned::default, |(value, version)| Versioned {
                value,
                version,
            }),
        )
    }

    /// Reads the thing itself.
    ///
    /// # Errors
    /// [`Stopped`] when it is not there or not what the ledger says.
    pub fn read(&mut self, shelf: &Shelf, intent: &Intent) -> Result<Read, Stopped> {
        if let Intent::Again { grant, request } = intent {
            let read = self.read_lease(shelf, *grant)?;
            let digest = read.request.as_ref().map(|(record, _)| record.digest);
            let submitted = submission_of(shelf, *request).zip(digest);
            let action = submitted.and_then(|(leaf, digest)| leaf.action(digest));
            return Ok(Read { action, ..read });
        }
        if let Intent::Lease { grant, .. } | Intent::Remove { grant, .. } = intent {
            let read = self.read_lease(shelf, *grant)?;
            return asked_of_it(intent, read);
        }
        let Some(id) = intent.request() else {
            return Ok(Read::default());
        };
        let request: Option<(RequestRecord, u64)> =
            self.row(shelf, &RowKey::new(Table::Request, &id))?;
        let (record, version) = request.ok_or_else(|| Stopped("no such request".to_owned()))?;
        let grant = match &record.grant {
            Some(grant) => self.row(shelf, &RowKey::new(Table::Grant, grant))?,
            None => None,
        };
        let action = submission_of(shelf, id).and_then(|leaf| leaf.action(record.digest));
        Ok(Read {
            request: Some((record, version)),
            grant,
            action,
        })
    }

    /// Reads a grant, and the request that it came from.
    fn read_lease(&mut self, shelf: &Shelf, grant: GrantId) -> Result<Read, Stopped> {
        let read: Option<(Grant, u64)> = self.row(shelf, &RowKey::new(Table::Grant, &grant))?;
        let (grant, version) = read.ok_or_else(|| Stopped("no such grant".to_owned()))?;
        let request = self.row(shelf, &RowKey::new(Table::Request, &grant.request))?;
        Ok(Read {
            request,
            grant: Some((grant, version)),
            action: None,
        })
    }

    /// Reads the world around it.
    ///
    /// # Errors
    /// [`Stopped`] when a part is not there or not what the ledger says.
    pub fn load(
        &mut self,
        shelf: &Shelf,
        bundles: &BTreeMap<Hash, Rules>,
        intent: &Intent,
        read: Read,
    ) -> Result<Loaded, Stopped> {
        let restraints = self.restraints_for(shelf, intent, &read);
        let directory = self.current(shelf)?;
        if let Some(call) = intent.call() {
            self.check_age(shelf, call)?;
        }
        let (task_id, target) = about(intent, &read);
        let task = self.task(shelf, task_id, target.as_ref())?;
        let requester = requester(intent, &read, &directory, task.as_ref());
        let name = paused_name(intent, &read, requester.as_ref());
        let stops = self.versioned(shelf, Table::Stops, "main")?;
        let pause = match &name {
            Some(name) => self.versioned(shelf, Table::Workload, name)?,
            None => Versioned::default(),
        };
        let open_holds = requester.as_ref().map_or(0, |requester| {
            shelf.counter(&CounterKey(format!("holds:{}", requester.name())))
        });
        let bundle = self.lagging.unwrap_or(directory.bundle);
        let mut chain = task
            .as_ref()
            .map(|now| now.chain.clone())
            .unwrap_or_default();
        if let Some((record, _)) = &read.request {
            chain = chain.around(record);
        }
        let most = task.as_ref().and_then(|now| steps_most(&now.task.value));
        let action = match intent {
            Intent::Submit { action, .. } | Intent::Propose { action, .. } => Some(&**action),
            _ => read.action.as_ref(),
        };
        let evaluated = action.zip(bundles.get(&bundle)).map(|(action, rules)| {
            rules.evaluate(action.envelope().descriptor.id.as_str(), &chain, most)
        });
        let rendered = action.map(rendered);
        let screen = match intent {
            Intent::Review { screen, .. } => {
                let screen = shelf.screen(screen);
                Some(
                    screen
                        .ok_or_else(|| Stopped("no such screen".to_owned()))?
                        .opened
                        .clone(),
                )
            }
            _ => None,
        };
        Ok(Loaded {
            read,
            directory,
            stops,
            pause,
            restraints,
            task,
            counters: Counters { open_holds },
            evaluated,
            rendered,
            requester,
            screen,
        })
    }

    fn check_age(&self, shelf: &Shelf, call: &Call) -> Result<(), Stopped> {
        let age = self
            .now(shelf)
            .millis()
            .saturating_sub(call.created.millis());
        if (-CALL_SKEW_MILLIS_MAX..=CALL_MILLIS_MAX).contains(&age) {
            Ok(())
        } else {
            Err(Stopped("the call's proof is too old or too new".to_owned()))
        }
    }

    fn task(
        &mut self,
        shelf: &Shelf,
        id: Option<TaskId>,
        target: Option<&TargetId>,
    ) -> Result<Option<TaskNow>, Stopped> {
        let Some(id) = id else {
            return Ok(None);
        };
        // The chain is read before the row it hangs on: the order must not matter.
        let chain = target
            .map(|target| chain(shelf, &id, target))
            .unwrap_or_default();
        let row: Option<(Task, u64)> = self.row(shelf, &RowKey::new(Table::Task, &id))?;
        Ok(row.map(|(value, version)| TaskNow {
            task: Versioned { value, version },
            chain,
        }))
    }

    /// Asks core.
    ///
    /// # Errors
    /// [`Stopped`] with core's refusal.
    pub fn decide(
        &self,
        shelf: &Shelf,
        intent: &Intent,
        loaded: &Loaded,
        fresh: &Fresh,
        settings: &Settings,
    ) -> Result<(Write, Option<Sealed>), Stopped> {
        self.decide_changed(shelf, intent, loaded, fresh, settings, |_| {})
    }

    /// Asks core for something else than what was asked: what a broken surface would do.
    ///
    /// # Errors
    /// [`Stopped`] with core's refusal.
    pub fn decide_changed(
        &self,
        shelf: &Shelf,
        intent: &Intent,
        loaded: &Loaded,
        fresh: &Fresh,
        settings: &Settings,
        change: impl FnOnce(&mut Command),
    ) -> Result<(Write, Option<Sealed>), Stopped> {
        let now = self.now(shelf);
        let world = loaded.world(settings);
        let refused = |refusal: Refusal| Stopped(refusal.to_string());
        if let Some(link) = link(intent, &world, fresh, now) {
            return Ok((link.map_err(refused)?, None));
        }
        if let Intent::Again { .. } = intent {
            return loaded.again(&world, fresh, now);
        }
        let mut command = loaded.command(shelf, intent, now)?;
        change(&mut command);
        let record = loaded.record(intent)?;
        let (write, sealed) =
            decide::decide(record, command, &world, fresh, now).map_err(refused)?;
        Ok((write, Some(sealed)))
    }
}

/// What the target said is of the end that it was asked about, and not of one that was decided since.
fn asked_of_it(intent: &Intent, read: Read) -> Result<Read, Stopped> {
    let Intent::Lease {
        returned: Some(then),
        ..
    } = intent
    else {
        return Ok(read);
    };
    let lease = read
        .grant
        .as_ref()
        .and_then(|(grant, _)| grant.lease.as_ref());
    if lease.is_some_and(|lease| lease.returned == *then) {
        Ok(read)
    } else {
        Err(Stopped("it stood at the target again since".to_owned()))
    }
}

/// What is a link of the chain by itself: no request carries it, and it lets out nothing.
fn link(
    intent: &Intent,
    world: &World<'_>,
    fresh: &Fresh,
    now: Timestamp,
) -> Option<Result<Write, Refusal>> {
    let directory = world.directory;
    Some(match intent {
        Intent::RevokeKey { revocation } => {
            decide::revoke_key(&Evidence::Revocation(revocation.clone()), world, fresh, now)
        }
        Intent::Delegate { delegation, reason } => {
            decide::delegate(delegation, reason.clone(), world, fresh, now)
        }
        Intent::EndDelegation { end } => decide::end_delegation(end, world, fresh, now),
        Intent::Suspend { human, removed } => {
            let drawn = suspension(&directory.origin, human, *removed, &fresh.seed);
            decide::suspend(&drawn, directory, fresh, now)
        }
        Intent::Reinstate { end } => decide::reinstate(end, directory, fresh, now),
        _ => return None,
    })
}

/// What a task has accumulated, as the store counts it.
pub(super) fn chain(shelf: &Shelf, task: &TaskId, target: &TargetId) -> TaskChain {
    let counters = TaskChain::counters(task, target);
    TaskChain::from_counts(counters.map(|key| shelf.counter(&key)))
}

/// How many steps a task may take, if it said so.
pub(super) fn steps_most(task: &Task) -> Option<u64> {
    task.boundary.as_ref().map(|boundary| boundary.steps)
}

/// How an action is rendered here: its bytes, which is all that core asks of it.
fn rendered(action: &Action) -> Rendered {
    Rendered::new(action.payload().to_vec(), false, false)
}

/// The leaf of a request's submission, where its bytes stand.
pub(super) fn submission_of(shelf: &Shelf, id: RequestId) -> Option<&super::shelf::Leaf> {
    let row = shelf.row(&RowKey::new(Table::Request, &id))?;
    shelf.leaves().get(row.first_leaf)
}

/// The task and target an intent is about.
fn about(intent: &Intent, read: &Read) -> (Option<TaskId>, Option<TargetId>) {
    let envelope = match intent {
        Intent::EndTask { task, .. } => return (Some(*task), None),
        Intent::Submit { action, .. } => Some(action.envelope()),
        _ => read.request.as_ref().map(|(record, _)| &record.envelope),
    };
    envelope.map_or((None, None), |envelope| {
        (envelope.task, Some(envelope.target.clone()))
    })
}

/// Whose pause row is read.
fn paused_name(intent: &Intent, read: &Read, requester: Option<&Requester>) -> Option<String> {
    if matches!(intent, Intent::Redeem { .. })
        && let Some(action) = &read.action
        && let Ok(Change::WorkloadResume(resume)) = Change::of(action)
    {
        return Some(resume.workload.to_string());
    }
    requester.map(Requester::name)
}

/// Who asks, anchored now; or who asked, as the record says.
fn requester(
    intent: &Intent,
    read: &Read,
    directory: &Directory,
    task: Option<&TaskNow>,
) -> Option<Requester> {
    match intent {
        Intent::Submit { call, .. } | Intent::StartTask { call, .. } => {
            let (id, workload) = directory.workload_by_key(&call.key)?;
            let task = task.map(|now| &now.task.value);
            let initiator = task.and_then(|task| {
                Some(Initiator {
                    human: task.on_behalf_of.clone()?,
                    attested: task.attested,
                })
            });
            Some(Requester::Workload {
                id: id.clone(),
                kind: workload.kind,
                key: call.key,
                owner: workload.owner.clone(),
                backup: workload.backup.clone(),
                custodians: workload.custodians.clone(),
                proposer: workload.proposer.clone(),
                assurance: workload.assurance,
                point: None,
                initiator,
                delegators: BTreeSet::new(),
                drafters: BTreeSet::new(),
            })
        }
        Intent::Propose {
            human, key, action, ..
        } => Some(Requester::Human {
            human: human.clone(),
            key: *key,
            beneficiaries: Change::of(action).ok()?.beneficiaries(directory),
        }),
        _ => read
            .request
            .as_ref()
            .map(|(record, _)| record.requester.clone()),
    }
}
