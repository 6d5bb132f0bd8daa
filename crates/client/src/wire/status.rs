//! `GET /v1/requests/{id}`, `…/withdraw`, `…/answer`, `…/redeem`: what became of a request. Only the key that asked may ask.

use std::collections::BTreeMap;

use super::act::DenyReason;
use super::bounds::{self, BoundsError, TEXT_BYTES_MAX};
use super::bytes::Base64Bytes;
use super::decision::{Decision, Held, Tier};
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
    /// Tier of the action.
    pub tier: Tier,
    /// The descriptor's sentence about it.
    pub sentence: String,
    /// What a held change of the gate would do to what there is, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub change: Vec<String>,
    /// Four words for people to compare across screens.
    pub words: [String; 4],
    /// The decision, once there is one. Until then nothing says whether anybody has reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// While it is held: deadlines and words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// How it ended, once executed. The target's answer itself is given once, to the call that redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<Execution>,
    /// What was handed out for it, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseStatus>,
    /// Why it ended without being executed, as a stable code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// What whoever denied it says to whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    /// What reviewers asked, oldest first, and what was answered. A question changes no deadline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
}

/// Where a credential stands that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaseStatus {
    /// `active`, `revoking` (its target has not said yet that it is gone) or `revoked` (it has).
    pub state: String,
    /// When it ends at the latest, store time.
    pub not_after: i64,
    /// Since when it is to end, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_since: Option<i64>,
    /// Whether it should be gone by now.
    pub overdue: bool,
}

/// Why somebody denied a request, for whoever asked: ask anew for what would be better, as a new action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Denial {
    /// The reason that they chose; nothing where it is not one of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenyReason>,
    /// Their words, shown as a question is; often empty.
    pub text: String,
}

impl Denial {
    /// Of what stands in the ledger: the code of a reason, and after a colon the words.
    #[must_use]
    pub fn of(said: &str) -> Self {
        let (code, text) = said.split_once(": ").unwrap_or((said, ""));
        let reason = serde_json::from_value(code.into()).ok();
        let text = if reason.is_some() { text } else { said };
        Self {
            reason,
            text: text.to_owned(),
        }
    }
}

/// A reviewer's question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Question {
    /// Counts the questions of a request, from 1.
    pub number: u32,
    /// The team for which it is asked, or the person where a checkpoint names them.
    pub by: String,
    /// When, store time.
    pub at: i64,
    /// The question, at most 8 KiB as it was asked; what cannot be seen or would move a cursor is shown by its number.
    pub text: String,
    /// Whether it was answered. One answer answers every question that is open.
    pub answered: bool,
    /// The answer, shown as the question is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Execution {
    /// Stable: `ok`, `target_refused`, `precondition`, `cap_exceeded`, `lost`, …
    pub code: String,
    /// Rows or objects touched, where the target says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// SHA-256 of the answer the requester was given.
    pub result: String,
    /// When, store time.
    pub at: i64,
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

/// The body of `POST /v1/requests/{id}/answer`. The answer is a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerRequest {
    /// The answer.
    pub text: String,
}

impl WireRequest for AnswerRequest {
    fn check(&self) -> Result<(), BoundsError> {
        bounds::required("text", &self.text, TEXT_BYTES_MAX)
    }
}

/// The answer to a redemption: where the request stands, and what the target answered if it was executed. Policy is
/// asked again at this moment, so it may be held again or denied instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Redeemed {
    /// Where the request stands now.
    pub status: RequestStatus,
    /// What the target answered; absent when it was held again or denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ExecutionResult>,
    /// The credential, where one was made. It is handed over in this answer and never again, and nobody keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Credential>,
}

/// A credential for whoever asked: it ends with its lease, whatever happens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credential {
    /// What it is: `postgres_login`, `ssh_certificate`.
    pub kind: String,
    /// What may be shown: host, port, database, user, until when.
    pub public: BTreeMap<String, String>,
    /// What may not: the password or key.
    pub secret: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.kind)
    }
}

/// What executing the action gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecutionResult {
    /// How it ended.
    pub outcome: ExecutionOutcome,
    /// Stable: `ok`, `target_refused`, `precondition`, `cap_exceeded`, `unreachable`, `timeout`, `lost`.
    pub code: String,
    /// The target's own status code, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Media type of the body.
    pub media_type: String,
    /// The target's answer.
    pub body: Base64Bytes,
    /// Rows or objects touched, where the target says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u64>,
    /// Whether the answer was cut at a cap.
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
