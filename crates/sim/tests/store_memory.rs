//! The memory store passes the suite, and its injected failures are what they say.

use std::sync::Arc;

use gatehold_gate::ports::store::{Store, StoreFault};
use gatehold_sim::conformance::{self, Database, Draft, START};
use gatehold_store::AfterCommit;
use gatehold_store::clock::SetClock;
use gatehold_store::memory::{Injected, MemoryStore};

struct Memory(MemoryStore);

impl Database for Memory {
    type Store = MemoryStore;

    async fn open(&self) -> MemoryStore {
        self.0.clone()
    }

    async fn open_with(&self, hook: Arc<dyn AfterCommit>) -> MemoryStore {
        self.0.clone().hooked(hook)
    }

    fn clock(&self) -> &SetClock {
        self.0.clock()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conformance::run(async || Memory(MemoryStore::at(START))).await;
}

#[tokio::test]
async fn injected_failures_store_nothing_or_everything() {
    let store = MemoryStore::at(START);
    store.inject(Injected::Before);
    store.inject(Injected::StoredButReportedFailed);
    let before = Draft::new().write();
    let stored = Draft::new().write();
    let answer = store.commit(vec![before.clone()]).await;
    assert!(matches!(answer, Err(StoreFault::Unavailable(_))));
    let answer = store.commit(vec![stored.clone()]).await;
    assert_eq!(answer, Err(StoreFault::OutcomeUnknown));
    assert_eq!(store.receipt_of(&before.leaf.bytes()).await, Ok(None));
    let receipt = store
        .receipt_of(&stored.leaf.bytes())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(receipt.index, 0);
    store.set_down(true);
    assert!(store.now().await.is_err());
    assert!(store.commit(vec![Draft::new().write()]).await.is_err());
    store.set_down(false);
    assert!(store.commit(vec![Draft::new().write()]).await.unwrap()[0].is_ok());
}
