//! What the key chain amounts to after each link, remembered: a process that starts again reads the same bytes, and
//! verifying their signatures a second time can only give the same answer. At the end of every fourth run one process
//! reads all of them without a memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::trust::{Chain, Evidence};

use super::shelf::Leaf;

/// The chain up to some link, and the name of all bytes that went into it.
#[derive(Debug, Clone)]
pub struct Folded {
    chain: Rc<Chain>,
    directory: Option<Arc<Directory>>,
    bytes: Hash,
    /// Links that had no force.
    pub refused: u64,
}

/// Shared by the processes of one run.
#[derive(Debug, Clone, Default)]
pub struct Folds(Rc<RefCell<Known>>);

#[derive(Debug, Default)]
struct Known {
    folded: BTreeMap<Hash, Folded>,
    /// Links by the hash of their bytes: under another root the same links are read again.
    links: BTreeMap<Hash, Option<Rc<Evidence>>>,
}

impl Folded {
    /// Before the first link of a gate whose root has this hash.
    #[must_use]
    pub fn nothing(pinned: Hash) -> Self {
        Self {
            chain: Rc::default(),
            directory: None,
            bytes: pinned,
            refused: 0,
        }
    }

    /// Who and what has force.
    #[must_use]
    pub const fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// With the link of this leaf. A link that does not verify has no force.
    #[must_use]
    pub fn with(&self, number: u64, leaf: &Leaf, pinned: Hash, folds: &Folds) -> Self {
        let link = leaf.attachment("evidence");
        let named = link.map_or(Hash::of(b"none"), |link| Hash::tagged("sim/link", &[link]));
        let parts: [&[u8]; 3] = [
            self.bytes.as_bytes(),
            &number.to_be_bytes(),
            named.as_bytes(),
        ];
        let bytes = Hash::tagged("sim/links", &parts);
        let mut known = folds.0.borrow_mut();
        if let Some(known) = known.folded.get(&bytes) {
            return known.clone();
        }
        let evidence = known.links.entry(named).or_insert_with(|| {
            let evidence = link.and_then(|link| Evidence::from_bytes(link).ok());
            evidence.map(Rc::new)
        });
        let mut chain = Chain::clone(&self.chain);
        let added = evidence
            .as_ref()
            .is_some_and(|evidence| chain.add(number, evidence, Some(pinned)).is_ok());
        let next = if added {
            Self {
                directory: chain.directory().cloned().map(Arc::new),
                chain: Rc::new(chain),
                bytes,
                refused: self.refused,
            }
        } else {
            Self {
                bytes,
                refused: self.refused + 1,
                ..self.clone()
            }
        };
        known.folded.insert(bytes, next.clone());
        next
    }
}
