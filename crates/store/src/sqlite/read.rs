//! Reading: a few connections that cannot write, each behind its own lock.
//!
//! Looking up one thing takes microseconds from the page cache and is done in place; lists and leaves may read much and
//! go to a blocking thread. Every read sees the last commit.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatehold_core::commit::{LeafBytes, Outbox, Receipt, RowIndex, RowKey, Table};
use gatehold_core::hash::Hash;
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::{
    Announced, BrowserSession, OpenedView, Row, RowQuery, StoreFault, StoredAttachment, StoredLeaf,
    StoredRecord, StoredSubscription,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, params, params_from_iter};

use super::columns::{after_attachments, count, first_attachment, fixed, fixed_or_null, int};
use super::connect;
use super::fault::fault;
use crate::page::{LIMIT_MAX, page, rows_to_read};

/// The read connections.
#[derive(Clone)]
pub(super) struct Readers {
    pool: Arc<[Mutex<Connection>]>,
    next: Arc<AtomicUsize>,
}

impl Readers {
    pub fn open(path: &Path, connections: usize) -> std::result::Result<Self, StoreFault> {
        let pool = (0..connections.max(1)).map(|_| connect::reader(path).map(Mutex::new));
        Ok(Self {
            pool: pool.collect::<std::result::Result<_, _>>()?,
            next: Arc::default(),
        })
    }

    /// Reads in place.
    pub fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreFault> {
        let reader = self.connection()?;
        read(&reader).map_err(fault)
    }

    /// Reads on a blocking thread.
    pub async fn spawn<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreFault> {
        let readers = self.clone();
        let task = tokio::task::spawn_blocking(move || readers.with(read));
        let ended = |error| StoreFault::Unavailable(format!("a reader ended early ({error})"));
        task.await.map_err(ended)?
    }

    /// The first connection nobody uses, or the next one's turn.
    pub fn connection(&self) -> std::result::Result<MutexGuard<'_, Connection>, StoreFault> {
        if let Some(free) = self.pool.iter().find_map(|reader| reader.try_lock().ok()) {
            return Ok(free);
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.pool.len().max(1);
        let reader = self.pool.get(turn);
        let none = || StoreFault::Unavailable("it has no connection to read with".into());
        // A reader that panicked held no transaction open: the connection is as good as before.
        Ok(reader
            .ok_or_else(none)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }
}

const ROWS: &str = "SELECT id, version, first_leaf, last_leaf, body, state, due, owner, belongs_to
     FROM state_row WHERE kind = ?";

pub(super) fn row(connection: &Connection, key: &RowKey) -> Result<Option<Row>> {
    connection
        .prepare_cached(&format!("{ROWS} AND id = ?"))?
        .query_row(params![key.table.name(), key.id], |row| {
            read_row(row, key.table)
        })
        .optional()
}

pub(super) fn rows(connection: &Connection, table: Table, query: &RowQuery) -> Result<Vec<Row>> {
    let mut sql = ROWS.to_owned();
    let mut values: Vec<Value> = vec![table.name().to_owned().into()];
    if !query.states.is_empty() {
        let places = vec!["?"; query.states.len()].join(", ");
        sql.push_str(&format!(" AND state IN ({places})"));
        values.extend(query.states.iter().cloned().map(Value::from));
    }
    let mut also = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value);
        }
    };
    also(" AND due <= ?", query.due_by.map(|due| due.millis().into()));
    also(" AND owner = ?", query.owner.clone().map(Value::from));
    also(" AND belongs_to = ?", query.group.clone().map(Value::from));
    also(
        " AND first_leaf > ?",
        query.after_leaf.map(|leaf| int(leaf).into()),
    );
    also(
        " AND first_leaf < ?",
        query.before_leaf.map(|leaf| int(leaf).into()),
    );
    let limit = rows_to_read(query.limit);
    let order = if query.newest_first {
        " ORDER BY first_leaf DESC, id DESC LIMIT ?"
    } else {
        " ORDER BY first_leaf, id LIMIT ?"
    };
    also(order, Some(limit.into()));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| read_row(row, table))?;
    Ok(page(rows.collect::<Result<_>>()?, query.limit))
}

fn read_row(row: &rusqlite::Row<'_>, table: Table) -> Result<Row> {
    let due: Option<i64> = row.get(6)?;
    Ok(Row {
        key: RowKey {
            table,
            id: row.get(0)?,
        },
        version: count(row, 1)?,
        first_leaf: count(row, 2)?,
        last_leaf: count(row, 3)?,
        body: row.get(4)?,
        index: RowIndex {
            state: row.get(5)?,
            due: due.map(Timestamp::from_millis),
            owner: row.get(7)?,
            group: row.get(8)?,
        },
    })
}

pub(super) fn receipt_of(connection: &Connection, leaf: &LeafBytes) -> Result<Option<Receipt>> {
    connection
        .prepare_cached("SELECT number, time FROM leaf WHERE leaf = ?1")?
        .query_row([&leaf[..]], |row| {
            Ok(Receipt {
                index: count(row, 0)?,
                leaf: *leaf,
                time: Timestamp::from_millis(row.get(1)?),
            })
        })
        .optional()
}

pub(super) fn counter(connection: &Connection, key: &str) -> Result<u64> {
    let value = connection
        .prepare_cached("SELECT value FROM counter WHERE key = ?1")?
        .query_row([key], |row| count(row, 0))
        .optional()?;
    Ok(value.unwrap_or(0))
}

pub(super) fn unique(connection: &Connection, key: &str) -> Result<Option<u64>> {
    connection
        .prepare_cached("SELECT leaf FROM unique_key WHERE key = ?1")?
        .query_row([key], |row| count(row, 0))
        .optional()
}

pub(super) fn leaves(
    connection: &Connection,
    first: u64,
    limit: u32,
    bytes: bool,
) -> Result<Vec<StoredLeaf>> {
    // One snapshot for leaves and attachments: an erasure in between would show neither the bytes nor who erased them.
    let transaction = connection.unchecked_transaction()?;
    let mut statement = transaction.prepare_cached(
        "SELECT number, leaf, time, salt, record FROM leaf WHERE number >= ?1 ORDER BY number LIMIT ?2",
    )?;
    let read = statement.query_map(params![int(first), limit.min(LIMIT_MAX)], |row| {
        Ok(StoredLeaf {
            index: count(row, 0)?,
            leaf: fixed(row, 1)?,
            time: Timestamp::from_millis(row.get(2)?),
            salt: fixed(row, 3)?,
            record: row.get(4)?,
            attachments: Vec::new(),
        })
    })?;
    let mut leaves = read.collect::<Result<Vec<_>>>()?;
    for leaf in &mut leaves {
        leaf.attachments = attachments(&transaction, leaf.index, bytes)?;
    }
    Ok(leaves)
}

pub(super) fn records(
    connection: &Connection,
    first: u64,
    limit: u32,
) -> Result<Vec<StoredRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, leaf, salt, record FROM leaf WHERE number >= ?1 ORDER BY number LIMIT ?2",
    )?;
    let read = statement.query_map(params![int(first), limit.min(LIMIT_MAX)], |row| {
        Ok(StoredRecord {
            index: count(row, 0)?,
            leaf: fixed(row, 1)?,
            salt: fixed(row, 2)?,
            record: row.get(3)?,
        })
    })?;
    read.collect()
}

pub(super) fn records_of(connection: &Connection, leaves: &[u64]) -> Result<Vec<StoredRecord>> {
    // One snapshot, as one statement has.
    let transaction = connection.unchecked_transaction()?;
    let mut statement = transaction
        .prepare_cached("SELECT number, leaf, salt, record FROM leaf WHERE number = ?1")?;
    let mut records = Vec::new();
    for leaf in leaves.iter().take(LIMIT_MAX as usize) {
        let found = statement.query_row([int(*leaf)], |row| {
            Ok(StoredRecord {
                index: count(row, 0)?,
                leaf: fixed(row, 1)?,
                salt: fixed(row, 2)?,
                record: row.get(3)?,
            })
        });
        records.extend(found.optional()?);
    }
    Ok(records)
}

fn attachments(connection: &Connection, leaf: u64, bytes: bool) -> Result<Vec<StoredAttachment>> {
    let sql = if bytes {
        "SELECT name, salt, erased_by, bytes FROM attachment WHERE number >= ?1 AND number < ?2 ORDER BY number"
    } else {
        "SELECT name, salt, erased_by, NULL FROM attachment WHERE number >= ?1 AND number < ?2 ORDER BY number"
    };
    let mut statement = connection.prepare_cached(sql)?;
    let read = statement.query_map([first_attachment(leaf), after_attachments(leaf)], |row| {
        let erased_by: Option<i64> = row.get(2)?;
        Ok(StoredAttachment {
            name: row.get(0)?,
            salt: fixed_or_null(row, 1)?,
            bytes: row.get(3)?,
            erased_by: erased_by.map(|_| count(row, 2)).transpose()?,
        })
    })?;
    read.collect()
}

pub(super) fn outbox(connection: &Connection, after: u64, limit: u32) -> Result<Vec<Announced>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, dedup, topic, body, time FROM outbox WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let read = statement.query_map(params![int(after), limit.min(LIMIT_MAX)], |row| {
        Ok(Announced {
            number: count(row, 0)?,
            at: Timestamp::from_millis(row.get(4)?),
            message: Outbox {
                dedup: row.get(1)?,
                topic: row.get(2)?,
                body: row.get(3)?,
            },
        })
    })?;
    read.collect()
}

/// Who holds a lease, or held it last.
pub(super) fn holder(connection: &Connection, lease: &str) -> Result<Option<String>> {
    connection
        .prepare_cached("SELECT holder FROM lease WHERE name = ?1")?
        .query_row([lease], |row| row.get(0))
        .optional()
}

pub(super) fn opened(connection: &Connection, review_nonce: &str) -> Result<Option<OpenedView>> {
    connection
        .prepare_cached("SELECT request, view, expires FROM opened_view WHERE review_nonce = ?1")?
        .query_row([review_nonce], |row| {
            Ok(OpenedView {
                review_nonce: review_nonce.to_owned(),
                request: row.get(0)?,
                view: row.get(1)?,
                expires: Timestamp::from_millis(row.get(2)?),
            })
        })
        .optional()
}

pub(super) fn subscriptions(
    connection: &Connection,
    human: &str,
) -> Result<Vec<StoredSubscription>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, endpoint, p256dh, auth, server_key, created FROM push_subscription WHERE human = ?1 ORDER BY created, id",
    )?;
    let read = statement.query_map([human], |row| {
        Ok(StoredSubscription {
            id: Hash::from_bytes(fixed(row, 0)?),
            human: human.to_owned(),
            endpoint: row.get(1)?,
            p256dh: row.get(2)?,
            auth: row.get(3)?,
            server_key: Hash::from_bytes(fixed(row, 4)?),
            created: Timestamp::from_millis(row.get(5)?),
        })
    })?;
    read.collect()
}

pub(super) fn subscribers(connection: &Connection) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT human FROM push_subscription ORDER BY human")?;
    let read = statement.query_map([], |row| row.get(0))?;
    read.collect()
}

pub(super) fn session(connection: &Connection, id: &Hash) -> Result<Option<BrowserSession>> {
    connection
        .prepare_cached(
            "SELECT human, csrf, how, created, last_used, expires, narrowed, provider FROM browser_session WHERE id = ?1",
        )?
        .query_row([&id.as_bytes()[..]], |row| {
            Ok(BrowserSession {
                id: *id,
                human: row.get(0)?,
                csrf: Hash::from_bytes(fixed(row, 1)?),
                how: row.get(2)?,
                created: Timestamp::from_millis(row.get(3)?),
                last_used: Timestamp::from_millis(row.get(4)?),
                expires: Timestamp::from_millis(row.get(5)?),
                without: row.get(6)?,
                provider: fixed_or_null(row, 7)?.map(Hash::from_bytes),
            })
        })
        .optional()
}
