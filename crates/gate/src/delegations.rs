//! Delegations: who decides for whom while they are away. Making one and ending one are links of the chain; what each gives is
//! worked out for one request at one moment, and nowhere else.

use std::collections::BTreeSet;

use gatehold_core::commit::{RowKey, Table, UniqueKey};
use gatehold_core::decide::{delegate, delegation_key, end_delegation};
use gatehold_core::delegation::{Delegation, Moment};
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TaskId};
use gatehold_core::json::canonical;
use gatehold_core::refusal::Refusal;
use gatehold_core::request::RequestRecord;
use gatehold_core::task::{Task, TaskState};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{DelegationReason, SignedDelegation, SignedDelegationEnd};

use crate::chain::opened;
use crate::drive::TRIES;
use crate::error::GateError;
use crate::gate::Gate;
use crate::stored::body;

/// A delegation as somebody hands it in.
#[derive(Debug, Clone)]
pub struct DelegationInput {
    /// What whoever is away signed.
    pub delegation: SignedDelegation,
    /// Why, in their words.
    pub reason: DelegationReason,
}

/// A delegation as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    /// Its name: the hash of what was signed.
    pub id: Hash,
    /// What it says.
    pub delegation: Delegation,
    /// What it gives now.
    pub standing: DelegationStanding,
    /// Why, in their words; nothing once they were erased.
    pub reason: Option<String>,
}

/// What a delegation gives at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelegationStanding {
    /// Whoever it names decides for them.
    Active,
    /// It has not begun.
    Waiting,
    /// It is over.
    Over,
    /// The key that signed it has lost its force, or is a passkey of which no console is left.
    KeyGone,
    /// Whoever signed it is in none of the teams any more.
    NoMember,
    /// Whoever it names has no key that has force.
    NobodyThere,
    /// Its task has ended.
    TaskEnded,
}

impl DelegationStanding {
    fn of(
        given: &Delegation,
        directory: &Directory,
        open: &BTreeSet<TaskId>,
        now: Timestamp,
    ) -> Self {
        let key = directory.key(&given.from, &given.key);
        let living = key.is_some_and(|key| key.leaf < given.leaf && directory.can_sign(key));
        let own = directory.teams_of(&given.from);
        if now > given.not_after {
            Self::Over
        } else if !living {
            Self::KeyGone
        } else if own.is_disjoint(&given.teams) {
            Self::NoMember
        } else if directory.strongest(&given.to).is_none() {
            Self::NobodyThere
        } else if given.task.is_some_and(|task| !open.contains(&task)) {
            Self::TaskEnded
        } else if now < given.not_before {
            Self::Waiting
        } else {
            Self::Active
        }
    }
}

impl Gate {
    /// Somebody who is away lets another person decide for them.
    ///
    /// # Errors
    /// When it does not verify, was handed in before, or the store does not answer.
    pub async fn delegate(&self, input: DelegationInput) -> Result<Delegated, GateError> {
        self.journal_first().await?;
        let id = input.delegation.id();
        let reason = input.reason.to_bytes().map_err(GateError::damaged)?;
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let signed = UniqueKey(delegation_key(&id));
            if self.store().unique(&signed).await?.is_some() {
                return Err(Refusal::Replayed.into());
            }
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let reason = reason.clone();
            let write = delegate(&input.delegation, reason, &world, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                self.read_on().await?;
                self.inner.decided.notify_waiters();
                let made = self.standing_where(|name, _| *name == id).await?;
                let made = self.with_reasons(made).await?.pop();
                return made
                    .ok_or_else(|| GateError::damaged("a delegation is not where it was put"));
            }
        }
        Err(self.overtaken().await)
    }

    /// A delegation ends early: signed by either of the two, or by two others.
    ///
    /// # Errors
    /// When it does not verify, or the store does not answer.
    pub async fn end_delegation(&self, end: SignedDelegationEnd) -> Result<(), GateError> {
        for _ in 0..TRIES {
            let loaded = self.load("", None, None).await?;
            let world = loaded.world(None, self.settings());
            let fresh = self.fresh(loaded.now);
            let write = end_delegation(&end, &world, &fresh, loaded.now)?;
            if self.commit_plain(write).await?.is_some() {
                self.read_on().await?;
                self.inner.decided.notify_waiters();
                return Ok(());
            }
        }
        Err(self.overtaken().await)
    }

    /// Every delegation that has not ended early, and what it gives now.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn delegations(&self) -> Result<Vec<Delegated>, GateError> {
        let all = self.standing_where(|_, _| true).await?;
        self.with_reasons(all).await
    }

    /// Whoever lets this person decide for them now. Of all other delegations nothing is read.
    pub(crate) async fn delegated_to(&self, human: &HumanId) -> Result<Vec<Delegated>, GateError> {
        let to_them = |_: &Hash, given: &Delegation| given.to == *human;
        let mut theirs = self.standing_where(to_them).await?;
        theirs.retain(|one| one.standing == DelegationStanding::Active);
        self.with_reasons(theirs).await
    }

    /// What those give now that are asked for: a row for each task that they name. Their reasons are not read.
    async fn standing_where(
        &self,
        asked: impl Fn(&Hash, &Delegation) -> bool,
    ) -> Result<Vec<Delegated>, GateError> {
        let active = self.current().await?;
        let directory = &active.directory;
        let given = directory.delegations.iter();
        let given: Vec<_> = given.filter(|(id, given)| asked(id, given)).collect();
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.store().now().await?;
        let named = tasks_named(given.iter().map(|(_, given)| *given), now);
        let open = self.open_of(named).await?;
        let stands = |(id, delegation): (&Hash, &Delegation)| Delegated {
            id: *id,
            standing: DelegationStanding::of(delegation, directory, &open, now),
            reason: None,
            delegation: delegation.clone(),
        };
        Ok(given.into_iter().map(stands).collect())
    }

    /// A leaf for each.
    async fn with_reasons(&self, mut given: Vec<Delegated>) -> Result<Vec<Delegated>, GateError> {
        for one in &mut given {
            one.reason = self.reason(one.delegation.leaf).await?;
        }
        Ok(given)
    }

    async fn reason(&self, leaf: u64) -> Result<Option<String>, GateError> {
        let Some(leaf) = self.whole_leaf(leaf).await? else {
            return Ok(None);
        };
        let reason = opened(&leaf, "reason").ok();
        let reason = reason
            .and_then(|bytes| canonical::from_canonical_bytes::<DelegationReason>(bytes).ok());
        Ok(reason.map(|reason| reason.text))
    }

    /// Of the tasks that delegations name, those that are open. A delegation that is over asks for none.
    pub(crate) async fn open_tasks(
        &self,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<BTreeSet<TaskId>, GateError> {
        let given = directory.delegations.values();
        self.open_of(tasks_named(given, now)).await
    }

    async fn open_of(&self, named: BTreeSet<TaskId>) -> Result<BTreeSet<TaskId>, GateError> {
        let mut open = BTreeSet::new();
        for id in named {
            let Some(row) = self.row(&RowKey::new(Table::Task, &id)).await? else {
                continue;
            };
            let task: Task = body(&row)?;
            if task.id == id && task.state == TaskState::Open {
                open.insert(id);
            }
        }
        Ok(open)
    }

    /// What the delegations at a request depend on now.
    pub(crate) async fn moment_of(
        &self,
        record: &RequestRecord,
        directory: &Directory,
    ) -> Result<Moment, GateError> {
        let now = self.store().now().await?;
        let mut given = directory.delegations.values();
        let own = record.envelope.task;
        let own = own.filter(|own| given.any(|given| given.task == Some(*own)));
        let open = self.open_of(own.into_iter().collect()).await?;
        Ok(moment(record, &open, now))
    }
}

/// The tasks that delegations name which are not over.
fn tasks_named<'a>(
    given: impl Iterator<Item = &'a Delegation>,
    now: Timestamp,
) -> BTreeSet<TaskId> {
    let given = given.filter(|given| now <= given.not_after);
    given.filter_map(|given| given.task).collect()
}

/// The moment of a request, where it is known which tasks are open.
pub(crate) fn moment(record: &RequestRecord, open: &BTreeSet<TaskId>, now: Timestamp) -> Moment {
    Moment {
        now,
        task: record.envelope.task.filter(|task| open.contains(task)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
