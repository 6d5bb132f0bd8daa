//! One human's act on one request: the context they sign, and the check that turns a claim into a [`VerifiedReview`].
//!
//! The signature covers everything that was shown. This file never looks at seats: matching happens where it is
//! decided, over all reviews at once.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::assurance::Assurance;
use crate::delegation::{Lending, Through};
use crate::directory::Authority;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, RequestId};
use crate::json::canonical;
use crate::limits::Limits;
use crate::person_key::SignatureError;
use crate::reason;
use crate::signer::KeyKind;
use crate::time::Timestamp;

/// The `type` member of every context, and the purpose that is signed for.
pub const REVIEW_TYPE: &str = "gatehold/review/v1";
/// Longest context or signature, in bytes.
pub const REVIEW_BYTES_MAX: usize = 16 << 10;
/// Longest authority that is kept with a review, in bytes: a hundred people away and more.
pub const AUTHORITY_BYTES_MAX: usize = 64 << 10;

/// What a review is about another of when the request has been given more time, or less, since.
pub(crate) const TIME_TO_SPEND: &str = "time to spend";

/// The verdict that a review carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewAct {
    /// Yes, within the limits of the context.
    Approve,
    /// No, for good.
    Deny,
}

/// Who signs, as they stood when they were shown the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewerRef {
    /// Who vouches for the subject.
    pub issuer: String,
    /// Who.
    pub subject: String,
    /// Thumbprint of the signing key.
    pub key: Hash,
    /// Hash of the [`Authority`] snapshot.
    pub authority_hash: Hash,
}

/// The review context v1: exactly what a reviewer signs. No member is optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewContext {
    /// [`REVIEW_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// The log origin of the gate.
    pub gate: Origin,
    /// Which request.
    pub request: RequestId,
    /// What was fixed at its submission.
    pub request_hash: Hash,
    /// The exact action.
    pub digest: Hash,
    /// How the action was rendered.
    pub display_hash: Hash,
    /// Everything else that was shown.
    pub view_hash: Hash,
    /// Which checkpoints held it, by definition.
    pub requirement_hash: Hash,
    /// The bundle that held it.
    pub policy: Hash,
    /// The verdict.
    pub act: ReviewAct,
    /// At most this much.
    pub limits: Limits,
    /// What was answered to criteria and fact challenge, and the words that say why.
    pub answers_hash: Hash,
    /// Whether those words are a reason (see [`crate::reason`]). They may be erased one day; that there were some stays.
    pub reasoned: bool,
    /// Who signs.
    pub reviewer: ReviewerRef,
    /// Drawn when the request was opened; good for one review.
    pub review_nonce: String,
    /// When the context was made.
    pub issued_at: Timestamp,
    /// Last store time at which this review may be committed.
    pub decide_by: Timestamp,
    /// Last store time at which the action may be claimed.
    pub spend_by: Timestamp,
}

impl ReviewContext {
    /// The bytes that are signed.
    ///
    /// # Errors
    /// When a number is beyond what canonical JSON may hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }

    /// The same with these answers, which it then binds: nobody can change a word of them afterwards.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn answering(self, answers: &Answers) -> Result<Self, canonical::CanonicalError> {
        Ok(Self {
            answers_hash: answers.hash()?,
            reasoned: answers.say_why(),
            ..self
        })
    }

    /// `SHA-256("gatehold/review/v1" || 0x00 || context_bytes)`: the challenge a passkey signs.
    #[must_use]
    pub fn challenge(context_bytes: &[u8]) -> Hash {
        Hash::tagged(REVIEW_TYPE, &[context_bytes])
    }
}

/// What a reviewer answered. Personal text: stored as an attachment, named by its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Criterion id to answer.
    pub criteria: BTreeMap<String, String>,
    /// Why, in the reviewer's own words.
    pub justification: String,
    /// Drawn by the client, so that the hash in the context cannot be guessed after erasure.
    pub salt: String,
}

impl Answers {
    /// The hash that goes into the context.
    ///
    /// # Errors
    /// Never for text; the type says so because serialisation can.
    pub fn hash(&self) -> Result<Hash, canonical::CanonicalError> {
        Ok(Hash::tagged(
            "gatehold/answers/v1",
            &[&canonical::to_bytes(self)?],
        ))
    }

    /// Whether they say why.
    #[must_use]
    pub fn say_why(&self) -> bool {
        reason::check(&self.justification, true).is_ok()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({} criteria)", self.criteria.len())
    }
}

/// A review as it arrives or is stored: a claim, until [`VerifiedReview::verify`] has been over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedReview {
    /// Canonical JSON of a [`ReviewContext`].
    pub context: String,
    /// The reviewer's signature over it: an armored SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// Canonical JSON of the [`Authority`] whose hash was signed, where it lists delegations. Without it none counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

impl UnverifiedReview {
    /// As it arrives, and as it is kept where it was signed for nobody else.
    #[must_use]
    pub const fn new(context: String, signature: String) -> Self {
        Self {
            context,
            signature,
            authority: None,
        }
    }

    /// As it is kept: with what the reviewer may do for others, where that is what they signed. Whatever came with it goes.
    #[must_use]
    pub fn kept(&self, lending: &Lending<'_>) -> Self {
        Self {
            authority: self.authority_of(lending),
            ..self.clone()
        }
    }

    fn authority_of(&self, lending: &Lending<'_>) -> Option<String> {
        let context: ReviewContext =
            canonical::from_canonical_bytes(self.context.as_bytes()).ok()?;
        let by = &context.reviewer;
        let human = HumanId::new(&by.issuer, &by.subject).ok()?;
        let authority = lending.authority(&human, &by.key)?;
        if authority.through.is_empty() || authority.hash() != by.authority_hash {
            return None;
        }
        String::from_utf8(canonical::to_bytes(&authority).ok()?).ok()
    }

    /// The delegations that the reviewer was shown and signed for, and no later one.
    fn through(&self, context: &ReviewContext) -> Result<Vec<Through>, ReviewError> {
        let Some(authority) = &self.authority else {
            return Ok(Vec::new());
        };
        if authority.len() > AUTHORITY_BYTES_MAX {
            return Err(ReviewError::Form(format!(
                "an authority may have {AUTHORITY_BYTES_MAX} bytes; end delegations to this reviewer that are not needed"
            )));
        }
        let other = Authority::hash_of(authority.as_bytes()) != context.reviewer.authority_hash;
        if guard!("signed-authority", other) {
            return Err(ReviewError::Other("authority"));
        }
        let authority: Authority = canonical::from_canonical_bytes(authority.as_bytes())
            .map_err(|error| ReviewError::Form(error.to_string()))?;
        Ok(authority.through)
    }
}

/// What a review must be about to count: taken from the request, not from the review.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose gate.
    pub gate: &'a Origin,
    /// Which request.
    pub request: RequestId,
    /// Fixed at its submission.
    pub request_hash: Hash,
    /// The exact action.
    pub digest: Hash,
    /// How it was rendered.
    pub display_hash: Hash,
    /// The requirement it was held with.
    pub requirement_hash: Hash,
    /// Fixed at its submission: last store time at which the action may be claimed.
    pub spend_by: Timestamp,
}

/// Why a review does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Too long, or not exactly the form.
    #[error("the review cannot be read: {0}")]
    Form(String),
    /// It is about something else.
    #[error("the review is about another {0}")]
    Other(&'static str),
    /// The signer is not who the context names, or their key has no force (any more).
    #[error("the reviewer's key has no force")]
    Key,
    /// The signature does not verify.
    #[error("the signature does not verify: {0}")]
    Signature(#[from] SignatureError),
}

/// A review whose signature was checked over its own bytes, by a key with force, about this very request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReview {
    context: ReviewContext,
    human: HumanId,
    assurance: Assurance,
    kind: KeyKind,
    authority: Authority,
}

/// The first member that is about something else than the subject.
fn other_than(context: &ReviewContext, subject: &Subject<'_>) -> Option<&'static str> {
    let others = [
        (
            guard!("signed-type", context.type_ != REVIEW_TYPE),
            "kind of document",
        ),
        (guard!("signed-gate", context.gate != *subject.gate), "gate"),
        (
            guard!("signed-request", context.request != subject.request),
            "request",
        ),
        (
            guard!(
                "signed-request-hash",
                context.request_hash != subject.request_hash
            ),
            "submission",
        ),
        (
            guard!("signed-digest", context.digest != subject.digest),
            "action",
        ),
        (
            guard!(
                "signed-display",
                context.display_hash != subject.display_hash
            ),
            "rendering",
        ),
        (
            guard!(
                "signed-requirement",
                context.requirement_hash != subject.requirement_hash
            ),
            "requirement",
        ),
        (
            guard!("signed-spend-by", context.spend_by != subject.spend_by),
            TIME_TO_SPEND,
        ),
    ];
    others
        .into_iter()
        .find_map(|(other, what)| other.then_some(what))
}

impl VerifiedReview {
    /// Checks everything a signature can prove. Whether the human was entitled is asked over all reviews together.
    ///
    /// # Errors
    /// [`ReviewError`] names the first thing that does not fit.
    // INVARIANT(signed-is-exact): every member that names the action is compared with the request's own value.
    // INVARIANT(delegation-only-narrows): a delegation counts for a review that was signed by it, and as far as it still holds.
    pub fn verify(
        review: &UnverifiedReview,
        subject: &Subject<'_>,
        lending: &Lending<'_>,
    ) -> Result<Self, ReviewError> {
        let directory = lending.directory();
        if review.context.len() > REVIEW_BYTES_MAX || review.signature.len() > REVIEW_BYTES_MAX {
            return Err(ReviewError::Form(format!(
                "context and signature may have {REVIEW_BYTES_MAX} bytes each"
            )));
        }
        let context: ReviewContext = canonical::from_canonical_bytes(review.context.as_bytes())
            .map_err(|error| ReviewError::Form(error.to_string()))?;
        if let Some(what) = other_than(&context, subject) {
            return Err(ReviewError::Other(what));
        }
        let human = HumanId::new(&context.reviewer.issuer, &context.reviewer.subject)
            .map_err(|error| ReviewError::Form(error.to_string()))?;
        let enrolled = directory
            .key(&human, &context.reviewer.key)
            .ok_or(ReviewError::Key)?;
        let message = review.context.as_bytes();
        let flags = directory.signed(enrolled, &review.signature, message, REVIEW_TYPE)?;
        let shown = review.through(&context)?;
        let mut authority = lending
            .authority(&human, &context.reviewer.key)
            .ok_or(ReviewError::Key)?;
        let given = std::mem::take(&mut authority.through).into_iter();
        authority.through = given.filter_map(|one| one.as_signed(&shown)).collect();
        let assurance = Assurance::of_signature(enrolled.assurance, flags);
        Ok(Self {
            context,
            human,
            assurance,
            kind: KeyKind::of(&enrolled.key),
            authority,
        })
    }

    /// What was signed.
    #[must_use]
    pub const fn context(&self) -> &ReviewContext {
        &self.context
    }

    /// Who signed.
    #[must_use]
    pub const fn human(&self) -> &HumanId {
        &self.human
    }

    /// What this signature counts for.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// Which kind of key signed.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// What the signer is entitled to now, of what they signed for.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }
}
