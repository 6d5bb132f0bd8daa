//! The ledger only grows: every head that was ever shown is a prefix of every later one.

use gatehold_ledger::{Hash, prove_consistency, verify_consistency};

use super::{Checked, Oracle, holds};
use crate::simulator::shelf::Shelf;

/// Up to so many leaves, every new head is checked; from then on, every so many.
const LEAVES_WALKED_EACH_TIME: u64 = 4_096;

impl Oracle {
    // INVARIANT(tree-heads-consistent): checked with the ledger's own proofs, against an earlier head each time.
    pub(super) fn new_head(&mut self, shelf: &Shelf) -> Checked {
        let (hashes, root) = shelf.tree();
        let size = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        // A check walks all leaves: in a long story only every so many leaves are one.
        if size > LEAVES_WALKED_EACH_TIME && !size.is_multiple_of(LEAVES_WALKED_EACH_TIME) {
            return Ok(());
        }
        let earlier = usize::try_from(size.wrapping_mul(7) / 11).unwrap_or(0);
        if let Some((old, old_root)) = self
            .heads
            .get(earlier.min(self.heads.len().saturating_sub(1)))
        {
            holds(
                extends(hashes, *old, *old_root, size, root),
                "tree-heads-consistent",
                || format!("the head at {size} does not extend the one at {old}"),
            )?;
        }
        self.heads.push((size, root));
        Ok(())
    }
}

fn extends(hashes: &[Hash], old: u64, old_root: Hash, size: u64, root: Hash) -> bool {
    prove_consistency(hashes, old, size)
        .is_ok_and(|proof| verify_consistency(old, old_root, size, root, &proof).is_ok())
}
