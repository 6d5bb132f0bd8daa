//! A requirement: the checkpoints that hold one action. It is never empty, so "all of nothing" cannot pass.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32};

use serde::{Deserialize, Serialize};

use super::definition::{Alternative, Checkpoint, CheckpointLimits, CheckpointProblem, Criterion};
use crate::assurance::Assurance;
use crate::hash::Hash;
use crate::reason;
use crate::signer::Signer;
use crate::tier::Tier;

/// Most checkpoints that can hold one action.
pub const CHECKPOINTS_MAX: usize = 32;

/// The checkpoints that hold an action: at least one, sorted by definition hash, none twice, each of them sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Checkpoint>", into = "Vec<Checkpoint>")]
pub struct Requirement {
    checkpoints: Vec<(Hash, Checkpoint)>,
}

/// Why a list of checkpoints is no requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementError {
    /// Nothing would have to be decided (threat A3).
    #[error("a requirement names at least one checkpoint")]
    Empty,
    /// More than anybody could answer.
    #[error("a requirement names at most {CHECKPOINTS_MAX} checkpoints")]
    TooMany,
    /// A definition that is never used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointProblem),
}

impl Requirement {
    /// Sorts by hash and merges equal definitions (threat A5: obligations are a union, in no order).
    ///
    /// # Errors
    /// [`RequirementError`].
    // INVARIANT(requirement-not-empty): every requirement has a checkpoint and every checkpoint a seat, so zero reviews
    // never meet one.
    pub fn new(checkpoints: Vec<Checkpoint>) -> Result<Self, RequirementError> {
        let mut by_hash = BTreeMap::new();
        for checkpoint in checkpoints {
            if let Some(problem) = checkpoint.check().into_iter().next() {
                return Err(problem.into());
            }
            by_hash.insert(checkpoint.definition_hash(), checkpoint);
        }
        match by_hash.len() {
            0 => Err(RequirementError::Empty),
            1..=CHECKPOINTS_MAX => Ok(Self {
                checkpoints: by_hash.into_iter().collect(),
            }),
            _ => Err(RequirementError::TooMany),
        }
    }

    /// The checkpoints with their definition hashes, in the order of the hashes.
    pub fn checkpoints(&self) -> impl ExactSizeIterator<Item = (&Hash, &Checkpoint)> {
        self.checkpoints
            .iter()
            .map(|(hash, checkpoint)| (hash, checkpoint))
    }

    /// The definition hashes, sorted.
    #[must_use]
    pub fn hashes(&self) -> Vec<Hash> {
        self.checkpoints.iter().map(|(hash, _)| *hash).collect()
    }

    /// What a reviewer signs for: `SHA-256("gatehold/requirement/v1" || 0x00 || sorted definition hashes)`.
    #[must_use]
    pub fn requirement_hash(&self) -> Hash {
        let parts: Vec<&[u8]> = self
            .checkpoints
            .iter()
            .map(|(hash, _)| hash.as_bytes().as_slice())
            .collect();
        Hash::tagged("gatehold/requirement/v1", &parts)
    }

    /// Whether every checkpoint of this requirement is among the signed ones. Then the reviews stand; otherwise the
    /// action is held again (threat A22). By hash: a checkpoint of the same name with other words is another one.
    #[must_use]
    pub fn is_covered_by(&self, signed: &[Hash]) -> bool {
        self.checkpoints
            .iter()
            .all(|(hash, _)| signed.contains(hash))
    }

    /// With what somebody signs, so that their review counts at every checkpoint that admits them. Where these contradict each
    /// other either kind counts at some of them, and nobody can fill both.
    #[must_use]
    pub fn signer(&self, admits: impl Fn(&Checkpoint) -> bool) -> Signer {
        let admitting = self.checkpoints.iter().map(|(_, checkpoint)| checkpoint);
        let demanded = admitting.filter(|checkpoint| admits(checkpoint));
        let mut demanded = demanded
            .map(|checkpoint| checkpoint.signer)
            .filter(|signer| !signer.is_any());
        let first = demanded.next().unwrap_or_default();
        if demanded.all(|other| other == first) {
            first
        } else {
            Signer::Any
        }
    }

    /// Every question of every checkpoint, each once.
    #[must_use]
    pub fn criteria(&self) -> Vec<&Criterion> {
        let mut union: Vec<&Criterion> = Vec::new();
        for criterion in self.checkpoints.iter().flat_map(|(_, c)| &c.criteria) {
            if !union.contains(&criterion) {
                union.push(criterion);
            }
        }
        union.sort_by(|left, right| left.id.cmp(&right.id));
        union
    }

    /// The questions whose answers do not let an approving review count.
    #[must_use]
    pub fn unanswered(&self, answers: &BTreeMap<String, String>) -> Vec<&Criterion> {
        let mut open = self.criteria();
        open.retain(|criterion| !criterion.accepts(answers.get(&criterion.id).map(String::as_str)));
        open
    }

    /// The fewest people who can meet it at this tier, where the requester demands so many whatever else is asked.
    #[must_use]
    pub fn people_needed(&self, tier: Tier, dev_origin: bool, people_min: usize) -> u32 {
        let fewest = |alternatives: &[Alternative]| {
            let seats = alternatives.iter().map(|one| u32::from(one.seats.get()));
            seats.min().unwrap_or(1)
        };
        let own = self.checkpoints.iter();
        own.map(|(_, checkpoint)| fewest(&checkpoint.alternatives))
            .fold(fewest(floors(tier, dev_origin)), u32::max)
            .max(u32::try_from(people_min).unwrap_or(u32::MAX))
    }

    /// Seconds to decide: the least of all checkpoints.
    #[must_use]
    pub fn decide_within_seconds(&self) -> u32 {
        self.least(|checkpoint| checkpoint.decide_within_seconds)
    }

    /// Seconds from submission within which the action must be claimed: the least of all checkpoints.
    #[must_use]
    pub fn spend_within_seconds(&self) -> u32 {
        self.least(|checkpoint| checkpoint.spend_within_seconds)
    }

    /// The most any approval can permit: the pointwise minimum of all checkpoints. `None` cannot happen to a
    /// requirement, and would permit nothing.
    #[must_use]
    pub fn limits(&self) -> Option<CheckpointLimits> {
        let each = self
            .checkpoints
            .iter()
            .map(|(_, checkpoint)| checkpoint.limits.clone());
        each.reduce(|left, right| left.min(&right))
    }

    /// Seconds after the hold at which somebody else is asked, if any escalation is left after `seconds`.
    #[must_use]
    pub fn next_escalation(&self, seconds: u32) -> Option<u32> {
        let each = self
            .checkpoints
            .iter()
            .map(|(_, c)| c.next_escalation(seconds));
        each.flatten().min()
    }

    fn least(&self, of: impl Fn(&Checkpoint) -> NonZeroU32) -> u32 {
        let each = self
            .checkpoints
            .iter()
            .map(|(_, checkpoint)| of(checkpoint).get());
        each.min().unwrap_or(0)
    }
}

impl TryFrom<Vec<Checkpoint>> for Requirement {
    type Error = RequirementError;

    fn try_from(checkpoints: Vec<Checkpoint>) -> Result<Self, RequirementError> {
        Self::new(checkpoints)
    }
}

impl From<Requirement> for Vec<Checkpoint> {
    fn from(requirement: Requirement) -> Self {
        requirement
            .checkpoints
            .into_iter()
            .map(|(_, checkpoint)| checkpoint)
            .collect()
    }
}

/// Whether whoever decides at this tier has to meet more than at the one it was held at: other seats, or a reason. Then what was
/// approved was approved as something smaller, and it is held again.
#[must_use]
pub fn asks_more(held_at: Tier, now: Tier, dev_origin: bool) -> bool {
    let asked = |tier| (floors(tier, dev_origin), reason::is_demanded(tier));
    now > held_at && asked(now) != asked(held_at)
}

const ONE: NonZeroU8 = NonZeroU8::MIN;
const TWO: NonZeroU8 = ONE.saturating_add(1);

/// What core demands of every checkpoint beside its own alternatives: any one of these must be met as well.
///
/// Under an origin that begins with `dev.` the factors read `software` and red asks for two people; nothing else
/// differs there.
#[must_use]
pub const fn floors(tier: Tier, dev_origin: bool) -> &'static [Alternative] {
    const fn seats(seats: NonZeroU8, factor: Assurance) -> Alternative {
        Alternative { seats, factor }
    }
    const GREEN: [Alternative; 1] = [seats(ONE, Assurance::Present)];
    const AMBER: [Alternative; 1] = [seats(ONE, Assurance::Verified)];
    const RED: [Alternative; 2] = [
        seats(ONE, Assurance::Attested),
        seats(TWO, Assurance::Verified),
    ];
    const DEV: [Alternative; 1] = [seats(ONE, Assurance::Software)];
    const DEV_RED: [Alternative; 1] = [seats(TWO, Assurance::Software)];
    match (tier, dev_origin) {
        (Tier::Green, false) => &GREEN,
        (Tier::Amber, false) => &AMBER,
        (Tier::Red, false) => &RED,
        (Tier::Green | Tier::Amber, true) => &DEV,
        (Tier::Red, true) => &DEV_RED,
    }
}
