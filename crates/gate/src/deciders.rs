//! Who could approve a held request, as people and keys are now, and whether they would be enough. It tells nothing of reviews: who
//! has signed already is nobody else's to know, and is among those who could.

use std::collections::BTreeSet;

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Alternative, Checkpoint, floors};
use gatehold_core::delegation::{Lending, Moment, Through};
use gatehold_core::directory::Directory;
use gatehold_core::ids::{HumanId, RequestId, TeamId};
use gatehold_core::refusal::Refusal;
use gatehold_core::request::{HeldAt, RequestRecord, State};
use gatehold_core::seats::{self, Reviewer};
use gatehold_core::signer::Strength;

use crate::error::GateError;
use crate::gate::Gate;
use crate::ports::facts::OnCall;
use crate::view::people_needed;

/// Somebody who may decide, or would if they had not asked or had a better key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// Who.
    pub human: HumanId,
    /// The most that a key of theirs can count for now.
    pub assurance: Assurance,
    /// Checkpoints that admit them, by name.
    pub checkpoints: Vec<String>,
    /// For whom else they may decide here, who is away.
    pub through: Vec<Through>,
    /// What stands against them.
    pub but: Option<Against>,
}

/// Why somebody with a seat approves nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// They asked, or are behind whoever did.
    Asked,
    /// No key of theirs counts for as much as any seat takes.
    Key,
    /// No key of theirs is of the kind that the checkpoints take: a passkey where it is signed in a terminal, or the reverse.
    Signer,
}

/// Everybody who could approve one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deciders {
    /// Who has a seat, by name; those who can approve first.
    pub people: Vec<Decider>,
    /// The fewest who must.
    pub people_needed: u32,
    /// Whether all of them together would be enough. If not, it can only be denied, withdrawn or run out.
    pub enough: bool,
    /// Who is on call for the teams with a seat, where a schedule is kept. It gives nobody a seat.
    pub on_call: Vec<OnCall>,
}

impl Deciders {
    pub(crate) fn of(
        record: &RequestRecord,
        held: &HeldAt,
        directory: &Directory,
        moment: Moment,
    ) -> Self {
        let lending = Lending::new(directory, &held.requirement, &record.requester, moment);
        let dev = directory.origin.is_dev();
        let floors = floors(record.tier, dev);
        let excluded = record.requester.excluded(directory);
        let weakest = floors.iter().map(|floor| floor.factor).min();
        let mut people: Vec<Decider> = Vec::new();
        let mut able: Vec<Reviewer> = Vec::new();
        for human in directory.humans.keys() {
            let strength = directory.strength(human);
            let Some(assurance) = strength.best() else {
                continue;
            };
            let teams = directory.teams_of(human);
            let through = lending.through(human);
            let checkpoints = admitting(held, human, &teams, &through);
            if checkpoints.is_empty() {
                continue;
            }
            let but = if excluded.contains(human) {
                Some(Against::Asked)
            } else if weakest.is_none_or(|weakest| assurance < weakest) {
                Some(Against::Key)
            } else if !signs_at_any(held, strength, &|one| {
                one.admits(human, &teams) || through.iter().any(|other| other.admits(one))
            }) {
                Some(Against::Signer)
            } else {
                able.push(Reviewer {
                    human: human.clone(),
                    strength,
                    teams,
                    through: through.clone(),
                });
                None
            };
            people.push(Decider {
                human: human.clone(),
                assurance,
                checkpoints,
                through,
                but,
            });
        }
        people.sort_by_key(|person| person.but.is_some());
        let many = able.len() >= record.requester.people_min();
        Self {
            people_needed: people_needed(record, held, dev),
            enough: many && is_enough(held, floors, &able),
            people,
            on_call: Vec::new(),
        }
    }
}

/// Whether all of them would be enough, with whoever is away or with whoever decides for them.
fn is_enough(held: &HeldAt, floors: &[Alternative], able: &[Reviewer]) -> bool {
    if !seats::could_fill(&held.requirement, floors, able) {
        return false;
    }
    let lent = able.iter().flat_map(|one| &one.through);
    let away: BTreeSet<&HumanId> = lent.map(|through| &through.from).collect();
    if away.is_empty() {
        return true;
    }
    let fills = |able: &[Reviewer]| seats::filled(&held.requirement, floors, able).is_filled();
    let here = able.iter().filter(|one| !away.contains(&one.human));
    fills(able) || fills(&here.cloned().collect::<Vec<_>>())
}

/// Whether they have a key of the kind that any checkpoint takes which admits them.
fn signs_at_any(held: &HeldAt, strength: Strength, admits: &dyn Fn(&Checkpoint) -> bool) -> bool {
    let mut checkpoints = held.requirement.checkpoints();
    checkpoints.any(|(_, one)| admits(one) && strength.at(one.signer).is_some())
}

fn admitting(
    held: &HeldAt,
    human: &HumanId,
    teams: &BTreeSet<TeamId>,
    through: &[Through],
) -> Vec<String> {
    let checkpoints = held.requirement.checkpoints();
    let admitting = checkpoints.filter(|(_, checkpoint)| {
        checkpoint.admits(human, teams) || through.iter().any(|one| one.admits(checkpoint))
    });
    admitting
        .map(|(_, checkpoint)| checkpoint.name.to_string())
        .collect()
}

impl Gate {
    /// Who could approve a held request.
    ///
    /// # Errors
    /// When it is not held, there is none, or what is stored does not follow from the ledger.
    pub async fn deciders(&self, id: RequestId) -> Result<Deciders, GateError> {
        let record = self.request(id).await?.record;
        let (State::Held, Some(held)) = (record.state, &record.held) else {
            return Err(Refusal::WrongState {
                state: record.state.name(),
            }
            .into());
        };
        let active = self.current().await?;
        let moment = self.moment_of(&record, &active.directory).await?;
        let seats = held.requirement.checkpoints();
        let teams = seats.flat_map(|(_, checkpoint)| checkpoint.eligible.teams.iter().cloned());
        let facts = &self.inner.parts.facts;
        // The time that a delegation is read at is the store's only where there is one.
        let now = self.store().now().await?;
        Ok(Deciders {
            on_call: facts.on_call(&teams.collect(), now).await,
            ..Deciders::of(&record, held, &active.directory, moment)
        })
    }
}

#[cfg(test)]
mod tests {
    use gatehold_core::signer::KeyKind;

    use super::*;
    use crate::delegations::tests::{directory, moment, requester, requirement};

    /// Ann, for whom bob's word counts, and bob himself with a key of this level.
    fn able(bob: Assurance) -> Vec<Reviewer> {
        let (requirement, requester, directory) = (requirement(1), requester(), directory());
        let lending = Lending::new(&directory, &requirement, &requester, moment());
        let reviewer = |name: &str, assurance| {
            let human: HumanId = name.parse().unwrap();
            Reviewer {
                strength: Strength::of(KeyKind::Ssh, assurance),
                teams: directory.teams_of(&human),
                through: lending.through(&human),
                human,
            }
        };
        vec![
            reviewer("ann@acme", Assurance::Verified),
            reviewer("bob@acme", bob),
        ]
    }

    #[test]
    fn whoever_is_away_and_whoever_decides_for_them_are_one() {
        let floors = floors(gatehold_core::tier::Tier::Amber, false);
        let enough = |seats: u8, able: &[Reviewer]| {
            let requirement = requirement(seats);
            let held = HeldAt::new(&requirement, moment().now, moment().now);
            is_enough(&held, floors, able)
        };
        assert!(enough(1, &able(Assurance::Verified)));
        assert!(!enough(2, &able(Assurance::Verified)));
        // Bob's key is too weak for the tier; ann's is not.
        assert!(enough(1, &able(Assurance::Present)));
        let alone = &able(Assurance::Present)[1..];
        assert!(!enough(1, alone), "no delegation, and nobody else");
    }
}
