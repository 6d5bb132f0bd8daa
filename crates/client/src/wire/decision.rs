//! What `POST /v1/requests` answers: decided (200, also when denied) or held (202, with Location).

use serde::{Deserialize, Serialize};

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// 200: policy decided.
    Decided(Box<Decision>),
    /// 202: people must decide. Nothing has happened.
    Held(Box<Held>),
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// The request; absent for a dry run, which leaves none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What was decided.
    pub outcome: Outcome,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What the decision was computed from.
    pub trace: Trace,
    /// Digest of the action.
    pub digest: String,
    /// Tier of the action.
    pub tier: Tier,
    /// What a redemption would use, when it was allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Last store time execution may be claimed.
    pub spend_by: i64,
    /// The decision's leaf in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptRef>,
}

/// Why something was decided or held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    /// Stable, such as `no_permit` or `checkpoint:production-change`.
    pub code: String,
    /// What to tell people: in the answer to the submission itself, and while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What was decided. A hold is not here: it is the absence of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// It may happen.
    Allowed,
    /// It may not.
    Denied,
}

/// Who made a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DecidedBy {
    /// Policy alone.
    Policy,
    /// Humans, by signed reviews.
    Human,
    /// A model under an authority delegation.
    DelegatedModel,
    /// Break-glass.
    BreakGlass,
    /// Nobody, in time: a denial.
    Timeout,
}

/// The risk tier of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Tier {
    /// Routine.
    Green,
    /// Raised.
    Amber,
    /// Highest.
    Red,
}

/// What a decision was computed from, enough to compute it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trace {
    /// Ids of the rules that determined the outcome.
    pub rules: Vec<String>,
    /// What went wrong while evaluating; nothing is allowed beside an error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Hash of the policy bundle.
    pub bundle: String,
    /// Hash of the policy input.
    pub input: String,
}

/// A leaf of the ledger by index and hash. Its receipt is at `GET /v1/audit/receipts/{leaf}` within a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptRef {
    /// Leaf index.
    pub leaf: u64,
    /// Leaf hash.
    pub hash: String,
}

/// The answer for a held action: where to ask and how long it can take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Held {
    /// The request; absent for a dry run, which leaves none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Digest of the action.
    pub digest: String,
    /// Tier of the action.
    pub tier: Tier,
    /// Why it is held.
    pub reasons: Vec<Reason>,
    /// What the hold was computed from.
    pub trace: Trace,
    /// Four words for people to compare across screens.
    pub words: [String; 4],
    /// The checkpoints that hold it, by name.
    pub checkpoints: Vec<String>,
    /// How often it was escalated: by a reviewer, or because nobody decided in time.
    #[serde(default)]
    pub escalations: u32,
    /// Last store time a review may commit.
    pub decide_by: i64,
    /// Last store time execution may be claimed.
    pub spend_by: i64,
    /// Path to poll with the same key; absent for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The submission's leaf in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptRef>,
}
