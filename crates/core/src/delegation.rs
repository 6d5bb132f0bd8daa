//! Delegation: who decides for somebody who is away, and where that counts.
//!
//! A delegation enters the directory by a link that the person who is away signed ([`crate::trust::delegation`]). What it
//! gives is never stored: it is worked out for one request at one moment, from the keys, teams and task of that moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, Requirement};
use crate::directory::{Authority, Directory};
use crate::hash::Hash;
use crate::ids::{CheckpointName, HumanId, TaskId, TeamId};
use crate::quorum::entitled;
use crate::requester::Requester;
use crate::time::Timestamp;

/// A delegation as the chain gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Who is away.
    pub from: HumanId,
    /// The key that signed it, by thumbprint: it gives nothing once that key has lost its force.
    pub key: Hash,
    /// Who decides for them.
    pub to: HumanId,
    /// For these teams of theirs.
    pub teams: BTreeSet<TeamId>,
    /// In this task alone, if it names one.
    pub task: Option<TaskId>,
    /// At checkpoints of these names alone, if it names some.
    pub checkpoints: Option<BTreeSet<CheckpointName>>,
    /// Not before this time.
    pub not_before: Timestamp,
    /// Nor after this one.
    pub not_after: Timestamp,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// When a delegation is asked about, and in which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The time on the store's clock.
    pub now: Timestamp,
    /// The request's task, while it is open.
    pub task: Option<TaskId>,
}

/// What one delegation gives to whoever decides for somebody, at one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Through {
    /// Which delegation, by the hash of its statement.
    pub delegation: Hash,
    /// Who is away.
    pub from: HumanId,
    /// The teams of theirs that it counts for now.
    pub teams: BTreeSet<TeamId>,
    /// At checkpoints of these names alone, if it names some.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub checkpoints: Option<BTreeSet<CheckpointName>>,
    /// Until when.
    pub until: Timestamp,
}

impl Through {
    /// Whether it gives a seat at this checkpoint. What a checkpoint gives somebody by name is theirs alone.
    #[must_use]
    pub fn admits(&self, checkpoint: &Checkpoint) -> bool {
        let named = |names: &BTreeSet<CheckpointName>| names.contains(&checkpoint.name);
        let elsewhere = !self.checkpoints.as_ref().is_none_or(named);
        if guard!("delegation-checkpoint", elsewhere) {
            return false;
        }
        !checkpoint.eligible.teams.is_disjoint(&self.teams)
    }

    /// What of it whoever decides has signed for: nothing where what they were shown does not list it, and of its teams those
    /// that it listed. What was made, or came back, after they signed gives their signature nothing.
    #[must_use]
    pub fn as_signed(self, shown: &[Self]) -> Option<Self> {
        match shown.iter().find(|one| one.delegation == self.delegation) {
            Some(listed) => {
                let teams = self.teams.intersection(&listed.teams);
                let teams: BTreeSet<TeamId> = teams.cloned().collect();
                (!teams.is_empty()).then_some(Self { teams, ..self })
            }
            None if guard!("delegation-as-signed", true) => None,
            None => Some(self),
        }
    }
}

/// The delegations that count at one request, at one moment.
#[derive(Debug)]
pub struct Lending<'a> {
    directory: &'a Directory,
    requirement: &'a Requirement,
    requester: Option<&'a Requester>,
    excluded: BTreeSet<HumanId>,
    moment: Moment,
}

impl<'a> Lending<'a> {
    /// At a request that is held so, under this directory.
    #[must_use]
    pub fn new(
        directory: &'a Directory,
        requirement: &'a Requirement,
        requester: &'a Requester,
        moment: Moment,
    ) -> Self {
        Self {
            directory,
            requirement,
            requester: Some(requester),
            excluded: requester.excluded(directory),
            moment,
        }
    }

    /// At a request of which nobody can tell who asked: nobody decides for anybody.
    #[must_use]
    pub const fn of_nobody(
        directory: &'a Directory,
        requirement: &'a Requirement,
        moment: Moment,
    ) -> Self {
        Self {
            directory,
            requirement,
            requester: None,
            excluded: BTreeSet::new(),
            moment,
        }
    }

    /// Whose keys and teams have force.
    #[must_use]
    pub const fn directory(&self) -> &'a Directory {
        self.directory
    }

    /// What holds the request.
    #[must_use]
    pub const fn requirement(&self) -> &'a Requirement {
        self.requirement
    }

    /// At which moment.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        self.moment
    }

    /// What others gave somebody here: only where they have no seat of their own, so that nobody is said to decide for
    /// another where they decide for themselves.
    // INVARIANT(delegation-only-narrows): whoever decides through it stands where the person who is away could have stood now,
    // within the window, task and checkpoints they signed, and never in a request that is theirs.
    #[must_use]
    pub fn through(&self, human: &HumanId) -> Vec<Through> {
        let Some(requester) = self.requester else {
            return Vec::new();
        };
        // A link of the chain is verified without a clock, and the gate's own keys and rules are nobody's to lend.
        if guard!("delegation-not-the-gate", !requester.is_workload()) {
            return Vec::new();
        }
        let own = self.directory.teams_of(human);
        let missing = |through: &Through| {
            let mut checkpoints = self.requirement.checkpoints();
            checkpoints.any(|(_, point)| !point.admits(human, &own) && through.admits(point))
        };
        let given = self.directory.delegations.iter();
        let given = given.filter(|(_, given)| given.to == *human);
        given
            .filter_map(|(id, given)| self.gives(id, given))
            .filter(missing)
            .collect()
    }

    fn gives(&self, id: &Hash, given: &Delegation) -> Option<Through> {
        let now = self.moment.now;
        let outside = now < given.not_before || now > given.not_after;
        if guard!("delegation-in-time", outside) {
            return None;
        }
        // Enrolled again later it is another promise: what it signed before stays void.
        let key = self.directory.key(&given.from, &given.key);
        let living = key.is_some_and(|key| key.leaf < given.leaf);
        if guard!("delegation-key-living", !living) {
            return None;
        }
        // A passkey is of no use without a page that may ask it; what it signed is not believed longer.
        let mute = key.is_some_and(|key| !self.directory.can_sign(key));
        if guard!("delegation-key-can-sign", mute) {
            return None;
        }
        // Whoever asks would choose who approves.
        if guard!("delegation-requester", self.excluded.contains(&given.from)) {
            return None;
        }
        let elsewhere = given
            .task
            .is_some_and(|task| self.moment.task != Some(task));
        if guard!("delegation-task", elsewhere) {
            return None;
        }
        // Their own membership, of now: what somebody has through another cannot be handed on.
        let own = self.directory.teams_of(&given.from);
        let is_theirs = |team: &&TeamId| {
            let left = !own.contains(*team);
            !guard!("delegation-still-member", left)
        };
        let teams: BTreeSet<TeamId> = given.teams.iter().filter(is_theirs).cloned().collect();
        (!teams.is_empty()).then(|| Through {
            delegation: *id,
            from: given.from.clone(),
            teams,
            checkpoints: given.checkpoints.clone(),
            until: given.not_after,
        })
    }

    /// Whether a human may decide at any checkpoint, by themselves or for somebody.
    #[must_use]
    pub fn entitles(&self, human: &HumanId) -> bool {
        let own = self.directory.teams_of(human);
        entitled(self.requirement, human, &own) || !self.through(human).is_empty()
    }

    /// The authority of a human with one of their keys, here and now.
    #[must_use]
    pub fn authority(&self, human: &HumanId, key: &Hash) -> Option<Authority> {
        let own = self.directory.authority(human, key)?;
        Some(Authority {
            through: self.through(human),
            ..own
        })
    }
}

#[cfg(test)]
mod tests;
