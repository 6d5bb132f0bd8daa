//! The executor: performs an approved action at its target. Handed proof, never a request.

use async_trait::async_trait;
use gatehold_core::approved::Approved;
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::error::GateError;
use crate::links::TrustLinks;

/// How an execution ended, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The target confirmed that it was done.
    Completed,
    /// The target confirmed that nothing was done.
    Failed,
    /// Nobody can tell. It is never run again.
    Unknown,
}

/// What came of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How it ended.
    pub ending: Ending,
    /// A short stable code: `ok`, `target_refused`, `cap_exceeded`, `precondition`, `unreachable`, `timeout`, `lost`.
    pub code: &'static str,
    /// Rows or objects touched, where the target says so.
    pub quantity: Option<u64>,
    /// The target's own status, such as an HTTP status.
    pub status: Option<u16>,
    /// Media type of the body.
    pub media_type: String,
    /// What the workload gets. Bounded by the grant's caps and never holding an injected secret.
    pub body: Vec<u8>,
    /// Whether the body was cut at a cap.
    pub truncated: bool,
}

/// What shows an approved request to somebody who believes nothing of this gate. Put together only when it is asked for.
#[async_trait]
pub trait Evidence: Send + Sync {
    /// The request, what its requester signed, and the gate's word.
    ///
    /// # Errors
    /// When the store does not answer, or a part was erased.
    async fn case(&self) -> Result<Case, GateError>;

    /// The links of the chain of trust after a leaf.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn links(&self, after: Option<u64>) -> Result<TrustLinks, GateError>;
}

/// Executes stored bytes at real targets.
///
/// An implementation opens nothing towards a target before it holds the proof: no pool is warmed, no name resolved.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Executes exactly the bytes of the proof, once, within its limits. Never fails: not knowing is an answer. One that is a
    /// process of its own sends the evidence there, where the proof is made again.
    async fn execute(&self, approved: Approved, evidence: &dyn Evidence) -> Execution;

    /// Whether this executor has the target, so that a request for another is refused before anyone is asked.
    fn has_target(&self, target: &str) -> bool;

    /// What the target enforces, for the reviewer: names of caps, and whether it is coarse (M054).
    fn enforces(&self, target: &str) -> Vec<String>;

    /// Whether it is a process of its own: the secrets of its targets lie there, and not in the gate's.
    fn is_apart(&self) -> bool {
        false
    }
}
