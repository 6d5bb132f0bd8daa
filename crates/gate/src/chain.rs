//! Reads the trust leaves and folds the key directory from them. The directory row only says how many links to expect.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use gatehold_core::commit::{LeafBytes, LeafKind, RowKey, Table};
use gatehold_core::entry::Entry;
use gatehold_core::guard;
use gatehold_core::hash::Hash;
use gatehold_core::restraints::Restraints;
use gatehold_core::trust::{Change, Evidence};
use gatehold_ledger::{Frontier, Leaf, attachment_opens, leaf_hash};
use gatehold_policy::{Bundle, EnginePool};

use crate::believed::{Believed, FINDINGS_MAX, record_opens};
use crate::error::{GateError, OpenError};
use crate::gate::{Active, ChainSoFar, Gate};
use crate::ports::store::{Head, RowQuery, Store, StoredLeaf, StoredRecord};
use crate::stored::attachment;

/// Parsed copies of the rules: one a worker thread, because one copy does not scale over threads.
const ENGINES: usize = 4;
/// Leaves read at once.
const PAGE: u32 = 1_000;
/// Most rows that nobody signed which are told one by one.
const FOREIGN_ROWS_MAX: u32 = 16;
/// The one row of the directory's table.
const MAIN: &str = "main";

impl ChainSoFar {
    pub(crate) fn new() -> Self {
        Self {
            chain: gatehold_core::trust::Chain::default(),
            frontier: Frontier::new(),
            links: Vec::new(),
            restraints: Restraints::default(),
            findings: BTreeSet::new(),
        }
    }

    /// Reads on from where it stopped, to the head. Whoever could take a link away or put another in its place would
    /// bring back a revoked key, so that the leaves are exactly those the head commits to is checked, not believed. And
    /// every record is hashed into its leaf: one that was changed might hide that a stop was set. Of attachments, which are
    /// most of a ledger, only those of links are read.
    // INVARIANT(leaf-opens): a link is read from an opening that was hashed into its leaf, and its leaf into the head.
    pub(crate) async fn read_on(
        &mut self,
        store: &dyn Store,
        pinned: Option<Hash>,
        believed: &mut Believed,
    ) -> Result<(), GateError> {
        let head = store.head().await?;
        if self.is_at(&head) {
            return Ok(());
        }
        // Nothing of this reading stays when it comes to nothing.
        let mut next = self.clone();
        let mut learned = Believed::default();
        while next.frontier.size() < head.size {
            let page = store.records(next.frontier.size(), PAGE).await?;
            if page.is_empty() {
                return Err(GateError::damaged("leaves are missing under the head"));
            }
            for leaf in page.iter().take_while(|leaf| leaf.index < head.size) {
                let index = next.frontier.push(leaf_hash(&leaf.leaf));
                if index != Ok(leaf.index) {
                    return Err(GateError::Damaged(format!(
                        "leaf {} is out of order",
                        leaf.index
                    )));
                }
                let foreign = !record_opens(&leaf.leaf, &leaf.salt, &leaf.record);
                if guard!("chain-record-opens", foreign) {
                    return Err(GateError::Damaged(format!(
                        "the record of leaf {} is not the one it commits to: somebody changed the database",
                        leaf.index
                    )));
                }
                learned.learn(leaf);
                next.restrain(store, leaf).await?;
                if let Some(kind) = trust_kind(&leaf.leaf) {
                    let link = Link::of(leaf);
                    next.links.push(link);
                    next.link(store, link, kind, pinned).await?;
                }
            }
        }
        let other = next.frontier.size() == head.size && next.frontier.to_bytes() != head.frontier;
        if guard!("chain-head", other) {
            return Err(GateError::damaged(
                "the leaves are not those that the head commits to: somebody changed the database",
            ));
        }
        believed.learned(learned);
        *self = next;
        Ok(())
    }

    fn is_at(&self, head: &Head) -> bool {
        self.frontier.size() == head.size && self.frontier.to_bytes() == head.frontier
    }

    /// What the directory row says beside what the chain gives. The row gives nothing force; that it differs is a sign
    /// that somebody wrote to the database.
    pub(crate) fn compare(&mut self, row: Option<u64>) -> Option<String> {
        let version = self.chain.directory().map(|directory| directory.version);
        if row == version {
            return None;
        }
        let said = |version: Option<u64>| version.map_or("none".to_owned(), |at| at.to_string());
        let finding = format!(
            "the directory row counts {} links, and the chain gives {}",
            said(row),
            said(version)
        );
        self.report(finding.clone());
        Some(finding)
    }

    /// Looks at what stands in the table of the directory. All that may be there is one count of links.
    pub(crate) async fn look_at_rows(&mut self, store: &dyn Store) -> Result<(), GateError> {
        let query = RowQuery {
            limit: FOREIGN_ROWS_MAX,
            ..RowQuery::default()
        };
        for row in store.rows(Table::Directory, &query).await? {
            if row.key.id != MAIN {
                self.report(format!("the row {} gives nothing force", row.key));
            }
        }
        self.look_at_restraints(store).await
    }

    pub(crate) fn report(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX && self.findings.insert(finding.clone()) {
            tracing::error!(finding, "the database does not follow from the ledger");
        }
    }

    /// The first of what does not follow.
    pub(crate) fn found(&self) -> Vec<String> {
        self.findings.iter().cloned().collect()
    }

    async fn link(
        &mut self,
        store: &dyn Store,
        link: Link,
        kind: LeafKind,
        pinned: Option<Hash>,
    ) -> Result<(), GateError> {
        let index = link.index;
        let leaf = link.read(store).await?;
        let evidence = Evidence::from_bytes(opened(&leaf, "evidence")?).map_err(GateError::damaged);
        let added = match &evidence {
            Ok(evidence) if guard!("link-kind", !evidence.fits(kind)) => Err(format!(
                "its evidence may not stand in a leaf of kind {kind:?}"
            )),
            Ok(evidence) => self
                .chain
                .add(index, evidence, pinned)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // A link that does not verify gives nothing force; it is reported and the chain goes on without it.
        if let Err(error) = added {
            self.report(format!("leaf {index} has no force: {error}"));
        }
        Ok(())
    }
}

/// A leaf that was hashed into the head, so that it can be read again and be no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u64,
    leaf: LeafBytes,
}

impl Link {
    pub(crate) const fn of(leaf: &StoredRecord) -> Self {
        Self {
            index: leaf.index,
            leaf: leaf.leaf,
        }
    }

    /// Reads it again, with its attachments.
    // INVARIANT(leaf-opens): what is opened is the leaf that the head commits to, not what stands in its place now.
    pub(crate) async fn read(&self, store: &dyn Store) -> Result<StoredLeaf, GateError> {
        let found = store.leaves(self.index, 1, true).await?.into_iter().next();
        let found = found.filter(|leaf| leaf.index == self.index);
        let found =
            found.ok_or_else(|| GateError::Damaged(format!("leaf {} vanished", self.index)))?;
        if guard!("link-same-leaf", found.leaf != self.leaf) {
            return Err(GateError::Damaged(format!(
                "leaf {} is not the one that was read before: somebody changed the database",
                self.index
            )));
        }
        Ok(found)
    }
}

/// An attachment that was hashed into its leaf. A link that does not open is damage, never nothing.
pub(crate) fn opened<'a>(leaf: &'a StoredLeaf, name: &str) -> Result<&'a [u8], GateError> {
    let damaged = || GateError::Damaged(format!("trust leaf {} does not open", leaf.index));
    let committed = Leaf::from_bytes(&leaf.leaf).map_err(|_| damaged())?;
    let entry = Entry::from_bytes(&leaf.record).map_err(|_| damaged())?;
    let given = leaf.attachments.iter().find(|given| given.name == name);
    let given = given.ok_or_else(damaged)?;
    let (Some(salt), Some(bytes), Some(named)) =
        (&given.salt, &given.bytes, entry.attachments.get(name))
    else {
        return Err(damaged());
    };
    let opens = committed.opens(&leaf.salt, &leaf.record)
        && attachment_opens(gatehold_ledger::Hash(*named.as_bytes()), salt, bytes);
    if guard!("link-opens", !opens) {
        return Err(damaged());
    }
    Ok(bytes)
}

pub(crate) fn trust_kind(leaf: &LeafBytes) -> Option<LeafKind> {
    let [_, high, low, ..] = *leaf;
    let kind = u16::from_be_bytes([high, low]);
    [LeafKind::Root, LeafKind::Trust, LeafKind::QuorumLost]
        .into_iter()
        .find(|trust| *trust as u16 == kind)
}

/// The bundle's bytes from the links of the ledger: the root leaf's attachment, or the payload of the activation.
pub(crate) async fn bundle_bytes(
    store: &dyn Store,
    links: &[Link],
    hash: Hash,
) -> Result<Vec<u8>, OpenError> {
    for link in links.iter().rev() {
        let leaf = match link.read(store).await {
            Ok(leaf) => leaf,
            Err(GateError::Store(fault)) => return Err(OpenError::Store(fault)),
            Err(_) => continue,
        };
        if let Some(bytes) = bundle_in(&leaf)
            && Change::bundle_hash(&bytes) == hash
        {
            return Ok(bytes);
        }
    }
    Err(OpenError::Bundle(vec![format!(
        "no leaf holds bundle {hash}"
    )]))
}

fn bundle_in(leaf: &StoredLeaf) -> Option<Vec<u8>> {
    if let Ok(bytes) = attachment(leaf, "bundle") {
        return Some(bytes.to_vec());
    }
    match attachment(leaf, "evidence")
        .ok()
        .and_then(|bytes| Evidence::from_bytes(bytes).ok())?
    {
        Evidence::Executed(executed) => gatehold_core::hash::unhex(&executed.payload),
        Evidence::Root(_)
        | Evidence::Revocation(_)
        | Evidence::Recovery(_)
        | Evidence::Delegation(_)
        | Evidence::DelegationEnd(_)
        | Evidence::Suspension(_)
        | Evidence::Reinstatement(_) => None,
    }
}

/// Loads and prepares a bundle.
pub(crate) fn prepare(bytes: &[u8]) -> Result<(Arc<Bundle>, Arc<EnginePool>), OpenError> {
    let bundle = Bundle::from_bytes(bytes).map_err(|problems| {
        OpenError::Bundle(problems.iter().map(ToString::to_string).collect())
    })?;
    let bundle = Arc::new(bundle);
    let engine = Arc::new(EnginePool::new(Arc::clone(&bundle), ENGINES));
    Ok((bundle, engine))
}

impl Gate {
    /// The active state, read on if the directory row says that there is more.
    // INVARIANT(chain-gives-force): the row is only asked whether there is something to verify.
    pub(crate) async fn current(&self) -> Result<Arc<Active>, GateError> {
        Ok(self.counted().await?.0)
    }

    /// Why a write was overtaken again and again: others are faster, or somebody edited the count that every decision is
    /// compared with. The second passes by nobody's waiting, so it is said.
    pub(crate) async fn overtaken(&self) -> GateError {
        match self.counted().await {
            Ok((_, None)) => GateError::Busy,
            Ok((_, Some(finding))) => GateError::Damaged(format!(
                "{finding}: somebody changed the database, and nothing is decided until that count is as it was; find out \
                 who can write to it, then restore a copy that `gatehold doctor` and `gatehold audit verify` accept"
            )),
            Err(error) => error,
        }
    }

    /// The active state, and what is wrong with the count of its links.
    async fn counted(&self) -> Result<(Arc<Active>, Option<String>), GateError> {
        let active = self.active();
        let row = RowKey::new(Table::Directory, &"main");
        let before = self.store().row(&row).await?.map(|row| row.version);
        if before == Some(active.directory.version) {
            return Ok((active, None));
        }
        let active = self.read_on().await?;
        let after = self.store().row(&row).await?.map(|row| row.version);
        // Row and leaf are one write. So leaves that were read later have caught up with an honest row, and an honest
        // row that was read later still has caught up with them.
        let version = Some(active.directory.version);
        if before.is_none() || before > version || after < version {
            let row = before.filter(|_| before > version).or(after);
            let finding = self.inner.chain.lock().await.compare(row);
            return Ok((active, finding));
        }
        Ok((active, None))
    }

    pub(crate) async fn read_on(&self) -> Result<Arc<Active>, GateError> {
        let mut so_far = self.inner.chain.lock().await;
        let mut learned = Believed::default();
        so_far
            .read_on(self.store(), self.inner.parts.pinned_root, &mut learned)
            .await?;
        self.believed().learned(learned);
        let before = self.active();
        if before.leaves == so_far.frontier.size() {
            return Ok(before);
        }
        let directory = so_far.chain.directory().cloned();
        let directory = directory.ok_or_else(|| GateError::damaged("the store holds no root"))?;
        let (bundle, engine) = if directory.bundle == before.directory.bundle {
            (Arc::clone(&before.bundle), Arc::clone(&before.engine))
        } else {
            let bytes = bundle_bytes(self.store(), &so_far.links, directory.bundle)
                .await
                .map_err(GateError::damaged)?;
            prepare(&bytes).map_err(GateError::damaged)?
        };
        let active = Arc::new(Active {
            directory,
            bundle,
            engine,
            restraints: so_far.restraints.clone(),
            leaves: so_far.frontier.size(),
        });
        *self
            .inner
            .active
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&active);
        Ok(active)
    }
}
