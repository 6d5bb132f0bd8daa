//! What one person may decide here, as keys, teams and checkpoints are now. It is what the directory and the active bundle say; a
//! session gives nothing beyond it, and an approval takes the key itself.

use std::collections::BTreeSet;

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::Checkpoint;
use gatehold_core::directory::Directory;
use gatehold_core::ids::{CheckpointName, HumanId, TeamId, WorkloadId};
use gatehold_core::signer::Signer;

use crate::delegations::Delegated;
use crate::error::GateError;
use crate::gate::Gate;

/// The reach of one person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Teams they are in.
    pub teams: BTreeSet<TeamId>,
    /// Those of them in which this session gives no seat: whoever vouched did not say that they are still in them.
    pub without: BTreeSet<TeamId>,
    /// Checkpoints of the active bundle that admit them, by name.
    pub seats: Vec<Seat>,
    /// Whoever is away and lets them decide, now.
    pub decides_for: Vec<Delegated>,
    /// Workloads that they own or back up.
    pub accountable_for: Vec<WorkloadId>,
}

/// A place that one person may take at one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which checkpoint.
    pub checkpoint: CheckpointName,
    /// The teams of theirs that it admits.
    pub teams: Vec<TeamId>,
    /// Whether it names them.
    pub by_name: bool,
    /// The kind of key that it takes.
    pub signer: Signer,
    /// The most that a signature of theirs counts for there; nothing without a key of that kind.
    pub counts_as: Option<Assurance>,
}

impl Seat {
    fn of(
        name: &CheckpointName,
        checkpoint: &Checkpoint,
        human: &HumanId,
        teams: &BTreeSet<TeamId>,
        directory: &Directory,
    ) -> Option<Self> {
        if !checkpoint.admits(human, teams) {
            return None;
        }
        let admitted = checkpoint.eligible.teams.intersection(teams);
        Some(Self {
            checkpoint: name.clone(),
            teams: admitted.cloned().collect(),
            by_name: checkpoint.eligible.humans.contains(human),
            signer: checkpoint.signer,
            counts_as: directory.strength(human).at(checkpoint.signer),
        })
    }
}

impl Gate {
    /// What somebody may decide through a session that is without these teams.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn scope(
        &self,
        human: &HumanId,
        without: &BTreeSet<TeamId>,
    ) -> Result<Scope, GateError> {
        let active = self.current().await?;
        let directory = &active.directory;
        let teams = directory.teams_of(human);
        let without: BTreeSet<TeamId> = without.intersection(&teams).cloned().collect();
        let left: BTreeSet<TeamId> = teams.difference(&without).cloned().collect();
        let checkpoints = active.bundle.checkpoints().iter();
        let seats = checkpoints
            .filter_map(|(name, one)| Seat::of(name, one, human, &left, directory))
            .collect();
        let answers = directory
            .workloads
            .iter()
            .filter(|(_, one)| one.owner == *human || one.backup == *human);
        let accountable_for = answers.map(|(id, _)| id.clone()).collect();
        Ok(Scope {
            decides_for: self.delegated_to(human).await?,
            teams,
            without,
            seats,
            accountable_for,
        })
    }
}
