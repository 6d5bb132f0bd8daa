//! The key directory: which keys, people, teams, workloads and points have force right now.
//!
//! It is never loaded from a table. [`crate::trust`] folds it from the signed chain that starts at leaf 0, and every
//! entry remembers the leaf that gave it force.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::assurance::Assurance;
use crate::checkpoint::{Checkpoint, Requirement};
use crate::delegation::{Delegation, Through};
use crate::hash::Hash;
use crate::ids::{
    DescriptorId, HumanId, Origin, PointId, ResourceId, TargetId, TeamId, WorkloadId,
};
use crate::json::canonical;
use crate::passkey::WebOrigin;
use crate::person_key::{PersonKey, SignatureError};
use crate::quorum::entitled;
use crate::signer::{KeyKind, Strength};
use crate::ssh::SkFlags;
use crate::ssh::key::SshPublicKey;
use crate::time::Timestamp;
use crate::trust::AttestationRoots;
use crate::workload::{WorkloadAssurance, WorkloadKind};

/// A human's key that has force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolledKey {
    /// The key.
    pub key: PersonKey,
    /// The most a signature of it can count for.
    pub assurance: Assurance,
    /// What that rests on.
    pub proof: KeyProof,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// What the level of a key rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProof {
    /// It lies in a file: whoever reads the file can sign.
    File,
    /// It says that it is a security key; software could say so too.
    SecurityKey,
    /// A browser says that it is a passkey; software could say so too.
    Passkey,
    /// An attestation that a pinned root vouches for.
    Attested {
        /// The operator's name for that root.
        root: String,
        /// The authenticator's model (FIDO AAGUID), lower hex.
        model: String,
    },
}

impl std::fmt::Display for KeyProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => f.write_str("a key in a file"),
            Self::SecurityKey => f.write_str("a security key without attestation"),
            Self::Passkey => f.write_str("a passkey without attestation"),
            Self::Attested { root, model } => write!(f, "attested by {root}, model {model}"),
        }
    }
}

/// A person and their living keys, by thumbprint. Revoked keys are gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Human {
    /// Keys that have force.
    pub keys: BTreeMap<Hash, EnrolledKey>,
}

/// An offline key of a person, for break-glass and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlassKey {
    /// Whose.
    pub human: HumanId,
    /// The key.
    pub key: SshPublicKey,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// An identity provider took the force of every key that somebody had by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspended {
    /// Which suspension.
    pub id: Hash,
    /// Whether the provider has removed them, and not only deactivated.
    pub removed: bool,
    /// The leaf that says so: a key that people enrolled after it has force.
    pub leaf: u64,
}

/// Lifecycle of a workload (M018).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// May ask.
    Active,
    /// May not ask; may return.
    Suspended,
    /// Gone for good.
    Offboarded,
}

/// What enrolment says a workload normally does; more than this is elevation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Kinds of action it normally takes.
    pub descriptors: BTreeSet<DescriptorId>,
    /// Targets it normally touches.
    pub targets: BTreeSet<TargetId>,
    /// Resources it normally touches, by exact name or by prefix ending in `/`.
    pub resources: BTreeSet<ResourceId>,
    /// Scopes of access it normally has. Nothing where its enrolment does not speak of scopes: they are compared with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<BTreeSet<String>>,
}

/// A registered workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// What kind of identity.
    pub kind: WorkloadKind,
    /// RFC 7638 thumbprint of its key, hashed form.
    pub key: Hash,
    /// The key as a JWK, for whoever checks its proofs.
    pub jwk: String,
    /// The accountable person.
    pub owner: HumanId,
    /// Who is accountable when the owner is not there.
    pub backup: HumanId,
    /// Everyone who may hold the private key.
    pub custodians: BTreeSet<HumanId>,
    /// Who proposed this key.
    pub proposer: HumanId,
    /// How well the key is tied to the workload.
    pub assurance: WorkloadAssurance,
    /// Teams it counts into for policy.
    pub teams: BTreeSet<TeamId>,
    /// What it normally does.
    pub baseline: Baseline,
    /// May it ask?
    pub lifecycle: Lifecycle,
    /// It stops having force at this time.
    pub not_after: Timestamp,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// An enforcement point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Thumbprint of its key.
    pub key: Hash,
    /// The key as a JWK.
    pub jwk: String,
    /// The accountable person.
    pub owner: HumanId,
    /// Who proposed its key.
    pub proposer: HumanId,
    /// Workloads it may submit for.
    pub workloads: BTreeSet<WorkloadId>,
    /// The leaf that gave it force.
    pub leaf: u64,
}

/// Everything that has force, folded from the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// How many trust leaves it was folded from: its version for guards.
    pub version: u64,
    /// Names those links, in their order: directories with the same one rest on the same chain. What is said again of somebody who
    /// is gone already is named with the next link that changes what anybody has.
    pub chain: Hash,
    /// The version that `chain` names.
    pub named: u64,
    /// Whose directory.
    pub origin: Origin,
    /// Hash of the root statement: what the configuration pins.
    pub root: Hash,
    /// Hash of the bundle that decides now.
    pub bundle: Hash,
    /// People.
    pub humans: BTreeMap<HumanId, Human>,
    /// Teams, flattened: nested teams are resolved when they are set.
    pub teams: BTreeMap<TeamId, BTreeSet<HumanId>>,
    /// Workloads.
    pub workloads: BTreeMap<WorkloadId, Workload>,
    /// Enforcement points.
    pub points: BTreeMap<PointId, Point>,
    /// Who decides for whom, by the hash of what was signed. Whether one gives anything is asked of each request.
    pub delegations: BTreeMap<Hash, Delegation>,
    /// Whose keys an identity provider took the force of.
    pub suspended: BTreeMap<HumanId, Suspended>,
    /// The suspension that was said last of each person, whether it stands or has ended: a key that was asked for before it is not
    /// enrolled.
    pub last_gone: BTreeMap<HumanId, Hash>,
    /// The log's verifier key line, as the root names it: the gate signs with it what a provider gives back.
    pub log_key: String,
    /// Offline keys for break-glass, by thumbprint. None of them is among the keys of [`Directory::humans`].
    pub glass: BTreeMap<Hash, GlassKey>,
    /// Offline keys that can restore a lost quorum.
    pub recovery: Vec<SshPublicKey>,
    /// Makers of authenticators whose attestations count.
    pub attestation_roots: AttestationRoots,
    /// Pages on which a passkey may sign; without any, none does.
    pub consoles: Vec<WebOrigin>,
    /// Leaves at which a lost quorum was restored with offline keys: said aloud wherever this ledger is shown.
    pub quorum_lost: Vec<u64>,
}

/// What a reviewer may claim to be at one moment; its hash is part of what they sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The person.
    pub human: HumanId,
    /// Thumbprint of the key they sign with.
    pub key: Hash,
    /// What that key was enrolled as.
    pub assurance: Assurance,
    /// Teams they are in.
    pub teams: BTreeSet<TeamId>,
    /// The directory version that `chain` names.
    pub directory: u64,
    /// The chain of trust that it was read from. Signed with the rest, it ties a review to every link there was by then.
    pub chain: Hash,
    /// For whom else they may decide on this request, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Through>,
}

impl Authority {
    /// The hash that goes into the review context.
    #[must_use]
    pub fn hash(&self) -> Hash {
        // A struct of strings and integers always has a canonical form; an empty document would match no other hash.
        Self::hash_of(&canonical::to_bytes(self).unwrap_or_default())
    }

    /// The same over the canonical bytes as they are kept.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash::tagged("gatehold/authority/v1", &[bytes])
    }

    /// Whether they may fill a seat at any checkpoint of this requirement, by themselves or for somebody who is away.
    #[must_use]
    pub fn entitles(&self, requirement: &Requirement) -> bool {
        entitled(requirement, &self.human, &self.teams) || !self.through.is_empty()
    }

    /// Whether they may fill a seat at this checkpoint, by themselves or for somebody who is away.
    #[must_use]
    pub fn admitted_at(&self, checkpoint: &Checkpoint) -> bool {
        let mut through = self.through.iter();
        checkpoint.admits(&self.human, &self.teams) || through.any(|one| one.admits(checkpoint))
    }

    /// The delegations that they decide by.
    #[must_use]
    pub fn delegations(&self) -> BTreeSet<Hash> {
        let through = self.through.iter();
        through.map(|through| through.delegation).collect()
    }

    /// When the first of what others gave them ends: what rests on it is not committed later.
    #[must_use]
    pub fn lapses(&self) -> Option<Timestamp> {
        self.through.iter().map(|through| through.until).min()
    }
}

impl Directory {
    /// The teams a human is in.
    #[must_use]
    pub fn teams_of(&self, human: &HumanId) -> BTreeSet<TeamId> {
        let member = |(team, members): (&TeamId, &BTreeSet<HumanId>)| {
            members.contains(human).then(|| team.clone())
        };
        self.teams.iter().filter_map(member).collect()
    }

    /// A human's key, if it has force.
    #[must_use]
    pub fn key(&self, human: &HumanId, thumbprint: &Hash) -> Option<&EnrolledKey> {
        let key = self.humans.get(human)?.keys.get(thumbprint)?;
        (!self.is_covered(human, key)).then_some(key)
    }

    /// A person's offline key for break-glass, if it has force: not of somebody who is gone, and not of somebody who has no key left
    /// with which they could decide.
    #[must_use]
    pub fn glass_key(&self, human: &HumanId, thumbprint: &Hash) -> Option<&GlassKey> {
        let key = self.glass.get(thumbprint)?;
        if guard!("glass-key-holder", key.human != *human) {
            return None;
        }
        let known = self.humans.get(human).map(|known| &known.keys);
        let left = known.is_none_or(BTreeMap::is_empty);
        let suspended = self.suspended.get(human);
        let gone = suspended.is_some_and(|suspended| key.leaf < suspended.leaf);
        if guard!("glass-key-left", left) || guard!("glass-key-gone", gone) {
            return None;
        }
        Some(key)
    }

    /// Whether an identity provider took the force of this key. What people enrolled since, they enrolled knowingly.
    fn is_covered(&self, human: &HumanId, key: &EnrolledKey) -> bool {
        let suspended = self.suspended.get(human);
        let covered = suspended.is_some_and(|suspended| key.leaf < suspended.leaf);
        guard!("suspended-key", covered)
    }

    /// Whether somebody has no key with force left because an identity provider says that they are gone.
    #[must_use]
    pub fn is_suspended(&self, human: &HumanId) -> bool {
        let keys = self.humans.get(human).map(|known| &known.keys);
        let mut keys = keys.into_iter().flat_map(BTreeMap::values);
        self.suspended.contains_key(human) && keys.all(|key| self.is_covered(human, key))
    }

    /// The suspension of somebody that stands, by its name.
    #[must_use]
    pub fn suspended_by(&self, human: &HumanId) -> Option<Hash> {
        self.suspended.get(human).map(|suspended| suspended.id)
    }

    /// The suspension of somebody that was said last, by its name; nothing of somebody of whom none ever was.
    #[must_use]
    pub fn last_gone(&self, human: &HumanId) -> Option<Hash> {
        self.last_gone.get(human).copied()
    }

    /// Whether an enrolled key signed `message` for the purpose that `namespace` names; what its authenticator saw, if it has
    /// one. A passkey counts only on the pages that people agreed on.
    ///
    /// # Errors
    /// [`SignatureError`] names the first thing that does not fit.
    pub fn signed(
        &self,
        key: &EnrolledKey,
        signature: &str,
        message: &[u8],
        namespace: &str,
    ) -> Result<Option<SkFlags>, SignatureError> {
        key.key
            .verify(signature, message, namespace, &self.consoles)
    }

    /// Whether a signature of this key can count now: a passkey signs only on a page of its own relying party, and is of no use
    /// once people agreed on none of these any more.
    #[must_use]
    pub fn can_sign(&self, key: &EnrolledKey) -> bool {
        let Some(passkey) = key.key.as_passkey() else {
            return true;
        };
        let mut consoles = self.consoles.iter();
        consoles.any(|console| console.relying_party() == passkey.relying_party())
    }

    /// The most that a signature of this person can count for now; nothing where they have no key that can sign.
    #[must_use]
    pub fn strongest(&self, human: &HumanId) -> Option<Assurance> {
        self.strength(human).best()
    }

    /// The same, by the kind of key.
    #[must_use]
    pub fn strength(&self, human: &HumanId) -> Strength {
        let keys = self.humans.get(human).into_iter();
        let able = keys
            .flat_map(|person| person.keys.values())
            .filter(|key| self.can_sign(key) && !self.is_covered(human, key));
        able.map(|key| Strength::of(KeyKind::of(&key.key), key.assurance))
            .fold(Strength::default(), Strength::or)
    }

    /// Who a key belongs to, if it has force. A key has one holder: enrolment refuses a second (threat A9).
    #[must_use]
    pub fn holder(&self, thumbprint: &Hash) -> Option<&HumanId> {
        self.humans
            .iter()
            .find(|(_, human)| human.keys.contains_key(thumbprint))
            .map(|(id, _)| id)
    }

    /// The authority of a human with one of their keys, now, without what others gave them.
    #[must_use]
    pub fn authority(&self, human: &HumanId, thumbprint: &Hash) -> Option<Authority> {
        let key = self.key(human, thumbprint)?;
        Some(Authority {
            human: human.clone(),
            key: *thumbprint,
            assurance: key.assurance,
            teams: self.teams_of(human),
            directory: self.named,
            chain: self.chain,
            through: Vec::new(),
        })
    }

    /// The workload that signs with this key.
    #[must_use]
    pub fn workload_by_key(&self, thumbprint: &Hash) -> Option<(&WorkloadId, &Workload)> {
        self.workloads
            .iter()
            .find(|(_, workload)| workload.key == *thumbprint)
    }

    /// The enforcement point that signs with this key.
    #[must_use]
    pub fn point_by_key(&self, thumbprint: &Hash) -> Option<(&PointId, &Point)> {
        self.points
            .iter()
            .find(|(_, point)| point.key == *thumbprint)
    }
}
