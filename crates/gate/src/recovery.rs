//! The chain of trust of a store that nobody has to serve: what it gives force to, what in it does not verify, and how a
//! lost quorum is restored. There is no endpoint for it: offline keys are used where the store is.

use gatehold_core::checkpoint::GLASS_PEOPLE_MIN;
use gatehold_core::commit::{RowKey, Table};
use gatehold_core::decide::recover;
use gatehold_core::directory::Directory;
use gatehold_core::glass::Openings;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{CheckpointName, HumanId};
use gatehold_core::trust::{Evidence, SignedRecovery};

use crate::believed::Believed;
use crate::chain::{Link, bundle_bytes, prepare};
use crate::error::OpenError;
use crate::gate::{ChainSoFar, Gate};
use crate::open::fresh;
use crate::ports::entropy::Entropy;
use crate::ports::store::Store;
use crate::undecidable::{People, Uncovered, Undecidable};

/// What the leaves of a store give force to.
#[derive(Debug)]
pub struct Trust {
    /// Keys, teams, workloads, points and the bundle's name.
    pub directory: Directory,
    /// What does not verify, or does not follow from the chain. Each is a sign that somebody changed the database.
    pub findings: Vec<String>,
    /// Where the glass was broken lately, and what nobody has looked at yet.
    pub openings: Openings,
    /// The leaves that are its links.
    links: Vec<Link>,
}

/// A checkpoint behind glass where too few people could sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "checkpoint `{checkpoint}` may be behind glass, and {with_keys} of those whom it names for that have an offline key with force; two must sign"
)]
pub struct NoDrawer {
    /// Which.
    pub checkpoint: CheckpointName,
    /// How many could sign.
    pub with_keys: usize,
}

impl Trust {
    /// The changes of the gate that its people could never decide by its bundle.
    ///
    /// # Errors
    /// When no leaf holds the bundle, or it cannot be used.
    pub async fn undecidable(&self, store: &dyn Store) -> Result<Vec<Undecidable>, OpenError> {
        let bytes = bundle_bytes(store, &self.links, self.directory.bundle).await?;
        let (bundle, _) = prepare(&bytes)?;
        Ok(People::from(&self.directory).cannot_decide(&bundle))
    }

    /// The checkpoints of its bundle that its people could never fill.
    ///
    /// # Errors
    /// When no leaf holds the bundle, or it cannot be used.
    pub async fn uncovered(&self, store: &dyn Store) -> Result<Vec<Uncovered>, OpenError> {
        let bytes = bundle_bytes(store, &self.links, self.directory.bundle).await?;
        let (bundle, _) = prepare(&bytes)?;
        Ok(People::from(&self.directory).cannot_fill(&bundle))
    }

    /// The checkpoints of its bundle that offer break-glass and where too few people have the keys for it. It would be found out
    /// in the emergency.
    ///
    /// # Errors
    /// When no leaf holds the bundle, or it cannot be used.
    pub async fn without_drawers(&self, store: &dyn Store) -> Result<Vec<NoDrawer>, OpenError> {
        let bytes = bundle_bytes(store, &self.links, self.directory.bundle).await?;
        let (bundle, _) = prepare(&bytes)?;
        let directory = &self.directory;
        let has_key = |human: &HumanId| {
            let mut keys = directory.glass.keys();
            keys.any(|print| directory.glass_key(human, print).is_some())
        };
        let few = bundle.checkpoints().values().filter_map(|checkpoint| {
            let people = &checkpoint.break_glass.as_ref()?.people;
            let with_keys = people.iter().filter(|human| has_key(human)).count();
            let checkpoint = checkpoint.name.clone();
            (with_keys < GLASS_PEOPLE_MIN).then_some(NoDrawer {
                checkpoint,
                with_keys,
            })
        });
        Ok(few.collect())
    }

    /// Folds it from leaf 0.
    ///
    /// # Errors
    /// When the store holds no gate, does not answer, or its root does not verify.
    pub async fn read(store: &dyn Store, pinned: Option<Hash>) -> Result<Self, OpenError> {
        if store.head().await?.size == 0 {
            return Err(OpenError::NotFounded);
        }
        let mut so_far = ChainSoFar::new();
        so_far
            .read_on(store, pinned, &mut Believed::default())
            .await
            .map_err(|error| OpenError::Chain(vec![error.to_string()]))?;
        let Some(directory) = so_far.chain.directory().cloned() else {
            return Err(OpenError::Chain(so_far.found()));
        };
        let row = store
            .row(&RowKey::new(Table::Directory, &"main"))
            .await?
            .map(|row| row.version);
        so_far.compare(row);
        so_far
            .look_at_rows(store)
            .await
            .map_err(|error| OpenError::Chain(vec![error.to_string()]))?;
        Ok(Self {
            directory,
            findings: so_far.found(),
            openings: so_far.restraints.openings().clone(),
            links: so_far.links,
        })
    }
}

impl Gate {
    /// Restores a lost quorum. Gates that serve the store read on by themselves.
    ///
    /// # Errors
    /// When the recovery has no force, or the store changed meanwhile.
    pub async fn recover(
        store: &dyn Store,
        entropy: &dyn Entropy,
        recovery: SignedRecovery,
        pinned: Option<Hash>,
    ) -> Result<u64, OpenError> {
        let trust = Trust::read(store, pinned).await?;
        let now = store.now().await?;
        let evidence = Evidence::Recovery(recovery);
        let write = recover(&evidence, &trust.directory, &fresh(entropy, now), now)
            .map_err(|refusal| OpenError::Recovery(refusal.to_string()))?;
        match store.commit(vec![write]).await?.into_iter().next() {
            Some(Ok(receipt)) => Ok(receipt.index),
            Some(Err(conflict)) => Err(OpenError::Recovery(conflict.to_string())),
            None => Err(OpenError::Recovery("the store answered nothing".to_owned())),
        }
    }
}
