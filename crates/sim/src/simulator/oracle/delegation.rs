//! Delegations as people really signed them, and what each gives: worked out again, without core's way of doing it.

use std::collections::BTreeSet;

use gatehold_core::checkpoint::{Checkpoint, Requirement};
use gatehold_core::directory::Authority;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{CheckpointName, HumanId, TaskId, TeamId};
use gatehold_core::json::canonical;
use gatehold_core::review::ReviewContext;
use gatehold_core::task::TaskState;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{DelegationEnd, SignedDelegationEnd};

use super::{Checked, Commit, Listed, Oracle, Request, Signed, Tampered, holds};
use crate::simulator::work::Intent;

/// Longest a delegation lasts from when it is signed, in milliseconds.
const LONGEST: i64 = 30 * 86_400_000;
/// Most of one person.
const MOST: usize = 8;

/// A delegation that has force.
#[derive(Debug, Clone)]
pub struct Given {
    /// Who is away.
    pub from: HumanId,
    /// Who decides.
    pub to: HumanId,
    key: Hash,
    teams: BTreeSet<TeamId>,
    task: Option<TaskId>,
    checkpoints: Option<BTreeSet<CheckpointName>>,
    window: (Timestamp, Timestamp),
}

/// Somebody whose place another takes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    id: Hash,
    pub(super) from: HumanId,
    given: Given,
}

impl Place {
    /// Whether it is a place at this checkpoint.
    pub(super) fn is_at(&self, oracle: &Oracle, checkpoint: &Checkpoint) -> bool {
        let named = match &self.given.checkpoints {
            Some(names) => names.contains(&checkpoint.name),
            None => true,
        };
        let still = |team: &&TeamId| {
            let members = oracle.realm.teams.get(*team);
            members.is_some_and(|members| members.contains(&self.from))
        };
        let teams = self.given.teams.iter().filter(still);
        let mut teams = teams.filter(|team| checkpoint.eligible.teams.contains(*team));
        named && teams.next().is_some()
    }
}

impl Oracle {
    /// The places that somebody may take in a request, at this write.
    pub(super) fn places(
        &self,
        human: &HumanId,
        request: &Request,
        at: (Timestamp, Timestamp),
    ) -> Vec<Place> {
        if request.human.is_some() {
            return Vec::new();
        }
        let (said, stored) = at;
        let another = request.excused(&[Tampered::Requester]);
        let task = request.action.envelope().task;
        let open = |task: TaskId| {
            let known = self.tasks.get(&task);
            known.is_some_and(|known| known.task.state == TaskState::Open)
        };
        let counts = |given: &&Given| {
            let (begins, ends) = given.window;
            given.to == *human
                && begins <= said
                && stored <= ends
                && self.realm.key(&given.from, &given.key).is_some()
                && (another || !request.excluded.contains(&given.from))
                && given
                    .task
                    .is_none_or(|bound| task == Some(bound) && open(bound))
        };
        let given = self.realm.delegations.iter();
        let given = given.filter(|(_, given)| counts(given));
        let place = |(id, given): (&Hash, &Given)| Place {
            id: *id,
            from: given.from.clone(),
            given: given.clone(),
        };
        given.map(place).collect()
    }

    /// Of these places, those that somebody signed for.
    pub(super) fn signed_places(
        &self,
        signed: &Signed,
        request: &Request,
        at: (Timestamp, Timestamp),
    ) -> Vec<Place> {
        let places = self.places(&signed.human, request, at).into_iter();
        let listed = |mut place: Place| {
            let teams = signed.given.get(&place.id)?;
            place.given.teams.retain(|team| teams.contains(team));
            Some(place)
        };
        places.filter_map(listed).collect()
    }

    /// Somebody is shown what they may do, for others too; gives the hash that they sign.
    pub fn shows(&mut self, authority: &Authority) -> Hash {
        let given = authority.through.iter();
        let given = given.map(|through| (through.delegation, through.teams.clone()));
        let hash = authority.hash();
        self.authorities.insert(hash, given.collect());
        hash
    }

    /// The delegations that whoever signed a context was shown; none where they signed something else.
    pub fn shown(&self, context: &ReviewContext) -> Listed {
        let shown = self.authorities.get(&context.reviewer.authority_hash);
        shown.cloned().unwrap_or_default()
    }

    /// Whether somebody may decide here with what they signed.
    pub(super) fn might_by(
        &self,
        signed: &Signed,
        requirement: &Requirement,
        request: &Request,
        at: (Timestamp, Timestamp),
    ) -> bool {
        let places = self.signed_places(signed, request, at);
        self.may_decide(&signed.human, requirement, &places)
    }

    /// Whether somebody may decide here at all, by themselves or in one of these places.
    pub(super) fn may_decide(
        &self,
        human: &HumanId,
        requirement: &Requirement,
        places: &[Place],
    ) -> bool {
        let mut checkpoints = requirement.checkpoints();
        self.realm.entitled(human, requirement)
            || checkpoints.any(|(_, point)| places.iter().any(|place| place.is_at(self, point)))
    }

    /// A delegation became a link: whoever is away signed it with a key that has force, over what was theirs.
    // INVARIANT(delegation-only-narrows): asked of what was really signed and of who was in which team then.
    pub(super) fn delegated(&mut self, commit: &Commit<'_>) -> Checked {
        let Intent::Delegate { delegation, .. } = commit.intent else {
            return holds(false, "chain-gives-force", || {
                "a delegation nobody sent".to_owned()
            });
        };
        let Ok(said) = delegation.read() else {
            return holds(false, "chain-gives-force", || {
                "an unreadable delegation".to_owned()
            });
        };
        let id = delegation.id();
        let key = self.realm.key(&said.from, &said.key);
        let strong = key.is_some_and(|key| {
            self.realm.dev || key > gatehold_core::assurance::Assurance::Software
        });
        holds(
            self.promised.contains(&id) && strong,
            "chain-gives-force",
            || format!("{} did not sign that {} decides", said.from, said.to),
        )?;
        let own = |team: &TeamId| {
            let members = self.realm.teams.get(team);
            members.is_some_and(|members| members.contains(&said.from))
        };
        let theirs = !said.teams.is_empty() && said.teams.iter().all(own);
        let some = said
            .checkpoints
            .as_ref()
            .is_none_or(|names| !names.is_empty());
        let lasts = said.not_after.millis() - said.created_at.millis();
        let ends = said.not_before < said.not_after && lasts <= LONGEST;
        let other = said.from != said.to && self.realm.humans.contains_key(&said.to);
        holds(
            theirs && some && ends && other,
            "delegation-only-narrows",
            || format!("{} gave what was not theirs to give", said.from),
        )?;
        let given = &mut self.realm.delegations;
        given.retain(|_, given| given.from != said.from || given.window.1 >= said.created_at);
        let theirs = given.values().filter(|given| given.from == said.from);
        holds(theirs.count() < MOST, "delegation-only-narrows", || {
            format!("{} has too many delegations", said.from)
        })?;
        let before = given.insert(
            id,
            Given {
                from: said.from.clone(),
                to: said.to,
                key: said.key,
                teams: said.teams,
                task: said.task,
                checkpoints: said.checkpoints,
                window: (said.not_before, said.not_after),
            },
        );
        let new = before.is_none() && self.ever_given.insert(id);
        holds(new, "chain-gives-force", || {
            format!("a delegation of {} counted twice", said.from)
        })?;
        self.realm.version += 1;
        Ok(())
    }

    /// A delegation ended early: one of the two said so, or two others.
    pub(super) fn delegation_ended(&mut self, commit: &Commit<'_>) -> Checked {
        let Intent::EndDelegation { end } = commit.intent else {
            return holds(false, "chain-gives-force", || {
                "an end nobody sent".to_owned()
            });
        };
        let said = self.ends(end);
        holds(said.is_some(), "chain-gives-force", || {
            "a delegation was ended by too few".to_owned()
        })?;
        if let Some(id) = said {
            self.realm.delegations.remove(&id);
        }
        self.realm.version += 1;
        Ok(())
    }

    /// Which delegation this ends, if it was signed by one of the two or by two others.
    fn ends(&self, end: &SignedDelegationEnd) -> Option<Hash> {
        let statement: DelegationEnd =
            canonical::from_canonical_bytes(end.statement.as_bytes()).ok()?;
        let given = self.realm.delegations.get(&statement.delegation)?;
        let living = |human: &HumanId| self.realm.is_there(human);
        let signed: BTreeSet<&HumanId> = (self.revoked.iter())
            .filter(|(signer, text)| *text == end.statement && living(signer))
            .map(|(signer, _)| signer)
            .collect();
        let either = signed.contains(&given.from) || signed.contains(&given.to);
        (either || signed.len() >= 2).then_some(statement.delegation)
    }
}
