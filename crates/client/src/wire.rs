//! What travels. Requests refuse members they do not know; answers tolerate them, so that an older client keeps working.
//! Every request body is a [`WireRequest`], whose bounds are checked by the
//! client before sending and by the gate in [`read_request`].
//!
//! Times are milliseconds since the Unix epoch by the store's clock. Hashes are `sha256:` and lower hex. Ids are opaque
//! text with a prefix (`req_`, `grt_`, `tsk_`).

mod act;
mod audit;
mod bounds;
mod bytes;
mod catalogue;
mod change;
mod correction;
mod deciders;
mod decision;
mod delegation;
mod glass;
mod humans;
mod inbox;
mod lease;
mod limits;
mod me;
mod problem;
mod request;
mod review;
mod session;
mod status;
mod stop;
mod submit;
mod task;

pub use act::{Act, ActRequest, DenyReason};
pub use audit::{TreeHead, TrustLink, TrustLinks};
pub use bounds::{BoundsError, PROMPT_BYTES_MAX, TEXT_BYTES_MAX, is_id};
pub use bytes::Base64Bytes;
pub use catalogue::{DescriptorItem, Descriptors, GateInfo, PageFilesInfo};
pub use change::{ChangeRequest, KeyRevocationRequest, KeySignature};
pub use correction::{Correction, CorrectionRequest, Corrections, RecordedLeaf};
pub use deciders::{Against, Decider, Deciders, OnCall};
pub use decision::{
    DecidedBy, Decision, Held, Outcome, Reason, ReceiptRef, Submitted, Tier, Trace,
};
pub use delegation::{
    DecidesFor, DelegationEndRequest, DelegationItem, DelegationRequest, DelegationStanding,
    Delegations,
};
pub use glass::{BreakGlassRequest, LookItem, OpeningItem, Openings, PostReviewRequest};
pub use humans::{HumanItem, HumanKeyItem, Humans, OfflineKeyItem, ReturnedItem, SuspendedItem};
pub use inbox::{Inbox, InboxItem, Raised, StoppedItem};
pub use lease::{LeaseItem, LeaseOf, Leases, Revocation, RevocationBound};
pub use limits::Limits;
pub use me::{Me, MySeat};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};
pub use request::{ReadError, WireRequest, read_request};
pub use review::{Criterion, CriterionKind, Opened, ReviewRequest, ReviewResult};
pub use session::{LoginRequest, Session};
pub use status::{
    AnswerRequest, Credential, Denial, Execution, ExecutionOutcome, ExecutionResult, LeaseStatus,
    Question, Redeemed, RequestState, RequestStatus,
};
pub use stop::{StopRequest, StopScope, Stops};
pub use submit::{Claims, PromptSource, SubmitRequest};
pub use task::{Boundary, Task, TaskRequest};

/// Largest request body, bytes: a payload of 1 MiB as base64, its envelope and its claims.
pub const REQUEST_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest `Prefer: wait`, seconds; the gate may wait less.
pub const WAIT_SECONDS_MAX: u32 = 120;

#[cfg(test)]
mod tests;
