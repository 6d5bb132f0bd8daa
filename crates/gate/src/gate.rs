//! The gate: its ports, and what it holds in memory. Nothing here has authority: everything is rebuilt from the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use gatehold_core::decide::{Fresh, Settings};
use gatehold_core::descriptor::Descriptor;
use gatehold_core::directory::Directory;
use gatehold_core::hash::Hash;
use gatehold_core::ids::{GrantId, Origin};
use gatehold_core::restraints::Restraints;
use gatehold_core::time::Timestamp;
use gatehold_core::trust::Chain;
use gatehold_ledger::Frontier;
use gatehold_policy::{Bundle, EnginePool};
use tokio::sync::Notify;

use crate::believed::Believed;
use crate::catalog::Catalog;
use crate::chain::Link;
use crate::error::GateError;
use crate::habits::Days;
use crate::leases::{Again, Looks, Tries, UnderWay as LeasesUnderWay};
use crate::ports::entropy::Entropy;
use crate::ports::executor::Executor;
use crate::ports::facts::Facts;
use crate::ports::issuer::Issuer;
use crate::ports::journal::Journal;
use crate::ports::store::Store;
use crate::refusals::Refusals;
use crate::running::Running;
use crate::session::Session;
use crate::unreported::Unreported;

/// What a gate is made of.
pub struct Parts {
    /// The only memory and the only clock.
    pub store: Arc<dyn Store>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What performs approved actions.
    pub executor: Arc<dyn Executor>,
    /// What makes credentials and takes them away.
    pub issuer: Arc<dyn Issuer>,
    /// What finds facts out before a decision.
    pub facts: Arc<dyn Facts>,
    /// Where acts in the safe direction are kept while the store refuses; without one they are refused too.
    pub journal: Option<Arc<dyn Journal>>,
    /// Limits of the gate.
    pub settings: Settings,
    /// The root statement's hash, as the configuration pins it.
    pub pinned_root: Option<Hash>,
    /// What is known about resources.
    pub catalog: Catalog,
    /// What its pages are made of, where it has any: recorded in what is shown, and never looked at otherwise.
    pub page_files: Option<Hash>,
    /// After how many seconds an execution of which nothing was heard is Unknown.
    pub execution_seconds_max: u32,
    /// Whether no other process serves this store, so that what was executing at start is lost.
    pub alone: bool,
}

/// What is active: folded from the chain, with the bundle it names.
pub(crate) struct Active {
    pub(crate) directory: Directory,
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) engine: Arc<EnginePool>,
    /// What is stopped and paused, by the leaves.
    pub(crate) restraints: Restraints,
    /// How many leaves that was read from.
    pub(crate) leaves: u64,
}

/// The chain as far as it was read.
#[derive(Clone)]
pub(crate) struct ChainSoFar {
    pub(crate) chain: Chain,
    /// Over every leaf that was read.
    pub(crate) frontier: Frontier,
    /// The leaves among them that are links, whether or not they have force.
    pub(crate) links: Vec<Link>,
    /// What the leaves among them stop and pause.
    pub(crate) restraints: Restraints,
    /// What of them does not follow, the first of it.
    pub(crate) findings: BTreeSet<String>,
}

/// The gate. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) active: RwLock<Arc<Active>>,
    pub(crate) chain: tokio::sync::Mutex<ChainSoFar>,
    pub(crate) sessions: Mutex<BTreeMap<Hash, Session>>,
    pub(crate) refusals: Mutex<Refusals>,
    pub(crate) believed: Mutex<Believed>,
    /// What was usual before today.
    pub(crate) days: Mutex<Days>,
    pub(crate) running: Mutex<Running>,
    pub(crate) unreported: Mutex<Unreported>,
    /// Attempts to take leases away.
    pub(crate) lease_tries: Mutex<BTreeMap<GrantId, Tries>>,
    /// Removals and searches that go on beside the turns.
    pub(crate) leases_under_way: Mutex<LeasesUnderWay>,
    /// When leases were last looked at, and by what.
    pub(crate) lease_looks: Mutex<Looks>,
    /// Which living leases are to be asked about again.
    pub(crate) lease_again: Mutex<Again>,
    /// Woken when a lease was ended here.
    pub(crate) lease_ended: Notify,
    /// The minute in which the leaves were last read on.
    pub(crate) read_minute: AtomicI64,
    /// The minute in which it was last looked whether what is held can be approved at all.
    pub(crate) covered_minute: AtomicI64,
    /// How much of it could not.
    pub(crate) uncovered: AtomicU64,
    /// Whether the store took the last write.
    pub(crate) last_write: Mutex<crate::ready::LastWrite>,
    /// Held while an act is put into the revocation journal, from the look at what is in it to the end of the write.
    pub(crate) keeping: tokio::sync::Mutex<()>,
    /// How the revocation journal is brought into the store.
    pub(crate) replaying: crate::replay::Replaying,
    /// Of whom it was said again that they are gone.
    pub(crate) said_again: crate::said_again::SaidAgain,
    /// Woken after every decision, for those who wait.
    pub(crate) decided: Notify,
}

impl Gate {
    pub(crate) fn store(&self) -> &dyn Store {
        self.inner.parts.store.as_ref()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.parts.settings
    }

    pub(crate) fn active(&self) -> Arc<Active> {
        Arc::clone(
            &self
                .inner
                .active
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// The key directory as it is known now.
    #[must_use]
    pub fn directory(&self) -> Directory {
        self.active().directory.clone()
    }

    /// Looks something up in the directory without copying it.
    pub fn with_directory<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.active().directory)
    }

    /// Whose gate this is.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.active().directory.origin.clone()
    }

    /// The active bundle.
    #[must_use]
    pub fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.active().bundle)
    }

    /// The active descriptors.
    #[must_use]
    pub fn descriptors(&self) -> Vec<Descriptor> {
        self.active()
            .bundle
            .descriptors()
            .values()
            .cloned()
            .collect()
    }

    /// Whether approved actions are executed by a process of its own.
    #[must_use]
    pub fn executes_apart(&self) -> bool {
        self.inner.parts.executor.is_apart()
    }

    /// The store's time.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn now(&self) -> Result<Timestamp, GateError> {
        Ok(self.store().now().await?)
    }

    /// Ids and randomness for one decision.
    pub(crate) fn fresh(&self, now: Timestamp) -> Fresh {
        crate::open::fresh(self.inner.parts.entropy.as_ref(), now)
    }
}
