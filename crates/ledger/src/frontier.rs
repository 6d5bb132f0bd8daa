//! The right edge of the tree: the roots of its complete subtrees, enough to append and to know the root, at most 63
//! hashes. A store keeps it in its head row. A frontier read back is a claim until its root has been compared.

use crate::hash::{Hash, empty_root, node_hash};
use crate::tree::TREE_SIZE_MAX;

const VERSION: u8 = 0x01;

/// An append-only tree without its inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest (leftmost) first: one per bit set in `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree over `leaves`, given as leaf hashes.
    #[must_use]
    pub fn over(leaves: &[Hash]) -> Self {
        let mut frontier = Self::new();
        leaves.iter().for_each(|leaf| frontier.append(*leaf));
        frontier
    }

    /// Appends one leaf by its hash, and returns its index.
    ///
    /// # Errors
    /// The tree holds [`TREE_SIZE_MAX`] leaves.
    pub fn push(&mut self, leaf: Hash) -> Result<u64, FrontierError> {
        if self.size >= TREE_SIZE_MAX {
            return Err(FrontierError::Full);
        }
        self.append(leaf);
        Ok(self.size - 1)
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The RFC 6962 root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let from_the_right = self.peaks.iter().rev().copied();
        from_the_right
            .reduce(|right, left| node_hash(left, right))
            .unwrap_or_else(empty_root)
    }

    /// `0x01 || size (big-endian) || peaks`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.size.to_be_bytes());
        bytes.extend(self.peaks.iter().flat_map(|peak| peak.0));
        bytes
    }

    /// Reads back what [`Frontier::to_bytes`] wrote.
    ///
    /// # Errors
    /// Refuses another version, a size above the limit, and a number of peaks the size does not have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let [VERSION, rest @ ..] = bytes else {
            return Err(FrontierError::Malformed);
        };
        let (size, rest) = rest.split_first_chunk().ok_or(FrontierError::Malformed)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, tail) = rest.as_chunks::<32>();
        if size > TREE_SIZE_MAX || peaks.len() != size.count_ones() as usize || !tail.is_empty() {
            return Err(FrontierError::Malformed);
        }
        Ok(Self {
            size,
            peaks: peaks.iter().copied().map(Hash).collect(),
        })
    }

    fn append(&mut self, leaf: Hash) {
        // Every trailing 1 of the size is a complete subtree that the new leaf, carried up, completes to a larger one.
        let mut carried = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                carried = node_hash(left, carried);
            }
        }
        self.peaks.push(carried);
        self.size += 1;
    }
}

/// Why a frontier cannot be read or extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Not version, size and one hash per bit set in the size.
    #[error(
        "frontier bytes are damaged; rebuild the frontier from the leaves and compare it with the anchor"
    )]
    Malformed,
    /// [`TREE_SIZE_MAX`] leaves are in the tree.
    #[error("log is full; start a new log with its own origin")]
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    fn check(leaves: &[&[u8]], root: &str) {
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let hex = Frontier::over(&hashes).root().to_string();
        assert_eq!(hex, format!("sha256:{root}"), "{} leaves", leaves.len());
    }

    /// The reference tree of the Certificate Transparency implementations.
    #[test]
    fn reference_roots() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        check(
            &leaves[..0],
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
        check(
            &leaves[..1],
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        );
        check(
            &leaves[..2],
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        );
        check(
            &leaves[..3],
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        );
        check(
            &leaves[..5],
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        );
        check(
            &leaves[..7],
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        );
        check(
            &leaves,
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        );
    }

    #[test]
    fn push_numbers_leaves_and_refuses_when_full() {
        let mut frontier = Frontier::new();
        assert_eq!(frontier.push(leaf_hash(b"a")), Ok(0));
        assert_eq!(frontier.push(leaf_hash(b"b")), Ok(1));
        let mut full = vec![VERSION];
        full.extend(TREE_SIZE_MAX.to_be_bytes());
        full.extend([0; 63 * 32]);
        let mut frontier = Frontier::from_bytes(&full).unwrap();
        assert_eq!(frontier.push(leaf_hash(b"c")), Err(FrontierError::Full));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let bytes = Frontier::over(&[leaf_hash(b"a"); 3]).to_bytes();
        assert!(Frontier::from_bytes(&bytes).is_ok());
        let mut other_version = bytes.clone();
        other_version[0] = 2;
        let mut other_size = bytes.clone();
        other_size[8] = 4;
        let mut too_large = bytes.clone();
        too_large[1] = 0x80;
        too_large.extend([0; 32]);
        let longer = [&bytes[..], &[0]].concat();
        for wrong in [
            &bytes[..bytes.len() - 1],
            &other_version,
            &other_size,
            &too_large,
            &longer,
            &[],
        ] {
            assert_eq!(Frontier::from_bytes(wrong), Err(FrontierError::Malformed));
        }
    }
}
