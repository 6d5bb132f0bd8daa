//! One whole question to policy: who, what, on what, in which context. Its hash is recorded with the answer.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::effect::{Environment, Sensitivity};
use crate::hash::Hash;
use crate::ids::{DescriptorId, HumanId, ResourceId, TeamId, WorkloadId};
use crate::json::canonical::{self, CanonicalError};
use crate::known::Known;
use crate::workload::WorkloadKind;

/// Who acts, as policy sees it. Lifecycle and keys are not policy's business: they are checked before it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Principal {
    /// A software identity.
    Workload {
        /// Who.
        id: WorkloadId,
        /// What kind.
        kind: WorkloadKind,
        /// Teams it counts into.
        teams: BTreeSet<TeamId>,
        /// Who answers for it.
        owner: HumanId,
    },
    /// A person who asks the gate itself for a held action.
    Human {
        /// Who.
        id: HumanId,
        /// Teams they are in.
        teams: BTreeSet<TeamId>,
    },
}

/// What the gate's catalogue says about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceFacts {
    /// The resolved resource.
    pub id: ResourceId,
    /// Which world it belongs to.
    pub environment: Known<Environment>,
    /// Its trust zone.
    pub zone: Known<String>,
    /// How sensitive it is.
    pub sensitivity: Known<Sensitivity>,
    /// The team or person who answers for it.
    pub owner: Known<String>,
    /// Whether its system cannot enforce finely what is permitted (M054).
    pub legacy_coarse: Known<bool>,
}

/// Everything an answer depends on, beside the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyInput {
    /// Who.
    pub principal: Principal,
    /// What kind of action.
    pub descriptor: DescriptorId,
    /// The definition the requester meant; the bundle's own must be the same.
    pub descriptor_hash: Hash,
    /// On what.
    pub resource: ResourceFacts,
    /// In which context.
    pub context: Context,
}

impl PolicyInput {
    /// The hash that stands in the decision record: whoever has the input can check that it is the one that was asked.
    ///
    /// # Errors
    /// When a number lies beyond what canonical JSON may hold. Then nothing may be allowed.
    pub fn hash(&self) -> Result<Hash, CanonicalError> {
        Ok(Hash::tagged(
            "gatehold/input/v1",
            &[&canonical::to_bytes(self)?],
        ))
    }
}
