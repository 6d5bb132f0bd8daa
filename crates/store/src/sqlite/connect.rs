//! Opening the database file: pragmas, schema, and everything that must be true before it is used.
//!
//! Refuses files of a newer version, files that are something else, and file systems on which WAL does not work: a
//! store that is not durable must not look like one.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::StoreFault;
use gatehold_ledger::Frontier;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::fault::{damaged, fault};

/// `GHLD`: tells our files from other people's databases.
const APPLICATION_ID: i64 = 0x4748_4c44;
const SCHEMA_VERSION: i64 = 6;
/// The first version knew no sessions of browsers.
const WITHOUT_SESSIONS: i64 = 1;
/// The second knew sessions that nothing narrows.
const NOT_NARROWED: i64 = 2;
/// The third did not know who vouched for them.
const NOT_VOUCHED: i64 = 3;
/// The fourth delivered no message, so it knew neither how old one is nor who delivers.
const NOT_DELIVERED: i64 = 4;
/// The fifth told nobody in a browser.
const NOT_PUSHED: i64 = 5;
const STATEMENTS_CACHED: usize = 64;
/// How long another process may hold the write lock before a batch fails.
pub(super) const BUSY_MILLIS: u64 = 5_000;

/// The head row, read and checked.
pub(super) struct HeadRow {
    pub frontier: Frontier,
    pub time: Timestamp,
}

/// A connection that may write. Creates the file and its schema when there is none.
pub(super) fn writer(path: &Path, pages_max: Option<u32>) -> Result<Connection, StoreFault> {
    create_private(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(fault)?;
    if mode != "wal" {
        return Err(StoreFault::Unavailable(format!(
            "SQLite cannot use a write-ahead log on {}; move it to a local file system",
            path.display()
        )));
    }
    // FULL: a commit returns only when its WAL frames are on the device. Erased attachments are overwritten.
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384;",
        )
        .map_err(fault)?;
    if let Some(pages) = pages_max {
        connection
            .execute_batch(&format!("PRAGMA max_page_count = {pages}"))
            .map_err(fault)?;
    }
    migrate(&mut connection, path)?;
    head(&connection)?;
    Ok(connection)
}

/// Another writing connection to a file that [`writer`] has prepared.
pub(super) fn second(path: &Path) -> Result<Connection, StoreFault> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .execute_batch("PRAGMA synchronous = FULL;")
        .map_err(fault)?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreFault> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")
        .map_err(fault)?;
    Ok(connection)
}

/// The head row.
pub(super) fn head(connection: &Connection) -> Result<HeadRow, StoreFault> {
    let (size, frontier, time): (i64, Vec<u8>, i64) = connection
        .prepare_cached("SELECT size, frontier, time FROM head")
        .and_then(|mut head| head.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))
        .map_err(fault)?;
    let frontier = Frontier::from_bytes(&frontier).map_err(|error| damaged(error.to_string()))?;
    if u64::try_from(size) != Ok(frontier.size()) {
        return Err(damaged(format!(
            "the head row says {size} leaves and its frontier {}",
            frontier.size()
        )));
    }
    Ok(HeadRow {
        frontier,
        time: Timestamp::from_millis(time),
    })
}

/// Compares what can be compared without reading everything.
pub(super) fn check_size(connection: &Connection) -> Result<HeadRow, StoreFault> {
    let head = head(connection)?;
    let last: Option<i64> = connection
        .query_row("SELECT max(number) FROM leaf", [], |row| row.get(0))
        .map_err(fault)?;
    let leaves = last.map_or(Ok(0), |last| u64::try_from(last).map(|last| last + 1));
    if leaves != Ok(head.frontier.size()) {
        let (size, stored) = (head.frontier.size(), leaves.unwrap_or_default());
        let what = if stored < size {
            format!("leaf {stored}, and whatever follows it, is missing")
        } else {
            format!("leaf {size}, and whatever follows it, is not of it")
        };
        return Err(damaged(format!(
            "the head row says {size} leaves: {what}; restore a backup and run `gatehold ledger rejoin`"
        )));
    }
    Ok(head)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreFault> {
    // One thread at a time per connection, which our own locks see to.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection
        .busy_timeout(std::time::Duration::from_millis(BUSY_MILLIS))
        .map_err(fault)?;
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;",
        )
        .map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    Ok(connection)
}

/// SQLite creates files readable for all; ours holds payloads.
fn create_private(path: &Path) -> Result<(), StoreFault> {
    let created = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    let unusable = |error| {
        StoreFault::Unavailable(format!(
            "{} cannot be opened for writing ({error}); check the directory and its owner",
            path.display()
        ))
    };
    created.map(drop).map_err(unusable)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreFault> {
    // IMMEDIATE: of two processes that start together, one creates the schema and the other finds it.
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(fault)?;
    let pragma = |name: &str| transaction.query_row(name, [], |row| row.get::<_, i64>(0));
    let version = pragma("PRAGMA user_version").map_err(fault)?;
    let application = pragma("PRAGMA application_id").map_err(fault)?;
    match (application, version) {
        (APPLICATION_ID, SCHEMA_VERSION) => return Ok(()),
        (0, 0) => create(&transaction, path)?,
        (APPLICATION_ID, WITHOUT_SESSIONS..=NOT_PUSHED) => {}
        (APPLICATION_ID, _) => {
            return Err(StoreFault::Unavailable(format!(
                "{} has schema version {version} and this program knows {SCHEMA_VERSION}; run a newer gatehold",
                path.display()
            )));
        }
        _ => return Err(not_ours(path)),
    }
    for (until, step) in [
        (WITHOUT_SESSIONS, include_str!("sessions.sql")),
        (NOT_NARROWED, include_str!("narrowed_sessions.sql")),
        (NOT_VOUCHED, include_str!("vouched_sessions.sql")),
        (NOT_DELIVERED, include_str!("notices.sql")),
        (NOT_PUSHED, include_str!("subscriptions.sql")),
    ] {
        if version <= until {
            transaction.execute_batch(step).map_err(fault)?;
        }
    }
    transaction
        .execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        ))
        .map_err(fault)?;
    transaction.commit().map_err(fault)
}

/// What the first version had.
fn create(transaction: &Connection, path: &Path) -> Result<(), StoreFault> {
    let table: Option<String> = transaction
        .query_row("SELECT name FROM sqlite_schema LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(fault)?;
    if table.is_some() {
        return Err(not_ours(path));
    }
    transaction
        .execute_batch(include_str!("schema.sql"))
        .map_err(fault)?;
    transaction
        .execute(
            "INSERT INTO head (one, size, frontier, time) VALUES (1, 0, ?1, 0)",
            [Frontier::new().to_bytes()],
        )
        .map(drop)
        .map_err(fault)
}

fn not_ours(path: &Path) -> StoreFault {
    StoreFault::Unavailable(format!(
        "{} is another program's database; name a file of gatehold's own",
        path.display()
    ))
}
