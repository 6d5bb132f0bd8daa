//! How often the glass was broken lately, and who has still to look at it: folded from leaves, never read from a row.
//!
//! An opening restricts what may be opened next, so it is taken from any leaf. A look afterwards loosens, so it is taken only from a
//! signature that was verified. Whoever writes to the database can close break-glass, and cannot open it.

use std::collections::{BTreeMap, BTreeSet};

use super::post_review::{Judgement, PostReviewError, VerifiedPostReview};
use crate::checkpoint::Eligible;
use crate::hash::Hash;
use crate::ids::{HumanId, RequestId, TeamId};
use crate::time::Timestamp;

/// The window in which openings are counted, in seconds: a day.
pub const GLASS_WINDOW_SECONDS: u32 = 86_400;
/// Most openings of one gate in a window.
pub const GLASS_OF_ALL_MAX: usize = 4;
/// Most openings in a window that one person signs.
pub const GLASS_OF_ONE_MAX: usize = 2;
/// How many people who had no part in it must look at it afterwards.
pub const POST_REVIEWERS_MIN: usize = 2;

/// One opening, as its leaf tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Of which request.
    pub request: RequestId,
    /// By which statement.
    pub glass: Hash,
    /// For which incident.
    pub incident: String,
    /// Who signed.
    pub signers: BTreeSet<HumanId>,
    /// Who had a part in it.
    pub involved: BTreeSet<HumanId>,
    /// When.
    pub at: Timestamp,
    /// Of whom two must look at it.
    pub post_review: Eligible,
    /// Until when.
    pub review_by: Timestamp,
    /// Who has, and what they found.
    pub reviewed: BTreeMap<HumanId, Judgement>,
}

/// Why the glass is not broken once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// Somebody has still to look at an earlier one, and the time for that is over.
    #[error(
        "nobody has looked at request {0} in time, which was let out by break-glass; until two people have, nothing else is"
    )]
    Overdue(RequestId),
    /// Too often at this gate.
    #[error(
        "break-glass was used {GLASS_OF_ALL_MAX} times here within a day; that is all there is"
    )]
    TooMany,
    /// Too often by one person.
    #[error(
        "somebody who signs this has broken the glass {GLASS_OF_ONE_MAX} times within a day; let somebody else sign"
    )]
    TooManyOfOne,
}

impl Opening {
    /// Whether people have still to look at it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.reviewed.len() < POST_REVIEWERS_MIN
    }

    /// Whether they should have by now.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && now > self.review_by
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        now < self.at.plus_seconds(GLASS_WINDOW_SECONDS)
    }
}

/// All openings that still matter: those of the last day, and those that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Openings {
    /// How many there ever were: a write names it, so that none is forgotten between reading and writing.
    total: u64,
    kept: Vec<Opening>,
}

impl Openings {
    /// How many there ever were.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Those that still matter, in the order of their leaves.
    pub fn iter(&self) -> impl Iterator<Item = &Opening> {
        self.kept.iter()
    }

    /// Those that people have still to look at.
    pub fn open(&self) -> impl Iterator<Item = &Opening> {
        self.kept.iter().filter(|opening| opening.is_open())
    }

    /// The opening of a request by a statement, if a leaf says so.
    #[must_use]
    pub fn of(&self, request: RequestId, glass: Hash) -> Option<&Opening> {
        let mut kept = self.kept.iter();
        kept.find(|opening| opening.request == request && opening.glass == glass)
    }

    /// Takes in what a leaf may tell of.
    pub fn extend(&mut self, opening: Option<Opening>) {
        if let Some(opening) = opening {
            self.add(opening);
        }
    }

    /// Takes in the next one. What was looked at and is older than a day does not matter any more.
    pub fn add(&mut self, opening: Opening) {
        self.total = self.total.saturating_add(1);
        let now = opening.at;
        self.kept.retain(|one| one.is_open() || one.is_recent(now));
        self.kept.push(opening);
    }

    /// Whether these people may break the glass now.
    ///
    /// # Errors
    /// [`NotOpened`] says why not.
    // INVARIANT(glass-is-looked-at): what nobody has looked at in time closes break-glass until somebody has.
    pub fn may_open(&self, signers: &BTreeSet<HumanId>, now: Timestamp) -> Result<(), NotOpened> {
        let overdue = self.kept.iter().find(|opening| opening.is_overdue(now));
        if let Some(overdue) = overdue
            && guard!("glass-overdue", true)
        {
            return Err(NotOpened::Overdue(overdue.request));
        }
        let recent = || {
            self.kept
                .iter()
                .filter(move |opening| opening.is_recent(now))
        };
        if guard!("glass-rate-gate", recent().count() >= GLASS_OF_ALL_MAX) {
            return Err(NotOpened::TooMany);
        }
        let often = |human: &HumanId| {
            let signed = recent().filter(|opening| opening.signers.contains(human));
            signed.count() >= GLASS_OF_ONE_MAX
        };
        if guard!("glass-rate-person", signers.iter().any(often)) {
            return Err(NotOpened::TooManyOfOne);
        }
        Ok(())
    }

    /// Whether this look at an opening counts: by somebody who had no part in it, nor in another one of the same incident, and whom
    /// its checkpoints name for it. Gives the opening.
    ///
    /// # Errors
    /// [`PostReviewError`] says why not.
    pub fn check(
        &self,
        review: &VerifiedPostReview,
        teams: &BTreeSet<TeamId>,
    ) -> Result<&Opening, PostReviewError> {
        let said = review.statement();
        let opening = self.of(said.request, said.glass);
        let opening = opening.ok_or(PostReviewError::Other("opening"))?;
        let human = &said.human;
        let of_it = |one: &&Opening| one.incident == opening.incident;
        let mut involved = self.kept.iter().filter(of_it);
        if guard!(
            "post-review-uninvolved",
            involved.any(|one| one.involved.contains(human))
        ) {
            return Err(PostReviewError::Involved);
        }
        let named = opening.post_review.humans.contains(human)
            || !opening.post_review.teams.is_disjoint(teams);
        if guard!("post-review-entitled", !named) {
            return Err(PostReviewError::NotEntitled);
        }
        if guard!("post-review-once", opening.reviewed.contains_key(human)) {
            return Err(PostReviewError::Again);
        }
        Ok(opening)
    }

    /// Takes in that somebody has looked at one.
    ///
    /// # Errors
    /// As [`Openings::check`]; nothing is changed then.
    pub fn reviewed(
        &mut self,
        review: &VerifiedPostReview,
        teams: &BTreeSet<TeamId>,
    ) -> Result<(), PostReviewError> {
        self.check(review, teams)?;
        let said = review.statement();
        let own = |one: &&mut Opening| one.request == said.request && one.glass == said.glass;
        if let Some(opening) = self.kept.iter_mut().find(own) {
            opening.reviewed.insert(said.human.clone(), said.judgement);
        }
        Ok(())
    }
}
