//! The embedded store: one SQLite file in WAL mode with synchronous FULL, one writer thread that commits in groups.
//!
//! What a caller is told is on the device. The file may be opened by a second process of the same machine; SQLite's own
//! lock orders their batches.

mod columns;
mod connect;
mod fault;
mod fold_back;
mod read;
mod transaction;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use async_trait::async_trait;
use gatehold_core::commit::{CounterKey, LeafBytes, Receipt, RowKey, Table, UniqueKey, Write};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, Head, OpenedView, Row, RowQuery, Store, StoreFault, StoredLeaf,
    StoredRecord, StoredSubscription,
};

pub use self::fold_back::WalBounds;
use self::read::Readers;
use self::writer::Writer;
use crate::after_commit::{AfterCommit, Answers, Release};
use crate::clock::{Clock, Shown, SystemClock};
use crate::queue::{Queue, Side, queue};

/// How to open a database file.
pub struct SqliteOptions {
    /// The file. Created with mode 0600 when it does not exist; its directory must.
    pub path: PathBuf,
    /// Time. [`SystemClock`] outside tests.
    pub clock: Arc<dyn Clock>,
    /// What to do after each batch and before its answers.
    pub hook: Option<Arc<dyn AfterCommit>>,
    /// Read connections.
    pub readers: usize,
    /// Bounds of the write-ahead log.
    pub wal: WalBounds,
    /// Largest size of the file in pages of 4 KiB; beyond it the store refuses as on a full disk.
    pub pages_max: Option<u32>,
}

impl SqliteOptions {
    /// The usual options for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            clock: Arc::new(SystemClock::open()),
            hook: None,
            readers: 4,
            wal: WalBounds::default(),
            pages_max: None,
        }
    }
}

/// A store in one SQLite file. Dropping it waits for the batch in hand.
pub struct SqliteStore {
    /// `None` only while being dropped.
    queue: Option<Queue>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
    shown: Arc<Shown>,
    release: Arc<Release>,
}

impl SqliteStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// The file cannot be used, is damaged, is of a newer version, or has seen a time more than two seconds after the
    /// clock's: the text says what to do.
    pub fn open(options: SqliteOptions) -> Result<Self, StoreFault> {
        let mut connection = connect::writer(&options.path, options.pages_max)?;
        let head = connect::check_size(&connection)?;
        let shown = Arc::new(Shown::open(options.clock, None, head.time)?);
        let release = Release::new(options.hook);
        let fold_back = fold_back::FoldBack::start(&options.path, options.wal)?;
        fold_back.watch(&mut connection)?;
        let readers = Readers::open(&options.path, options.readers)?;
        let (queue, jobs) = queue();
        let writer = Writer {
            path: options.path,
            pages_max: options.pages_max,
            jobs,
            shown: Arc::clone(&shown),
            release: Arc::clone(&release),
            fold_back,
            connection: Some(connection),
            damaged: false,
        };
        let thread = std::thread::Builder::new().name("store-writer".into());
        let failed = |error| StoreFault::Unavailable(format!("no thread to write with ({error})"));
        Ok(Self {
            queue: Some(queue),
            writer: Some(thread.spawn(|| writer.run()).map_err(failed)?),
            readers,
            shown,
            release,
        })
    }

    fn queue(&self) -> Result<&Queue, StoreFault> {
        let closed = || StoreFault::Unavailable("it is being closed".into());
        self.queue.as_ref().ok_or_else(closed)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, writes: Vec<Write>) -> Answers {
        self.queue()?.commit(writes).await
    }

    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault> {
        let receipt = self.readers.with(|reader| read::receipt_of(reader, leaf))?;
        receipt
            .map(|receipt| self.release.tell(receipt))
            .transpose()
    }

    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault> {
        self.readers.with(|reader| read::row(reader, key))
    }

    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault> {
        let query = query.clone();
        self.readers
            .spawn(move |reader| read::rows(reader, table, &query))
            .await
    }

    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault> {
        let values = |reader: &_| {
            keys.iter()
                .map(|key| read::counter(reader, &key.0))
                .collect()
        };
        self.readers.with(values)
    }

    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault> {
        self.readers.with(|reader| read::unique(reader, &key.0))
    }

    async fn head(&self) -> Result<Head, StoreFault> {
        let head = connect::head(&*self.readers.connection()?)?;
        Ok(Head {
            size: head.frontier.size(),
            frontier: head.frontier.to_bytes(),
            time: head.time,
        })
    }

    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault> {
        let read = move |reader: &_| read::leaves(reader, first, limit, bytes);
        self.readers.spawn(read).await
    }

    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault> {
        let read = move |reader: &_| read::records(reader, first, limit);
        self.readers.spawn(read).await
    }

    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault> {
        let leaves = leaves.to_vec();
        let read = move |reader: &_| read::records_of(reader, &leaves);
        self.readers.spawn(read).await
    }

    async fn now(&self) -> Result<Timestamp, StoreFault> {
        if let Some(now) = self.shown.recent() {
            return Ok(now);
        }
        let head = connect::head(&*self.readers.connection()?)?;
        Ok(self.shown.at_least(head.time))
    }

    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault> {
        let name = name.to_owned();
        let side = Side::Erase {
            leaf,
            name,
            erased_by,
        };
        self.queue()?.side(side).await
    }

    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault> {
        self.readers
            .with(|reader| read::outbox(reader, after, limit))
    }

    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault> {
        self.queue()?.side(Side::Acknowledge(message)).await
    }

    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault> {
        let side = Side::Lease {
            name: name.to_owned(),
            holder: holder.to_owned(),
            seconds,
        };
        self.queue()?.side(side).await?;
        // Nobody else takes what was just taken before its time has passed.
        let holds = self.readers.with(|reader| read::holder(reader, name))?;
        Ok(holds.as_deref() == Some(holder))
    }

    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault> {
        self.queue()?.side(Side::PutOpened(view)).await
    }

    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault> {
        let now = self.now().await?;
        let opened = self
            .readers
            .with(|reader| read::opened(reader, review_nonce))?;
        Ok(opened.filter(|opened| opened.expires >= now))
    }

    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault> {
        self.queue()?.side(Side::PutSession(session)).await
    }

    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault> {
        let now = self.now().await?;
        let session = self.readers.with(|reader| read::session(reader, id))?;
        Ok(session.filter(|session| session.expires >= now))
    }

    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault> {
        self.queue()?.side(Side::UseSession(*id, at)).await
    }

    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault> {
        self.queue()?.side(Side::EndSession(*id)).await
    }

    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault> {
        let side = Side::PutSubscription(subscription);
        self.queue()?.side(side).await
    }

    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault> {
        self.readers
            .with(|reader| read::subscriptions(reader, human))
    }

    async fn subscribers(&self) -> Result<Vec<String>, StoreFault> {
        self.readers.with(read::subscribers)
    }

    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault> {
        let side = Side::EndSubscription(*id, human.to_owned());
        self.queue()?.side(side).await
    }
}
