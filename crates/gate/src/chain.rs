//! Reads the trust leaves and folds the key directory from them. The directory row only says how many links to expect.

use std::sync::{Arc, PoisonError};

use gatehold_core::commit::{LeafKind, RowKey, Table};
use gatehold_core::hash::Hash;
use gatehold_core::trust::{Change, Evidence};
use gatehold_policy::{Bundle, EnginePool};

use crate::believed::Believed;
use crate::error::{GateError, OpenError};
use crate::gate::{Active, ChainSoFar, Gate};
use crate::ports::store::{Store, StoredLeaf};
use crate::stored::attachment;

/// Parsed copies of the rules: one a worker thread, because one copy does not scale over threads.
const ENGINES: usize = 4;
/// Leaves read at once.
const PAGE: u32 = 1_000;

impl ChainSoFar {
    pub(crate) fn new() -> Self {
        Self {
            chain: gatehold_core::trust::Chain::default(),
            next_leaf: 0,
            findings: Vec::new(),
        }
    }

    /// Reads on from where it stopped.
    pub(crate) async fn read_on(
        &mut self,
        store: &dyn Store,
        pinned: Option<Hash>,
        believed: &mut Believed,
    ) -> Result<(), GateError> {
        loop {
            let page = store.leaves(self.next_leaf, PAGE, false).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            let next = last.index.saturating_add(1);
            page.iter().for_each(|leaf| believed.learn(leaf));
            for leaf in page.iter().filter(|leaf| is_trust(leaf)) {
                self.link(store, leaf.index, pinned).await?;
            }
            self.next_leaf = next;
        }
    }

    async fn link(
        &mut self,
        store: &dyn Store,
        index: u64,
        pinned: Option<Hash>,
    ) -> Result<(), GateError> {
        let leaf = store.leaves(index, 1, true).await?.into_iter().next();
        let leaf = leaf.ok_or_else(|| GateError::damaged("a trust leaf vanished"))?;
        let evidence = attachment(&leaf, "evidence")
            .and_then(|bytes| Evidence::from_bytes(bytes).map_err(GateError::damaged));
        let added = match &evidence {
            Ok(evidence) => self
                .chain
                .add(index, evidence, pinned)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // A link that does not verify gives nothing force; it is reported and the chain goes on without it.
        if let Err(error) = added {
            tracing::error!(leaf = index, %error, "a trust leaf does not verify and has no force");
            self.findings.push(format!("leaf {index}: {error}"));
        }
        Ok(())
    }
}

fn is_trust(leaf: &StoredLeaf) -> bool {
    let [_, high, low, ..] = leaf.leaf;
    let kind = u16::from_be_bytes([high, low]);
    [LeafKind::Root, LeafKind::Trust, LeafKind::QuorumLost]
        .iter()
        .any(|trust| *trust as u16 == kind)
}

/// The bundle's bytes from the ledger: the root leaf's attachment, or the payload of the activation.
pub(crate) async fn bundle_bytes(store: &dyn Store, hash: Hash) -> Result<Vec<u8>, OpenError> {
    let mut next = 0;
    loop {
        let page = store.leaves(next, PAGE, false).await?;
        let Some(last) = page.last() else {
            return Err(OpenError::Bundle(vec![format!(
                "no leaf holds bundle {hash}"
            )]));
        };
        next = last.index.saturating_add(1);
        for leaf in page.iter().filter(|leaf| is_trust(leaf)) {
            let Some(leaf) = store.leaves(leaf.index, 1, true).await?.into_iter().next() else {
                continue;
            };
            if let Some(bytes) = bundle_in(&leaf)
                && Change::bundle_hash(&bytes) == hash
            {
                return Ok(bytes);
            }
        }
    }
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
        Evidence::Root(_) | Evidence::Revocation(_) => None,
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
        let active = self.active();
        let row = self.row(&RowKey::new(Table::Directory, &"main")).await?;
        if row.is_some_and(|row| row.version == active.directory.version) {
            return Ok(active);
        }
        self.read_on().await
    }

    pub(crate) async fn read_on(&self) -> Result<Arc<Active>, GateError> {
        let mut so_far = self.inner.chain.lock().await;
        let mut learned = Believed::default();
        so_far
            .read_on(self.store(), self.inner.parts.pinned_root, &mut learned)
            .await?;
        self.believed().learned(learned);
        let directory = so_far.chain.directory().cloned();
        let directory = directory.ok_or_else(|| GateError::damaged("the store holds no root"))?;
        let before = self.active();
        let (bundle, engine) = if directory.bundle == before.directory.bundle {
            (Arc::clone(&before.bundle), Arc::clone(&before.engine))
        } else {
            let bytes = bundle_bytes(self.store(), directory.bundle)
                .await
                .map_err(GateError::damaged)?;
            prepare(&bytes).map_err(GateError::damaged)?
        };
        let active = Arc::new(Active {
            directory,
            bundle,
            engine,
        });
        *self
            .inner
            .active
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&active);
        Ok(active)
    }
}
