//! Builds tiles from leaf hashes, one leaf after the other. From nothing it rebuilds a whole log; resumed from the partial
//! tiles of a size it continues there. Tiles are derived: they hold no authority and may be thrown away.

use std::mem;

use crate::frontier::Frontier;
use crate::hash::Hash;
use crate::tile::{TILE_LEVELS, TILE_WIDTH, TileId, open_tiles};
use crate::tile_set::TileSet;
use crate::tree::{ProofError, TREE_SIZE_MAX, root_at};

/// One tile and its hashes, `id.width` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Where the tile stands.
    pub id: TileId,
    /// Its hashes, left to right.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// The bytes served at the tile's path.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }
}

/// A log's tiles in the making: the open tile of every level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileBuilder {
    size: u64,
    open: [Vec<Hash>; TILE_LEVELS.len()],
}

impl TileBuilder {
    /// Begins with the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The partial tiles [`TileBuilder::resume`] needs to continue at `size`.
    #[must_use]
    pub fn needed_to_resume(size: u64) -> Vec<TileId> {
        open_tiles(size).into_iter().flatten().collect()
    }

    /// Continues at `size`, from tiles that were stored, if they lead to `root`.
    ///
    /// # Errors
    /// A partial tile is missing or the tiles lead to another root: rebuild from the leaves.
    pub fn resume(size: u64, root: Hash, stored: &TileSet) -> Result<Self, ProofError> {
        if root_at(stored, size)? != root {
            return Err(ProofError::RootDiffers);
        }
        let hashes = |id: Option<TileId>| {
            id.and_then(|id| stored.get(id))
                .unwrap_or_default()
                .to_vec()
        };
        Ok(Self {
            size,
            open: open_tiles(size).map(hashes),
        })
    }

    /// Number of leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf hash. Returns the tiles it filled, lowest level first: mostly none.
    ///
    /// # Errors
    /// The tree holds [`TREE_SIZE_MAX`] leaves.
    pub fn push(&mut self, leaf: Hash) -> Result<Vec<Tile>, ProofError> {
        if self.size >= TREE_SIZE_MAX {
            return Err(ProofError::OutOfRange);
        }
        let mut filled = Vec::new();
        let mut carried = leaf;
        for (level, open) in TILE_LEVELS.into_iter().zip(&mut self.open) {
            open.push(carried);
            if open.len() < TILE_WIDTH.into() {
                break;
            }
            let hashes = mem::take(open);
            carried = Frontier::over(&hashes).root();
            let index = self.size >> (8 * (level + 1));
            filled.push(Tile {
                id: TileId {
                    level,
                    index,
                    width: TILE_WIDTH,
                },
                hashes,
            });
        }
        self.size += 1;
        Ok(filled)
    }

    /// The partial tiles at the present size, to be written when a tree head is signed for it.
    #[must_use]
    pub fn partial_tiles(&self) -> Vec<Tile> {
        let ids = open_tiles(self.size).into_iter();
        let tiles = ids.zip(&self.open).map(|(id, open)| {
            Some(Tile {
                id: id?,
                hashes: open.clone(),
            })
        });
        tiles.flatten().collect()
    }
}
