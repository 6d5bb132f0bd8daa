//! The world as a decision saw it. Every part says at which version it was read, so that the write can insist on it.

use crate::commit::UniqueKey;
use crate::delegation::Moment;
use crate::directory::Directory;
use crate::habits::Habits;
use crate::hash::{Hash, hex};
use crate::ids::{GrantId, RequestId, TaskId};
use crate::request::RequestRecord;
use crate::restraints::Restraints;
use crate::stops::Stops;
use crate::task::{Chain, Task, TaskState};
use crate::time::Timestamp;
use crate::verdict::Evaluated;
use crate::view::Findings;

/// A value and the version of the row it was read from; 0 when there is no row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The row's version.
    pub version: u64,
}

/// Whether and why a workload is paused: the row of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// A stable code, when paused.
    #[serde(deserialize_with = "crate::request::record::stated")]
    pub code: Option<String>,
}

/// A request's task as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskNow {
    /// The row.
    pub task: Versioned<Task>,
    /// What it has accumulated; guarded by its number of steps where the decision depends on it.
    pub chain: Chain,
}

/// Counters that bound a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Holds of this workload that are open.
    pub open_holds: u64,
}

/// What the renderer made of the action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The stored runs.
    pub display: Vec<u8>,
    /// Their hash.
    pub display_hash: Hash,
    /// Some part cannot be read by a person.
    pub uninspectable: bool,
    /// Too large to be shown whole, so no human can approve it.
    pub too_large: bool,
}

impl Rendered {
    /// Stored runs with their hash.
    #[must_use]
    pub fn new(display: Vec<u8>, uninspectable: bool, too_large: bool) -> Self {
        let display_hash = Hash::tagged("gatehold/display/v1", &[&display]);
        Self {
            display,
            display_hash,
            uninspectable,
            too_large,
        }
    }
}

/// The gate's own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most open holds of one workload; one more pauses the workload, never the gate.
    pub open_holds_max: u64,
    /// How long an allowed action may wait to be redeemed, in seconds.
    pub allowed_spend_seconds: u32,
    /// How long idempotency keys are remembered, in seconds.
    pub idempotency_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            open_holds_max: 20,
            allowed_spend_seconds: 300,
            idempotency_seconds: 86_400,
        }
    }
}

/// Everything a decision looks at besides the thing itself.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// Policy's answer for this action, now. Commands that let something out need it.
    pub policy: Option<&'a Evaluated>,
    /// Keys, teams, workloads, points and the active bundle.
    pub directory: &'a Directory,
    /// What is stopped.
    pub stops: &'a Versioned<Stops>,
    /// Whether the workload is paused; where a `workload.resume` is redeemed, the one to be
    /// resumed.
    pub pause: &'a Versioned<Pause>,
    /// Both as the leaves give them, read at least as far: what a lift or a resume may end.
    pub restraints: &'a Restraints,
    /// The task, where there is one.
    pub task: Option<&'a TaskNow>,
    /// Counters.
    pub counters: Counters,
    /// What the renderer made of the action.
    pub rendered: Option<&'a Rendered>,
    /// What was found out about it.
    pub findings: Option<&'a Findings>,
    /// What the workload usually does, where one acts.
    pub habits: Option<&'a Habits>,
    /// The gate's limits.
    pub settings: &'a Settings,
}

impl World<'_> {
    /// What the delegations at a request depend on: the time, and its task while that is open.
    #[must_use]
    pub fn moment(&self, record: &RequestRecord, now: Timestamp) -> Moment {
        let task = self.task.map(|now| &now.task.value);
        let open = task.filter(|task| task.state == TaskState::Open);
        let own = open.filter(|task| record.envelope.task == Some(task.id));
        Moment {
            now,
            task: own.map(|task| task.id),
        }
    }
}

/// The nonce of a signed call, and until when its proof could be taken by any process.
///
/// It is remembered exactly so long, however late a process decides: counted from the decision instead, a process that
/// pauses between checking the proof and deciding would take the call again after everybody has forgotten it.
// INVARIANT(nonce-outlives-proof): the store refuses to remember what is to be forgotten already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNonce {
    /// The nonce.
    pub text: String,
    /// The last time at which anybody would take the proof; nothing where it never ends.
    pub until: Option<Timestamp>,
}

impl CallNonce {
    /// The unique key that a write of this principal's call takes.
    #[must_use]
    pub fn key(&self, principal: &Hash) -> UniqueKey {
        UniqueKey(format!("nonce:{}:{}", hex(principal.as_bytes()), self.text))
    }
}

/// A nonce that counts once for ever.
impl From<String> for CallNonce {
    fn from(text: String) -> Self {
        Self { text, until: None }
    }
}

/// Randomness and ids, drawn by the caller for one decision.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// Id for a new request.
    pub request: RequestId,
    /// Id for a new grant.
    pub grant: GrantId,
    /// Id for a new task.
    pub task: TaskId,
    /// 32 random bytes that were never used before. Salts and the request nonce are derived from it; it is not kept.
    pub seed: [u8; 32],
}

impl Fresh {
    /// The salt with this number. Different numbers give unrelated salts, and none of them gives the seed.
    #[must_use]
    pub fn salt(&self, number: u8) -> [u8; 32] {
        *Hash::tagged("gatehold/fresh/salt", &[&self.seed, &[number]]).as_bytes()
    }

    /// Names one message for ever. Drawn, because whoever is told may not learn from it how often a request has changed: until
    /// the decision nobody but its author knows that a review exists.
    #[must_use]
    pub fn message(&self, topic: &str) -> Hash {
        Hash::tagged("gatehold/fresh/message", &[&self.seed, topic.as_bytes()])
    }

    /// The request nonce.
    #[must_use]
    pub fn request_nonce(&self) -> Hash {
        Hash::tagged("gatehold/fresh/request-nonce", &[&self.seed])
    }
}
