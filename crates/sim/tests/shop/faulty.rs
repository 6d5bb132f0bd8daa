//! A store that fails as real ones do, when a test says so: it refuses writes, answers nothing, loses the answer to a commit
//! or the commit itself. And something else may happen between a decision and its write, or between its write and its use.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

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

/// How it is with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Well,
    /// It can be read, and takes nothing.
    ReadOnly,
    /// It answers nothing.
    Unreachable,
    /// It answers with what cannot be.
    Damaged,
    /// All but the records of leaves can be read.
    NoRecords,
    /// It takes everything but that something is erased.
    NoErasing,
    /// It takes what decides nothing, and no decision.
    NoCommits,
}

/// What becomes of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It is stored, and nobody can tell: the answer was lost.
    StoredUnknown,
    /// It is stored, and reported as failed.
    StoredFailed,
    /// It is not stored, and nobody can tell.
    LostUnknown,
}

type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Faulty {
    store: Arc<dyn Store>,
    health: Mutex<Health>,
    /// Commits until the one that goes wrong.
    until: AtomicI64,
    shape: Mutex<Shape>,
    commits: AtomicU64,
    /// Commits that were refused because nothing is taken.
    refused: AtomicU64,
    /// Leaves that were looked at one by one.
    looked: Mutex<Vec<u64>>,
    before: Mutex<Option<Meanwhile>>,
    after: Mutex<Option<Meanwhile>>,
    between: Mutex<Option<(Table, Meanwhile)>>,
    /// A group whose rows cannot be listed.
    unlisted: Mutex<Option<String>>,
}

impl Faulty {
    pub fn of(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            health: Mutex::new(Health::Well),
            until: AtomicI64::new(i64::MAX),
            shape: Mutex::new(Shape::StoredUnknown),
            commits: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            looked: Mutex::default(),
            before: Mutex::default(),
            after: Mutex::default(),
            between: Mutex::default(),
            unlisted: Mutex::default(),
        })
    }

    pub fn is(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// The commit after so many goes wrong.
    pub fn goes_wrong(&self, after: i64, shape: Shape) {
        *self.shape.lock().unwrap() = shape;
        self.until.store(after, Ordering::SeqCst);
    }

    /// The rows of this group cannot be listed.
    pub fn lists_not(&self, group: Option<String>) {
        *self.unlisted.lock().unwrap() = group;
    }

    /// Commits so far.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Commits that were refused because the store takes nothing.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Leaves that were looked at since this was last asked.
    pub fn looked_at(&self) -> Vec<u64> {
        std::mem::take(&mut self.looked.lock().unwrap())
    }

    /// Happens once, after the next decision and before its write.
    pub fn before_the_write(&self, meanwhile: impl Future<Output = ()> + Send + 'static) {
        *self.before.lock().unwrap() = Some(Box::pin(meanwhile));
    }

    /// Happens once, after the next write and before anybody hears of it.
    pub fn after_the_write(&self, meanwhile: impl Future<Output = ()> + Send + 'static) {
        *self.after.lock().unwrap() = Some(Box::pin(meanwhile));
    }

    /// Happens once, before the next row of this table is read.
    pub fn before_reading(
        &self,
        table: Table,
        meanwhile: impl Future<Output = ()> + Send + 'static,
    ) {
        *self.between.lock().unwrap() = Some((table, Box::pin(meanwhile)));
    }

    fn reads(&self) -> Result<&dyn Store, StoreFault> {
        match *self.health.lock().unwrap() {
            Health::Unreachable => Err(StoreFault::Unavailable("nothing answers".into())),
            Health::Damaged => Err(StoreFault::Damaged("a page is not what it was".into())),
            _ => Ok(self.store.as_ref()),
        }
    }

    fn unless(&self, health: Health) -> Result<&dyn Store, StoreFault> {
        if *self.health.lock().unwrap() == health {
            return Err(StoreFault::Unavailable(format!("{health:?}")));
        }
        self.reads()
    }

    fn writes(&self) -> Result<&dyn Store, StoreFault> {
        if *self.health.lock().unwrap() == Health::ReadOnly {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreFault::Unavailable("it is read-only".into()));
        }
        self.reads()
    }
}

#[async_trait]
impl Store for Faulty {
    async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Receipt, Conflict>>, StoreFault> {
        let before = self.before.lock().unwrap().take();
        if let Some(meanwhile) = before {
            meanwhile.await;
        }
        self.unless(Health::NoCommits)?;
        let store = self.writes()?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        let wrong = self.until.fetch_sub(1, Ordering::SeqCst) == 0;
        let shape = *self.shape.lock().unwrap();
        if wrong && shape == Shape::LostUnknown {
            return Err(StoreFault::OutcomeUnknown);
        }
        let answer = store.commit(writes).await;
        let after = self.after.lock().unwrap().take();
        if let Some(meanwhile) = after {
            meanwhile.await;
        }
        match shape {
            Shape::StoredUnknown if wrong => Err(StoreFault::OutcomeUnknown),
            Shape::StoredFailed if wrong => {
                Err(StoreFault::Unavailable("the connection broke".into()))
            }
            _ => answer,
        }
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        self.reads()?.receipt_of(leaf).await
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        let between = {
            let mut between = self.between.lock().unwrap();
            between.take_if(|(table, _)| *table == key.table)
        };
        if let Some((_, meanwhile)) = between {
            meanwhile.await;
        }
        self.reads()?.row(key).await
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        let store = self.reads()?;
        let unlisted = self.unlisted.lock().unwrap().clone();
        if unlisted.is_some() && query.group == unlisted {
            return Err(StoreFault::Unavailable("a page is damaged".to_owned()));
        }
        store.rows(table, query).await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.reads()?.counters(keys).await
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.reads()?.unique(key).await
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        self.reads()?.head().await
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        self.looked.lock().unwrap().push(first);
        self.reads()?.leaves(first, limit, bytes).await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        self.unless(Health::NoRecords)?.records(first, limit).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        self.reads()?.now().await
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.unless(Health::NoErasing)?;
        self.writes()?.erase(leaf, name, erased_by).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.reads()?.outbox(after, limit).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        self.writes()?.lease(name, holder, seconds).await
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.writes()?.acknowledge(message).await
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        self.writes()?.put_opened(view).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        self.reads()?.opened(review_nonce).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        self.reads()?.records_of(leaves).await
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        self.writes()?.put_session(session).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        self.reads()?.session(id).await
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.writes()?.use_session(id, at).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.writes()?.end_session(id).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        self.writes()?.put_subscription(subscription).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.reads()?.subscriptions(human).await
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.reads()?.subscribers().await
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        self.writes()?.end_subscription(id, human).await
    }
}
