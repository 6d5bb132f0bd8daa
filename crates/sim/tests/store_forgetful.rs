//! Does the conformance suite notice? A store that forgets one kind of guard, and is right in everything else, must fail
//! it, in a check about that guard. The suite is the same for memory, SQLite and PostgreSQL, so what it notices here it
//! notices there.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; clippy takes the functions they call for production code"
)]

use std::collections::BTreeSet;
use std::panic;
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use gatehold_core::commit::{
    Conflict, CounterKey, Guard, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write,
};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, Store, StoreFault, StoredLeaf,
    StoredRecord, StoredSubscription,
};
use gatehold_sim::conformance::{self, Database, START};
use gatehold_store::AfterCommit;
use gatehold_store::clock::SetClock;
use gatehold_store::memory::MemoryStore;

/// What a store does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forgets {
    Nothing,
    Version,
    Below,
    Absent,
    Deadline,
}

#[derive(Clone)]
struct Forgetful {
    store: MemoryStore,
    forgets: Forgets,
}

impl Forgetful {
    /// The write as such a store sees it: a guard that would not hold is made to hold.
    async fn blind(&self, mut write: Write) -> Write {
        match self.forgets {
            Forgets::Nothing => {}
            Forgets::Deadline => write.deadline = None,
            Forgets::Version => {
                for guard in &mut write.guards {
                    if let Guard::Version(key, version) = guard {
                        let row = self.store.row(key).await.unwrap();
                        *version = row.map_or(0, |row| row.version);
                    }
                }
            }
            Forgets::Below => {
                for guard in &mut write.guards {
                    if let Guard::Below(_, limit) = guard {
                        *limit = u64::MAX;
                    }
                }
            }
            Forgets::Absent => {
                let mut kept = Vec::new();
                for guard in write.guards {
                    let taken = match &guard {
                        Guard::Absent(key, _) => self.store.unique(key).await.unwrap().is_some(),
                        _ => false,
                    };
                    if !taken {
                        kept.push(guard);
                    }
                }
                write.guards = kept;
            }
        }
        write
    }
}

#[async_trait]
impl Store for Forgetful {
    async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Receipt, Conflict>>, StoreFault> {
        let mut blind = Vec::new();
        for write in writes {
            blind.push(self.blind(write).await);
        }
        self.store.commit(blind).await
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        self.store.receipt_of(leaf).await
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.store.row(key).await
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        self.store.rows(table, query).await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.store.counters(keys).await
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.store.unique(key).await
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        self.store.head().await
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        self.store.leaves(first, limit, bytes).await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        self.store.records(first, limit).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        self.store.now().await
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.store.erase(leaf, name, erased_by).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.store.outbox(after, limit).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        self.store.lease(name, holder, seconds).await
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.store.acknowledge(message).await
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        self.store.put_opened(view).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        self.store.opened(review_nonce).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        self.store.records_of(leaves).await
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        self.store.put_session(session).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        self.store.session(id).await
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.store.use_session(id, at).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.store.end_session(id).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        self.store.put_subscription(subscription).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.store.subscriptions(human).await
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.store.subscribers().await
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        self.store.end_subscription(id, human).await
    }
}

struct Under(Forgetful);

impl Database for Under {
    type Store = Forgetful;

    async fn open(&self) -> Forgetful {
        self.0.clone()
    }

    async fn open_with(&self, hook: Arc<dyn AfterCommit>) -> Forgetful {
        Forgetful {
            store: self.0.store.clone().hooked(hook),
            forgets: self.0.forgets,
        }
    }

    fn clock(&self) -> &SetClock {
        self.0.store.clock()
    }
}

/// Whether such a store passes the suite.
fn conforms(forgets: Forgets) -> bool {
    let suite = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let fresh = async || {
            let store = MemoryStore::at(START);
            Under(Forgetful { store, forgets })
        };
        runtime.block_on(conformance::run(fresh));
    });
    suite.join().is_ok()
}

#[test]
fn the_suite_goes_red_for_each_guard_that_a_store_forgets() {
    let places = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&places);
    panic::set_hook(Box::new(move |panicked| {
        let file = panicked.location().map(|place| place.file().to_owned());
        seen.lock().unwrap().extend(file);
    }));
    let whole = conforms(Forgets::Nothing);
    assert!(whole, "with every guard in place it is green");
    for (forgets, check) in [
        (Forgets::Version, "guards.rs"),
        (Forgets::Below, "guards.rs"),
        (Forgets::Absent, "guards.rs"),
        (Forgets::Deadline, "time.rs"),
    ] {
        places.lock().unwrap().clear();
        assert!(!conforms(forgets), "nothing noticed: {forgets:?}");
        let places = places.lock().unwrap();
        let about_it = places.iter().any(|file| file.ends_with(check));
        assert!(about_it, "{forgets:?} was noticed elsewhere: {places:?}");
    }
    drop(panic::take_hook());
}
