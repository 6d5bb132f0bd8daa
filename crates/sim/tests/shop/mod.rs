//! A gate over a shop: three generated people, one workload enrolled through the real held path, a recorder as target.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test file uses a part of the shop"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture fails its test"
)]

mod asking;
#[path = "audited.rs"]
pub mod audited;
#[path = "ending.rs"]
pub mod ending;
#[path = "faulty.rs"]
pub mod faulty;
#[path = "glass.rs"]
pub mod glass;
#[path = "leasing.rs"]
pub mod leasing;
pub mod people;
#[path = "provider.rs"]
pub mod provider;
mod recorder;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use gatehold_core::decide::Settings;
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::entropy::Entropy;
use gatehold_gate::ports::executor::Executor;
use gatehold_gate::ports::facts::{Facts, Nothing};
use gatehold_gate::ports::issuer::{Issuer, NoIssuer};
use gatehold_gate::ports::journal::Journal as KeptIn;
use gatehold_gate::ports::store::{Store, StoredLeaf};
use gatehold_gate::{Catalog, Gate, OpenError, Parts};
use gatehold_policy::Bundle;
use gatehold_store::clock::{Clock, SystemClock};
use gatehold_store::journal::Journal;
use gatehold_store::memory::MemoryStore;
use gatehold_store::postgres::{PostgresOptions, PostgresStore};
use gatehold_store::sqlite::{SqliteOptions, SqliteStore};

pub use asking::{Called, signed_call_to};
pub use people::{LOG_SEED, Person, root};
use recorder::Recorder;

/// The workload's key.
pub const JWK: &str =
    r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// Randomness that counts.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn bytes(&self) -> [u8; 32] {
        *Hash::of(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes()).as_bytes()
    }
}

pub struct Shop {
    pub gate: Gate,
    pub store: Arc<dyn Store>,
    memory: Option<Arc<MemoryStore>>,
    recorder: Arc<Recorder>,
    entropy: Arc<Counting>,
    journal: Journal,
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_at(Arc::new(SystemClock::open())).await
    }

    /// With a clock of the test's own.
    pub async fn open_at(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store_at(folder.path(), &clock);
        Self::over(store, folder, clock).await
    }

    /// In memory, where a test owns the clock and the faults.
    pub async fn in_memory() -> Self {
        let memory = Arc::new(MemoryStore::at(Timestamp::from_millis(1_800_000_000_000)));
        let mut shop = Self::over(
            memory.clone(),
            tempfile::tempdir().unwrap(),
            Arc::new(SystemClock::open()),
        )
        .await;
        shop.memory = Some(memory);
        shop
    }

    /// In a database of a PostgreSQL server.
    pub async fn in_postgres(url: &str) -> Self {
        let options = PostgresOptions::new(url);
        let store = Arc::new(PostgresStore::open(options).await.unwrap());
        let clock = Arc::new(SystemClock::open());
        Self::over(store, tempfile::tempdir().unwrap(), clock).await
    }

    /// Founded in an empty store.
    async fn over(store: Arc<dyn Store>, folder: tempfile::TempDir, clock: Arc<dyn Clock>) -> Self {
        gatehold_sim::mutants::remove_the_named_guard();
        let entropy = Arc::new(Counting::default());
        let bundle =
            Bundle::load(&bundle_folder()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        Gate::found(
            store.as_ref(),
            entropy.as_ref(),
            root(bundle.hash()),
            bundle.to_bytes(),
        )
        .await
        .unwrap();
        let recorder = Arc::new(Recorder {
            executed: Mutex::default(),
            unlogged: AtomicU64::new(0),
            database: folder.path().join("gate.db"),
        });
        let journal = journal_in(folder.path());
        let gate = gate_of(&store, &recorder, &entropy, &journal).await;
        let shop = Self {
            gate,
            store,
            memory: None,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls: AtomicU64::new(0),
        };
        let payload = nhi().to_string();
        let enrolled = shop.change("nhi.create", &payload, Person::Owner).await;
        assert_eq!(enrolled.state, gatehold_core::request::State::Completed);
        shop
    }

    /// Another process on the same store, with an executor of its own.
    pub async fn beside(&self, executor: Option<Arc<dyn Executor>>) -> Gate {
        let executor = executor.unwrap_or_else(|| self.recorder.clone());
        let gate = open_gate(&self.store, executor, &self.entropy, false, None);
        gate.await.unwrap()
    }

    /// Goes on as a process that finds facts out.
    pub async fn knowing(&mut self, facts: Arc<dyn Facts>) {
        let executor = self.recorder.clone();
        let journal = Some(shared(&self.journal));
        let known = (facts, Arc::new(NoIssuer) as _);
        let gate = open_gate_knowing(known, &self.store, executor, &self.entropy, false, journal);
        self.gate = gate.await.unwrap();
    }

    /// Goes on as a process that makes credentials at this target.
    pub async fn issuing(&mut self, issuer: Arc<dyn Issuer>) {
        self.gate = self.issuing_over(Arc::clone(&self.store), issuer).await;
    }

    /// The same, where facts are found out besides.
    pub async fn issuing_knowing(&mut self, issuer: Arc<dyn Issuer>, facts: Arc<dyn Facts>) {
        let executor = self.recorder.clone();
        let journal = Some(shared(&self.journal));
        let known = (facts, issuer);
        let gate = open_gate_knowing(known, &self.store, executor, &self.entropy, false, journal);
        self.gate = gate.await.unwrap();
    }

    /// The same, as another process whose store is this one.
    pub async fn issuing_over(&self, store: Arc<dyn Store>, issuer: Arc<dyn Issuer>) -> Gate {
        let executor = self.recorder.clone();
        let journal = Some(shared(&self.journal));
        let known = (Arc::new(Nothing) as _, issuer);
        let gate = open_gate_knowing(known, &store, executor, &self.entropy, false, journal);
        gate.await.unwrap()
    }

    /// Another process whose store is this one.
    pub async fn over_store(&self, store: Arc<dyn Store>) -> Gate {
        let executor = self.recorder.clone();
        let gate = open_gate(&store, executor, &self.entropy, false, None);
        gate.await.unwrap()
    }

    /// Another process whose store is this one, with this executor and a journal of its own under this name.
    pub async fn keeping(
        &self,
        store: Arc<dyn Store>,
        executor: Option<Arc<dyn Executor>>,
        journal: &Journal,
    ) -> Gate {
        self.keeping_in(store, executor, shared(journal)).await
    }

    /// The same with a journal of any kind.
    pub async fn keeping_in(
        &self,
        store: Arc<dyn Store>,
        executor: Option<Arc<dyn Executor>>,
        journal: Arc<dyn KeptIn>,
    ) -> Gate {
        let executor = executor.unwrap_or_else(|| self.recorder.clone());
        let gate = open_gate(&store, executor, &self.entropy, false, Some(journal));
        gate.await.unwrap()
    }

    /// What performs its actions.
    pub fn executor(&self) -> Arc<dyn Executor> {
        self.recorder.clone()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where time and faults of a shop in memory are set.
    pub fn memory(&self) -> &MemoryStore {
        self.memory.as_ref().unwrap()
    }

    /// The same, for an executor that makes the store fail.
    pub fn shared_memory(&self) -> Arc<MemoryStore> {
        self.memory.clone().unwrap()
    }

    /// What somebody with access to the database can do.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("gate.db")).unwrap()
    }

    /// Where its database is.
    pub fn database_path(&self) -> PathBuf {
        self.folder.path().join("gate.db")
    }

    /// The store, for somebody who writes to it past the gate.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Ends the process, lets somebody at the database, and starts another.
    pub async fn restart_after(self, edit: impl FnOnce(&Path)) -> Result<Self, OpenError> {
        let Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        } = self;
        drop((gate, store, journal));
        edit(&folder.path().join("gate.db"));
        let store: Arc<dyn Store> = store_at(folder.path(), &clock);
        let journal = journal_in(folder.path());
        let executor = recorder.clone();
        let gate = open_gate(&store, executor, &entropy, true, Some(shared(&journal))).await?;
        Ok(Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        })
    }

    /// The same database, opened by a new process.
    pub async fn restart(self) -> Self {
        let Self {
            gate,
            mut store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        } = self;
        drop((gate, journal));
        if memory.is_none() {
            drop(store);
            store = store_at(folder.path(), &clock);
        }
        let journal = journal_in(folder.path());
        let gate = gate_of(&store, &recorder, &entropy, &journal).await;
        Self {
            gate,
            store,
            memory,
            recorder,
            entropy,
            journal,
            folder,
            clock,
            calls,
        }
    }

    /// Executions that began before their leaf was durable.
    pub fn unlogged(&self) -> u64 {
        self.recorder.unlogged.load(Ordering::Relaxed)
    }

    pub fn executed(&self) -> Vec<String> {
        self.recorder.executed.lock().unwrap().clone()
    }

    pub async fn leaves(&self) -> u64 {
        self.store.head().await.unwrap().size
    }

    /// Everything in the ledger, as an auditor is given it.
    pub async fn stored(&self) -> Vec<StoredLeaf> {
        self.store.leaves(0, 1_000, true).await.unwrap()
    }
}

/// Where its first bundle is.
pub fn bundle_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shop/bundle")
}

fn store_at(folder: &Path, clock: &Arc<dyn Clock>) -> Arc<SqliteStore> {
    let options = SqliteOptions {
        clock: Arc::clone(clock),
        ..SqliteOptions::new(folder.join("gate.db"))
    };
    Arc::new(SqliteStore::open(options).unwrap())
}

fn shared(journal: &Journal) -> Arc<dyn KeptIn> {
    Arc::new(journal.clone())
}

fn journal_in(folder: &Path) -> Journal {
    Journal::open(folder.join("gate.journal")).unwrap()
}

async fn gate_of(
    store: &Arc<dyn Store>,
    recorder: &Arc<Recorder>,
    entropy: &Arc<Counting>,
    journal: &Journal,
) -> Gate {
    let gate = open_gate(
        store,
        recorder.clone(),
        entropy,
        true,
        Some(shared(journal)),
    );
    gate.await.unwrap()
}

async fn open_gate(
    store: &Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    entropy: &Arc<Counting>,
    alone: bool,
    journal: Option<Arc<dyn KeptIn>>,
) -> Result<Gate, OpenError> {
    let known = (Arc::new(Nothing) as _, Arc::new(NoIssuer) as _);
    open_gate_knowing(known, store, executor, entropy, alone, journal).await
}

async fn open_gate_knowing(
    (facts, issuer): (Arc<dyn Facts>, Arc<dyn Issuer>),
    store: &Arc<dyn Store>,
    executor: Arc<dyn Executor>,
    entropy: &Arc<Counting>,
    alone: bool,
    journal: Option<Arc<dyn KeptIn>>,
) -> Result<Gate, OpenError> {
    let parts = Parts {
        store: Arc::clone(store),
        entropy: Arc::clone(entropy) as _,
        executor,
        issuer,
        facts,
        journal,
        settings: Settings {
            open_holds_max: 3,
            ..Settings::default()
        },
        pinned_root: None,
        catalog: Catalog::default(),
        page_files: None,
        execution_seconds_max: 60,
        alone,
    };
    Gate::open(parts).await
}

/// The workload, as `nhi.create` takes it.
pub fn nhi() -> serde_json::Value {
    serde_json::json!({
        "id": "deploy-bot", "kind": "ai_agent", "jwk": JWK,
        "owner": Person::Owner.id(), "backup": Person::Owner.id(), "custodians": [],
        "assurance": "pop", "teams": [],
        "baseline": { "descriptors": ["shop.read"], "targets": ["sql:shop"], "resources": ["shop/"] },
        "lifecycle": "active", "not_after": 4_102_444_800_000_i64,
    })
}

/// A team of one, as `team.set` takes it: of whoever asks for it, as whoever joins a team does not decide that.
pub fn team_set() -> String {
    serde_json::json!({ "team": "night", "members": [Person::Owner.id()] }).to_string()
}
