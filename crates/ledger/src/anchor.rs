//! The anchor: the size and root a process last answered for, kept outside the database so that a database restored from
//! yesterday is noticed. Unsigned: it protects its own process, it convinces nobody else. Files are written elsewhere.

use std::fmt;

use crate::decimal::parse_decimal;
use crate::hash::Hash;

/// Longest anchor text, in bytes.
pub const ANCHOR_BYTES_MAX: usize = 128;

const HEADER: &str = "gatehold/anchor/v1";

/// A size and the root the log had there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root of those leaves.
    pub root: Hash,
}

impl Anchor {
    /// Whether a store may go on from this anchor. `root_at` tells the root that the store's own leaves have at a size;
    /// it is asked only for sizes the store has, and `None` (cannot tell) refuses.
    ///
    /// # Errors
    /// The store is behind the anchor, its root differs there, or it cannot tell its root there.
    pub fn check(
        &self,
        store_size: u64,
        root_at: impl FnOnce(u64) -> Option<Hash>,
    ) -> Result<(), AnchorViolation> {
        if store_size < self.size {
            return Err(AnchorViolation::StoreBehind {
                anchor: self.size,
                store: store_size,
            });
        }
        match root_at(self.size) {
            Some(root) if root == self.root => Ok(()),
            Some(root) => Err(AnchorViolation::RootDiffers {
                size: self.size,
                anchor: self.root,
                store: root,
            }),
            None => Err(AnchorViolation::RootUnknown { size: self.size }),
        }
    }

    /// Reads an anchor file.
    ///
    /// # Errors
    /// Refuses any spelling other than the one [`Anchor`] prints; a torn file never reads as a smaller anchor.
    pub fn parse(text: &str) -> Result<Self, AnchorParseError> {
        if text.len() > ANCHOR_BYTES_MAX {
            return Err(AnchorParseError);
        }
        let lines: Vec<_> = text
            .strip_suffix('\n')
            .ok_or(AnchorParseError)?
            .split('\n')
            .collect();
        let [HEADER, size, root] = lines.as_slice() else {
            return Err(AnchorParseError);
        };
        let size = parse_decimal(size).ok_or(AnchorParseError)?;
        let root = Hash::from_base64(root).ok_or(AnchorParseError)?;
        Ok(Self { size, root })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEADER}\n{}\n{}\n", self.size, self.root.to_base64())
    }
}

/// The store and the anchor tell different histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorViolation {
    /// Leaves are gone.
    #[error(
        "store has {store} leaves and the anchor {anchor}: leaves are missing; restore the newer database, or run \
         `gatehold ledger rejoin` after an honest restore"
    )]
    StoreBehind {
        /// Size in the anchor.
        anchor: u64,
        /// Size of the store.
        store: u64,
    },
    /// Leaves were changed.
    #[error(
        "store has root {store} at {size} leaves and the anchor {anchor}: the history was changed; keep both and verify \
         the ledger"
    )]
    RootDiffers {
        /// Size in the anchor.
        size: u64,
        /// Root in the anchor.
        anchor: Hash,
        /// Root of the store at that size.
        store: Hash,
    },
    /// The store cannot compute its root there.
    #[error("store cannot tell its root at {size} leaves; rebuild its tiles and start again")]
    RootUnknown {
        /// Size in the anchor.
        size: u64,
    },
}

/// The text is no anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "anchor is not a header, a size and a root on three lines; restore the file or run `gatehold ledger rejoin`"
)]
pub struct AnchorParseError;

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: Anchor = Anchor {
        size: 7,
        root: Hash([1; 32]),
    };

    #[test]
    fn a_store_at_or_ahead_of_the_anchor_passes() {
        for store_size in [7, 8, 1000] {
            let root_at = |size| (size == 7).then_some(ANCHOR.root);
            assert_eq!(ANCHOR.check(store_size, root_at), Ok(()));
        }
    }

    #[test]
    fn yesterdays_or_another_store_is_refused() {
        let behind = AnchorViolation::StoreBehind {
            anchor: 7,
            store: 6,
        };
        assert_eq!(ANCHOR.check(6, |_| Some(ANCHOR.root)), Err(behind));
        let differs = AnchorViolation::RootDiffers {
            size: 7,
            anchor: ANCHOR.root,
            store: Hash([2; 32]),
        };
        assert_eq!(ANCHOR.check(9, |_| Some(Hash([2; 32]))), Err(differs));
        assert_eq!(
            ANCHOR.check(9, |_| None),
            Err(AnchorViolation::RootUnknown { size: 7 })
        );
    }

    #[test]
    fn text_round_trips_and_torn_text_is_refused() {
        let text = ANCHOR.to_string();
        assert_eq!(Anchor::parse(&text), Ok(ANCHOR));
        for length in 0..text.len() {
            let torn = text.get(..length).unwrap();
            assert_eq!(Anchor::parse(torn), Err(AnchorParseError), "{length}");
        }
        for wrong in [
            text.replace("v1", "v2"),
            text.replace("\n7", "\n07"),
            format!("{text}\n"),
            format!("{text}x\n"),
        ] {
            assert_eq!(Anchor::parse(&wrong), Err(AnchorParseError));
        }
    }
}
