//! What people are told when a signal stopped something, or says that it is unusual: made from the leaf that the message names, in words of ours.

use std::collections::BTreeSet;

use gatehold_core::commit::{RowKey, Table, UniqueKey};
use gatehold_core::directory::Directory;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{HumanId, TaskId, WorkloadId};
use gatehold_core::signal::{Signal, StoppedBy};
use gatehold_core::stops::Stops;
use gatehold_core::task::Task;
use gatehold_core::tier::Tier;
use gatehold_core::time::Timestamp;

use super::message::{About, Message};
use crate::believed::record_opens;
use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::notifier::{Notice, NoticeKind};
use crate::signals::Signals;
use crate::stored::body;

/// What a signal did.
enum Did {
    /// These are stopped.
    Stopped(Stops),
    /// What this workload asks for is an anomaly until then.
    Flagged(WorkloadId, Timestamp),
}

impl Did {
    /// The task, where it is about one alone.
    fn task(&self) -> Option<TaskId> {
        match self {
            Self::Stopped(added) => added.tasks.first().copied(),
            Self::Flagged(..) => None,
        }
    }
}

impl Gate {
    /// What a signal stopped or flagged, or nothing where no leaf says so.
    pub(super) async fn signal_notice(
        &self,
        message: &Message,
        key: Hash,
        signals: Option<&Signals>,
        (directory, public_url): (&Directory, &str),
    ) -> Result<Option<Notice>, GateError> {
        let Some((signal, did)) = self.signal_of(key).await? else {
            return Ok(None);
        };
        let task = did.task();
        let workload = match (task, &did) {
            (Some(task), _) => self.workload_of(task).await?,
            (None, Did::Stopped(added)) => added.workloads.first().cloned(),
            (None, Did::Flagged(workload, _)) => Some(workload.clone()),
        };
        let Some(workload) = workload else {
            return Ok(None);
        };
        let owner = directory.workloads.get(&workload).map(|known| &known.owner);
        let mut people = accountable(&workload, directory);
        let teams: BTreeSet<_> = signals
            .map_or(&[][..], |all| all.told(&signal.name))
            .iter()
            .cloned()
            .collect();
        for team in &teams {
            let members = directory.teams.get(team).into_iter().flatten();
            people.extend(members.filter(|one| is_there(one, directory)).cloned());
        }
        let event = signal.event.rsplit(['/', ':']).next().unwrap_or_default();
        let what = task.map_or_else(
            || format!("workload {workload}"),
            |task| format!("{task} of workload {workload}"),
        );
        let (kind, tier, state, sentence) = match &did {
            Did::Stopped(_) => (
                NoticeKind::Stopped,
                Tier::Red,
                "stopped",
                format!("Signal {} ({event}) stopped {what}", signal.name),
            ),
            Did::Flagged(_, until) => (
                NoticeKind::Flagged,
                Tier::Amber,
                "flagged",
                format!(
                    "Signal {} ({event}) says of {what} that it is unusual, until {until}",
                    signal.name
                ),
            ),
        };
        let page = task.map_or_else(|| "workloads".to_owned(), |task| format!("tasks/{task}"));
        Ok(Some(Notice {
            key: message.key.clone(),
            kind,
            request: None,
            tier,
            sentence,
            requester: workload.to_string(),
            owner: owner.cloned(),
            held_at: Vec::new(),
            people_needed: 0,
            words: String::new(),
            state: state.to_owned(),
            decide_by: None,
            link: format!("{}/{page}", public_url.trim_end_matches('/')),
            people,
            teams,
            at: message.at,
        }))
    }

    /// The signal and what it did, from its leaf.
    // INVARIANT(leaf-opens): read only after it was hashed into its leaf.
    async fn signal_of(&self, key: Hash) -> Result<Option<(Signal, Did)>, GateError> {
        let key = UniqueKey(About::Signal(key).to_string());
        let Some(index) = self.store().unique(&key).await? else {
            return Ok(None);
        };
        let leaf = self.store().records_of(&[index]).await?.into_iter().next();
        let leaf = leaf.filter(|leaf| record_opens(&leaf.leaf, &leaf.salt, &leaf.record));
        let entry = leaf.and_then(|leaf| Entry::from_bytes(&leaf.record).ok());
        let (signal, did) = match entry.map(|entry| entry.event) {
            Some(Event::Stops {
                by: StoppedBy::Signal(signal),
                added,
                ..
            }) => (signal, Did::Stopped(added)),
            Some(Event::Flagged {
                workload,
                until,
                by,
            }) => (by, Did::Flagged(workload, until)),
            _ => return Ok(None),
        };
        Ok((signal.key() == key.0).then_some((*signal, did)))
    }

    async fn workload_of(&self, task: TaskId) -> Result<Option<WorkloadId>, GateError> {
        let row = self.row(&RowKey::new(Table::Task, &task)).await?;
        let task: Option<Task> = row.as_ref().map(body).transpose()?;
        Ok(task.map(|task| task.workload))
    }
}

/// Whoever answers for it and is there.
fn accountable(workload: &WorkloadId, directory: &Directory) -> BTreeSet<HumanId> {
    let known = directory.workloads.get(workload);
    let people = known
        .into_iter()
        .flat_map(|known| [&known.owner, &known.backup]);
    people
        .filter(|one| is_there(one, directory))
        .cloned()
        .collect()
}

fn is_there(human: &HumanId, directory: &Directory) -> bool {
    let gone = directory.is_suspended(human);
    !guard!("notice-suspended-stopped", gone)
}
