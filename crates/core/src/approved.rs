//! The proof that one exact action may happen now. The only way to an effect.
//!
//! An [`Approved`] is never stored, copied or read back. It is rebuilt from verified evidence at the moment of use and
//! spent by being moved into whatever executes it.

use crate::action::Action;
use crate::checkpoint::Requirement;
use crate::decide::World;
use crate::delegation::{Lending, Moment};
use crate::directory::Directory;
use crate::glass::{GlassError, GlassQuestion, SignedGlass, VerifiedGlass};
use crate::hash::Hash;
use crate::ids::{GrantId, HumanId, RequestId};
use crate::limits::Limits;
use crate::quorum::{self, Question, Quorum, Void};
use crate::request::{DecidedBy, HeldAt, RequestRecord};
use crate::requester::Requester;
use crate::review::{ReviewError, Subject, TIME_TO_SPEND};
use crate::time::Timestamp;
use crate::verdict::{Evaluated, Verdict};

/// Proof that a requirement was met over the action it carries.
// INVARIANT(single-mint): the fields are private, there is no Clone and no Deserialize, and `prove` is the only
// constructor.
#[derive(Debug)]
pub struct Approved {
    request: RequestId,
    grant: GrantId,
    action: Action,
    limits: Limits,
    requester: Requester,
    reviewers: Vec<HumanId>,
    decided_by: DecidedBy,
    spend_by: Timestamp,
    lapses: Option<Timestamp>,
    lasts: Option<Timestamp>,
    glass: Option<Hash>,
}

/// Why there is no proof.
#[derive(Debug)]
pub enum NotProven {
    /// Policy says no now.
    Forbidden,
    /// Policy now holds at something that nobody signed, or the floor is higher, or a reviewer lost force.
    Reheld(Requirement),
    /// A human's denial stands among the reviews.
    Denied,
    /// The requester's key or registration has lost force.
    RequesterGone,
    /// What is stored contradicts itself: somebody changed it.
    Damaged(&'static str),
}

impl Approved {
    /// Rebuilds the proof: recomputes every hash, asks whether policy's present answer is covered, and counts the
    /// reviews again under the keys, teams and tier of now.
    ///
    /// # Errors
    /// [`NotProven`] says what is missing.
    pub(crate) fn prove(
        record: &RequestRecord,
        action: Action,
        evaluated: &Evaluated,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Self, NotProven> {
        let same = action.digest() == record.digest && action.envelope() == &record.envelope;
        if guard!("prove-action", !same) {
            return Err(NotProven::Damaged("action"));
        }
        let request_hash = record.computed_request_hash();
        if guard!("prove-request-hash", request_hash != record.request_hash) {
            return Err(NotProven::Damaged("request_hash"));
        }
        // Who asked is named by the bytes as well: a row cannot hand one workload's action to another.
        let crossed = record.requester.is_crossed(&record.envelope);
        if guard!("prove-requester-named", crossed) {
            return Err(NotProven::Damaged("requester"));
        }
        let grant = record.grant.ok_or(NotProven::Damaged("grant"))?;
        if guard!(
            "requester-force",
            !record.requester.still_has_force(directory, moment.now)
        ) {
            return Err(NotProven::RequesterGone);
        }
        let ground = match (evaluated.verdict(), &record.held) {
            // A checkpoint that errs holds; what errs anywhere else has come out as Deny (see `Evaluated`).
            (Verdict::Deny, _) if guard!("prove-forbidden", true) => {
                return Err(NotProven::Forbidden);
            }
            (Verdict::Allow | Verdict::Deny, None) => Ground::policy(within_envelope(record)),
            (Verdict::Hold(now), None) if guard!("prove-never-held", true) => {
                return Err(NotProven::Reheld(now.clone()));
            }
            (Verdict::Hold(_), None) => Ground::policy(record.limits.clone()),
            // An empty requirement is covered by any: what people signed still bounds it.
            (_, Some(held)) => Ground::people(record, held, evaluated, directory, moment)?,
        };
        Ok(Self {
            request: record.id,
            grant,
            action,
            limits: ground.limits,
            requester: record.requester.clone(),
            reviewers: ground.people,
            decided_by: ground.decided_by,
            spend_by: record.spend_by,
            lapses: ground.lapses,
            lasts: ground.lasts,
            glass: ground.glass,
        })
    }

    /// Which request.
    #[must_use]
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// The grant it spends.
    #[must_use]
    pub const fn grant(&self) -> GrantId {
        self.grant
    }

    /// The exact bytes.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// Their name.
    #[must_use]
    pub const fn digest(&self) -> Hash {
        self.action.digest()
    }

    /// At most this much.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// For whom.
    #[must_use]
    pub const fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Who approved; empty when policy alone allowed it.
    #[must_use]
    pub fn reviewers(&self) -> &[HumanId] {
        &self.reviewers
    }

    /// Policy, people, or two of them who broke the glass.
    #[must_use]
    pub const fn decided_by(&self) -> DecidedBy {
        self.decided_by
    }

    /// The break-glass statement that it rests on, if nothing else let it out.
    #[must_use]
    pub const fn glass(&self) -> Option<Hash> {
        self.glass
    }

    /// When the first delegation that it rests on ends, or the statement by which the glass was broken.
    #[must_use]
    pub const fn lapses(&self) -> Option<Timestamp> {
        self.lapses
    }

    /// What people decided can last no longer than this, by what they signed: their last time to decide and the longest life of
    /// the grant. Nothing where policy decided.
    #[must_use]
    pub const fn lasts(&self) -> Option<Timestamp> {
        self.lasts
    }

    /// Not after this store time.
    #[must_use]
    pub const fn spend_by(&self) -> Timestamp {
        self.spend_by
    }
}

/// What a proof stands on.
struct Ground {
    limits: Limits,
    people: Vec<HumanId>,
    decided_by: DecidedBy,
    lapses: Option<Timestamp>,
    lasts: Option<Timestamp>,
    glass: Option<Hash>,
}

impl Ground {
    const fn policy(limits: Limits) -> Self {
        Self {
            limits,
            people: Vec::new(),
            decided_by: DecidedBy::Policy,
            lapses: None,
            lasts: None,
            glass: None,
        }
    }

    /// What people signed, if it covers what policy asks for now.
    fn people(
        record: &RequestRecord,
        held: &HeldAt,
        evaluated: &Evaluated,
        directory: &Directory,
        moment: Moment,
    ) -> Result<Self, NotProven> {
        let signed = &held.requirement;
        let requirement_hash = signed.requirement_hash();
        if guard!(
            "prove-requirement-hash",
            requirement_hash != held.requirement_hash
        ) {
            return Err(NotProven::Damaged("requirement_hash"));
        }
        let now = match evaluated.verdict() {
            Verdict::Hold(now) => now.clone(),
            Verdict::Allow | Verdict::Deny => signed.clone(),
        };
        if guard!("requirement-covered", !now.is_covered_by(&signed.hashes())) {
            return Err(NotProven::Reheld(now));
        }
        let quorum = count(record, held, evaluated, directory, moment);
        let extended = |void: &Void| *void == Void::Review(ReviewError::Other(TIME_TO_SPEND));
        if guard!(
            "prove-spend-by",
            quorum.void.iter().any(|(_, void)| extended(void))
        ) {
            return Err(NotProven::Damaged("spend_by"));
        }
        // Also where the glass was broken: it stands in for people who are not there, and for nobody's no.
        if guard!("prove-denial", quorum.denial.is_some()) {
            return Err(NotProven::Denied);
        }
        let limits = effective_limits(record, signed, &quorum);
        if let Some(glass) = &record.glass {
            let question = glass_question(record, held, evaluated, directory, moment.now);
            return Self::glass(glass, &question, &limits, now);
        }
        if guard!("quorum-at-use", !quorum.met) {
            return Err(NotProven::Reheld(now));
        }
        Ok(Self::quorum(limits, &quorum))
    }

    fn quorum(limits: Limits, quorum: &Quorum) -> Self {
        let counted = quorum.approvals.iter();
        let people = counted.clone().map(|review| review.human().clone());
        let lapses = counted
            .clone()
            .filter_map(|review| review.authority().lapses());
        let decided = counted.map(|review| review.context().decide_by).max();
        Self {
            people: people.collect(),
            decided_by: DecidedBy::Human,
            lapses: lapses.min(),
            lasts: decided.map(|decided| decided.plus_seconds(limits.ttl_seconds)),
            glass: None,
            limits,
        }
    }

    /// What two people signed with offline keys. Where that does not hold any more it waits for people as it did before.
    // INVARIANT(glass-is-dual): the proof is made from the signatures, here as at an auditor's, and never from a state.
    fn glass(
        signed: &SignedGlass,
        question: &GlassQuestion<'_>,
        approvable: &Limits,
        now: Requirement,
    ) -> Result<Self, NotProven> {
        let glass = match VerifiedGlass::verify(signed, question) {
            Ok(glass) => glass,
            Err(GlassError::Other(TIME_TO_SPEND)) => return Err(NotProven::Damaged("spend_by")),
            Err(_) => return Err(NotProven::Reheld(now)),
        };
        let limits = glass.limits(approvable);
        let use_by = glass.statement().use_by;
        Ok(Self {
            people: glass.signers().cloned().collect(),
            decided_by: DecidedBy::BreakGlass,
            lapses: Some(use_by),
            lasts: Some(use_by.plus_seconds(limits.ttl_seconds)),
            glass: Some(glass.id()),
            limits,
        })
    }
}

/// Counts a record's reviews against what it was held with.
pub(crate) fn count(
    record: &RequestRecord,
    held: &HeldAt,
    evaluated: &Evaluated,
    directory: &Directory,
    moment: Moment,
) -> Quorum {
    let subject = subject(record, held, directory);
    let question = Question {
        subject,
        requirement: &held.requirement,
        tier: evaluated.trace().tier.tier,
        requester: &record.requester,
        directory,
        moment,
    };
    quorum::count(&question, &record.reviews)
}

/// What a break-glass statement of this record must be about.
pub(crate) fn glass_question<'a>(
    record: &'a RequestRecord,
    held: &'a HeldAt,
    evaluated: &Evaluated,
    directory: &'a Directory,
    now: Timestamp,
) -> GlassQuestion<'a> {
    GlassQuestion {
        subject: subject(record, held, directory),
        envelope: &record.envelope,
        requirement: &held.requirement,
        tier: evaluated.trace().tier.tier,
        requester: &record.requester,
        directory,
        now,
    }
}

/// The delegations that count at this record.
pub(crate) fn lending<'a>(
    record: &'a RequestRecord,
    held: &'a HeldAt,
    directory: &'a Directory,
    moment: Moment,
) -> Lending<'a> {
    Lending::new(directory, &held.requirement, &record.requester, moment)
}

/// What a review of this record must be about.
pub(crate) fn subject<'a>(
    record: &RequestRecord,
    held: &HeldAt,
    directory: &'a Directory,
) -> Subject<'a> {
    Subject {
        gate: &directory.origin,
        request: record.id,
        request_hash: record.request_hash,
        digest: record.digest,
        display_hash: record.display_hash,
        requirement_hash: held.requirement_hash,
        spend_by: record.spend_by,
    }
}

/// The limits of a record that nobody signed, brought back to what its envelope asks for: the row may have been edited.
fn within_envelope(record: &RequestRecord) -> Limits {
    let asked = Limits {
        ttl_seconds: record.envelope.duration_seconds,
        uses: 1,
        caps: record.envelope.caps.clone(),
        not_before: record.limits.not_before,
        not_after: record.limits.not_after,
    };
    if guard!("prove-envelope-limits", true) {
        asked.min(&record.limits)
    } else {
        record.limits.clone()
    }
}

/// What could have been approved of a held request, by the reviews that count so far.
pub(crate) fn bound_by(
    record: &RequestRecord,
    held: &HeldAt,
    evaluated: &Evaluated,
    world: &World<'_>,
    now: Timestamp,
) -> Limits {
    let moment = world.moment(record, now);
    let quorum = count(record, held, evaluated, world.directory, moment);
    effective_limits(record, &held.requirement, &quorum)
}

/// Pointwise minimum over request, checkpoints and every counted review.
#[must_use]
pub fn effective_limits(record: &RequestRecord, signed: &Requirement, quorum: &Quorum) -> Limits {
    let bounded = bound(signed, &within_envelope(record));
    quorum.approvals.iter().fold(bounded, |limits, review| {
        limits.min(&review.context().limits)
    })
}

/// What was asked for, lowered to what the requirement permits at most.
#[must_use]
pub fn bound(requirement: &Requirement, asked: &Limits) -> Limits {
    requirement.limits().map_or_else(
        || Limits {
            uses: 0,
            ..asked.clone()
        },
        |most| most.narrow(asked),
    )
}
