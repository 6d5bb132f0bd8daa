//! Seats: whether distinct entitled people fill every checkpoint of a requirement.
//!
//! One person fills one seat of a checkpoint (threat A9). Checkpoints share people, because each review answers the
//! union of their criteria, except `separate` ones, whose people fill nothing else. More reviews never un-fill
//! (threat A14). Whoever asked, and whoever is no longer entitled, is left out by the caller before this is asked.
//!
//! Whoever decides for somebody who is away stands in that person's place: once in the whole requirement, by one of those
//! who could, and not at all where the person decides here themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::assurance::Assurance;
use crate::checkpoint::{Alternative, Checkpoint, Requirement};
use crate::delegation::Through;
use crate::hash::Hash;
use crate::ids::{HumanId, TeamId};
use crate::signer::Strength;

/// One person whose approving review counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewer {
    /// Who.
    pub human: HumanId,
    /// What their signature counts for, by the kind of key that made it.
    pub strength: Strength,
    /// Teams they are in, now.
    pub teams: BTreeSet<TeamId>,
    /// For whom else they decide here.
    pub through: Vec<Through>,
}

/// The people who fill one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seated {
    /// Which checkpoint, by definition.
    pub checkpoint: Hash,
    /// Everyone counted for it, sorted.
    pub humans: Vec<HumanId>,
}

/// Whether a requirement is met, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum SeatsAnswer {
    /// Every checkpoint is filled, by these people.
    Filled(Vec<Seated>),
    /// More people are needed at one checkpoint or more.
    Open,
}

impl SeatsAnswer {
    /// Whether every checkpoint is filled.
    #[must_use]
    pub const fn is_filled(&self) -> bool {
        matches!(self, Self::Filled(_))
    }
}

/// Matches people to seats. Each checkpoint needs one of its alternatives and one of the floors; several reviews by one
/// person count as one person with the best of them. No floors is not "no demand" but Open.
pub fn filled(
    requirement: &Requirement,
    floors: &[Alternative],
    reviewers: &[Reviewer],
) -> SeatsAnswer {
    let checkpoints: Vec<(&Hash, &Checkpoint)> = requirement.checkpoints().collect();
    let (separate, shared) = checkpoints
        .into_iter()
        .partition::<Vec<_>, _>(|(_, checkpoint)| checkpoint.separate);
    let table = Table {
        separate,
        shared,
        floors,
    };
    let people = people(reviewers);
    for places in Places::of(&people).take(PLACES_MAX) {
        let mut seated = Vec::new();
        if table.fill(0, table.groups(&people, &places), &mut seated) {
            seated.sort_by_key(|seated| seated.checkpoint);
            return SeatsAnswer::Filled(seated);
        }
    }
    SeatsAnswer::Open
}

/// Most ways to give away the places of people who are away that are tried. Beyond it nobody is seated: people with seats of
/// their own still fill them.
const PLACES_MAX: usize = 1_024;

/// One person with the best of their reviews.
struct Person<'a> {
    strength: Strength,
    teams: BTreeSet<TeamId>,
    through: Vec<&'a Through>,
}

fn people(reviewers: &[Reviewer]) -> BTreeMap<&HumanId, Person<'_>> {
    let mut people: BTreeMap<&HumanId, Person<'_>> = BTreeMap::new();
    let here: BTreeSet<&HumanId> = reviewers.iter().map(|one| &one.human).collect();
    for reviewer in reviewers {
        let person = people.entry(&reviewer.human).or_insert_with(|| Person {
            strength: reviewer.strength,
            teams: BTreeSet::new(),
            through: Vec::new(),
        });
        person.strength = person.strength.or(reviewer.strength);
        person.teams.extend(reviewer.teams.iter().cloned());
        let away = |through: &&Through| !guard!("seats-returned", here.contains(&through.from));
        person.through.extend(reviewer.through.iter().filter(away));
    }
    people
}

/// Who stands in whose place. Each place goes to one of those who could take it; every combination comes once.
// INVARIANT(delegation-only-narrows): with the person who is away in the place of whoever decides for them, the seats are
// filled by distinct people as well.
struct Places<'a> {
    away: Vec<(&'a HumanId, Vec<&'a HumanId>)>,
    next: Option<Vec<usize>>,
}

impl<'a> Places<'a> {
    fn of(people: &BTreeMap<&'a HumanId, Person<'a>>) -> Self {
        let mut away: BTreeMap<&HumanId, BTreeSet<&HumanId>> = BTreeMap::new();
        for (human, person) in people {
            for through in &person.through {
                away.entry(&through.from).or_default().insert(human);
            }
        }
        let away: Vec<_> = away
            .into_iter()
            .map(|(from, by)| (from, by.into_iter().collect()))
            .collect();
        Self {
            next: Some(vec![0; away.len()]),
            away,
        }
    }
}

impl<'a> Iterator for Places<'a> {
    type Item = BTreeMap<&'a HumanId, &'a HumanId>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut at = self.next.take()?;
        let given = self.away.iter().zip(&at);
        let given = given.filter_map(|((from, by), at)| Some((*from, *by.get(*at)?)));
        let given = given.collect();
        for (index, (_, by)) in at.iter_mut().zip(&self.away) {
            *index += 1;
            if *index < by.len() {
                self.next = Some(at);
                return Some(given);
            }
            *index = 0;
        }
        Some(given)
    }
}

/// People who are alike: admitted by the same checkpoints, where they count for the same. Only how many are taken of each
/// group matters, which keeps the search small.
#[derive(Clone)]
struct Group {
    /// What they count for at each checkpoint that admits them and takes their kind of key. By index: first the separate
    /// checkpoints, then the shared ones.
    counts: Vec<Option<Assurance>>,
    people: Vec<HumanId>,
}

impl Group {
    fn at(&self, index: usize) -> Option<Assurance> {
        self.counts.get(index).copied().flatten()
    }
}

struct Table<'a> {
    separate: Vec<(&'a Hash, &'a Checkpoint)>,
    shared: Vec<(&'a Hash, &'a Checkpoint)>,
    floors: &'a [Alternative],
}

impl Table<'_> {
    fn groups(
        &self,
        people: &BTreeMap<&HumanId, Person<'_>>,
        places: &BTreeMap<&HumanId, &HumanId>,
    ) -> Vec<Group> {
        let mut groups: BTreeMap<Vec<Option<Assurance>>, Vec<HumanId>> = BTreeMap::new();
        for (human, person) in people {
            let given = |through: &&&Through| {
                let other = places.get(&through.from) != Some(human);
                !guard!("seats-one-authority", other)
            };
            let through: Vec<_> = person.through.iter().filter(given).collect();
            let admits = |checkpoint: &Checkpoint| {
                checkpoint.admits(human, &person.teams)
                    || through.iter().any(|through| through.admits(checkpoint))
            };
            let counts = |checkpoint: &Checkpoint| {
                let demanded = person.strength.at(checkpoint.signer);
                let other = demanded.is_none();
                if !admits(checkpoint) || guard!("seats-signer", other) {
                    return None;
                }
                demanded.or(person.strength.best())
            };
            let every = self.separate.iter().chain(&self.shared);
            let counts = every.map(|(_, checkpoint)| counts(checkpoint)).collect();
            groups.entry(counts).or_default().push((*human).clone());
        }
        groups
            .into_iter()
            .map(|(counts, people)| Group { counts, people })
            .collect()
    }

    /// Fills the separate checkpoints from `at` on, each with people of its own, then all shared ones with the rest.
    fn fill(&self, at: usize, rest: Vec<Group>, seated: &mut Vec<Seated>) -> bool {
        let Some((hash, checkpoint)) = self.separate.get(at) else {
            return self.fill_shared(&rest, seated);
        };
        for alternative in &checkpoint.alternatives {
            for floor in self.floors {
                let demand = Demand::of(*alternative, *floor);
                let mut taken = Vec::new();
                if self.take(at, hash, demand, 0, rest.clone(), &mut taken, seated) {
                    return true;
                }
            }
        }
        false
    }

    /// Takes people for separate checkpoint `at`, group by group, until `demand` is met, and goes on with the next.
    #[expect(
        clippy::too_many_arguments,
        reason = "the state of one backtracking search"
    )]
    fn take(
        &self,
        at: usize,
        hash: &Hash,
        demand: Demand,
        from: usize,
        rest: Vec<Group>,
        taken: &mut Vec<HumanId>,
        seated: &mut Vec<Seated>,
    ) -> bool {
        if demand.is_met() {
            let mut humans = taken.clone();
            humans.sort();
            seated.push(Seated {
                checkpoint: *hash,
                humans,
            });
            if self.fill(at + 1, rest, seated) {
                return true;
            }
            seated.pop();
            return false;
        }
        for index in from..rest.len() {
            let mut rest = rest.clone();
            let Some(group) = rest.get_mut(index) else {
                return false;
            };
            let Some(assurance) = group.at(at).filter(|assurance| demand.helps(*assurance)) else {
                continue;
            };
            let Some(human) = group.people.pop() else {
                continue;
            };
            let demand = demand.less(assurance);
            taken.push(human);
            if self.take(at, hash, demand, index, rest, taken, seated) {
                return true;
            }
            taken.pop();
        }
        false
    }

    fn fill_shared(&self, rest: &[Group], seated: &mut Vec<Seated>) -> bool {
        let before = seated.len();
        for (index, (hash, checkpoint)) in self.shared.iter().enumerate() {
            let counts = |group: &Group| group.at(self.separate.len() + index);
            let admitted: Vec<&Group> = rest
                .iter()
                .filter(|group| counts(group).is_some())
                .collect();
            let met = |wanted: &Alternative| {
                let enough = admitted
                    .iter()
                    .filter(|group| counts(group) >= Some(wanted.factor));
                enough.map(|group| group.people.len()).sum::<usize>()
                    >= usize::from(wanted.seats.get())
            };
            if !(checkpoint.alternatives.iter().any(met) && self.floors.iter().any(met)) {
                seated.truncate(before);
                return false;
            }
            let mut humans: Vec<HumanId> = admitted
                .iter()
                .flat_map(|group| &group.people)
                .cloned()
                .collect();
            humans.sort();
            seated.push(Seated {
                checkpoint: **hash,
                humans,
            });
        }
        true
    }
}

/// What one checkpoint still needs: the alternative and the floor count the same people side by side.
#[derive(Clone, Copy)]
struct Demand {
    own: (u8, Assurance),
    floor: (u8, Assurance),
}

impl Demand {
    const fn of(own: Alternative, floor: Alternative) -> Self {
        Self {
            own: (own.seats.get(), own.factor),
            floor: (floor.seats.get(), floor.factor),
        }
    }

    const fn is_met(self) -> bool {
        self.own.0 == 0 && self.floor.0 == 0
    }

    fn helps(self, assurance: Assurance) -> bool {
        [self.own, self.floor]
            .iter()
            .any(|(open, factor)| *open > 0 && assurance >= *factor)
    }

    fn less(self, assurance: Assurance) -> Self {
        let one = |(open, factor): (u8, Assurance)| {
            (open.saturating_sub(u8::from(assurance >= factor)), factor)
        };
        Self {
            own: one(self.own),
            floor: one(self.floor),
        }
    }
}

#[cfg(test)]
mod tests;
