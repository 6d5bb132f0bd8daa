//! The oracle: what really happened, kept apart from the gate. It knows who owns which key, what humans signed with
//! their own hands, what people agreed the policy to be, and the order in which writes became durable. It believes no
//! row, and it uses none of core's counting.
//!
//! Every commit and every release is shown to it; the first one that breaks an invariant ends the run.

mod claim;
mod commit;
mod delegation;
mod escalation;
mod held;
mod known;
mod lease;
mod realm;
mod release;
mod review;
mod seats;
mod submit;
mod suspension;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gatehold_core::action::Action;
use gatehold_core::commit::{Receipt, RowKey, Table, Write};
use gatehold_core::decide::{Pause, Settings};
use gatehold_core::entry::{Entry, Event, Trace};
use gatehold_core::grant::{Grant, GrantState};
use gatehold_core::hash::Hash;
use gatehold_core::history::History;
use gatehold_core::ids::{GrantId, HumanId, RequestId, TaskId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::request::State;
use gatehold_core::review::ReviewContext;
use gatehold_core::signal::StoppedBy;
use gatehold_core::stops::Stops;
use gatehold_core::task::{StepLabels, Task, TaskState};
use gatehold_core::time::Timestamp;

pub use commit::Commit;
pub use delegation::Given;
pub use held::Held;
pub use lease::Leased;
pub use realm::Realm;

use super::rules::Rules;
use super::shelf::Shelf;
use super::work::Intent;

/// An invariant does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Violation {
    /// Its name in `docs/ARCHITECTURE.md`.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

/// What a check answers.
pub type Checked = Result<(), Violation>;

/// Fails with the invariant's name unless the condition holds.
pub fn holds(condition: bool, invariant: &'static str, what: impl FnOnce() -> String) -> Checked {
    if condition {
        return Ok(());
    }
    Err(Violation {
        invariant,
        what: what(),
    })
}

/// A review context that a human signed with their own hand.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Who.
    pub human: HumanId,
    /// With which key.
    pub key: Hash,
    /// Whether a browser holds that.
    pub by_passkey: bool,
    /// The bytes.
    pub text: String,
    /// What they say.
    pub context: ReviewContext,
    /// The delegations by which they signed it, each with its teams.
    pub given: Listed,
}

/// Delegations as somebody was shown them, each with its teams.
pub type Listed = BTreeMap<Hash, BTreeSet<TeamId>>;

/// What somebody with database access made of a request's row where nothing in the gate can tell. Each excuses what
/// follows from it, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tampered {
    /// It says that people decided, with a grant to go with it.
    Decided,
    /// It says that policy allowed it and that nothing holds it.
    Unheld,
    /// It holds reviews that were sent for something else, or not sent.
    Reviews,
    /// It names another requirement.
    Requirement,
    /// It has more time and wider limits.
    Times,
    /// Somebody else asked.
    Requester,
    /// It was put back, whole, to an earlier version of itself.
    PutBack,
}

impl Tampered {
    /// All of it, for a story that edits what it likes.
    pub const ANY: [Self; 7] = [
        Self::Decided,
        Self::Unheld,
        Self::Reviews,
        Self::Requirement,
        Self::Times,
        Self::Requester,
        Self::PutBack,
    ];
    /// The row stands in another state than its leaves say.
    pub const STATE: [Self; 3] = [Self::Decided, Self::Unheld, Self::PutBack];
}

/// A request as it really came about.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which.
    pub id: RequestId,
    /// The leaf of its submission.
    pub leaf: u64,
    /// Who asked, by name.
    pub name: String,
    /// With which key.
    pub key: Hash,
    /// The human, if one asked.
    pub human: Option<HumanId>,
    /// Who may not decide.
    pub excluded: BTreeSet<HumanId>,
    /// The bytes.
    pub action: Arc<Action>,
    /// What it adds to its chain.
    pub labels: StepLabels,
    /// Whether its step counts in its chain: from the first decision on, and once.
    pub counted: bool,
    /// Where it stands by its leaves.
    pub state: State,
    /// How many leaves are about it.
    pub version: u64,
    /// Its leaves, folded.
    pub history: History,
    /// What holds it.
    pub held: Option<Held>,
    /// Last time to claim it.
    pub spend_by: Timestamp,
    /// What reviews must name.
    pub request_hash: Hash,
    /// How it was rendered.
    pub display_hash: Hash,
    /// The chain of claims now.
    pub claims_head: Hash,
    /// Its grant, and when that ends.
    pub grant: Option<(GrantId, Timestamp)>,
    /// How often execution was claimed.
    pub claims: u32,
    /// How often proof was released.
    pub releases: u32,
    /// How its row was edited or put back where nothing in the gate can tell: an auditor's fold still does.
    pub tampered: BTreeSet<Tampered>,
}

impl Request {
    /// Whether its row was tampered with in one of these ways.
    #[must_use]
    pub fn excused(&self, by: &[Tampered]) -> bool {
        by.iter().any(|way| self.tampered.contains(way))
    }

    /// What is asked for.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.action.envelope().descriptor.id.as_str()
    }
}

/// A task as it really came about.
#[derive(Debug, Clone)]
pub struct TaskTruth {
    task: Task,
    steps: u64,
    sensitive: u64,
}

/// Everything that is true.
pub struct Oracle {
    /// Keys, teams, workloads and the bundle, by what people agreed.
    pub realm: Realm,
    /// All requests.
    pub requests: BTreeMap<RequestId, Request>,
    /// All tasks.
    pub tasks: BTreeMap<TaskId, TaskTruth>,
    /// All leases.
    pub leases: BTreeMap<GrantId, Leased>,
    /// What is stopped.
    pub stops: Stops,
    /// The same by what was said at which leaf, the newest last.
    pub said: Vec<(u64, Stops)>,
    /// Who is paused.
    pub paused: BTreeSet<String>,
    /// At which leaf somebody was paused last.
    pub paused_at: BTreeMap<String, u64>,
    /// What humans signed.
    pub signed: Vec<Signed>,
    /// What people were shown that they may do for others, by the hash that they sign.
    pub authorities: BTreeMap<Hash, Listed>,
    /// Review nonces that a gate drew, for whom.
    pub drawn: BTreeMap<String, (RequestId, HumanId)>,
    /// What authors signed: human and digest.
    pub authored: BTreeSet<(HumanId, Hash)>,
    /// Delegations that whoever is away signed with their own hand.
    pub promised: BTreeSet<Hash>,
    /// Those of them that ever had force.
    ever_given: BTreeSet<Hash>,
    /// What was signed for a revocation, or for the end of a delegation: human and statement.
    pub revoked: BTreeSet<(HumanId, String)>,
    /// Ends of suspensions that the gate signed when it heard that somebody is back.
    pub heard: BTreeSet<String>,
    settings: Settings,
    used_nonces: BTreeSet<String>,
    calls: BTreeMap<(Hash, String), Timestamp>,
    keys_used: BTreeSet<(Hash, String)>,
    heads: Vec<(u64, gatehold_ledger::Hash)>,
    /// Every grant that was ever written for a request.
    grants: BTreeMap<RequestId, BTreeSet<GrantId>>,
}

impl Oracle {
    /// Before anything happened.
    #[must_use]
    pub fn new(realm: Realm, settings: Settings) -> Self {
        Self {
            realm,
            requests: BTreeMap::new(),
            tasks: BTreeMap::new(),
            leases: BTreeMap::new(),
            stops: Stops::default(),
            said: Vec::new(),
            paused: BTreeSet::new(),
            paused_at: BTreeMap::new(),
            signed: Vec::new(),
            authorities: BTreeMap::new(),
            drawn: BTreeMap::new(),
            authored: BTreeSet::new(),
            promised: BTreeSet::new(),
            ever_given: BTreeSet::new(),
            revoked: BTreeSet::new(),
            heard: BTreeSet::new(),
            settings,
            used_nonces: BTreeSet::new(),
            calls: BTreeMap::new(),
            keys_used: BTreeSet::new(),
            heads: Vec::new(),
            grants: BTreeMap::new(),
        }
    }

    /// A write became durable.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn committed(
        &mut self,
        intent: &Intent,
        write: &Write,
        receipt: &Receipt,
        bundles: &BTreeMap<Hash, Rules>,
        shelf: &Shelf,
    ) -> Checked {
        let index = usize::try_from(receipt.index).unwrap_or(usize::MAX);
        let entry = shelf.entry(index).ok_or_else(|| Violation {
            invariant: "leaf-per-change",
            what: format!("the record of leaf {index} cannot be read"),
        })?;
        self.new_head(shelf)?;
        self.rows_are_named(write, entry)?;
        self.call_is_new(intent, receipt.time)?;
        let rules = bundles.get(&self.realm.bundle).ok_or_else(|| Violation {
            invariant: "chain-gives-force",
            what: "the active bundle was never seen".to_owned(),
        })?;
        let commit = Commit {
            intent,
            write,
            entry,
            leaf: receipt.index,
            time: receipt.time,
            rules,
        };
        match (entry.request, &entry.event) {
            (Some(id), _) => self.about_request(id, &commit, shelf)?,
            (None, Event::Task { task, .. }) => self.about_task(*task, &commit)?,
            (None, Event::Lease { .. }) => self.lease_step(&commit)?,
            (None, Event::Stops { by, stops, .. }) => {
                // Nobody sends signals here.
                let humans = &self.realm.humans;
                let known = matches!(by, StoppedBy::Human(human) if humans.contains_key(human));
                holds(known, "chain-gives-force", || {
                    format!("{by} is nobody and stopped something")
                })?;
                self.stops = self.stops.and(stops);
                if let Intent::Stop { add, .. } = intent {
                    self.said.push((receipt.index, add.clone()));
                }
            }
            (None, Event::Trust { what, .. }) if what == "key.revoke" => {
                self.key_revoked(intent)?
            }
            (None, Event::Trust { what, .. }) if what == "delegation.add" => {
                self.delegated(&commit)?
            }
            (None, Event::Trust { what, .. }) if what == "delegation.end" => {
                self.delegation_ended(&commit)?
            }
            (None, Event::Trust { what, .. }) if what == "person.suspend" => self.gone(&commit)?,
            (None, Event::Trust { what, .. }) if what == "person.reinstate" => {
                self.back(&commit)?
            }
            (None, _) => {}
        }
        self.lease_rows(&commit)?;
        self.pauses(write, receipt.index);
        self.grants(write);
        Ok(())
    }

    // INVARIANT(leaf-per-change): every row that a write puts is named, with its hash, by that write's leaf.
    fn rows_are_named(&self, write: &Write, entry: &Entry) -> Checked {
        for row in &write.rows {
            let hash = Hash::of(&row.body);
            let named = match row.key.table {
                Table::Request => entry.row,
                _ => entry.rows.get(&row.key.to_string()).copied(),
            };
            holds(named == Some(hash), "leaf-per-change", || {
                format!("{} changed and its leaf does not say so", row.key)
            })?;
        }
        Ok(())
    }

    /// A signed call changes something once (threat B4).
    fn call_is_new(&mut self, intent: &Intent, now: Timestamp) -> Checked {
        let Some((key, nonce)) = intent.signed() else {
            return Ok(());
        };
        // A change of the gate is carried out by the gate: its author signed the submission, and there is no other call.
        if let Intent::Redeem { request, .. } = intent
            && self
                .requests
                .get(request)
                .is_some_and(|request| request.human.is_some())
        {
            return Ok(());
        }
        let before = self.calls.insert((key, nonce.to_owned()), now);
        holds(before.is_none(), "single-release", || {
            format!("the call {nonce} by {} counted twice", intent.name())
        })?;
        if let Intent::Submit {
            idempotency: Some(idempotency),
            ..
        } = intent
        {
            let new = self.keys_used.insert((key, idempotency.clone()));
            holds(new, "single-release", || {
                format!("Idempotency-Key {idempotency} made two requests")
            })?;
        }
        Ok(())
    }

    fn about_request(&mut self, id: RequestId, commit: &Commit<'_>, shelf: &Shelf) -> Checked {
        let record = commit.record(id)?;
        if !self.requests.contains_key(&id) {
            return self.submitted(&record, commit);
        }
        self.follows(id, commit)?;
        match &commit.entry.event {
            Event::Reviewed { .. } => self.reviewed(&record, commit)?,
            Event::Reheld { .. } => self.reheld(&record, commit)?,
            Event::Claimed { .. } => self.claimed(&record, commit)?,
            Event::Trust { .. } => self.applied(&record, commit)?,
            Event::Closed { .. } => self.closed(&record, commit)?,
            Event::Acted { .. } => self.acted(&record, commit)?,
            Event::Escalated { .. } => self.escalated(&record, commit, shelf)?,
            _ => {}
        }
        if let Some(request) = self.requests.get_mut(&id) {
            request.state = commit.entry.to.unwrap_or(request.state);
            request.version = commit.entry.version;
        }
        Ok(())
    }

    // INVARIANT(terminal-stays-terminal): no leaf follows a terminal state, and each starts where the last one ended.
    fn follows(&mut self, id: RequestId, commit: &Commit<'_>) -> Checked {
        let Some(request) = self.requests.get_mut(&id) else {
            return Ok(());
        };
        if request.excused(&Tampered::STATE) {
            return Ok(());
        }
        holds(
            !request.state.is_terminal(),
            "terminal-stays-terminal",
            || format!("{id} was {} and changed again", request.state.name()),
        )?;
        holds(
            commit.entry.from == Some(request.state) && commit.entry.version == request.version + 1,
            "fold-equals-row",
            || format!("{id}: a leaf does not follow the one before it"),
        )?;
        request
            .history
            .add(commit.entry)
            .map_err(|broken| Violation {
                invariant: "fold-equals-row",
                what: broken.to_string(),
            })
    }

    /// A trace that is recorded is of the bundle that people activated, at that moment.
    // INVARIANT(policy-recorded-is-policy-used): the active bundle at the commit is the one that answered.
    fn trace_is_true(&self, trace: &Trace) -> Checked {
        holds(
            trace.bundle == self.realm.bundle && trace.directory == self.realm.version,
            "policy-recorded-is-policy-used",
            || {
                "a decision was recorded under another bundle or directory than the active one"
                    .to_owned()
            },
        )
    }

    fn about_task(&mut self, id: TaskId, commit: &Commit<'_>) -> Checked {
        let row = commit.body(Table::Task, &id.to_string());
        let Some(task) = row.and_then(|body| canonical::from_canonical_bytes::<Task>(body).ok())
        else {
            return holds(false, "leaf-per-change", || format!("{id} without a row"));
        };
        let key = commit.intent.call().map(|call| call.key);
        if let Some(before) = self.tasks.get_mut(&id) {
            holds(Some(before.task.key) == key, "own-key", || {
                format!("{id} was ended by another key")
            })?;
            holds(
                before.task.state == TaskState::Open,
                "terminal-stays-terminal",
                || format!("{id} was ended twice"),
            )?;
            before.task.state = task.state;
            return Ok(());
        }
        let living = key.is_some_and(|key| self.realm.acting(&key, commit.time).is_some());
        holds(living, "world-guarded", || {
            "a workload that may not act began a task".to_owned()
        })?;
        self.tasks.insert(
            id,
            TaskTruth {
                task,
                steps: 0,
                sensitive: 0,
            },
        );
        Ok(())
    }

    fn pauses(&mut self, write: &Write, leaf: u64) {
        for row in write
            .rows
            .iter()
            .filter(|row| row.key.table == Table::Workload)
        {
            let pause: Pause = canonical::from_canonical_bytes(&row.body).unwrap_or_default();
            if pause.code.is_some() {
                self.paused.insert(row.key.id.clone());
                self.paused_at.insert(row.key.id.clone(), leaf);
            } else {
                self.paused.remove(&row.key.id);
            }
        }
    }

    fn grants(&mut self, write: &Write) {
        for row in write
            .rows
            .iter()
            .filter(|row| row.key.table == Table::Grant)
        {
            let Ok(grant) = canonical::from_canonical_bytes::<Grant>(&row.body) else {
                continue;
            };
            let written = self.grants.entry(grant.request).or_default();
            written.insert(grant.id);
            if let Some(request) = self.requests.get_mut(&grant.request)
                && request.grant.is_none_or(|(known, _)| known != grant.id)
            {
                request.grant = Some((grant.id, grant.expires_at));
            }
        }
    }

    /// Compares these rows with what their leaves amount to, and grants with their requests. What was compared before
    /// and has not been touched since follows still.
    ///
    /// # Errors
    /// [`Violation`].
    // INVARIANT(fold-equals-row): checked against the oracle's own fold, for every row nobody tampered with.
    pub fn rows_follow(
        &self,
        shelf: &Shelf,
        edited: &BTreeSet<RowKey>,
        touched: &BTreeSet<RowKey>,
    ) -> Checked {
        let mut grants: BTreeSet<RowKey> = BTreeSet::new();
        for key in touched {
            if key.table == Table::Grant {
                grants.insert(key.clone());
            }
            let id = key.id.parse().ok();
            let Some(request) = id
                .filter(|_| key.table == Table::Request)
                .and_then(|id: RequestId| self.requests.get(&id))
            else {
                continue;
            };
            let written = self.grants.get(&request.id).into_iter().flatten();
            grants.extend(written.map(|id| RowKey::new(Table::Grant, id)));
            let Some(row) = shelf.row(key).filter(|_| !edited.contains(key)) else {
                continue;
            };
            if request.excused(&Tampered::STATE) {
                continue;
            }
            request
                .history
                .ends_in(row.version, row.body())
                .map_err(|broken| Violation {
                    invariant: "fold-equals-row",
                    what: broken.to_string(),
                })?;
        }
        self.grants_belong(shelf, edited, &grants)
    }

    fn grants_belong(
        &self,
        shelf: &Shelf,
        edited: &BTreeSet<RowKey>,
        grants: &BTreeSet<RowKey>,
    ) -> Checked {
        for key in grants {
            let row = shelf.row(key);
            let grant: Option<Grant> = row.and_then(|row| row.read());
            if let Some((grant, row)) = grant.as_ref().zip(row)
                && grant.lease.is_some()
            {
                if !edited.contains(key) {
                    self.lease_follows(&grant.id, row.body())?;
                }
                continue;
            }
            let Some(grant) = grant.filter(|grant| grant.state == GrantState::Active) else {
                continue;
            };
            let request = self.requests.get(&grant.request);
            let tampered = edited.contains(key)
                || request.is_none_or(|request| request.excused(&Tampered::STATE));
            let live = request.is_some_and(|request| {
                matches!(
                    request.state,
                    State::Allowed | State::Redeemable | State::Executing
                ) && request.grant.map(|(id, _)| id) == Some(grant.id)
            });
            holds(tampered || live, "fold-equals-row", || {
                format!("{} is active and belongs to nothing", grant.id)
            })?;
        }
        Ok(())
    }
}
