//! Verifies a whole log: every leaf, in order, against every tree head and anchor known. Names the first place where they
//! part. Must never report a log as good when there was nothing to compare it with.

use std::collections::BTreeMap;
use std::fmt;

use crate::anchor::Anchor;
use crate::frontier::Frontier;
use crate::hash::{Hash, empty_root};
use crate::leaf::Leaf;
use crate::tree_head::SignedTreeHead;

/// Verifies `leaves` (their 35 bytes each, from the first) against signed tree heads and anchors.
///
/// # Errors
/// The first fault found, see [`LogFault`].
pub fn verify_log<E: AsRef<[u8]>>(
    leaves: impl IntoIterator<Item = E>,
    heads: &[SignedTreeHead],
    anchors: &[Anchor],
) -> Result<VerifiedLog, LogFault> {
    let mut verifier = LogVerifier::new(heads, anchors)?;
    leaves
        .into_iter()
        .try_for_each(|leaf| verifier.leaf(leaf.as_ref()))?;
    verifier.finish()
}

/// The same, leaf by leaf, for who reads the leaves from somewhere that can fail or wait.
#[derive(Clone, Debug)]
pub struct LogVerifier<'a> {
    /// The root each tree head and anchor names, by size.
    expected: BTreeMap<u64, (Hash, Reference)>,
    /// Leaf hashes that lead to an expected root, so that a leaf can be compared alone.
    known_leaves: &'a [Hash],
    frontier: Frontier,
    /// The largest size at which a root agreed.
    agreed: u64,
    fault: Option<LogFault>,
}

/// A log all of whose leaves up to `covered` lead to every tree head and anchor it was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedLog {
    /// Leaves read.
    pub size: u64,
    /// Root of all of them.
    pub root: Hash,
    /// Size of the newest tree head or anchor. Leaves from here on are vouched for by nobody yet.
    pub covered: u64,
}

impl<'a> LogVerifier<'a> {
    /// Begins before the first leaf.
    ///
    /// # Errors
    /// Nothing to compare with, heads of several logs, or two different roots for one size.
    pub fn new(heads: &[SignedTreeHead], anchors: &[Anchor]) -> Result<Self, LogFault> {
        if heads
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.head().origin != b.head().origin))
        {
            return Err(LogFault::SeveralLogs);
        }
        let from_heads = heads
            .iter()
            .map(|head| (head.size(), head.root(), Reference::TreeHead));
        let from_anchors = anchors
            .iter()
            .map(|anchor| (anchor.size, anchor.root, Reference::Anchor));
        let mut expected = BTreeMap::new();
        for (size, root, reference) in from_heads.chain(from_anchors) {
            let (first, _) = *expected.entry(size).or_insert((root, reference));
            if first != root {
                return Err(LogFault::Fork {
                    size,
                    one: first,
                    other: root,
                });
            }
        }
        if expected.is_empty() {
            return Err(LogFault::NothingToCompare);
        }
        let verifier = Self {
            expected,
            known_leaves: &[],
            frontier: Frontier::new(),
            agreed: 0,
            fault: None,
        };
        verifier.compare_root(0, empty_root())?;
        Ok(verifier)
    }

    /// Adds the leaf hashes of the tiles of level 0, from the first. They are used only as far as they lead to an
    /// expected root themselves; then a fault names the leaf instead of a range.
    #[must_use]
    pub fn with_leaf_hashes(mut self, hashes: &'a [Hash]) -> Self {
        let mut tree = Frontier::new();
        let mut proven = 0;
        for hash in hashes {
            if tree.push(*hash).is_err() {
                break;
            }
            if self.expected.contains_key(&tree.size()) {
                if self.compare_root(tree.size(), tree.root()).is_err() {
                    break;
                }
                proven = tree.size();
            }
        }
        let proven = usize::try_from(proven).unwrap_or(usize::MAX);
        self.known_leaves = hashes.get(..proven).unwrap_or_default();
        self
    }

    /// Reads the next leaf.
    ///
    /// # Errors
    /// The fault found here or before.
    pub fn leaf(&mut self, bytes: &[u8]) -> Result<(), LogFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.next(bytes)
            .inspect_err(|fault| self.fault = Some(*fault))
    }

    /// Ends after the last leaf.
    ///
    /// # Errors
    /// The fault found before, or leaves that a tree head or anchor covers are missing.
    pub fn finish(self) -> Result<VerifiedLog, LogFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (size, covered) = (self.frontier.size(), self.covered());
        if size < covered {
            return Err(LogFault::TailMissing { size, covered });
        }
        Ok(VerifiedLog {
            size,
            root: self.frontier.root(),
            covered,
        })
    }

    fn next(&mut self, bytes: &[u8]) -> Result<(), LogFault> {
        let index = self.frontier.size();
        let hash = Leaf::from_bytes(bytes)
            .map_err(|_| LogFault::MalformedLeaf { index })?
            .hash();
        let known = usize::try_from(index)
            .ok()
            .and_then(|index| self.known_leaves.get(index));
        if known.is_some_and(|known| *known != hash) {
            let belongs_at = self.known_leaves.iter().position(|known| *known == hash);
            return Err(LogFault::LeafDiffers {
                index,
                belongs_at: belongs_at.map(|index| index as u64),
            });
        }
        self.frontier.push(hash).map_err(|_| LogFault::TooLong)?;
        let size = self.frontier.size();
        if self.expected.contains_key(&size) {
            self.compare_root(size, self.frontier.root())?;
            self.agreed = size;
        }
        Ok(())
    }

    fn compare_root(&self, size: u64, found: Hash) -> Result<(), LogFault> {
        match self.expected.get(&size) {
            Some((root, reference)) if *root != found => Err(LogFault::RootDiffers {
                agreed: self.agreed,
                size,
                reference: *reference,
            }),
            _ => Ok(()),
        }
    }

    fn covered(&self) -> u64 {
        self.expected.keys().next_back().copied().unwrap_or(0)
    }
}

/// What a log was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A signed tree head.
    TreeHead,
    /// An anchor.
    Anchor,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TreeHead => "tree head",
            Self::Anchor => "anchor",
        })
    }
}

/// The first thing found wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogFault {
    /// Neither tree head nor anchor.
    #[error(
        "there is no tree head and no anchor to compare the leaves with; bring one from outside the database"
    )]
    NothingToCompare,
    /// Tree heads of more than one log.
    #[error("tree heads are of several logs; verify each log against its own")]
    SeveralLogs,
    /// Two roots for one size: the log told two histories.
    #[error(
        "two roots are vouched for at {size} leaves, {one} and {other}: the log forked; keep both as evidence"
    )]
    Fork {
        /// The size.
        size: u64,
        /// The first root.
        one: Hash,
        /// The other one.
        other: Hash,
    },
    /// An entry is no leaf of ours.
    #[error(
        "leaf {index} is not 35 bytes of version 1: it was damaged; restore it and verify again"
    )]
    MalformedLeaf {
        /// Its index.
        index: u64,
    },
    /// A leaf is not the one whose hash leads to a known root.
    #[error(
        "leaf {index} is not the one that was logged{}: it was changed or moved; restore it and verify again",
        belongs_at.map(|at| format!(", it belongs at {at}")).unwrap_or_default()
    )]
    LeafDiffers {
        /// Its index.
        index: u64,
        /// Where the leaf found there belongs, if it was logged at all.
        belongs_at: Option<u64>,
    },
    /// The leaves lead to another root.
    #[error(
        "leaves lead to another root than the {reference} at {size}: one from {agreed} on was changed, moved, put in or \
         taken out; compare with the tiles to find it"
    )]
    RootDiffers {
        /// Up to here everything agreed.
        agreed: u64,
        /// The size at which it no longer did.
        size: u64,
        /// What was compared there.
        reference: Reference,
    },
    /// Leaves that were vouched for are missing.
    #[error(
        "the log ends at {size} leaves and {covered} are vouched for: the tail was cut; restore the newer database"
    )]
    TailMissing {
        /// Leaves found.
        size: u64,
        /// Leaves the newest tree head or anchor covers.
        covered: u64,
    },
    /// More leaves than any log can hold.
    #[error("log has more leaves than any log can hold; check what is being read")]
    TooLong,
}
