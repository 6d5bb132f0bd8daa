//! A gate's chain of trust, folded anew under a root that somebody else pinned: a terminal, or an executor in a process of its own.
//! Of the gate it takes the links, and believes nothing about them.
//!
//! A link that does not verify gives nothing force. One that does, and was approved under another chain than this one, ends it:
//! the gate has left out, added, changed or moved a link before it.

mod past;

use gatehold_core::directory::Directory;
use gatehold_core::hash::{Hash, unhex};
use gatehold_core::trust::{Chain, Change, Evidence};

use crate::links::TrustLink;

pub use past::Past;

/// Why links lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootedError {
    /// They do not begin at the root.
    #[error("the gate's chain of trust does not begin at the pinned root {root}: {why}")]
    NotThisRoot {
        /// What is pinned.
        root: Hash,
        /// What is wrong with the first link.
        why: String,
    },
    /// People signed under another chain.
    #[error(
        "whoever approved leaf {0} of the gate's chain of trust signed it under another chain: a link before it was left out, \
         added, changed or moved"
    )]
    AnotherChain(u64),
    /// A bundle has force, and its bytes are not shown.
    #[error("the gate does not show bundle {bundle}, to which leaf {leaf} gives force")]
    NoBundle {
        /// Which.
        bundle: Hash,
        /// By which link.
        leaf: u64,
    },
    /// A link stands before one that is here.
    #[error("the links of the gate's chain of trust are out of order at leaf {0}")]
    Order(u64),
}

/// The bundles that people gave force, in order, each by its hash and with its bytes.
pub type Bundles = Vec<(Hash, Vec<u8>)>;

/// What the links come to.
#[derive(Debug, Clone)]
pub struct Folding {
    root: Hash,
    chain: Chain,
    past: Past,
    bundles: Bundles,
    links: Vec<TrustLink>,
}

impl Folding {
    /// Nothing yet, under this root.
    #[must_use]
    pub fn new(root: Hash) -> Self {
        Self {
            root,
            chain: Chain::default(),
            past: Past::default(),
            bundles: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Takes one link; what does not verify changes nothing, here as at the gate. Gives whether it has force.
    ///
    /// # Errors
    /// [`RootedError`]: nothing that is here may be used any more.
    // INVARIANT(own-root): nothing enters but by the pinned root and what follows from it, in the order that people signed.
    pub fn take(&mut self, link: TrustLink) -> Result<bool, RootedError> {
        if self.last().is_some_and(|last| link.leaf <= last) {
            return Err(RootedError::Order(link.leaf));
        }
        let evidence = Evidence::from_bytes(&link.evidence).map_err(|error| error.to_string());
        let added = evidence.and_then(|evidence| {
            let added = self.chain.add(link.leaf, &evidence, Some(self.root));
            added.map(|()| evidence).map_err(|error| error.to_string())
        });
        let Some(directory) = self.chain.directory() else {
            return Err(RootedError::NotThisRoot {
                root: self.root,
                why: added.err().unwrap_or_default(),
            });
        };
        let Ok(evidence) = added else {
            return Ok(false);
        };
        if !self.past.is_signed_in(&evidence) {
            return Err(RootedError::AnotherChain(link.leaf));
        }
        let last = self.bundles.last();
        if last.is_none_or(|(last, _)| *last != directory.bundle) {
            let bytes = bundle_of(&link, &evidence, directory.bundle)?;
            self.bundles.push((directory.bundle, bytes));
        }
        self.past.learn(directory);
        self.links.push(link);
        Ok(true)
    }

    /// The leaf of the last link that has force.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.links.last().map(|link| link.leaf)
    }

    /// Keys, teams, workloads and the bundle that decides.
    #[must_use]
    pub const fn directory(&self) -> Option<&Directory> {
        self.chain.directory()
    }

    /// The bytes of the bundle that decides.
    #[must_use]
    pub fn bundle(&self) -> Option<&[u8]> {
        self.bundles.last().map(|(_, bytes)| bytes.as_slice())
    }

    /// The same as it was after each link.
    #[must_use]
    pub const fn past(&self) -> &Past {
        &self.past
    }

    /// The links that have force.
    #[must_use]
    pub fn links(&self) -> &[TrustLink] {
        &self.links
    }

    /// All of it: past, bundles with their bytes, and the links that have force.
    #[must_use]
    pub fn into_parts(self) -> (Past, Bundles, Vec<TrustLink>) {
        (self.past, self.bundles, self.links)
    }
}

/// The bytes that a link gave force: beside the root, or as the payload that people approved.
fn bundle_of(link: &TrustLink, evidence: &Evidence, hash: Hash) -> Result<Vec<u8>, RootedError> {
    let bytes = match (&link.bundle, evidence) {
        (Some(bundle), Evidence::Root(_)) => Some(bundle.clone()),
        (_, Evidence::Executed(executed)) => unhex(&executed.payload),
        _ => None,
    };
    let found = bytes.filter(|bytes| Change::bundle_hash(bytes) == hash);
    found.ok_or(RootedError::NoBundle {
        bundle: hash,
        leaf: link.leaf,
    })
}
