//! The store: the only memory, the only clock, and one way to change anything a decision reads.

use std::fmt;

use async_trait::async_trait;
use gatehold_core::commit::{
    Conflict, CounterKey, LeafBytes, Outbox, Receipt, RowIndex, RowKey, Table, UniqueKey, Write,
};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;

/// A row as stored. It is a claim: whoever loads it rebuilds and checks what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which row.
    pub key: RowKey,
    /// Counts its changes, from 1.
    pub version: u64,
    /// Index of the leaf of the write that created it.
    pub first_leaf: u64,
    /// Index of the leaf of the write that last changed it.
    pub last_leaf: u64,
    /// Canonical JSON.
    pub body: Vec<u8>,
    /// What lists select by.
    pub index: RowIndex,
}

/// Which rows a list wants. Ordered by creation, oldest first unless said otherwise; every field that is given must match.
#[derive(Debug, Clone, Default)]
pub struct RowQuery {
    /// Any of these states; empty means every state.
    pub states: Vec<String>,
    /// Due at or before this time.
    pub due_by: Option<Timestamp>,
    /// The owner column.
    pub owner: Option<String>,
    /// The group column.
    pub group: Option<String>,
    /// Created by a leaf after this index: the cursor of the next page.
    pub after_leaf: Option<u64>,
    /// Created by a leaf before this index: the cursor of the next page where the newest come first.
    pub before_leaf: Option<u64>,
    /// The newest first.
    pub newest_first: bool,
    /// At most this many rows, capped at 1,000, and those that the last leaf of the page created besides.
    pub limit: u32,
}

/// One attachment of a stored leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttachment {
    /// Name within its leaf.
    pub name: String,
    /// Its salt; erased with the bytes, so that guesses cannot be tested.
    pub salt: Option<[u8; 32]>,
    /// The bytes, or nothing once erased.
    pub bytes: Option<Vec<u8>>,
    /// The index of the leaf that erased it.
    pub erased_by: Option<u64>,
}

/// One leaf with its opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaf {
    /// Index in the ledger.
    pub index: u64,
    /// The 35 bytes that the tree commits to.
    pub leaf: LeafBytes,
    /// The store's time at the commit.
    pub time: Timestamp,
    /// The salt of the record.
    pub salt: [u8; 32],
    /// The record.
    pub record: Vec<u8>,
    /// Attachments without their bytes unless asked for.
    pub attachments: Vec<StoredAttachment>,
}

/// One leaf with the record that opens it, without its attachments: what a start reads of every leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Index in the ledger.
    pub index: u64,
    /// The 35 bytes that the tree commits to.
    pub leaf: LeafBytes,
    /// The salt of the record.
    pub salt: [u8; 32],
    /// The record.
    pub record: Vec<u8>,
}

/// The head row: how long the ledger is, its frontier, and the latest time the store has shown anyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// `gatehold_ledger` frontier bytes.
    pub frontier: Vec<u8>,
    /// Never goes back.
    pub time: Timestamp,
}

/// A reviewer opened a view: operational, holds no authority, losing it costs a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedView {
    /// Drawn for this opening; consumed by the write that stores the review.
    pub review_nonce: String,
    /// The request it belongs to.
    pub request: String,
    /// The exact view bytes the reviewer was given.
    pub view: Vec<u8>,
    /// When it may be forgotten.
    pub expires: Timestamp,
}

/// A person's session in a browser: operational, decides nothing by itself, losing it costs a sign-in.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Hash of the id in the cookie; the id itself is never stored.
    pub id: Hash,
    /// Who signed in.
    pub human: String,
    /// Stands in every form of this session and of no other.
    pub csrf: Hash,
    /// How they signed in.
    pub how: String,
    /// When.
    pub created: Timestamp,
    /// When the person was last seen to act.
    pub last_used: Timestamp,
    /// The end of it, whatever the person does.
    pub expires: Timestamp,
    /// Teams that whoever vouched for them did not say they are in, one a line.
    pub without: String,
    /// Names who vouched for them and how they were asked; nothing for a printed code.
    pub provider: Option<Hash>,
}

impl fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "BrowserSession({}, by {}, until {})",
            self.human, self.how, self.expires
        )
    }
}

/// A browser that a person is told at: operational, decides nothing, losing it costs whoever wants it a click.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSubscription {
    /// Hash of the endpoint: one browser is one person's.
    pub id: Hash,
    /// Whose it is.
    pub human: String,
    /// Where its push service takes messages for it.
    pub endpoint: String,
    /// The browser's key, base64url.
    pub p256dh: String,
    /// The browser's secret, base64url.
    pub auth: String,
    /// Names the gate's key that it was made for; no other one reaches it.
    pub server_key: Hash,
    /// When.
    pub created: Timestamp,
}

impl fmt::Debug for StoredSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An endpoint is a capability.
        write!(f, "StoredSubscription({} of {})", self.id, self.human)
    }
}

/// A message of the outbox that nobody has acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its number: later messages have higher ones, and none is given twice.
    pub number: u64,
    /// The store's time at the commit that wrote it.
    pub at: Timestamp,
    /// What it says. It is a claim, as every row is.
    pub message: Outbox,
}

/// Most sessions of one person; the oldest goes first.
pub const SESSIONS_OF_ONE_MAX: u32 = 16;

/// Most browsers that one person is told at; the oldest goes first.
pub const SUBSCRIPTIONS_OF_ONE_MAX: u32 = 8;

/// The store did not answer, or not sensibly. Nothing is released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// It could not be reached or refused to work.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// It answered with something that cannot be.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The answer to a commit was lost; `Store::receipt_of` tells what happened.
    #[error("the outcome of the write is not known")]
    OutcomeUnknown,
}

/// Memory, SQLite and PostgreSQL implement this natively and pass one conformance suite.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies writes in order, one transaction for the batch, each seeing the changes before it. A conflict drops
    /// that write alone. Durable when it returns. May batch with other callers' writes. Without any write it asks whether a
    /// decision would be taken now: the database is written to all the same, and so is whatever a release waits for.
    ///
    /// # Errors
    /// [`StoreFault`] when nothing of the batch may be assumed.
    async fn commit(
        &self,
        writes: Vec<Write>,
    ) -> Result<Vec<Result<Receipt, Conflict>>, StoreFault>;

    /// The receipt of a leaf, if it was ever appended: resolves a commit whose answer was lost.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn receipt_of(&self, leaf: &LeafBytes) -> Result<Option<Receipt>, StoreFault>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreFault>;

    /// Rows of a table.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn rows(&self, table: Table, query: &RowQuery) -> Result<Vec<Row>, StoreFault>;

    /// Counter values, 0 where never added to.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn counters(&self, keys: &[CounterKey]) -> Result<Vec<u64>, StoreFault>;

    /// The leaf index that created a unique key.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn unique(&self, key: &UniqueKey) -> Result<Option<u64>, StoreFault>;

    /// The head row.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn head(&self) -> Result<Head, StoreFault>;

    /// Leaves from `first`, at most `limit` (capped at 1,000), with attachment bytes only if `bytes`.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn leaves(
        &self,
        first: u64,
        limit: u32,
        bytes: bool,
    ) -> Result<Vec<StoredLeaf>, StoreFault>;

    /// The same leaves without their attachments, so that all of them can be read at every start.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn records(&self, first: u64, limit: u32) -> Result<Vec<StoredRecord>, StoreFault>;

    /// The records of these leaves, at most 1,000 of them, in any order and without those that do not exist.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn records_of(&self, leaves: &[u64]) -> Result<Vec<StoredRecord>, StoreFault>;

    /// The store's time: at least `Head::time`, from an offset at most 1 s old.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn now(&self) -> Result<Timestamp, StoreFault>;

    /// Forgets an attachment's salt and bytes, and every opened view, because one of them may show the same. Called only
    /// for an erasure leaf that is already durable.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn erase(&self, leaf: u64, name: &str, erased_by: u64) -> Result<(), StoreFault>;

    /// Messages not yet acknowledged with a number above `after`, oldest first, at most `limit` (capped at 1,000).
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn outbox(&self, after: u64, limit: u32) -> Result<Vec<Announced>, StoreFault>;

    /// Forgets a delivered message.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn acknowledge(&self, message: u64) -> Result<(), StoreFault>;

    /// Whether `holder` does from now on, for so many seconds of the store's clock, what one process at a time does: it does
    /// already, or nobody does, or whoever did has let its time pass. No seconds give it back. Operational: losing it costs a
    /// repetition, so nothing that must happen once may rest on it.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn lease(&self, name: &str, holder: &str, seconds: u32) -> Result<bool, StoreFault>;

    /// Remembers an opened view. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn put_opened(&self, view: OpenedView) -> Result<(), StoreFault>;

    /// An opened view by its nonce. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn opened(&self, review_nonce: &str) -> Result<Option<OpenedView>, StoreFault>;

    /// Remembers a session, and forgets those that are over and this person's oldest beyond
    /// [`SESSIONS_OF_ONE_MAX`]. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn put_session(&self, session: BrowserSession) -> Result<(), StoreFault>;

    /// A session that is not over, by the hash of its id. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn session(&self, id: &Hash) -> Result<Option<BrowserSession>, StoreFault>;

    /// The person of a session was seen to act; never takes the time back. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn use_session(&self, id: &Hash, at: Timestamp) -> Result<(), StoreFault>;

    /// Forgets a session. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn end_session(&self, id: &Hash) -> Result<(), StoreFault>;

    /// Remembers a browser, takes one of the same id over whoever had it, and forgets this person's oldest beyond
    /// [`SUBSCRIPTIONS_OF_ONE_MAX`]. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn put_subscription(&self, subscription: StoredSubscription) -> Result<(), StoreFault>;

    /// The browsers of a person, oldest first. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn subscriptions(&self, human: &str) -> Result<Vec<StoredSubscription>, StoreFault>;

    /// Everybody who has a browser, in order. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn subscribers(&self) -> Result<Vec<String>, StoreFault>;

    /// Forgets a browser, if it is this person's. Operational.
    ///
    /// # Errors
    /// [`StoreFault`] when the store does not answer.
    async fn end_subscription(&self, id: &Hash, human: &str) -> Result<(), StoreFault>;
}
