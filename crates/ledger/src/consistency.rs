//! Consistency proofs (RFC 6962 section 2.1.2; verification as in RFC 9162 section 2.1.4.2): the newer tree begins with
//! every leaf of the older one. A proof from the empty tree proves nothing and is refused.

use std::ops::Range;

use crate::hash::{Hash, node_hash};
use crate::tree::{HashReader, ProofError, TREE_SIZE_MAX, halves, span_hash};

/// Makes the proof that the tree of `new_size` leaves extends the one of `old_size`.
///
/// # Errors
/// `old_size` is zero or larger than `new_size`, or a needed hash is not at hand.
pub fn prove_consistency(
    reader: &(impl HashReader + ?Sized),
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Hash>, ProofError> {
    consistency_spans(old_size, new_size)?
        .iter()
        .map(|span| span_hash(reader, span))
        .collect()
}

/// Checks that the tree (`new_size`, `new_root`) extends (`old_size`, `old_root`).
///
/// # Errors
/// It does not, or `proof` has another length than these sizes demand.
pub fn verify_consistency(
    old_size: u64,
    old_root: Hash,
    new_size: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_sizes(old_size, new_size)?;
    if old_size == new_size {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(ProofError::RootDiffers),
            _ => Err(ProofError::WrongLength),
        };
    }
    // A complete older tree is itself a node of the newer one, and the proof leaves it out.
    let (start, rest) = match proof {
        rest if old_size.is_power_of_two() => (old_root, rest),
        [start, rest @ ..] => (*start, rest),
        [] => return Err(ProofError::WrongLength),
    };
    let inside = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> inside, (new_size - 1) >> inside);
    let (mut old_hash, mut new_hash) = (start, start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(*sibling, old_hash);
            new_hash = node_hash(*sibling, new_hash);
            let carried = node.trailing_zeros();
            (node, last) = (node >> carried, last >> carried);
        } else {
            new_hash = node_hash(new_hash, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if (old_hash, new_hash) == (old_root, new_root) {
        Ok(())
    } else {
        Err(ProofError::RootDiffers)
    }
}

/// The spans whose hashes make up the proof, deepest first.
pub(crate) fn consistency_spans(
    old_size: u64,
    new_size: u64,
) -> Result<Vec<Range<u64>>, ProofError> {
    check_sizes(old_size, new_size)?;
    let mut spans = Vec::new();
    let mut inside = 0..new_size;
    while inside.end != old_size {
        let (left, right) = halves(&inside);
        let (sibling, next) = if old_size <= left.end {
            (right, left)
        } else {
            (left, right)
        };
        spans.push(sibling);
        inside = next;
    }
    // The verifier knows the older root; it needs the remaining piece only when that is not the whole older tree.
    if inside.start != 0 {
        spans.push(inside);
    }
    spans.reverse();
    Ok(spans)
}

fn check_sizes(old_size: u64, new_size: u64) -> Result<(), ProofError> {
    let in_range = (1..=new_size).contains(&old_size) && new_size <= TREE_SIZE_MAX;
    if in_range {
        Ok(())
    } else {
        Err(ProofError::OutOfRange)
    }
}
