//! Which changes of the gate nobody could ever decide: too few people besides whoever asks, in the teams and with the keys
//! that the checkpoints and the floors ask for. A gate like that can only stop things, and can never be changed.
//!
//! It is a forecast for people and decides nothing: what counts is counted by [`gatehold_core::quorum`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use gatehold_core::assurance::Assurance;
use gatehold_core::checkpoint::{Alternative, Checkpoint, Requirement, floors};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::directory::Directory;
use gatehold_core::ids::{CheckpointName, DescriptorId, HumanId, TeamId};
use gatehold_core::person_key::PersonKey;
use gatehold_core::quorum::entitled;
use gatehold_core::seats::{self, Reviewer};
use gatehold_core::signer::{KeyKind, Strength};
use gatehold_core::tier::Tier;
use gatehold_core::trust::{CHANGE_PEOPLE_MIN, Change, RootStatement};
use gatehold_core::verdict::Verdict;
use gatehold_policy::{Bundle, Engine};

/// Everybody who could ask or decide.
#[derive(Debug, Clone)]
pub struct People {
    /// Whether keys in files count.
    dev: bool,
    humans: Vec<Reviewer>,
}

/// Changes that nobody could decide, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecidable {
    /// Which.
    pub changes: Vec<DescriptorId>,
    /// Why.
    pub why: Short,
}

/// Why nobody could decide a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Short {
    /// Policy holds it for nobody, and only what was held and decided is ever applied.
    NeverHeld,
    /// There are too few people.
    People {
        /// The checkpoints, each with the teams and people who may decide there.
        checkpoints: Vec<String>,
        /// The fewest people who must approve, and the keys that this takes.
        needed: usize,
        /// What their keys must count as.
        factors: String,
        /// Who besides whoever asks does not count, either.
        besides: &'static str,
        /// The most who are there and may decide, whoever asks.
        there: usize,
    },
}

/// A checkpoint whose seats all the people there are could not fill, whoever asks: nothing that it holds can be approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// Which.
    pub checkpoint: CheckpointName,
    /// What fills it, in words.
    takes: String,
    /// Who may.
    who: String,
    /// How many of them have a key that counts for any of that.
    pub there: usize,
}

/// What a change takes.
struct Demand<'a> {
    requirement: &'a Requirement,
    floors: &'static [Alternative],
    /// Also left out besides whoever asks: who would gain by it, at the least.
    gaining: usize,
}

impl From<&Directory> for People {
    fn from(directory: &Directory) -> Self {
        let humans = directory.humans.keys().filter_map(|human| {
            let strength = directory.strength(human);
            strength.best()?;
            Some(Reviewer {
                human: human.clone(),
                strength,
                teams: directory.teams_of(human),
                // Whoever is away comes back: what can be decided at all does not rest on who stands in today.
                through: Vec::new(),
            })
        });
        Self {
            dev: directory.origin.is_dev(),
            humans: humans.collect(),
        }
    }
}

impl From<&RootStatement> for People {
    fn from(root: &RootStatement) -> Self {
        let teams_of = |human: &HumanId| -> BTreeSet<TeamId> {
            let theirs = root.teams.iter().filter(|(_, all)| all.contains(human));
            theirs.map(|(team, _)| team.clone()).collect()
        };
        let humans = root.humans.iter().filter_map(|named| {
            let keys = named.keys.iter().filter_map(|named| {
                let key = PersonKey::from_line(&named.key).ok()?;
                Some(Strength::of(KeyKind::of(&key), named.assurance))
            });
            Some(Reviewer {
                human: named.human.clone(),
                strength: keys.reduce(Strength::or)?,
                teams: teams_of(&named.human),
                through: Vec::new(),
            })
        });
        Self {
            dev: root.origin.is_dev(),
            humans: humans.collect(),
        }
    }
}

impl People {
    /// The changes of the gate that this bundle describes and these people could never decide, whoever of them asks.
    #[must_use]
    pub fn cannot_decide(&self, bundle: &Arc<Bundle>) -> Vec<Undecidable> {
        let engine = Engine::new(Arc::clone(bundle));
        let mut found: BTreeMap<Short, Vec<DescriptorId>> = BTreeMap::new();
        for name in Change::DESCRIPTORS {
            let described = bundle.descriptors().values();
            for descriptor in described.filter(|one| one.id.as_str() == name) {
                if let Some(why) = self.short_of(&engine, descriptor) {
                    found.entry(why).or_default().push(descriptor.id.clone());
                }
            }
        }
        let found = found.into_iter();
        found
            .map(|(why, changes)| Undecidable { changes, why })
            .collect()
    }

    /// The checkpoints of this bundle that these people could never fill.
    #[must_use]
    pub fn cannot_fill(&self, bundle: &Bundle) -> Vec<Uncovered> {
        let all = bundle.checkpoints().values();
        all.filter(|checkpoint| !self.could_fill(checkpoint))
            .map(|checkpoint| self.uncovered(checkpoint))
            .collect()
    }

    fn uncovered(&self, checkpoint: &Checkpoint) -> Uncovered {
        // The weakest key that counts anywhere.
        let floors = floors(Tier::Green, self.dev).iter();
        let floor = floors.map(|floor| floor.factor).min();
        let raised = checkpoint.alternatives.iter().map(|one| Alternative {
            factor: floor.map_or(one.factor, |floor| one.factor.max(floor)),
            ..*one
        });
        let raised: Vec<Alternative> = raised.collect();
        let counts = |person: &&Reviewer| {
            let mut alternatives = raised.iter();
            checkpoint.admits(&person.human, &person.teams)
                && alternatives.any(|one| person.strength.at(checkpoint.signer) >= Some(one.factor))
        };
        Uncovered {
            checkpoint: checkpoint.name.clone(),
            there: self.humans.iter().filter(counts).count(),
            takes: match checkpoint.signer.in_words() {
                None => takes(&raised),
                Some(how) => format!("{}, {how},", takes(&raised)),
            },
            who: who(checkpoint),
        }
    }

    /// Whether a checkpoint could be filled, were everybody there and nobody of them the one who asks.
    pub(crate) fn could_fill(&self, checkpoint: &Checkpoint) -> bool {
        let requirement = Requirement::new(vec![checkpoint.clone()]);
        requirement.is_ok_and(|requirement| {
            let floors = floors(Tier::Green, self.dev);
            seats::filled(&requirement, floors, &self.humans).is_filled()
        })
    }

    /// What is missing for this change, if it is decidable for nobody.
    fn short_of(&self, engine: &Engine, descriptor: &Descriptor) -> Option<Short> {
        let mut best: Option<Short> = None;
        for asks in &self.humans {
            let input = gatehold_policy::golden::change_asked_by(
                engine.bundle(),
                descriptor,
                &asks.human,
                &asks.teams,
            );
            let evaluated = engine.evaluate(&input);
            let Verdict::Hold(requirement) = evaluated.verdict() else {
                continue;
            };
            let demand = Demand::of(
                requirement,
                evaluated.trace().tier.tier,
                self.dev,
                descriptor,
            );
            let short = self.besides(&asks.human, &demand)?;
            let closer = |known: &Short| known.there() >= short.there();
            if !best.as_ref().is_some_and(closer) {
                best = Some(short);
            }
        }
        Some(best.unwrap_or(Short::NeverHeld))
    }

    /// What is missing when this person asks; nothing if the others are enough.
    fn besides(&self, asks: &HumanId, demand: &Demand<'_>) -> Option<Short> {
        let weakest = if self.dev {
            Assurance::Software
        } else {
            Assurance::Present
        };
        let others: Vec<Reviewer> = self
            .humans
            .iter()
            .filter(|one| one.human != *asks && one.strength.best() >= Some(weakest))
            .filter(|one| entitled(demand.requirement, &one.human, &one.teams))
            .cloned()
            .collect();
        // Who gains may be anybody: the change is decidable if it is for one choice of them.
        let enough = if demand.gaining == 0 {
            demand.is_met_by(&others)
        } else {
            self.humans.iter().any(|gains| {
                let left: Vec<Reviewer> = others
                    .iter()
                    .filter(|one| one.human != gains.human)
                    .cloned()
                    .collect();
                gains.human != *asks && demand.is_met_by(&left)
            })
        };
        let there = others.iter().filter(|one| demand.may_help(one)).count();
        (!enough).then(|| demand.short(there.saturating_sub(demand.gaining)))
    }
}

impl<'a> Demand<'a> {
    fn of(requirement: &'a Requirement, tier: Tier, dev: bool, descriptor: &Descriptor) -> Self {
        // Whoever asks may be the owner; the owner's backup is somebody else, outside development gates.
        let two_owners = descriptor.id.as_str() == "nhi.create" && !dev;
        Self {
            requirement,
            floors: floors(tier, dev),
            gaining: usize::from(two_owners),
        }
    }

    fn is_met_by(&self, people: &[Reviewer]) -> bool {
        people.len() >= CHANGE_PEOPLE_MIN
            && seats::filled(self.requirement, self.floors, people).is_filled()
    }

    /// Whether this person's key counts enough for any floor, at a checkpoint that takes its kind.
    fn may_help(&self, person: &Reviewer) -> bool {
        let mut checkpoints = self.requirement.checkpoints();
        checkpoints.any(|(_, checkpoint)| {
            let counts = person.strength.at(checkpoint.signer);
            let mut floors = self.floors.iter();
            floors.any(|floor| counts >= Some(floor.factor))
        })
    }

    fn short(&self, there: usize) -> Short {
        let fewest = |all: &[Alternative]| {
            let seats = all.iter().map(|one| usize::from(one.seats.get()));
            seats.min().unwrap_or(1)
        };
        let own = self.requirement.checkpoints();
        let own = own.map(|(_, checkpoint)| fewest(&checkpoint.alternatives));
        let needed = own.fold(fewest(self.floors).max(CHANGE_PEOPLE_MIN), usize::max);
        let checkpoints = self.requirement.checkpoints();
        let checkpoints = checkpoints.map(|(_, checkpoint)| {
            let how = checkpoint.signer.in_words();
            let how = how.map_or_else(String::new, |how| format!(", {how}"));
            format!("{} ({}{how})", checkpoint.name, who(checkpoint))
        });
        Short::People {
            checkpoints: checkpoints.collect(),
            needed,
            factors: takes(self.floors),
            besides: if self.gaining == 0 {
                "whoever asks"
            } else {
                "the owner and the backup"
            },
            there,
        }
    }
}

/// Who may decide at a checkpoint.
fn who(checkpoint: &Checkpoint) -> String {
    let teams = checkpoint.eligible.teams.iter().map(ToString::to_string);
    let humans = checkpoint.eligible.humans.iter().map(ToString::to_string);
    let who: Vec<String> = teams.chain(humans).collect();
    who.join(", ")
}

/// What any one of these asks for.
fn takes(alternatives: &[Alternative]) -> String {
    let each = alternatives
        .iter()
        .map(|one| format!("{} `{}`", one.seats, one.factor));
    each.collect::<Vec<_>>().join(" or ")
}

impl Short {
    const fn there(&self) -> usize {
        match self {
            Self::NeverHeld => 0,
            Self::People { there, .. } => *there,
        }
    }
}

impl fmt::Display for Uncovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            checkpoint,
            takes,
            who,
            there,
        } = self;
        write!(
            f,
            "nothing that checkpoint {checkpoint} holds can be approved: it takes {takes} of {who}; people whose keys count for that: {there}"
        )
    }
}

impl fmt::Display for Undecidable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        write!(f, "nobody could ever decide {}: ", changes.join(", "))?;
        match &self.why {
            Short::NeverHeld => f.write_str(
                "policy holds it at no checkpoint, and only what was held and decided is applied",
            ),
            Short::People {
                checkpoints,
                needed,
                factors,
                besides,
                there,
            } => write!(
                f,
                "at {} it takes {needed} people besides {besides}, with keys that count as {factors}; there are {there}",
                checkpoints.join(" and ")
            ),
        }
    }
}

#[cfg(test)]
mod tests;
