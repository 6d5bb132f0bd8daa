//! `GET /v1/requests/{id}`, `…/withdraw`, `…/answer`, `…/redeem`: what became of a request. Only the key that asked may ask.

use super::bounds::{self, BoundsError, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::decision::{Decision, Held};
use super::request::WireRequest;
use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestStatus {
    /// The request.
    pub request: String,
    /// Its state.
    pub state: RequestState,
    /// Digest of the action.
    pub digest: String,
    /// The decision, once there is one. Until then nothing says whether anybody has reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// While it is held: deadlines and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// What reviewers asked and the requester has not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// The result, once executed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ExecutionResult>,
}

/// The states of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RequestState {
    /// Policy allowed it.
    Allowed,
    /// Denied, by whomever.
    Denied,
    /// Waiting for people.
    Held,
    /// People decided in favour; everything is evaluated again at redemption.
    Redeemable,
    /// The gate is executing it.
    Executing,
    /// Executed.
    Completed,
    /// Executed, and the target refused or failed.
    Failed,
    /// Nobody knows whether it happened; it is never run again.
    Unknown,
    /// Nobody decided, or nobody redeemed, in time.
    Expired,
    /// The requester took it back.
    Withdrawn,
    /// Revoked.
    Revoked,
}

/// A question of a reviewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Question {
    /// Its id.
    pub question: String,
    /// Its text.
    pub text: String,
    /// When it was asked.
    pub asked_at: i64,
}

/// The body of `POST /v1/requests/{id}/answer`. The answer is a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerRequest {
    /// The question.
    pub question: String,
    /// The answer.
    pub text: String,
}

impl WireRequest for AnswerRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::id("question", &self.question)?;
        bounds::required("text", &self.text, TEXT_BYTES_MAX)
    }
}

/// What executing a held action gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecutionResult {
    /// The request.
    pub request: String,
    /// How it ended.
    pub outcome: ExecutionOutcome,
    /// The target's own status code, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Media type of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The target's answer.
    #[serde(default)]
    pub body: Base64Bytes,
    /// Rows changed or returned, where the target counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Whether the answer was cut at the gate's limit.
    #[serde(default)]
    pub truncated: bool,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ExecutionOutcome {
    /// The target did it.
    Completed,
    /// The target refused or failed.
    Failed,
    /// The answer was lost; it may have happened.
    Unknown,
}
