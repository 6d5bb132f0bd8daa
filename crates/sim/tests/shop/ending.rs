//! A process that ends: after so many more commits its store answers nothing, as if `kill -9` had come just then.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use gatehold_core::commit::{
    Conflict, CounterKey, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write,
};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, Store, StoreFault, StoredLeaf,
    StoredRecord, StoredSubscription,
};

pub struct Ending {
    store: Arc<dyn Store>,
    left: AtomicI64,
}

impl Ending {
    pub fn of(store: Arc<dyn Store>) -> Arc<Self> {
        let left = AtomicI64::new(i64::MAX);
        Arc::new(Self { store, left })
    }

    /// The process ends once it has committed so often.
    pub fn after(&self, commits: i64) {
        self.left.store(commits, Ordering::SeqCst);
    }

    fn alive(&self) -> Result<&dyn Store, StoreFault> {
        if self.left.load(Ordering::SeqCst) > 0 {
            Ok(self.store.as_ref())
        } else {
            Err(StoreFault::Unavailable("the process has ended".into()))
        }
    }
}

#[async_trait]
impl Store for Ending {
    async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Receipt, Conflict>>, StoreFault> {
        let answer = self.alive()?.commit(writes).await;
        self.left.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        self.alive()?.receipt_of(leaf).await
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.alive()?.row(key).await
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        self.alive()?.rows(table, query).await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.alive()?.counters(keys).await
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.alive()?.unique(key).await
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        self.alive()?.head().await
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        self.alive()?.leaves(first, limit, bytes).await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        self.alive()?.records(first, limit).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        self.alive()?.now().await
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.alive()?.erase(leaf, name, erased_by).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.alive()?.outbox(after, limit).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        self.alive()?.lease(name, holder, seconds).await
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.alive()?.acknowledge(message).await
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        self.alive()?.put_opened(view).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        self.alive()?.opened(review_nonce).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        self.alive()?.records_of(leaves).await
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        self.alive()?.put_session(session).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        self.alive()?.session(id).await
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.alive()?.use_session(id, at).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.alive()?.end_session(id).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        self.alive()?.put_subscription(subscription).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.alive()?.subscriptions(human).await
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.alive()?.subscribers().await
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        self.alive()?.end_subscription(id, human).await
    }
}
