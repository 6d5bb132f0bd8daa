//! Comparing the anchors with the store at start, and rejoining after an honest restore.
//!
//! Nothing here repairs: a store that is behind an anchor, or another one, is refused until a person says that it was
//! restored on purpose. That act is a leaf and names every anchor it overrules.

use std::collections::BTreeMap;
use std::path::Path;

use gatehold_core::commit::{LeafDraft, LeafKind, Receipt, Write};
use gatehold_core::entry::{Entry, Event, OverruledAnchor};
use gatehold_core::hash::Hash;
use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_ledger::{Anchor, AnchorViolation, Frontier, empty_root, leaf_hash};

use super::{AnchorFault, Anchors, file};
use crate::after_commit::AfterCommit as _;
use crate::batch::anchor_of;
use crate::page::LIMIT_MAX;

impl Anchors {
    /// Compares every anchor with the store. Only then may the store's writer release anything.
    ///
    /// # Errors
    /// An anchor cannot be read, or the store is behind one or has another root there.
    pub async fn compare(&self, store: &dyn Store) -> Result<(), AnchorFault> {
        let (head, violated) = self.violated(store).await?;
        if let Some((path, _, violation)) = violated.into_iter().next() {
            return Err(AnchorFault::Violated { path, violation });
        }
        self.begin();
        self.committed(head).map_err(|text| self.refuse(text))
    }

    /// Accepts a restored store: appends a rejoin leaf that names every anchor it overrules, then removes those. Copies of
    /// them are kept beside.
    ///
    /// # Errors
    /// Nothing has to be rejoined, an anchor cannot be read or replaced, or the store refuses.
    pub async fn rejoin(&self, store: &dyn Store, salt: [u8; 32]) -> Result<Receipt, AnchorFault> {
        let (head, violated) = self.violated(store).await?;
        if violated.is_empty() {
            return Err(AnchorFault::NothingToRejoin);
        }
        let overruled = violated.iter().map(|(path, anchor, _)| OverruledAnchor {
            file: name(path),
            size: anchor.size,
            root: Hash::from_bytes(anchor.root.0),
        });
        let entry = Entry {
            at: store.head().await?.time,
            request: None,
            version: 0,
            from: None,
            to: None,
            row: None,
            rows: BTreeMap::new(),
            event: Event::Rejoined {
                size: head.size,
                root: Hash::from_bytes(head.root.0),
                overruled: overruled.collect(),
            },
            attachments: BTreeMap::new(),
        };
        let record = entry
            .to_bytes()
            .map_err(|error| AnchorFault::Refused(error.to_string()))?;
        for (path, anchor, _) in &violated {
            file::keep_copy(path, anchor)?;
        }
        // The anchors stay in force until the leaf is durable: a crash before it leaves everything to be done again. This
        // process's own is replaced by the commit of that leaf.
        self.begin();
        let write = Write {
            guards: Vec::new(),
            deadline: None,
            rows: Vec::new(),
            counters: Vec::new(),
            leaf: LeafDraft {
                kind: LeafKind::Rejoin,
                salt,
                record,
                attachments: Vec::new(),
            },
            outbox: Vec::new(),
        };
        let receipt = match store
            .commit(vec![write])
            .await
            .map(|mut answers| answers.pop())
        {
            Ok(Some(Ok(receipt))) => receipt,
            Ok(Some(Err(conflict))) => return Err(self.refuse(conflict.to_string())),
            Ok(None) => return Err(self.refuse("the store gave no answer".to_owned())),
            Err(fault) => return Err(self.refuse(fault.to_string())),
        };
        for (path, ..) in &violated {
            if *path != file::path(&self.directory, &self.name) {
                file::remove(path)?;
            }
        }
        Ok(receipt)
    }

    fn begin(&self) {
        let mut state = self.state();
        state.compared = true;
        state.last = None;
    }

    fn refuse(&self, text: String) -> AnchorFault {
        self.state().compared = false;
        AnchorFault::Refused(text)
    }

    async fn violated(
        &self,
        store: &dyn Store,
    ) -> Result<(Anchor, Vec<(std::path::PathBuf, Anchor, AnchorViolation)>), AnchorFault> {
        let anchors = file::all(&self.directory)?;
        let head = store.head().await?;
        let frontier = Frontier::from_bytes(&head.frontier)
            .map_err(|error| StoreFault::Damaged(error.to_string()))?;
        let head = anchor_of(&frontier);
        let sizes = anchors.iter().map(|(_, anchor)| anchor.size);
        let roots = roots(store, head, sizes.collect()).await?;
        let violated = anchors.into_iter().filter_map(|(path, anchor)| {
            let root_at = |size| roots.get(&size).copied();
            let violation = anchor.check(head.size, root_at).err()?;
            Some((path, anchor, violation))
        });
        Ok((head, violated.collect()))
    }
}

/// The roots of the store's own leaves at some sizes. At the head's size it is the head's; the leaves behind older ones
/// are read once.
async fn roots(
    store: &dyn Store,
    head: Anchor,
    sizes: Vec<u64>,
) -> Result<BTreeMap<u64, gatehold_ledger::Hash>, StoreFault> {
    let mut roots = BTreeMap::from([(0, empty_root()), (head.size, head.root)]);
    let older = sizes.iter().filter(|size| **size > 0 && **size < head.size);
    let last = older.copied().max().unwrap_or(0);
    let mut frontier = Frontier::new();
    while frontier.size() < last {
        let leaves = store.records(frontier.size(), LIMIT_MAX).await?;
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            if frontier.push(leaf_hash(&leaf.leaf)) != Ok(leaf.index) {
                let index = leaf.index;
                return Err(StoreFault::Damaged(format!(
                    "a leaf before {index} is missing"
                )));
            }
            if sizes.contains(&frontier.size()) {
                roots.insert(frontier.size(), frontier.root());
            }
        }
    }
    Ok(roots)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
