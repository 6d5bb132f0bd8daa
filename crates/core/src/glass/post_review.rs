//! The look afterwards: a person who had no part in it says, signed, whether breaking the glass was right. It changes nothing of the
//! request, which has ended by then; without it nothing else is let out this way.

use serde::{Deserialize, Serialize};

use crate::assurance::Assurance;
use crate::correction::CORRECTION_TEXT_BYTES_MAX;
use crate::directory::Directory;
use crate::hash::Hash;
use crate::ids::{HumanId, Origin, RequestId};
use crate::json::canonical;
use crate::person_key::SignatureError;
use crate::review::REVIEW_BYTES_MAX;
use crate::time::Timestamp;

/// The `type` member of every such statement, and the purpose that is signed for.
pub const POST_REVIEW_TYPE: &str = "gatehold/glass-review/v1";
/// How long a signed one may be on its way, in seconds.
const ON_ITS_WAY_SECONDS_MAX: u32 = 3_600;
/// Seconds by which the clock of whoever signs may be ahead.
const AHEAD_SECONDS_MAX: u32 = 60;

/// What somebody finds who looks at it afterwards. Both count as having looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It was right.
    Justified,
    /// It was not.
    NotJustified,
}

/// Exactly what is signed. No member is optional, and none is free text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostReviewStatement {
    /// [`POST_REVIEW_TYPE`].
    #[serde(rename = "type")]
    pub type_: String,
    /// At which gate.
    pub gate: Origin,
    /// Of which request.
    pub request: RequestId,
    /// By which break-glass statement it was let out.
    pub glass: Hash,
    /// What they found.
    pub judgement: Judgement,
    /// Hash of their words, in the form of a correction's text.
    pub text_hash: Hash,
    /// Who says so.
    pub human: HumanId,
    /// Thumbprint of the key that signs.
    pub key: Hash,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// As it arrives or is stored: a claim, until [`VerifiedPostReview::verify`] has been over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedPostReview {
    /// Canonical JSON of a [`PostReviewStatement`].
    pub statement: String,
    /// The person's signature over it: an armored SSHSIG, or a passkey's assertion.
    pub signature: String,
}

impl UnverifiedPostReview {
    /// The hash of what was signed.
    #[must_use]
    pub fn id(&self) -> Hash {
        Hash::of(self.statement.as_bytes())
    }
}

/// Why a look at it does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostReviewError {
    /// Too long, or not exactly the form.
    #[error("the statement cannot be read: {0}")]
    Form(String),
    /// It is about something else.
    #[error("the statement is about another {0}")]
    Other(&'static str),
    /// The signer is not who it names, or their key has no force (any more).
    #[error("the signer's key has no force")]
    Key,
    /// The signature does not verify.
    #[error("the signature does not verify: {0}")]
    Signature(#[from] SignatureError),
    /// A software key outside a development gate.
    #[error(
        "software keys count only at a development gate; sign with a security key or a passkey"
    )]
    Software,
    /// They asked, signed, or are on the incident.
    #[error("whoever had a part in an incident does not look at it afterwards")]
    Involved,
    /// No checkpoint names them for it.
    #[error("no checkpoint of the request names you to look at it afterwards")]
    NotEntitled,
    /// They have looked at it before.
    #[error("you have looked at it before")]
    Again,
    /// No words, or too many.
    #[error("say what you found, in 1 to {CORRECTION_TEXT_BYTES_MAX} bytes")]
    Words,
    /// Signed long ago, or in the future.
    #[error("it was signed too long ago, or by a clock that is ahead")]
    Time,
}

/// One whose signature was checked over its own bytes, by a key with force, at this very gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPostReview {
    statement: PostReviewStatement,
}

impl VerifiedPostReview {
    /// Checks everything a signature can prove. Whether they had a part in it is asked of [`super::Openings`].
    ///
    /// # Errors
    /// [`PostReviewError`] names the first thing that does not fit.
    // INVARIANT(exact-signer): only the key that the statement names, and only signed as a look afterwards.
    pub fn verify(
        review: &UnverifiedPostReview,
        directory: &Directory,
    ) -> Result<Self, PostReviewError> {
        let (text, signature) = (&review.statement, &review.signature);
        if text.len() > REVIEW_BYTES_MAX || signature.len() > REVIEW_BYTES_MAX {
            return Err(PostReviewError::Form(format!(
                "statement and signature may have {REVIEW_BYTES_MAX} bytes each"
            )));
        }
        let statement: PostReviewStatement = canonical::from_canonical_bytes(text.as_bytes())
            .map_err(|error| PostReviewError::Form(error.to_string()))?;
        if guard!("post-review-type", statement.type_ != POST_REVIEW_TYPE) {
            return Err(PostReviewError::Other("kind of document"));
        }
        if guard!("post-review-gate", statement.gate != directory.origin) {
            return Err(PostReviewError::Other("gate"));
        }
        let enrolled = directory
            .key(&statement.human, &statement.key)
            .ok_or(PostReviewError::Key)?;
        let signed = directory.signed(enrolled, signature, text.as_bytes(), POST_REVIEW_TYPE);
        let flags = match signed {
            Ok(flags) => flags,
            Err(error) if guard!("post-review-signature", true) => return Err(error.into()),
            Err(_) => None,
        };
        let assurance = Assurance::of_signature(enrolled.assurance, flags);
        let plain = assurance == Assurance::Software && !directory.origin.is_dev();
        if guard!("post-review-software", plain) {
            return Err(PostReviewError::Software);
        }
        Ok(Self { statement })
    }

    /// Whether it may be recorded at this time: signed not long ago, and by no clock that is far ahead.
    #[must_use]
    pub fn is_timely(&self, at: Timestamp) -> bool {
        let issued = self.statement.issued_at;
        at <= issued.plus_seconds(ON_ITS_WAY_SECONDS_MAX)
            && issued <= at.plus_seconds(AHEAD_SECONDS_MAX)
    }

    /// What was signed.
    #[must_use]
    pub const fn statement(&self) -> &PostReviewStatement {
        &self.statement
    }
}
