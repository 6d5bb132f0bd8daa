//! Break-glass at one checkpoint: who may let its actions out when nobody of those who decide can be reached, which of them, and
//! how little of it. A checkpoint that says nothing of it has none.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::definition::{Checkpoint, CheckpointLimits, Eligible};
use super::requirement::Requirement;
use crate::action::Envelope;
use crate::ids::{DescriptorId, HumanId, ResourceId};
use crate::task::covers;

/// Fewest people who must sign, each with an offline key of their own.
pub const GLASS_PEOPLE_MIN: usize = 2;
/// Longest life of what break-glass lets out, in seconds: one hour.
pub const GLASS_TTL_SECONDS_MAX: u32 = 3_600;
/// Longest time until people who had no part in it must have looked at it, in seconds: seven days.
pub const POST_REVIEW_SECONDS_MAX: u32 = 7 * 86_400;
/// Most members of any list.
const LIST_MAX: usize = 32;

/// What a checkpoint permits without its own people. Every member must be present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// These people may sign, by name: no team, so that nobody comes into it by joining one.
    pub people: BTreeSet<HumanId>,
    /// Kinds of action that may be let out.
    pub descriptors: BTreeSet<DescriptorId>,
    /// On these resources, by exact name or by prefix ending in `/`.
    pub resources: BTreeSet<ResourceId>,
    /// Not before it has been held so long: whoever decides here is asked first.
    pub after_seconds: NonZeroU32,
    /// The most it can permit: less than the checkpoint itself.
    pub limits: CheckpointLimits,
    /// Of whom two must look at it afterwards.
    pub post_review: Eligible,
    /// Within so many seconds.
    pub post_review_within_seconds: NonZeroU32,
}

/// What all checkpoints of one action offer together: the least of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Who may sign: whom every checkpoint names.
    pub people: BTreeSet<HumanId>,
    /// How long it must have been held.
    pub after_seconds: u32,
    /// The most it can permit.
    pub limits: CheckpointLimits,
    /// Who may look at it afterwards: whom any checkpoint names for that.
    pub post_review: Eligible,
    /// Within so many seconds.
    pub post_review_within_seconds: u32,
}

impl BreakGlass {
    fn covers(&self, envelope: &Envelope) -> bool {
        let other_kind = !self.descriptors.contains(&envelope.descriptor.id);
        let elsewhere = !covers(&self.resources, &envelope.resource);
        !guard!("glass-descriptor", other_kind) && !guard!("glass-resource", elsewhere)
    }

    fn offer(&self) -> Offer {
        Offer {
            people: self.people.clone(),
            after_seconds: self.after_seconds.get(),
            limits: self.limits.clone(),
            post_review: self.post_review.clone(),
            post_review_within_seconds: self.post_review_within_seconds.get(),
        }
    }

    /// What is wrong with it at this checkpoint, by member.
    pub(super) fn problems(&self, checkpoint: &Checkpoint) -> Vec<&'static str> {
        let long = |length: usize| length > LIST_MAX;
        let root = |resource: &ResourceId| resource.as_str().trim_matches('/').is_empty();
        let usual = &checkpoint.limits;
        let wider = usual.caps.iter().any(|(name, cap)| {
            let own = self.limits.caps.get(name);
            own.is_none_or(|own| own > cap)
        });
        let ttl = self.limits.ttl_seconds;
        let look = &self.post_review;
        let checks = [
            (
                self.people.len() < GLASS_PEOPLE_MIN || long(self.people.len()),
                "`people`: name 2 to 32 people, because two must sign",
            ),
            (
                self.descriptors.is_empty() || long(self.descriptors.len()),
                "`descriptors`: name 1 to 32 kinds of action; none is everything",
            ),
            (
                self.resources.is_empty() || long(self.resources.len()),
                "`resources`: name 1 to 32 resources or prefixes; none is everything",
            ),
            (
                self.resources.iter().any(root),
                "`resources`: `/` is everything; name what an incident may need",
            ),
            (
                self.after_seconds >= checkpoint.decide_within_seconds,
                "`after_seconds`: it ends before that; make it less than `decide_within_seconds`",
            ),
            (
                ttl >= usual.ttl_seconds || ttl.get() > GLASS_TTL_SECONDS_MAX,
                "`limits`: `ttl_seconds` is less than the checkpoint's, and at most 3600",
            ),
            (
                self.limits.uses.get() != 1,
                "`limits`: `uses` is 1, because it is signed for once",
            ),
            (
                wider,
                "`limits`: name every cap of the checkpoint, and none above it",
            ),
            (
                look.teams.is_empty() && look.humans.is_empty()
                    || long(look.teams.len() + look.humans.len()),
                "`post_review`: name 1 to 32 teams and people who look at it afterwards",
            ),
            (
                self.post_review_within_seconds.get() > POST_REVIEW_SECONDS_MAX,
                "`post_review_within_seconds`: at most 604800 (seven days)",
            ),
        ];
        let wrong = checks.into_iter().filter(|(wrong, _)| *wrong);
        wrong.map(|(_, problem)| problem).collect()
    }
}

impl Offer {
    /// The pointwise minimum. Whoever looks at it afterwards only has to be somebody whom one of both names.
    fn and(&self, other: &Self) -> Self {
        let people = self.people.intersection(&other.people);
        let teams = self.post_review.teams.union(&other.post_review.teams);
        let humans = self.post_review.humans.union(&other.post_review.humans);
        Self {
            people: people.cloned().collect(),
            after_seconds: self.after_seconds.max(other.after_seconds),
            limits: self.limits.min(&other.limits),
            post_review: Eligible {
                teams: teams.cloned().collect(),
                humans: humans.cloned().collect(),
            },
            post_review_within_seconds: self
                .post_review_within_seconds
                .min(other.post_review_within_seconds),
        }
    }
}

impl Requirement {
    /// What break-glass this requirement offers for an action: nothing unless every checkpoint offers it, for this very kind of
    /// action on this very resource.
    // INVARIANT(glass-only-narrows): what any checkpoint does not offer, none does.
    #[must_use]
    pub fn break_glass(&self, envelope: &Envelope) -> Option<Offer> {
        let mut offers = Vec::new();
        for (_, checkpoint) in self.checkpoints() {
            let offered = checkpoint.break_glass.as_ref();
            match offered.filter(|offered| offered.covers(envelope)) {
                Some(offered) => offers.push(offered.offer()),
                None if guard!("glass-every-checkpoint", true) => return None,
                None => {}
            }
        }
        offers.into_iter().reduce(|left, right| left.and(&right))
    }
}
