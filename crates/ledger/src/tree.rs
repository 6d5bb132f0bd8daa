//! The shape of an RFC 6962 tree: which complete subtrees make up a span of leaves, and how to read their hashes. Reading
//! is a lookup in memory; who keeps tiles elsewhere loads them first (see [`crate::tiles_for_inclusion`]).

use std::ops::Range;

use crate::frontier::Frontier;
use crate::hash::{Hash, empty_root, node_hash};

/// Largest tree, as other implementations count leaves in a signed 64-bit integer.
pub const TREE_SIZE_MAX: u64 = i64::MAX as u64;

/// A complete subtree: number `index` among those of `2^level` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height; 0 is a leaf.
    pub level: u8,
    /// Position from the left among nodes of that height.
    pub index: u64,
}

/// Hashes of complete subtrees, from tiles or from a list of leaf hashes.
pub trait HashReader {
    /// The hash of `node`, or `None` when it is not at hand.
    fn hash(&self, node: Node) -> Option<Hash>;
}

/// All leaf hashes of a log, in order.
impl HashReader for [Hash] {
    fn hash(&self, node: Node) -> Option<Hash> {
        let leaves = node.leaves()?;
        let begin = usize::try_from(leaves.start).ok()?;
        let end = usize::try_from(leaves.end).ok()?;
        Some(Frontier::over(self.get(begin..end)?).root())
    }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// A needed hash is not at hand.
pub fn root_at(reader: &(impl HashReader + ?Sized), size: u64) -> Result<Hash, ProofError> {
    if size == 0 {
        Ok(empty_root())
    } else {
        span_hash(reader, &(0..size))
    }
}

impl Node {
    /// The leaves under this node.
    fn leaves(self) -> Option<Range<u64>> {
        let width = 1u64.checked_shl(self.level.into())?;
        let begin = self.index.checked_mul(width)?;
        Some(begin..begin.checked_add(width)?)
    }
}

/// The complete subtrees that make up `span`, left to right. A span of this crate starts where a subtree at least as
/// large as itself could start, so each next piece is smaller and aligned.
pub(crate) fn span_nodes(span: &Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut begin = span.start;
    for level in (0..=62u8).rev() {
        if (span.end - begin) >> level == 1 {
            nodes.push(Node {
                level,
                index: begin >> level,
            });
            begin += 1 << level;
        }
    }
    nodes
}

/// The RFC 6962 hash of the leaves in `span`.
pub(crate) fn span_hash(
    reader: &(impl HashReader + ?Sized),
    span: &Range<u64>,
) -> Result<Hash, ProofError> {
    let mut right = None;
    for node in span_nodes(span).into_iter().rev() {
        let left = reader.hash(node).ok_or(ProofError::Missing {
            level: node.level,
            index: node.index,
        })?;
        right = Some(right.map_or(left, |right| node_hash(left, right)));
    }
    right.ok_or(ProofError::OutOfRange)
}

/// Splits a span of at least two leaves where RFC 6962 does: at the largest power of two smaller than its length.
pub(crate) fn halves(span: &Range<u64>) -> (Range<u64>, Range<u64>) {
    let level = (span.end - span.start)
        .saturating_sub(1)
        .checked_ilog2()
        .unwrap_or(0);
    let middle = span.start + (1 << level);
    (span.start..middle, middle..span.end)
}

/// Why a proof could not be made or does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree is not inside the tree, or a size is zero or above [`TREE_SIZE_MAX`].
    #[error(
        "index or size is outside the tree; ask for a proof at a tree head that covers the leaf"
    )]
    OutOfRange,
    /// A hash needed for the proof is not at hand.
    #[error(
        "hash of node {index} at level {level} is missing; load or rebuild the tile that holds it"
    )]
    Missing {
        /// Height of the missing node.
        level: u8,
        /// Its position at that height.
        index: u64,
    },
    /// Too few or too many hashes for these sizes.
    #[error("proof has the wrong number of hashes; ask the log for the proof again")]
    WrongLength,
    /// The proof leads to another root.
    #[error(
        "proof leads to another root; do not rely on this log until the difference is explained"
    )]
    RootDiffers,
}
