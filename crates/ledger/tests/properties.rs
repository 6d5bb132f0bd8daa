//! Random trees: every proof verifies, every change of one fails, the frontier and the tiles agree with a tree computed
//! from its definition.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use gatehold_ledger::{
    Frontier, Hash, HashReader, ProofError, TileBuilder, TileId, TilePath, TileSet, empty_root,
    leaf_hash, node_hash, prove_consistency, prove_inclusion, root_at, tiles_for_consistency,
    tiles_for_inclusion, tiles_for_root, tiles_of, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #[test]
    fn inclusion_proofs_verify_and_no_changed_one_does(tree in tree(600), index: Index, change: Change) {
        let (index, size) = (index.index(tree.len()), tree.len() as u64);
        let root = definition(&tree);
        let proof = prove_inclusion(&tree[..], index as u64, size).unwrap();
        let verify = |leaf, index, proof: &[Hash], root| verify_inclusion(leaf, index as u64, size, proof, root);
        prop_assert_eq!(verify(tree[index], index, &proof, root), Ok(()));

        prop_assert!(verify(change.hash(tree[index]), index, &proof, root).is_err());
        prop_assert!(verify(tree[index], index, &proof, change.hash(root)).is_err());
        prop_assert!(verify(tree[index], change.other(index, tree.len()), &proof, root).is_err() || tree.len() == 1);
        for changed in change.of_proof(&proof) {
            prop_assert!(verify(tree[index], index, &changed, root).is_err());
        }
    }

    #[test]
    fn consistency_proofs_verify_and_no_changed_one_does(tree in tree(600), older: Index, change: Change) {
        let (old, new) = (older.index(tree.len()) + 1, tree.len());
        let (old_root, new_root) = (definition(&tree[..old]), definition(&tree));
        let proof = prove_consistency(&tree[..], old as u64, new as u64).unwrap();
        let verify = |old_root, new_root, proof: &[Hash]| {
            verify_consistency(old as u64, old_root, new as u64, new_root, proof)
        };
        prop_assert_eq!(verify(old_root, new_root, &proof), Ok(()));

        prop_assert!(verify(change.hash(old_root), new_root, &proof).is_err());
        prop_assert!(verify(old_root, change.hash(new_root), &proof).is_err());
        for changed in change.of_proof(&proof) {
            prop_assert!(verify(old_root, new_root, &changed).is_err());
        }
    }

    #[test]
    fn the_frontier_is_the_tree(tree in tree(300), stop: Index) {
        let stop = stop.index(tree.len() + 1);
        let half = Frontier::over(&tree[..stop]);
        prop_assert_eq!(half.root(), definition(&tree[..stop]));
        let mut resumed = Frontier::from_bytes(&half.to_bytes()).unwrap();
        for (index, hash) in tree.iter().enumerate().skip(stop) {
            prop_assert_eq!(resumed.push(*hash), Ok(index as u64));
        }
        prop_assert_eq!(resumed.root(), definition(&tree));
        prop_assert_eq!(&resumed, &Frontier::over(&tree));
    }

    #[test]
    fn any_damaged_frontier_is_refused_or_has_another_root(tree in tree(300), byte: Index, change: Change) {
        let frontier = Frontier::over(&tree);
        let mut bytes = frontier.to_bytes();
        let byte = byte.index(bytes.len());
        bytes[byte] ^= 1 << change.bit;
        let same = |read: Frontier| (read.size(), read.root()) == (frontier.size(), frontier.root());
        prop_assert!(!Frontier::from_bytes(&bytes).is_ok_and(same));
    }

    #[test]
    fn tile_paths_round_trip(level in 0u8..7, index in 0u64..1 << 7, shift in 0u32..48, width in 1u16..=256) {
        let Some(largest) = TileId::of(level, index << shift, i64::MAX as u64) else { return Ok(()) };
        let id = TileId { width: width.min(largest.width), ..largest };
        prop_assert_eq!(TilePath::parse(&id.path()), Ok(TilePath::Hashes(id)));
        if level == 0 {
            let entries = TilePath::Entries { index: id.index, width: id.width };
            prop_assert_eq!(TilePath::parse(&id.entries_path()), Ok(entries));
        }
    }

    #[test]
    fn tiles_give_the_same_tree(tree in tree(1500), stop: Index, index: Index) {
        let stop = stop.index(tree.len()) + 1;
        let size = tree.len() as u64;
        let mut tiles = TileSet::new();
        let mut builder = TileBuilder::new();
        extend(&mut builder, &mut tiles, &tree[..stop]);
        prop_assert_eq!(builder.size(), stop as u64);

        // Resuming from what was stored continues as if nothing had happened.
        let needed = TileBuilder::needed_to_resume(stop as u64);
        let stored = only(&tiles, needed);
        let mut resumed = TileBuilder::resume(stop as u64, definition(&tree[..stop]), &stored).unwrap();
        prop_assert_eq!(&resumed, &builder);
        extend(&mut resumed, &mut tiles, &tree[stop..]);
        prop_assert!(tiles_of(size).all(|id| tiles.get(id).is_some()));

        // Each proof comes out of exactly the tiles it was said to need, and is the one the list gives.
        let index = index.index(tree.len()) as u64;
        let for_inclusion = only(&tiles, tiles_for_inclusion(index, size).unwrap());
        prop_assert_eq!(prove_inclusion(&for_inclusion, index, size), prove_inclusion(&tree[..], index, size));
        let for_consistency = only(&tiles, tiles_for_consistency(stop as u64, size).unwrap());
        prop_assert_eq!(
            prove_consistency(&for_consistency, stop as u64, size),
            prove_consistency(&tree[..], stop as u64, size)
        );
        let for_root = only(&tiles, tiles_for_root(stop as u64, size).unwrap());
        prop_assert_eq!(root_at(&for_root, stop as u64), Ok(definition(&tree[..stop])));
    }
}

/// Large enough for a tile of level 2.
#[test]
fn seventy_thousand_leaves() {
    let tree: Vec<_> = (0u32..70_000)
        .map(|number| leaf_hash(&number.to_be_bytes()))
        .collect();
    let root = Frontier::over(&tree).root();
    let mut tiles = TileSet::new();
    extend(&mut TileBuilder::new(), &mut tiles, &tree);
    assert!(tiles_of(70_000).all(|id| tiles.get(id).is_some()));
    assert_eq!(root_at(&tiles, 70_000), Ok(root));
    for leaf in [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let index = leaf as u64;
        let needed = only(&tiles, tiles_for_inclusion(index, 70_000).unwrap());
        let proof = prove_inclusion(&needed, index, 70_000).unwrap();
        assert_eq!(
            verify_inclusion(tree[leaf], index, 70_000, &proof, root),
            Ok(()),
            "{index}"
        );
    }
}

#[test]
fn a_missing_or_wrong_tile_is_noticed() {
    let tree: Vec<_> = (0u32..300)
        .map(|number| leaf_hash(&number.to_be_bytes()))
        .collect();
    let empty = TileSet::new();
    assert_eq!(
        prove_inclusion(&empty, 3, 300),
        Err(ProofError::Missing { level: 0, index: 2 })
    );
    assert!(TileBuilder::resume(300, definition(&tree), &empty).is_err());
    let mut tiles = TileSet::new();
    let mut builder = TileBuilder::new();
    extend(&mut builder, &mut tiles, &tree);
    assert_eq!(
        TileBuilder::resume(300, definition(&tree[..299]), &tiles),
        Err(ProofError::RootDiffers)
    );
    assert_eq!(
        TileBuilder::resume(0, empty_root(), &empty),
        Ok(TileBuilder::new())
    );
}

#[test]
fn proofs_outside_the_tree_are_refused() {
    let tree = [leaf_hash(b""); 3];
    assert_eq!(
        prove_inclusion(&tree[..], 3, 3),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(
        prove_inclusion(&tree[..], 0, 0),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(
        prove_consistency(&tree[..], 0, 3),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(
        prove_consistency(&tree[..], 4, 3),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(tiles_for_root(4, 3), Err(ProofError::OutOfRange));
    assert_eq!(
        tree.hash(gatehold_ledger::Node {
            level: 63,
            index: u64::MAX
        }),
        None
    );
    assert_eq!(
        verify_inclusion(tree[0], 0, u64::MAX, &[], tree[0]),
        Err(ProofError::OutOfRange)
    );
    assert_eq!(root_at(&tree[..], 0), Ok(empty_root()));
}

/// The Merkle tree hash as RFC 6962 section 2.1 defines it.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(definition(left), definition(right))
        }
    }
}

fn extend(builder: &mut TileBuilder, tiles: &mut TileSet, leaves: &[Hash]) {
    for leaf in leaves {
        for tile in builder.push(*leaf).unwrap() {
            tiles.insert(tile.id, &tile.to_bytes()).unwrap();
        }
    }
    for tile in builder.partial_tiles() {
        tiles.insert(tile.id, &tile.to_bytes()).unwrap();
    }
}

fn only(tiles: &TileSet, ids: impl IntoIterator<Item = TileId>) -> TileSet {
    let mut some = TileSet::new();
    for id in ids {
        let bytes: Vec<u8> = tiles
            .get(id)
            .unwrap()
            .iter()
            .flat_map(|hash| hash.0)
            .collect();
        some.insert(id, &bytes).unwrap();
    }
    some
}

/// Leaf hashes, all different.
fn tree(size_max: usize) -> impl Strategy<Value = Vec<Hash>> {
    (1..=size_max, any::<u64>()).prop_map(|(size, seed)| {
        (0..size as u64)
            .map(|number| leaf_hash(&[seed.to_be_bytes(), number.to_be_bytes()].concat()))
            .collect()
    })
}

#[derive(Clone, Copy, Debug)]
struct Change {
    position: usize,
    bit: u32,
}

impl Arbitrary for Change {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        (any::<usize>(), 0u32..8)
            .prop_map(|(position, bit)| Self { position, bit })
            .boxed()
    }
}

impl Change {
    fn hash(self, hash: Hash) -> Hash {
        let mut changed = hash;
        changed.0[self.position % 32] ^= 1 << self.bit;
        changed
    }

    /// Another number below `limit`.
    fn other(self, number: usize, limit: usize) -> usize {
        (number + 1 + self.position % (limit - 1).max(1)) % limit
    }

    /// Proofs with one hash changed, added in front, added at the end, taken away, or two neighbours swapped.
    fn of_proof(self, proof: &[Hash]) -> Vec<Vec<Hash>> {
        let longer = [&[Hash([7; 32])], proof].concat();
        let later = [proof, &[Hash([7; 32])]].concat();
        let mut changed = vec![longer, later];
        if !proof.is_empty() {
            let at = self.position % proof.len();
            let mut flipped = proof.to_vec();
            flipped[at] = self.hash(flipped[at]);
            let mut shorter = proof.to_vec();
            shorter.remove(at);
            changed.extend([flipped, shorter]);
            if proof.len() > 1 {
                let mut swapped = proof.to_vec();
                swapped.swap(at, (at + 1) % proof.len());
                changed.push(swapped);
            }
        }
        changed
    }
}
