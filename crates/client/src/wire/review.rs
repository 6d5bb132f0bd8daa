//! `POST …/open`, `POST …/reviews`: a human looks at the exact action and signs what was shown.
//!
//! Display, view and context are bytes: the reviewer's own client hashes them, renders them and puts the hashes into the
//! context that its key signs.

use super::bounds::{self, BoundsError, CONTEXT_BYTES_MAX, SIGNATURE_BYTES_MAX, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::decision::Decision;
use super::limits::Limits;
use super::request::{WireRequest, unique_names};
use super::status::RequestState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer of `POST /v1/requests/{id}/open`: what is shown, and what is to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Opened {
    /// The request.
    pub request: String,
    /// The stored display bytes; their hash is `display_hash` of the context.
    pub display: Base64Bytes,
    /// Everything else shown, canonical JSON; its hash is `view_hash` of the context.
    pub view: Base64Bytes,
    /// The envelope, canonical JSON; its hash is `digest` of the context.
    pub envelope: Base64Bytes,
    /// The payload, verbatim; its hash stands in the envelope.
    pub payload: Base64Bytes,
    /// What was asked, by whom, for whom and within which task, canonical JSON; its hash is `request_hash` of the context.
    pub asked: Base64Bytes,
    /// What the requester says, by name, whole. Untrusted, shown last, never as fact.
    pub claims: BTreeMap<String, String>,
    /// What it answered since, oldest first, as it was given: the view's `claims_head` is over these and the claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// The descriptor's definition, canonical JSON; the envelope names its hash. The reviewer's client renders the action
    /// again with it and compares.
    pub descriptor: Base64Bytes,
    /// Drawn after submission; the words are computed from it and the digest.
    pub request_nonce: String,
    /// The review context, canonical JSON, with act, limits and answers still to be filled in by the reviewer's client.
    pub context_template: Base64Bytes,
    /// Who the reviewer is to the gate and for whom else they may decide here, canonical JSON; its hash is `authority_hash` of the
    /// context.
    pub authority: Base64Bytes,
    /// Consumed in the write that stores the review.
    pub review_nonce: String,
    /// Four words for people to compare across screens.
    pub words: [String; 4],
    /// What the reviewer must answer: the union over all checkpoints this review can serve.
    pub criteria: Vec<Criterion>,
    /// The limits a review may lower.
    pub limits: Limits,
    /// Last store time a review may commit.
    pub decide_by: i64,
    /// Last store time execution may be claimed.
    pub spend_by: i64,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Criterion {
    /// Its id, a key of the answers.
    pub id: String,
    /// The question.
    pub text: String,
    /// How it is answered.
    pub kind: CriterionKind,
    /// The answers to choose from, for `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Whether approving without an answer is impossible.
    pub required: bool,
}

/// How a criterion is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CriterionKind {
    /// `yes`; with any other answer an approving review does not count.
    Yes,
    /// One of the choices.
    Choice,
    /// The reviewer's own words.
    Text,
}

/// The body of `POST /v1/requests/{id}/reviews`: a signed review. Which act it is stands in the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewRequest {
    /// The context bytes that were signed.
    pub context: Base64Bytes,
    /// The signature over them for `gatehold/review/v1`: an armoured SSHSIG, or a passkey's assertion.
    pub signature: String,
    /// The answers to criteria by id; `answers_hash` of the context is over their canonical JSON.
    #[serde(default, deserialize_with = "unique_names")]
    pub answers: BTreeMap<String, String>,
    /// Why, in the reviewer's words; whoever approves what is red says it, in 3 letters or digits at least.
    #[serde(default)]
    pub justification: String,
    /// Drawn by the client, so that `answers_hash` cannot be guessed once the answers are erased.
    pub salt: String,
}

impl WireRequest for ReviewRequest {
    fn check(&self) -> Result<(), BoundsError> {
        if self.context.0.is_empty() {
            return Err(BoundsError::new(
                "context",
                "is empty; send the bytes that were signed",
            ));
        }
        bounds::bytes("context", &self.context.0, CONTEXT_BYTES_MAX)?;
        bounds::required("signature", &self.signature, SIGNATURE_BYTES_MAX)?;
        bounds::map("answers", &self.answers, TEXT_BYTES_MAX)?;
        bounds::bytes(
            "justification",
            self.justification.as_bytes(),
            TEXT_BYTES_MAX,
        )?;
        bounds::id("salt", &self.salt)
    }
}

/// What a review led to. Blind: while others are still needed, only that it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReviewResult {
    /// The request.
    pub request: String,
    /// Where it stands: `held` while others are still needed, whatever they have done.
    pub state: RequestState,
    /// Policy asks for more than was shown: it is held anew, and this review counts no more than those before it.
    #[serde(default)]
    pub held_again: bool,
    /// The decision, when this review completed or ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}
