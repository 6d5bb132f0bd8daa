//! Tiles held in memory, and which of them a proof needs. Whoever keeps tiles on disk, in a database or behind HTTP asks
//! what is needed, loads that, and makes the proof from the set; nothing here waits for anything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::consistency::consistency_spans;
use crate::frontier::Frontier;
use crate::hash::Hash;
use crate::inclusion::inclusion_spans;
use crate::tile::{TILE_WIDTH, TileId};
use crate::tree::{HashReader, Node, ProofError, TREE_SIZE_MAX, span_nodes};

/// Some tiles of one log. Their hashes are claims until a proof made from them leads to a known root.
#[derive(Clone, Debug, Default)]
pub struct TileSet {
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

/// The tiles needed to prove leaf `index` in the tree of `size` leaves.
///
/// # Errors
/// The index is outside the tree.
pub fn tiles_for_inclusion(index: u64, size: u64) -> Result<BTreeSet<TileId>, ProofError> {
    Ok(tiles_for(&inclusion_spans(index, size)?, size))
}

/// The tiles needed to prove that the tree of `new_size` leaves extends that of `old_size`.
///
/// # Errors
/// `old_size` is zero or larger than `new_size`.
pub fn tiles_for_consistency(old_size: u64, new_size: u64) -> Result<BTreeSet<TileId>, ProofError> {
    Ok(tiles_for(&consistency_spans(old_size, new_size)?, new_size))
}

/// The tiles needed for the root of the first `old_size` leaves, in a log of `size` leaves. With `old_size` = `size`
/// these are its partial tiles.
///
/// # Errors
/// `old_size` is larger than `size`.
pub fn tiles_for_root(old_size: u64, size: u64) -> Result<BTreeSet<TileId>, ProofError> {
    if old_size > size || size > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let whole = 0..old_size;
    Ok(tiles_for(&[whole], size))
}

impl TileSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tile from its served bytes. Of two tiles with the same place the wider one stays.
    ///
    /// # Errors
    /// `bytes` is not `id.width` hashes long.
    pub fn insert(&mut self, id: TileId, bytes: &[u8]) -> Result<(), TileError> {
        let (hashes, tail) = bytes.as_chunks::<32>();
        if !tail.is_empty()
            || hashes.len() != usize::from(id.width)
            || !(1..=TILE_WIDTH).contains(&id.width)
        {
            return Err(TileError::Length);
        }
        let held = self.tiles.entry((id.level, id.index)).or_default();
        if held.len() < hashes.len() {
            *held = hashes.iter().copied().map(Hash).collect();
        }
        Ok(())
    }

    /// The first `id.width` hashes of a tile, if they are here.
    #[must_use]
    pub fn get(&self, id: TileId) -> Option<&[Hash]> {
        self.tiles
            .get(&(id.level, id.index))?
            .get(..id.width.into())
    }
}

impl HashReader for TileSet {
    fn hash(&self, node: Node) -> Option<Hash> {
        let (level, index, within) = place(node)?;
        Some(Frontier::over(self.tiles.get(&(level, index))?.get(within)?).root())
    }
}

fn tiles_for(spans: &[Range<u64>], size: u64) -> BTreeSet<TileId> {
    let nodes = spans.iter().flat_map(span_nodes);
    nodes
        .filter_map(|node| place(node).and_then(|(level, index, _)| TileId::of(level, index, size)))
        .collect()
}

/// The tile that holds a node: its level, its index, and the hashes in it that the node is over.
fn place(node: Node) -> Option<(u8, u64, Range<usize>)> {
    let (level, height) = (node.level / 8, node.level % 8);
    let first = node.index.checked_mul(1 << height)?;
    let begin = usize::try_from(first % u64::from(TILE_WIDTH)).ok()?;
    Some((
        level,
        first / u64::from(TILE_WIDTH),
        begin..begin + (1 << height),
    ))
}

/// The bytes are not the tile they are said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not 32 bytes for each hash of the width.
    #[error("tile does not have the length its path says; fetch or rebuild it")]
    Length,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wider_tile_stays() {
        let mut tiles = TileSet::new();
        let id = |width| TileId {
            level: 0,
            index: 0,
            width,
        };
        tiles.insert(id(2), &[1; 64]).unwrap();
        tiles.insert(id(1), &[2; 32]).unwrap();
        assert_eq!(tiles.get(id(1)), Some(&[Hash([1; 32])][..]));
        assert_eq!(tiles.get(id(3)), None);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let mut tiles = TileSet::new();
        for (width, length) in [(0, 0), (1, 31), (1, 64), (2, 32), (257, 257 * 32)] {
            let id = TileId {
                level: 0,
                index: 0,
                width,
            };
            assert_eq!(
                tiles.insert(id, &vec![0; length]),
                Err(TileError::Length),
                "{width} {length}"
            );
        }
    }

    #[test]
    fn a_proof_needs_few_tiles() {
        assert_eq!(tiles_for_inclusion(5, 70_000).unwrap().len(), 4);
        assert_eq!(tiles_for_root(70_000, 70_000).unwrap().len(), 3);
        assert!(tiles_for_root(0, 10).unwrap().is_empty());
    }
}
