//! Founding and opening a gate. Opening believes nothing: the chain is verified from leaf 0, the bundle is the one its
//! last activation names, and what a crash left executing is Unknown.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use gatehold_core::decide::{Fresh, found};
use gatehold_core::guard;
use gatehold_core::ids::{GrantId, RequestId, TaskId};
use gatehold_core::time::Timestamp;
use gatehold_core::trust::{Change, Evidence, SignedRoot};
use tokio::sync::Notify;

use crate::believed::Believed;
use crate::chain::{bundle_bytes, prepare};
use crate::error::{GateError, OpenError};
use crate::gate::{Active, ChainSoFar, Gate, Inner, Parts};
use crate::ports::entropy::Entropy;
use crate::ports::store::Store;
use crate::refusals::Refusals;

/// Ids and randomness for one write.
pub(crate) fn fresh(entropy: &dyn Entropy, now: Timestamp) -> Fresh {
    Fresh {
        request: RequestId::from_bytes(entropy.uuid_v7(now)),
        grant: GrantId::from_bytes(entropy.uuid_v7(now)),
        task: TaskId::from_bytes(entropy.uuid_v7(now)),
        seed: entropy.bytes(),
    }
}

impl Gate {
    /// Writes leaf 0 into an empty store: the root statement and the first bundle.
    ///
    /// # Errors
    /// When the store holds a gate, the root does not verify, or the bundle is not the one it names.
    pub async fn found(
        store: &dyn Store,
        entropy: &dyn Entropy,
        root: SignedRoot,
        bundle: Vec<u8>,
    ) -> Result<(), OpenError> {
        if store.head().await?.size != 0 {
            return Err(OpenError::AlreadyFounded);
        }
        let statement = root
            .verify()
            .map_err(|error| OpenError::Chain(vec![error.to_string()]))?;
        prepare(&bundle)?;
        if guard!(
            "found-bundle",
            Change::bundle_hash(&bundle) != statement.bundle
        ) {
            return Err(OpenError::Bundle(vec![
                "it is not the one that the root statement names".to_owned(),
            ]));
        }
        let now = store.now().await?;
        let fresh = fresh(entropy, now);
        let write = found(&Evidence::Root(root), bundle, &fresh, now)
            .map_err(|refusal| OpenError::Found(refusal.to_string()))?;
        match store.commit(vec![write]).await?.into_iter().next() {
            Some(Ok(_)) => Ok(()),
            Some(Err(conflict)) => Err(OpenError::Found(conflict.to_string())),
            None => Err(OpenError::Found("the store answered nothing".to_owned())),
        }
    }

    /// Opens a founded gate.
    ///
    /// # Errors
    /// [`OpenError`] with everything that is wrong.
    pub async fn open(parts: Parts) -> Result<Self, OpenError> {
        if parts.store.head().await?.size == 0 {
            return Err(OpenError::NotFounded);
        }
        let mut so_far = ChainSoFar::new();
        let mut believed = Believed::default();
        so_far
            .read_on(parts.store.as_ref(), parts.pinned_root, &mut believed)
            .await
            .map_err(|error| match error {
                GateError::Store(fault) => OpenError::Store(fault),
                error => OpenError::Chain(vec![error.to_string()]),
            })?;
        let Some(directory) = so_far.chain.directory().cloned() else {
            return Err(OpenError::Chain(so_far.found()));
        };
        let store = parts.store.as_ref();
        let bundle = bundle_bytes(store, &so_far.links, directory.bundle).await?;
        let (bundle, engine) = prepare(&bundle)?;
        let alone = parts.alone;
        let (restraints, leaves) = (so_far.restraints.clone(), so_far.frontier.size());
        let gate = Self {
            inner: Arc::new(Inner {
                parts,
                active: RwLock::new(Arc::new(Active {
                    directory,
                    bundle,
                    engine,
                    restraints,
                    leaves,
                })),
                chain: tokio::sync::Mutex::new(so_far),
                sessions: Mutex::new(BTreeMap::new()),
                refusals: Mutex::new(Refusals::default()),
                believed: Mutex::new(believed),
                days: Mutex::default(),
                running: Mutex::default(),
                unreported: Mutex::default(),
                lease_tries: Mutex::default(),
                leases_under_way: Mutex::default(),
                lease_looks: Mutex::default(),
                lease_again: Mutex::default(),
                lease_ended: Notify::new(),
                read_minute: AtomicI64::default(),
                covered_minute: AtomicI64::default(),
                uncovered: AtomicU64::default(),
                last_write: Mutex::default(),
                keeping: tokio::sync::Mutex::default(),
                replaying: crate::replay::Replaying::default(),
                said_again: crate::said_again::SaidAgain::default(),
                decided: Notify::new(),
            }),
        };
        gate.open_journal().await?;
        if alone {
            gate.lose_executing(true)
                .await
                .map_err(|error| OpenError::Found(error.to_string()))?;
        }
        Ok(gate)
    }

    /// Links of the chain that do not verify: each is a sign that somebody changed the database.
    pub async fn chain_findings(&self) -> Vec<String> {
        self.inner.chain.lock().await.found()
    }
}
