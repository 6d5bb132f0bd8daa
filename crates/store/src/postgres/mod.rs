//! The store for several processes: PostgreSQL, native SQL, one batching writer a process.
//!
//! READ COMMITTED; the lock on the head row alone orders decisions. Several gates may run on one database. Changes are
//! announced on channel `gatehold` once a batch and outside the commit; who misses it polls.

mod columns;
mod fault;
mod migrate;
mod opened;
mod read;
mod session;
mod transaction;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use gatehold_core::commit::{CounterKey, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, Store, StoreFault, StoredLeaf,
    StoredRecord, StoredSubscription,
};
use tokio::sync::watch;
use tokio_postgres::Config;

use self::read::Readers;
use self::transaction::WriteSession;
use self::writer::Writer;
use crate::after_commit::{AfterCommit, Answers, Release};
use crate::clock::{Clock, Shown, SystemClock};
use crate::queue::{Queue, Side, queue};

/// How to reach a database.
pub struct PostgresOptions {
    /// A connection string: `postgres://user:password@host:port/database` or `key=value` pairs.
    pub url: String,
    /// A clock that replaces the server's: for tests only.
    pub set_clock: Option<Arc<dyn Clock>>,
    /// What to do after each batch and before its answers.
    pub hook: Option<Arc<dyn AfterCommit>>,
    /// Read connections.
    pub readers: usize,
}

impl PostgresOptions {
    /// The usual options for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            set_clock: None,
            hook: None,
            readers: 3,
        }
    }
}

/// A store in a PostgreSQL database, in its schema `gatehold`.
pub struct PostgresStore {
    queue: Queue,
    readers: Readers,
    shown: Arc<Shown>,
    /// Whether the server is the clock.
    server_clock: bool,
    release: Arc<Release>,
}

impl PostgresStore {
    /// Connects, brings the schema up to date and starts the writer as a task.
    ///
    /// # Errors
    /// The server cannot be reached, would lose commits, holds another or a newer schema, or its clock is more than two
    /// seconds behind the store's time: the text says what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, StoreFault> {
        let unreadable =
            |error| StoreFault::Unavailable(format!("the connection string is not one ({error})"));
        let config: Config = options.url.parse().map_err(unreadable)?;
        let mut config = session::with_an_end(config);
        config.application_name("gatehold");
        let mut client = session::connect(&config).await?;
        migrate::migrate(&mut client).await?;
        drop(client);
        let session = WriteSession::open(&config).await?;
        let readers = Readers::new(config.clone(), options.readers);
        let reader = readers.reader().await?;
        let server_clock = options.set_clock.is_none();
        let authority = if server_clock {
            Some(reader.clock().await?)
        } else {
            None
        };
        let clock = options
            .set_clock
            .clone()
            .unwrap_or_else(|| Arc::new(SystemClock::open()));
        let (_, head_time) = reader.head().await?;
        let shown = Arc::new(Shown::open(clock, authority, head_time)?);
        let release = Release::new(options.hook);
        let (queue, jobs) = queue();
        let (grown, growth) = watch::channel(0);
        let writer = Writer {
            config,
            jobs,
            shown: Arc::clone(&shown),
            set_clock: options.set_clock,
            release: Arc::clone(&release),
            session: Some(session),
            grown,
        };
        tokio::spawn(writer.run());
        tokio::spawn(announce(readers.clone(), growth));
        Ok(Self {
            queue,
            readers,
            shown,
            server_clock,
            release,
        })
    }
}

/// Announces growth, once for all batches since the last time. Ends with the writer.
async fn announce(readers: Readers, mut growth: watch::Receiver<u64>) {
    while growth.changed().await.is_ok() {
        let size = *growth.borrow_and_update();
        let told = async { readers.reader().await?.notify(size).await };
        if let Err(fault) = told.await {
            // Whoever listens also polls.
            tracing::debug!(%fault, "growth could not be announced");
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, writes: Vec<Write>) -> Answers {
        self.queue.commit(writes).await
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        let receipt = self.readers.reader().await?.receipt_of(leaf).await?;
        receipt
            .map(|receipt| self.release.tell(receipt))
            .transpose()
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.readers.reader().await?.row(key).await
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        self.readers.reader().await?.rows(table, query).await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        self.readers.reader().await?.counters(keys).await
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.readers.reader().await?.unique(&key.0).await
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        let (frontier, time) = self.readers.reader().await?.head().await?;
        Ok(Head {
            size: frontier.size(),
            frontier: frontier.to_bytes(),
            time,
        })
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        self.readers
            .reader()
            .await?
            .leaves(first, limit, bytes)
            .await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        self.readers.reader().await?.records(first, limit).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        self.readers.reader().await?.records_of(leaves).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        if let Some(now) = self.shown.recent() {
            return Ok(now);
        }
        let reader = self.readers.reader().await?;
        if self.server_clock {
            self.shown.look(reader.clock().await?);
        }
        let (_, head_time) = reader.head().await?;
        Ok(self.shown.at_least(head_time))
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        self.readers
            .reader()
            .await?
            .erase(leaf, name, erased_by)
            .await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.readers.reader().await?.outbox(after, limit).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        let now = self.now().await?;
        let reader = self.readers.reader().await?;
        reader.lease(name, holder, seconds, now).await
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.readers.reader().await?.acknowledge(message).await
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        // The way that decisions go: whoever tries whether the store takes writes learns of that one.
        self.now().await?;
        self.queue.side(Side::PutOpened(view)).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        let now = self.now().await?;
        let opened = self.readers.reader().await?.opened(review_nonce).await?;
        Ok(opened.filter(|opened| opened.expires >= now))
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        let now = self.now().await?;
        let reader = self.readers.reader().await?;
        reader.put_session(&session, now).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        let now = self.now().await?;
        let session = self.readers.reader().await?.session(id).await?;
        Ok(session.filter(|session| session.expires >= now))
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.readers.reader().await?.use_session(id, at).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.readers.reader().await?.end_session(id).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        let reader = self.readers.reader().await?;
        reader.put_subscription(&subscription).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.readers.reader().await?.subscriptions(human).await
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.readers.reader().await?.subscribers().await
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        let reader = self.readers.reader().await?;
        reader.end_subscription(id, human).await
    }
}
