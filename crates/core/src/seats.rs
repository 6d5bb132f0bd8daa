//! Seats: whether distinct entitled people fill every checkpoint of a requirement.
//!
//! One person fills one seat of a checkpoint (threat A9). Checkpoints share people, because each review answers the
//! union of their criteria, except `separate` ones, whose people fill nothing else. More reviews never un-fill
//! (threat A14). Whoever asked, and whoever is no longer entitled, is left out by the caller before this is asked.
//!
//! Whoever decides for somebody who is away stands in that person's place: either as themselves or for one person, in the whole
//! requirement, and each place is taken by one. Nobody stands for a person who decides here themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::assurance::Assurance;
use crate::checkpoint::{Alternative, Checkpoint, Requirement};
use crate::delegation::Through;
use crate::hash::Hash;
use crate::ids::{HumanId, TeamId};
use crate::signer::Strength;

mod person;

use person::{Person, Seats, Stands, is_taken};

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
    let table = Table::of(requirement, floors);
    let here = reviewers.iter().map(|one| &one.human).collect();
    let people = table.people(reviewers, &here);
    let as_themselves = vec![None; people.len()];
    let mut seated = Vec::new();
    let mut filled = table.fill(0, groups(&people, &as_themselves), &mut seated);
    if !filled && people.iter().any(Person::has_a_choice) {
        let mut tries = TRIES_MAX;
        let stood = table.stand(&people, &mut Vec::new(), &mut tries);
        filled = stood.is_some();
        seated = stood.unwrap_or_default();
    }
    if !filled {
        return SeatsAnswer::Open;
    }
    seated.sort_by_key(|seated| seated.checkpoint);
    SeatsAnswer::Filled(seated)
}

/// Whether they would fill it if each of them stood in every place that they could take, all at once. Where not even that is
/// enough, no way to stand is; without delegations it is the whole answer.
#[must_use]
pub fn could_fill(
    requirement: &Requirement,
    floors: &[Alternative],
    reviewers: &[Reviewer],
) -> bool {
    let table = Table::of(requirement, floors);
    let people = table.people(reviewers, &BTreeSet::new());
    table.fill(0, groups(&people, &[]), &mut Vec::new())
}

/// Most ways to stand that are looked into. Beyond it nobody is seated for anybody: people with seats of their own still fill
/// them.
const TRIES_MAX: u32 = 1_024;

/// People who are alike: seated by the same checkpoints, where they count for the same. Only how many are taken of each
/// group matters, which keeps the search small.
#[derive(Clone)]
struct Group {
    seats: Seats,
    people: Vec<HumanId>,
}

impl Group {
    fn at(&self, index: usize) -> Option<Assurance> {
        self.seats.get(index).copied().flatten()
    }
}

struct Table<'a> {
    separate: Vec<(&'a Hash, &'a Checkpoint)>,
    shared: Vec<(&'a Hash, &'a Checkpoint)>,
    floors: &'a [Alternative],
}

impl<'t> Table<'t> {
    fn of(requirement: &'t Requirement, floors: &'t [Alternative]) -> Self {
        let checkpoints = requirement.checkpoints();
        let (separate, shared) =
            checkpoints.partition::<Vec<_>, _>(|(_, checkpoint)| checkpoint.separate);
        Self {
            separate,
            shared,
            floors,
        }
    }

    /// Everybody once, those who have a choice first. Nobody stands for those who are `here`.
    fn people<'a>(&self, reviewers: &'a [Reviewer], here: &BTreeSet<&HumanId>) -> Vec<Person<'a>> {
        let mut known: BTreeMap<&HumanId, (Strength, BTreeSet<TeamId>, Vec<&Through>)> =
            BTreeMap::new();
        for reviewer in reviewers {
            let (strength, teams, through) = known
                .entry(&reviewer.human)
                .or_insert_with(|| (reviewer.strength, BTreeSet::new(), Vec::new()));
            *strength = strength.or(reviewer.strength);
            teams.extend(reviewer.teams.iter().cloned());
            let away = |one: &&Through| !guard!("seats-returned", here.contains(&one.from));
            through.extend(reviewer.through.iter().filter(away));
        }
        let mut people: Vec<Person<'a>> = known
            .into_iter()
            .map(|(human, (strength, teams, through))| {
                let own = self.seats(strength, |checkpoint| checkpoint.admits(human, &teams));
                let lent = through.into_iter().map(|one| {
                    let seats = self.seats(strength, |checkpoint| one.admits(checkpoint));
                    (&one.from, seats)
                });
                Person::new(human, own, lent)
            })
            .collect();
        people.sort_by_key(|person| !person.has_a_choice());
        people
    }

    /// What somebody of this strength counts for where they are admitted, and their kind of key is taken.
    fn seats(&self, strength: Strength, admits: impl Fn(&Checkpoint) -> bool) -> Seats {
        let counts = |checkpoint: &Checkpoint| {
            let demanded = strength.at(checkpoint.signer);
            let other = demanded.is_none();
            if !admits(checkpoint) || guard!("seats-signer", other) {
                return None;
            }
            demanded.or(strength.best())
        };
        let every = self.separate.iter().chain(&self.shared);
        every.map(|(_, checkpoint)| counts(checkpoint)).collect()
    }

    /// Lets everybody stand in one capacity, the first who have chosen as they chose, until all seats are filled. The others
    /// stand wherever they could meanwhile: what is not filled even so is looked into no further.
    fn stand<'a>(
        &self,
        people: &[Person<'a>],
        chosen: &mut Vec<Stands<'a>>,
        tries: &mut u32,
    ) -> Option<Vec<Seated>> {
        *tries = tries.checked_sub(1)?;
        let mut seated = Vec::new();
        if !self.fill(0, groups(people, chosen), &mut seated) {
            return None;
        }
        let next = people.get(chosen.len());
        let Some(person) = next.filter(|person| person.has_a_choice()) else {
            return Some(seated);
        };
        for stands in person.capacities() {
            if is_taken(stands, chosen) {
                continue;
            }
            chosen.push(stands);
            let found = self.stand(people, chosen, tries);
            if found.is_some() {
                return found;
            }
            chosen.pop();
        }
        None
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

/// People who are alike, where the first of them have chosen and the others could still choose.
fn groups<'a>(people: &[Person<'a>], chosen: &[Stands<'a>]) -> Vec<Group> {
    let mut groups: BTreeMap<Seats, Vec<HumanId>> = BTreeMap::new();
    for (at, person) in people.iter().enumerate() {
        let seats = match chosen.get(at) {
            Some(stands) => person.standing(*stands),
            None => person.anywhere(chosen),
        };
        groups.entry(seats).or_default().push(person.human.clone());
    }
    groups
        .into_iter()
        .map(|(seats, people)| Group { seats, people })
        .collect()
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
