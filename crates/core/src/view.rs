//! The view: everything a reviewer is shown besides the exact action. Canonical, stored, and part of what is signed.

mod changed;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Criterion;
use crate::hash::Hash;
use crate::ids::RequestId;
use crate::json::canonical;
use crate::limits::Limits;
use crate::requester::Requester;
use crate::task::StepLabels;
use crate::tier::TierReport;
use crate::time::Timestamp;

/// Where a fact comes from. The three are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The gate established it itself.
    Verified,
    /// The requester says so.
    Claimed,
    /// Nobody knows.
    Unknown,
}

/// One fact about the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What about.
    pub label: String,
    /// Its value; empty when unknown.
    pub value: String,
    /// Where from.
    pub source: Source,
    /// Who or what says so, by name; of an unknown, why nobody knows.
    pub from: String,
    /// How old it was when shown, in seconds.
    pub age_seconds: u32,
    /// Whether the gate looked, and it is not so: VERIFIED as well, and a no where the descriptor asks for a yes.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub refuted: bool,
}

/// What the gate found out about an action before it was decided (M010): kept with the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// Facts with where they come from, and what nobody knows.
    pub facts: Vec<Fact>,
    /// What is unlike the requester's baseline.
    pub unlike_baseline: Vec<String>,
}

/// What the grant would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// At most this much.
    pub limits: Limits,
    /// `held_execution`: the gate runs it and nothing is handed out.
    pub kind: String,
    /// `immediate`, `new_use_only`, `expiry_only`.
    pub revocation: String,
    /// Caps that the target does not enforce.
    pub not_enforced: Vec<String>,
}

/// What the task has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoFar {
    /// Steps decided.
    pub steps: u64,
    /// Labels its chain carries.
    pub labels: StepLabels,
    /// Whether it was on other targets before.
    pub crosses_systems: bool,
    /// The latest steps, newest first, in the descriptor's words.
    pub latest: Vec<String>,
}

/// Everything shown besides the action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// `gatehold/view/v1`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Which request.
    pub request: RequestId,
    /// The descriptor's sentence.
    pub sentence: String,
    /// Why it is held: reason codes with their sentences.
    pub why: Vec<(String, String)>,
    /// The tier with its inputs.
    pub tier: TierReport,
    /// What a change of the gate does to what there is, in words; empty for everything else.
    pub change: Vec<String>,
    /// What is unlike this workload's declared baseline.
    pub unlike_baseline: Vec<String>,
    /// What would do instead, within that baseline or for a shorter time; nothing where nothing is beyond it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrower: Vec<String>,
    /// Who asks.
    pub requester: Requester,
    /// What would be granted.
    pub terms: Terms,
    /// What the task has done.
    pub so_far: SoFar,
    /// Facts, claims and unknowns, each labelled.
    pub facts: Vec<Fact>,
    /// The head of the claims chain.
    pub claims_head: Hash,
    /// What must be answered.
    pub criteria: Vec<Criterion>,
    /// The checkpoints, by name and who may decide there. How many have decided is never said.
    pub checkpoints: Vec<(String, String)>,
    /// How many people are needed.
    pub people_needed: u32,
    /// Whether whoever approves says why: by what it was held at, or by its tier now.
    pub reason_demanded: bool,
    /// Last time to decide.
    pub decide_by: Timestamp,
    /// Last time to use it.
    pub spend_by: Timestamp,
    /// What the pages of the gate were made of, by its own word: one hash of the files that it serves. Nothing where it has no
    /// pages.
    pub page_files: Option<Hash>,
}

impl View {
    /// The stored bytes.
    ///
    /// # Errors
    /// When a number has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }

    /// The hash that is signed.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/view/v1", &[bytes])
    }
}
