//! Counts reviews: which verify now, which of their signers are entitled now, and whether they fill every seat.
//!
//! This one function answers at review time, at redemption, in the key chain and for an auditor (threat A4).

use std::collections::BTreeSet;

use crate::assurance::Assurance;
use crate::checkpoint::Requirement;
use crate::delegation::{Lending, Moment};
use crate::directory::Directory;
use crate::ids::{HumanId, TeamId};
use crate::reason;
use crate::requester::Requester;
use crate::review::{ReviewAct, ReviewError, Subject, UnverifiedReview, VerifiedReview};
use crate::seats::{self, Reviewer};
use crate::signer::Strength;
use crate::tier::Tier;

/// Most reviews one request keeps.
pub const REVIEWS_MAX: usize = 16;

/// Everything a count depends on.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What the reviews must be about.
    pub subject: Subject<'a>,
    /// The checkpoints to satisfy, by full definition.
    pub requirement: &'a Requirement,
    /// Its tier now: decides the floors.
    pub tier: Tier,
    /// Who asked.
    pub requester: &'a Requester,
    /// Whose keys and teams have force now.
    pub directory: &'a Directory,
    /// When, and in which open task: what delegations depend on.
    pub moment: Moment,
}

impl<'a> Question<'a> {
    /// The delegations that count.
    #[must_use]
    pub fn lending(&self) -> Lending<'a> {
        Lending::new(
            self.directory,
            self.requirement,
            self.requester,
            self.moment,
        )
    }
}

/// The answer.
#[derive(Debug)]
pub struct Quorum {
    /// Approving reviews that count.
    pub approvals: Vec<VerifiedReview>,
    /// A denial that counts.
    pub denial: Option<VerifiedReview>,
    /// Whether every seat and floor is filled by distinct humans, and nobody denied.
    pub met: bool,
    /// Reviews that do not count any more, by position.
    pub void: Vec<(usize, Void)>,
}

/// Why a stored review does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Void {
    /// It does not verify.
    Review(ReviewError),
    /// Its signer belongs to the requester set.
    OwnRequest,
    /// Its signer is not entitled at any checkpoint.
    NotEntitled,
    /// A software key outside a development gate.
    Software,
    /// It is red now, and it was not signed with a reason.
    NoReason,
    /// The same human stands here already.
    Repeated,
    /// Whoever they decided for decided here themselves.
    Returned,
}

/// Counts.
// INVARIANT(genuine-quorum): only reviews that verify here, by distinct living entitled humans outside the requester
// set, fill a seat.
// INVARIANT(delegation-only-narrows): whoever decides for somebody is counted as that person would be, once.
#[must_use]
pub fn count(question: &Question<'_>, reviews: &[UnverifiedReview]) -> Quorum {
    let mut quorum = Quorum {
        approvals: Vec::new(),
        denial: None,
        met: false,
        void: Vec::new(),
    };
    let excluded = question.requester.excluded(question.directory);
    let lending = question.lending();
    let mut seen: BTreeSet<HumanId> = BTreeSet::new();
    let mut approvals = Vec::new();
    for (position, review) in reviews.iter().enumerate().take(REVIEWS_MAX) {
        match counted(question, review, &lending, &excluded, &mut seen) {
            Ok(review) if review.context().act == ReviewAct::Deny => quorum.denial = Some(review),
            Ok(review) => approvals.push((position, review)),
            Err(void) => quorum.void.push((position, void)),
        }
    }
    // One authority, one seat: where the person who was away decides, nobody decides for them.
    for (position, review) in approvals {
        let authority = review.authority();
        let own = entitled(question.requirement, &authority.human, &authority.teams);
        let mut through = authority.through.iter();
        if guard!(
            "count-returned",
            !own && through.all(|through| seen.contains(&through.from))
        ) {
            quorum.void.push((position, Void::Returned));
        } else {
            quorum.approvals.push(review);
        }
    }
    let short = quorum.approvals.len() < question.requester.people_min();
    quorum.met = quorum.denial.is_none()
        && !guard!("count-change-people", short)
        && filled(question, &quorum.approvals);
    quorum
}

fn counted(
    question: &Question<'_>,
    review: &UnverifiedReview,
    lending: &Lending<'_>,
    excluded: &BTreeSet<HumanId>,
    seen: &mut BTreeSet<HumanId>,
) -> Result<VerifiedReview, Void> {
    let review =
        VerifiedReview::verify(review, &question.subject, lending).map_err(Void::Review)?;
    if guard!("count-own-request", excluded.contains(review.human())) {
        return Err(Void::OwnRequest);
    }
    if guard!(
        "count-software",
        review.assurance() == Assurance::Software && !question.subject.gate.is_dev()
    ) {
        return Err(Void::Software);
    }
    if guard!(
        "count-not-entitled",
        !review.authority().entitles(question.requirement)
    ) {
        return Err(Void::NotEntitled);
    }
    // The words themselves are kept apart, and may be erased: what was signed says that they were there.
    let unsaid = review.context().act == ReviewAct::Approve
        && reason::is_demanded(question.tier)
        && !review.context().reasoned;
    if guard!("count-reason", unsaid) {
        return Err(Void::NoReason);
    }
    if guard!("count-twice", !seen.insert(review.human().clone())) {
        return Err(Void::Repeated);
    }
    Ok(review)
}

fn filled(question: &Question<'_>, approvals: &[VerifiedReview]) -> bool {
    let reviewers: Vec<Reviewer> = approvals
        .iter()
        .map(|review| Reviewer {
            human: review.human().clone(),
            strength: Strength::of(review.kind(), review.assurance()),
            teams: review.authority().teams.clone(),
            through: review.authority().through.clone(),
        })
        .collect();
    let floors = crate::checkpoint::floors(question.tier, question.subject.gate.is_dev());
    seats::filled(question.requirement, floors, &reviewers).is_filled()
}

/// Whether a human may decide at any checkpoint of a requirement.
#[must_use]
pub fn entitled(requirement: &Requirement, human: &HumanId, teams: &BTreeSet<TeamId>) -> bool {
    requirement
        .checkpoints()
        .any(|(_, checkpoint)| checkpoint.admits(human, teams))
}
