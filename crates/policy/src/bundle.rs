//! A bundle: rules, checkpoints, criteria, descriptors and golden tests as one byte string with one hash.
//!
//! A bundle exists only whole and sound: reading checks everything and tells every problem with its file and line. The
//! bytes are what a held `bundle.activate` carries, reviewers read and the activation leaf names.

mod check;
mod files;
mod rules;

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_core::checkpoint::{Checkpoint, Criterion, Requirement};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{CheckpointName, DescriptorId};
use serde::{Deserialize, Serialize};

use crate::golden::Case;

pub use files::{BUNDLE_BYTES_MAX, Files};
pub(crate) use rules::parse_policies;
pub use rules::{Effect, Rule};

/// One thing that is wrong with a bundle. A bundle with a problem is not used at all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct BundleProblem {
    /// File within the bundle.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// What stands in `bundle.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Counts its changes, for people; machines compare hashes.
    pub version: u32,
    /// Which profile it is: `default`, `strict`, or one of your own.
    pub profile: String,
    /// The team or person who answers for it.
    pub owner: String,
    /// Why it is as it is.
    pub rationale: String,
    /// Descriptors whose calm use must pass without a human (M049); lint fails when a rule holds one.
    pub routine: Vec<DescriptorId>,
}

/// A template of criteria that descriptors name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriteriaTemplate {
    /// Its id, such as `db.write.temporary`.
    pub id: String,
    /// Counts its changes.
    pub version: u32,
    /// The team or person who answers for it (M081).
    pub owner: String,
    /// The questions.
    pub criteria: Vec<Criterion>,
}

/// A sound bundle.
pub struct Bundle {
    files: Files,
    hash: Hash,
    header: Header,
    rules: Vec<Rule>,
    checkpoints: BTreeMap<CheckpointName, Checkpoint>,
    criteria: BTreeMap<String, CriteriaTemplate>,
    descriptors: BTreeMap<DescriptorId, Descriptor>,
    cases: Vec<Case>,
    schema_text: String,
}

impl Bundle {
    /// Reads a folder.
    ///
    /// # Errors
    /// Every problem in it.
    pub fn load(folder: &Path) -> Result<Self, Vec<BundleProblem>> {
        Self::from_files(Files::read(folder)?)
    }

    /// Reads the one byte string that a folder becomes.
    ///
    /// # Errors
    /// Every problem in it; bytes that are not the canonical form are one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Vec<BundleProblem>> {
        Self::from_files(Files::from_bytes(bytes)?)
    }

    /// The one byte string. Its hash is the bundle's.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.files.to_bytes()
    }

    /// `SHA-256("gatehold/bundle/v1" || 0x00 || bytes)`: what decisions record and activations name.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// What stands in `bundle.toml`.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// All rules, by file and line.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// All checkpoints as written, without the criteria that descriptors add.
    #[must_use]
    pub const fn checkpoints(&self) -> &BTreeMap<CheckpointName, Checkpoint> {
        &self.checkpoints
    }

    /// All criteria templates.
    #[must_use]
    pub const fn criteria(&self) -> &BTreeMap<String, CriteriaTemplate> {
        &self.criteria
    }

    /// All descriptors.
    #[must_use]
    pub const fn descriptors(&self) -> &BTreeMap<DescriptorId, Descriptor> {
        &self.descriptors
    }

    /// The golden tests it carries.
    #[must_use]
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// The Cedar schema generated from the documented context and the descriptors.
    #[must_use]
    pub fn schema_text(&self) -> &str {
        &self.schema_text
    }

    /// The definition at which an action of this kind is held: the checkpoint and the questions its descriptor adds.
    #[must_use]
    pub fn checkpoint_for(
        &self,
        name: &CheckpointName,
        descriptor: &Descriptor,
    ) -> Option<Checkpoint> {
        joined(&self.checkpoints, &self.criteria, name, descriptor)
    }

    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    fn from_files(files: Files) -> Result<Self, Vec<BundleProblem>> {
        check::build(files)
    }
}

/// What people read in a bundle without asking its rules: kinds of action, checkpoints and criteria. For whoever has the bytes
/// that people approved and shows what they say; whether the bundle is sound was decided when it was activated.
#[derive(Debug)]
pub struct Definitions {
    checkpoints: BTreeMap<CheckpointName, Checkpoint>,
    criteria: BTreeMap<String, CriteriaTemplate>,
    descriptors: BTreeMap<DescriptorId, Descriptor>,
}

impl Definitions {
    /// Reads them from the bytes of a bundle.
    ///
    /// # Errors
    /// Every definition that cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Vec<BundleProblem>> {
        check::definitions(&Files::from_bytes(bytes)?)
    }

    /// A kind of action.
    #[must_use]
    pub fn descriptor(&self, id: &DescriptorId) -> Option<&Descriptor> {
        self.descriptors.get(id)
    }

    /// What holds an action of this kind at these checkpoints, with the questions that its descriptor adds.
    #[must_use]
    pub fn requirement<'a>(
        &self,
        names: impl Iterator<Item = &'a CheckpointName>,
        descriptor: &Descriptor,
    ) -> Option<Requirement> {
        let each = names.map(|name| joined(&self.checkpoints, &self.criteria, name, descriptor));
        Requirement::new(each.collect::<Option<Vec<_>>>()?).ok()
    }
}

fn joined(
    checkpoints: &BTreeMap<CheckpointName, Checkpoint>,
    criteria: &BTreeMap<String, CriteriaTemplate>,
    name: &CheckpointName,
    descriptor: &Descriptor,
) -> Option<Checkpoint> {
    let mut checkpoint = checkpoints.get(name)?.clone();
    for template in &descriptor.criteria {
        for criterion in &criteria.get(template)?.criteria {
            if !checkpoint.criteria.contains(criterion) {
                checkpoint.criteria.push(criterion.clone());
            }
        }
    }
    Some(checkpoint)
}

impl core::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Bundle({} {} {})",
            self.header.name, self.header.version, self.hash
        )
    }
}
