//! Break-glass: two named people let one exact action out, with keys that lie offline, when nobody who decides can be reached.
//!
//! What they sign stands in for the reviews and for nothing else. Policy is asked as ever, the bytes are those that were asked for,
//! the ledger comes first, limits only shrink, and a stop stops it. Without a checkpoint that offers it there is none.

mod openings;
mod post_review;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::action::Envelope;
use crate::checkpoint::{GLASS_PEOPLE_MIN, Offer, Requirement, asks_more};
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, RequestId};
use crate::json::canonical;
use crate::json::ident::check_identifier;
use crate::limits::Limits;
use crate::requester::Requester;
use crate::review::{REVIEW_BYTES_MAX, Subject, TIME_TO_SPEND};
use crate::ssh::sshsig::{self, SshsigError};
use crate::tier::Tier;
use crate::time::Timestamp;
use crate::trust::GATE_TARGET;

pub use openings::{
    GLASS_OF_ALL_MAX, GLASS_OF_ONE_MAX, GLASS_WINDOW_SECONDS, NotOpened, Opening, Openings,
    POST_REVIEWERS_MIN,
};
pub use post_review::{
    Judgement, POST_REVIEW_TYPE, PostReviewError, PostReviewStatement, UnverifiedPostReview,
    VerifiedPostReview,
};

/// The `type` member of every statement, and the purpose that is signed for.
pub const GLASS_TYPE: &str = "gatehold/glass/v1";
/// Longest time from signing to the claim, in seconds.
pub const GLASS_USE_SECONDS_MAX: u32 = 900;
/// Most signatures that are looked at.
const SIGNATURES_MAX: usize = 8;
/// Most people who are named as being on the incident.
const RESPONDERS_MAX: usize = 64;
/// Longest reference of an incident, in bytes.
const INCIDENT_BYTES_MAX: usize = 128;

/// Exactly what each of them signs. No member is optional, and none is free text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassStatement {
    /// [`GLASS_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Which request.
    pub request: RequestId,
    /// What was fixed at its submission.
    pub request_hash: Hash,
    /// The exact action.
    pub digest: Hash,
    /// How the action was rendered.
    pub display_hash: Hash,
    /// Which checkpoints held it, by definition: with them, who may sign and for how much.
    pub requirement_hash: Hash,
    /// The tier that they saw.
    pub tier: Tier,
    /// Which incident it is for, by the reference that it has elsewhere.
    pub incident: String,
    /// Who else is on that incident: none of them looks at it afterwards.
    pub responders: BTreeSet<HumanId>,
    /// Everybody who signs, so that each knows with whom.
    pub signers: BTreeSet<HumanId>,
    /// At most this much.
    pub limits: Limits,
    /// What was answered to the criteria, and the words that say why.
    pub answers_hash: Hash,
    /// Drawn by the client: two statements are never the same.
    pub nonce: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last store time at which the action may be claimed by it.
    pub use_by: Timestamp,
    /// Fixed at submission: last store time at which the action may be claimed at all.
    pub spend_by: Timestamp,
}

impl GlassStatement {
    /// The bytes that are signed.
    ///
    /// # Errors
    /// When a number is beyond what canonical JSON may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }
}

/// One signature over a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlassSignature {
    /// Who signs.
    pub human: HumanId,
    /// With which of their offline keys, by thumbprint.
    pub key: Hash,
    /// Armored SSHSIG over the statement's canonical bytes.
    pub signature: String,
}

/// A statement as it arrives or is stored: a claim, until [`VerifiedGlass::verify`] has been over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedGlass {
    /// Canonical JSON of a [`GlassStatement`].
    pub statement: String,
    /// Those of everybody whom it names as a signer.
    pub signatures: Vec<GlassSignature>,
}

impl SignedGlass {
    /// Its name: the hash of what was signed.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash::tagged(GLASS_TYPE, &[self.statement.as_bytes()])
    }

    /// The statement; nothing is verified.
    ///
    /// # Errors
    /// [`GlassError::Form`].
    pub fn read(&self) -> Result<GlassStatement, GlassError> {
        let signatures = self.signatures.iter();
        let long = self.statement.len() > REVIEW_BYTES_MAX
            || self.signatures.len() > SIGNATURES_MAX
            || signatures.map(|one| one.signature.len()).max() > Some(REVIEW_BYTES_MAX);
        if guard!("glass-short", long) {
            return Err(GlassError::Form(format!(
                "statement and signatures may have {REVIEW_BYTES_MAX} bytes each, and {SIGNATURES_MAX} may sign"
            )));
        }
        let statement: GlassStatement = canonical::from_canonical_bytes(self.statement.as_bytes())
            .map_err(|error| GlassError::Form(error.to_string()))?;
        let named = check_identifier(&statement.incident, INCIDENT_BYTES_MAX).is_ok()
            && statement.responders.len() <= RESPONDERS_MAX;
        if guard!("glass-incident", !named) {
            return Err(GlassError::Form(format!(
                "name an incident in 1 to {INCIDENT_BYTES_MAX} visible bytes, and at most {RESPONDERS_MAX} people on it"
            )));
        }
        Ok(statement)
    }
}

/// What a statement must be about to count: taken from the request, and never from the statement.
#[derive(Debug, Clone, Copy)]
pub struct GlassQuestion<'a> {
    /// What was asked for, and how it was shown.
    pub subject: Subject<'a>,
    /// What is asked for.
    pub envelope: &'a Envelope,
    /// The checkpoints that hold it, by full definition.
    pub requirement: &'a Requirement,
    /// Its tier now.
    pub tier: Tier,
    /// Who asked.
    pub requester: &'a Requester,
    /// Whose keys have force now.
    pub directory: &'a Directory,
    /// The time.
    pub now: Timestamp,
}

/// Why a statement opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlassError {
    /// Too long, or not exactly the form.
    #[error("the break-glass statement cannot be read: {0}")]
    Form(String),
    /// It is about something else.
    #[error("the break-glass statement is about another {0}")]
    Other(&'static str),
    /// A checkpoint offers none, for this kind of action or this resource.
    #[error(
        "break-glass is off here: a checkpoint of this request does not offer it for this action"
    )]
    NotOffered,
    /// It is a change of the gate itself.
    #[error("break-glass never changes the gate itself; use a recovery where the quorum is lost")]
    OwnChange,
    /// Too few, or others than it names.
    #[error("two different people sign it, each of whom the statement and every checkpoint names")]
    People,
    /// Somebody who asked or stands behind it.
    #[error("nobody breaks the glass for a request of their own")]
    OwnRequest,
    /// A key that was not enrolled for this, or that lost its force.
    #[error("the key of {0} is no offline key that has force")]
    Key(HumanId),
    /// A signature does not verify.
    #[error("the signature of {human} does not verify: {error}")]
    Signature {
        /// Whose.
        human: HumanId,
        /// What is wrong with it.
        error: SshsigError,
    },
    /// It is riskier by now than what they saw.
    #[error("it is riskier by now than what was signed for")]
    Tier,
    /// Signed for too long, or not for now.
    #[error(
        "it is good for {GLASS_USE_SECONDS_MAX} seconds from when it was made, and its time is over"
    )]
    Time,
    /// Made by a clock that is ahead.
    #[error("the break-glass statement was made by a clock that is ahead")]
    Ahead,
    /// Whoever decides was not asked for long enough.
    #[error("break-glass opens at {0} here, and not before: whoever decides is asked until then")]
    Early(Timestamp),
    /// They say nothing of why.
    #[error("whoever breaks the glass says why, in words that say something")]
    Silent,
    /// It was done too often, or nobody has looked at it.
    #[error(transparent)]
    NotOpened(#[from] NotOpened),
}

/// A statement whose signatures were checked over its own bytes, by offline keys with force, about this very request.
// INVARIANT(glass-is-dual): only `verify` makes one, and it makes none for fewer than two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedGlass {
    id: Hash,
    statement: GlassStatement,
    offer: Offer,
}

/// The first member that is about something else than the subject.
fn other_than(statement: &GlassStatement, subject: &Subject<'_>) -> Option<&'static str> {
    let others = [
        (
            guard!("glass-signed-type", statement.type_ != GLASS_TYPE),
            "kind of document",
        ),
        (
            guard!("glass-signed-gate", statement.gate != *subject.gate),
            "gate",
        ),
        (
            guard!("glass-signed-request", statement.request != subject.request),
            "request",
        ),
        (
            guard!(
                "glass-signed-request-hash",
                statement.request_hash != subject.request_hash
            ),
            "submission",
        ),
        (
            guard!("glass-signed-digest", statement.digest != subject.digest),
            "action",
        ),
        (
            guard!(
                "glass-signed-display",
                statement.display_hash != subject.display_hash
            ),
            "rendering",
        ),
        (
            guard!(
                "glass-signed-requirement",
                statement.requirement_hash != subject.requirement_hash
            ),
            "requirement",
        ),
        (
            guard!(
                "glass-signed-spend-by",
                statement.spend_by != subject.spend_by
            ),
            TIME_TO_SPEND,
        ),
    ];
    others
        .into_iter()
        .find_map(|(other, what)| other.then_some(what))
}

impl VerifiedGlass {
    /// Checks everything: what was signed, by whom, whether these may, and whether it is time. How often it was done before is asked
    /// of [`Openings`].
    ///
    /// # Errors
    /// [`GlassError`] names the first thing that does not fit.
    // INVARIANT(signed-is-exact): every member that names the action is compared with the request's own value.
    pub fn verify(signed: &SignedGlass, question: &GlassQuestion<'_>) -> Result<Self, GlassError> {
        let statement = signed.read()?;
        if let Some(what) = other_than(&statement, &question.subject) {
            return Err(GlassError::Other(what));
        }
        // A link of the chain counts reviews and nothing else; this says it before it is tried.
        let own =
            question.envelope.target.as_str() == GATE_TARGET || !question.requester.is_workload();
        if guard!("glass-own-change", own) {
            return Err(GlassError::OwnChange);
        }
        let offer = question.requirement.break_glass(question.envelope);
        let offer = offer.ok_or(GlassError::NotOffered)?;
        check_people(signed, &statement, &offer, question)?;
        let dev = question.directory.origin.is_dev();
        if guard!("glass-tier", asks_more(statement.tier, question.tier, dev)) {
            return Err(GlassError::Tier);
        }
        check_time(&statement, question.now)?;
        Ok(Self {
            id: signed.id(),
            statement,
            offer,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> Hash {
        self.id
    }

    /// What was signed.
    #[must_use]
    pub const fn statement(&self) -> &GlassStatement {
        &self.statement
    }

    /// What the checkpoints offer.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Who signed.
    pub fn signers(&self) -> impl Iterator<Item = &HumanId> {
        self.statement.signers.iter()
    }

    /// What it permits at most, of what could have been approved.
    // INVARIANT(narrowing-only-lowers): the least of what people could have approved, what is offered, and what was signed for.
    #[must_use]
    pub fn limits(&self, approvable: &Limits) -> Limits {
        let offered = self.offer.limits.narrow(approvable);
        let offered = if guard!("glass-limits-offered", true) {
            offered
        } else {
            approvable.clone()
        };
        let signed = if guard!("glass-limits-signed", true) {
            offered.min(&self.statement.limits)
        } else {
            offered
        };
        Limits { uses: 1, ..signed }
    }

    /// Everybody who had a part in it, and so does not look at it afterwards: whoever asked or stands behind that, whoever signed,
    /// and whoever is on the incident.
    #[must_use]
    pub fn involved(&self, requester: &Requester, directory: &Directory) -> BTreeSet<HumanId> {
        let mut people = requester.excluded(directory);
        people.extend(self.statement.signers.iter().cloned());
        people.extend(self.statement.responders.iter().cloned());
        people
    }
}

/// Two different people whom everybody agreed on, none of whom asked, each with an offline key of their own.
fn check_people(
    signed: &SignedGlass,
    statement: &GlassStatement,
    offer: &Offer,
    question: &GlassQuestion<'_>,
) -> Result<(), GlassError> {
    let excluded = question.requester.excluded(question.directory);
    let mut signers = BTreeSet::new();
    for one in &signed.signatures {
        let human = &one.human;
        if guard!("glass-named", !offer.people.contains(human)) {
            return Err(GlassError::People);
        }
        if guard!("glass-own-request", excluded.contains(human)) {
            return Err(GlassError::OwnRequest);
        }
        let key = question.directory.glass_key(human, &one.key);
        let key = key.ok_or_else(|| GlassError::Key(human.clone()))?;
        let message = signed.statement.as_bytes();
        let verified = sshsig::verify(one.signature.as_bytes(), message, GLASS_TYPE, &key.key);
        if let Err(error) = verified
            && guard!("glass-signature", true)
        {
            let human = human.clone();
            return Err(GlassError::Signature { human, error });
        }
        signers.insert(human.clone());
    }
    // Whoever signs has read with whom; nobody is added to it afterwards, and nobody left out.
    if guard!("glass-signers-signed", signers != statement.signers) {
        return Err(GlassError::People);
    }
    if guard!("glass-two-people", signers.len() < GLASS_PEOPLE_MIN) {
        return Err(GlassError::People);
    }
    Ok(())
}

fn check_time(statement: &GlassStatement, now: Timestamp) -> Result<(), GlassError> {
    let last = statement.created_at.plus_seconds(GLASS_USE_SECONDS_MAX);
    if guard!("glass-short-lived", statement.use_by > last) {
        return Err(GlassError::Time);
    }
    if guard!("glass-use-by", now > statement.use_by) {
        return Err(GlassError::Time);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
