//! `application/problem+json` (RFC 9457): only for what could not be decided. A denial is a decision, not a problem.

use serde::{Deserialize, Serialize};

/// The media type of a problem.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// Why a call was not carried out, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}; {next}")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// URI of the kind of problem, stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line, the same for every problem of the kind.
    pub title: String,
    /// HTTP status, repeated.
    pub status: u16,
    /// What happened this time.
    #[serde(default)]
    pub detail: String,
    /// Stable word for programs.
    pub code: ProblemCode,
    /// What to do next.
    #[serde(default)]
    pub next: String,
    /// URI of the thing the problem is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The gate's id of this HTTP call, for its logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The stable word of a problem. A client that meets a new word reads the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProblemCode {
    /// 202: the store refuses, so it is in the revocation journal and in force; not in the ledger yet.
    Journaled,
    /// 400: the request cannot be read.
    Malformed,
    /// 401: no signature, or one that does not verify.
    Unauthenticated,
    /// 401: the nonce was used before.
    Replayed,
    /// 403: known, but not entitled.
    Forbidden,
    /// 404: no such thing, or not yours.
    NotFound,
    /// 409: the thing changed, or is not in a state for this.
    Conflict,
    /// 410: a deadline has passed.
    Gone,
    /// 413: larger than allowed.
    TooLarge,
    /// 422: read, and outside the rules.
    Unprocessable,
    /// 422: the Idempotency-Key was used with another body.
    IdempotencyMismatch,
    /// 423: stopped, locked down or suspended.
    Stopped,
    /// 429: more than the budget.
    TooMany,
    /// 500: a fault of the gate.
    Fault,
    /// 503: the gate cannot decide now (store or ledger).
    Unavailable,
    /// A word this client does not know.
    #[serde(other)]
    Other,
}
