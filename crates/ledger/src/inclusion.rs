//! Inclusion proofs (RFC 6962 section 2.1.1; verification as in RFC 9162 section 2.1.3.2): this leaf hash stands at this
//! index of the tree with this root. Must never take the leaf hash from the one who brings the proof.

use std::ops::Range;

use crate::hash::{Hash, node_hash};
use crate::tree::{HashReader, ProofError, TREE_SIZE_MAX, halves, span_hash};

/// Makes the proof that leaf `index` is in the tree of `size` leaves.
///
/// # Errors
/// The index is outside the tree, or a needed hash is not at hand.
pub fn prove_inclusion(
    reader: &(impl HashReader + ?Sized),
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError> {
    inclusion_spans(index, size)?
        .iter()
        .map(|span| span_hash(reader, span))
        .collect()
}

/// Checks that `leaf` stands at `index` in the tree of `size` leaves whose root is `root`.
///
/// # Errors
/// It does not, or `proof` has another length than these numbers demand.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size || size > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(*sibling, hash);
            // The right edge is carried up unchanged through the levels where it has no sibling. It is not node 0
            // here, or `last` would be 0 as well.
            let carried = node.trailing_zeros();
            (node, last) = (node >> carried, last >> carried);
        } else {
            hash = node_hash(hash, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if hash == root {
        Ok(())
    } else {
        Err(ProofError::RootDiffers)
    }
}

/// The spans whose hashes make up the proof, from the leaf's sibling to the root's child.
pub(crate) fn inclusion_spans(index: u64, size: u64) -> Result<Vec<Range<u64>>, ProofError> {
    if index >= size || size > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let mut spans = Vec::new();
    let mut inside = 0..size;
    while inside.end - inside.start > 1 {
        let (left, right) = halves(&inside);
        let (sibling, next) = if index < left.end {
            (right, left)
        } else {
            (left, right)
        };
        spans.push(sibling);
        inside = next;
    }
    spans.reverse();
    Ok(spans)
}
