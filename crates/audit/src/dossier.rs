//! The dossier of one request: every leaf about it, every correction of one of them, every link of the chain of trust before its last leaf, and the proof
//! of each under one tree head. One file; whoever has it needs nothing else but the root's hash.

mod glass;
mod read;
mod report;
mod text;

use gatehold_core::commit::LeafKind;
use gatehold_core::entry::{Entry, Event};
use gatehold_core::ids::{RequestId, TaskId};
use gatehold_ledger::{Leaf, ProofError, SignedTreeHead, leaf_hash, prove_inclusion};
use serde::{Deserialize, Serialize};

pub use glass::{BrokenGlass, LookShown};
pub use read::verify_dossier;
pub use report::{
    ActionShown, CheckpointShown, DossierReport, NOT_SHOWN, PolicyShown, RequesterShown,
    ReviewShown, Root, Step,
};

use crate::leaf::LedgerLeaf;
use crate::opened::{carries_trust, kind_of};

/// The `dossier` member.
pub const DOSSIER_TYPE: &str = "gatehold/dossier/v1";
/// Largest dossier read, in bytes.
pub const DOSSIER_BYTES_MAX: usize = 128 << 20;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dossier {
    /// `DOSSIER_TYPE`.
    pub dossier: String,
    /// Which request.
    pub request: RequestId,
    /// The signed tree head that all proofs lead to.
    pub tree_head: String,
    /// The leaves, in the order of the ledger.
    pub leaves: Vec<ProvenLeaf>,
}

/// A leaf with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenLeaf {
    /// The leaf, opened.
    pub leaf: LedgerLeaf,
    /// Its inclusion proof: hashes in base64, from its sibling to the root's child.
    pub proof: Vec<String>,
}

/// A dossier that cannot be made or read. What is wrong with one that can be read is in its report.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// No leaf is about the request.
    #[error("no leaf is about {0}; check the id")]
    NoSuchRequest(RequestId),
    /// The tree head does not cover the request.
    #[error(
        "the tree head covers {size} leaves and the request ends at leaf {last}; take a newer tree head"
    )]
    Uncovered {
        /// Leaves covered.
        size: u64,
        /// The request's last leaf.
        last: u64,
    },
    /// A proof cannot be made.
    #[error("leaf {leaf} cannot be proven: {error}; verify the ledger")]
    Proof {
        /// Which leaf.
        leaf: u64,
        /// Why.
        error: ProofError,
    },
    /// The file is longer than any dossier.
    #[error("the dossier has more than {DOSSIER_BYTES_MAX} bytes; ask the gate for it again")]
    TooLong,
    /// The file is not of its form.
    #[error("the dossier is not of its form: {0}; ask the gate for it again")]
    Form(String),
}

/// Collects a dossier from all leaves of a ledger, in order.
#[derive(Debug)]
pub struct DossierCollector {
    request: RequestId,
    task: Option<TaskId>,
    last: Option<u64>,
    hashes: Vec<gatehold_ledger::Hash>,
    kept: Vec<LedgerLeaf>,
    /// Beginnings and ends of tasks: one of them may turn out to be the request's.
    tasks: Vec<(TaskId, LedgerLeaf)>,
    /// Changes of the gate that are no links: one of them may have erased a part.
    erasures: Vec<LedgerLeaf>,
}

impl DossierCollector {
    /// Begins before the first leaf.
    #[must_use]
    pub const fn new(request: RequestId) -> Self {
        Self {
            request,
            task: None,
            last: None,
            hashes: Vec::new(),
            kept: Vec::new(),
            tasks: Vec::new(),
            erasures: Vec::new(),
        }
    }

    /// Looks at the next leaf.
    pub fn leaf(&mut self, leaf: &LedgerLeaf) {
        self.hashes.push(leaf_hash(&leaf.leaf));
        let kind = Leaf::from_bytes(&leaf.leaf).ok();
        let kind = kind.and_then(|leaf| kind_of(leaf.kind));
        let Ok(entry) = Entry::from_bytes(&leaf.record) else {
            return;
        };
        if entry.request == Some(self.request) {
            self.last = Some(leaf.index);
            self.task = self.task.or_else(|| task_of(leaf));
            self.kept.push(leaf.clone());
            return;
        }
        match (kind, &entry.event) {
            (
                _,
                Event::Corrected { of, .. }
                | Event::PostReviewed { of, .. }
                | Event::GlassOverdue { of, .. }
                | Event::Lease { of, .. },
            ) if *of == self.request => {
                self.last = self.last.map(|last| last.max(leaf.index));
                self.kept.push(leaf.clone());
            }
            (Some(kind), _) if carries_trust(kind) => self.kept.push(only_evidence(leaf)),
            (Some(LeafKind::Task), Event::Task { task, .. }) => {
                self.tasks.push((*task, leaf.clone()));
            }
            (_, Event::Trust { .. }) => self.erasures.push(only_evidence(leaf)),
            _ => {}
        }
    }

    /// The last leaf so far that is about the request.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Closes the set under a tree head.
    ///
    /// # Errors
    /// [`DossierError`] when there is no such request or the tree head does not cover it.
    pub fn finish(self, head: &SignedTreeHead) -> Result<Dossier, DossierError> {
        let last = self.last.ok_or(DossierError::NoSuchRequest(self.request))?;
        if last >= head.size() {
            return Err(DossierError::Uncovered {
                size: head.size(),
                last,
            });
        }
        let about = |leaf: &LedgerLeaf| {
            Entry::from_bytes(&leaf.record).is_ok_and(|entry| is_of(&entry, &self.request))
        };
        let mut leaves = self.kept;
        let erased_by: Vec<u64> = leaves
            .iter()
            .filter(|leaf| about(leaf))
            .flat_map(|leaf| leaf.attachments.iter().filter_map(|given| given.erased_by))
            .collect();
        // Links after the last leaf say nothing about it, and would only show who joined later.
        leaves.retain(|leaf| leaf.index <= last || erased_by.contains(&leaf.index));
        let task = self.task;
        let begun = self.tasks.into_iter();
        leaves.extend(
            begun
                .filter(|(id, leaf)| Some(*id) == task && leaf.index <= last)
                .map(|(_, leaf)| leaf),
        );
        let erasures = self.erasures.into_iter();
        leaves.extend(erasures.filter(|leaf| erased_by.contains(&leaf.index)));
        leaves.retain(|leaf| leaf.index < head.size());
        leaves.sort_by_key(|leaf| leaf.index);
        let proven = leaves.into_iter().map(|leaf| {
            let proof = prove_inclusion(&self.hashes[..], leaf.index, head.size());
            let proof = proof.map_err(|error| DossierError::Proof {
                leaf: leaf.index,
                error,
            })?;
            Ok(ProvenLeaf {
                proof: proof.iter().map(gatehold_ledger::Hash::to_base64).collect(),
                leaf,
            })
        });
        Ok(Dossier {
            dossier: DOSSIER_TYPE.to_owned(),
            request: self.request,
            tree_head: head.to_string(),
            leaves: proven.collect::<Result<_, DossierError>>()?,
        })
    }
}

impl Dossier {
    /// The file's bytes.
    ///
    /// # Errors
    /// Never for these types; serialisation says it can fail.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    /// Reads a file without believing it.
    ///
    /// # Errors
    /// [`DossierError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DossierError> {
        if bytes.len() > DOSSIER_BYTES_MAX {
            return Err(DossierError::TooLong);
        }
        let dossier: Self =
            serde_json::from_slice(bytes).map_err(|error| DossierError::Form(error.to_string()))?;
        if dossier.dossier != DOSSIER_TYPE {
            return Err(DossierError::Form(format!("it is no {DOSSIER_TYPE}")));
        }
        Ok(dossier)
    }
}

/// Whether a leaf is about a request, about what was handed out for it, or corrects one that is.
pub(crate) fn is_of(entry: &Entry, request: &RequestId) -> bool {
    let beside = matches!(
        &entry.event,
        Event::Corrected { of, .. }
            | Event::PostReviewed { of, .. }
            | Event::GlassOverdue { of, .. }
            | Event::Lease { of, .. } if of == request
    );
    entry.request == Some(*request) || beside
}

fn task_of(leaf: &LedgerLeaf) -> Option<TaskId> {
    let bytes = leaf.attachment("request")?;
    let asked: gatehold_core::request::record::Asked =
        gatehold_core::json::canonical::from_canonical_bytes(bytes).ok()?;
    asked.task
}

/// A link needs its evidence and nothing else of its request.
fn only_evidence(leaf: &LedgerLeaf) -> LedgerLeaf {
    let mut leaf = leaf.clone();
    leaf.attachments.retain(|given| given.name == "evidence");
    leaf
}
