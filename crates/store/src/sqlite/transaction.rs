//! One batch as one transaction: read what it names, evaluate, save the survivors.
//!
//! Everything here runs under SQLite's write lock. No statement can fail because of what a write says, only because the
//! database does.

use gatehold_core::commit::{Outbox, Table};
use gatehold_core::time::Timestamp;
use gatehold_ledger::Frontier;
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::columns::{count, first_attachment, int};
use crate::batch::{Key, Known, LeafPut, RowPut, Staged, keys};
use crate::form::OUTBOX_MAX;
use crate::form::Prepared;

/// Unique keys forgotten at most once a batch, so that no batch pays for a long pause.
const FORGOTTEN_PER_BATCH: u32 = 64;

/// Reads everything the batch's guards and changes name.
pub(super) fn load<'w>(
    connection: &Connection,
    writes: impl Iterator<Item = &'w Prepared>,
) -> Result<Known<'w>> {
    let mut known = Known::default();
    let mut row = connection
        .prepare_cached("SELECT version, first_leaf FROM state_row WHERE kind = ?1 AND id = ?2")?;
    let mut counter = connection.prepare_cached("SELECT value FROM counter WHERE key = ?1")?;
    let mut unique = connection.prepare_cached("SELECT forget FROM unique_key WHERE key = ?1")?;
    let mut leaf = connection.prepare_cached("SELECT 1 FROM leaf WHERE leaf = ?1")?;
    for prepared in writes.filter(|prepared| prepared.refused.is_none()) {
        for key in keys(&prepared.write) {
            match key {
                Key::Row(key) => {
                    let read = row.query_row(params![key.table.name(), key.id], |row| {
                        Ok((count(row, 0)?, count(row, 1)?))
                    });
                    known
                        .rows
                        .extend(read.optional()?.map(|found| (key, found)));
                }
                Key::Counter(key) => {
                    let read = counter.query_row([&key.0], |row| count(row, 0));
                    known
                        .counters
                        .extend(read.optional()?.map(|found| (key, found)));
                }
                Key::Unique(key) => {
                    let read = unique.query_row([&key.0], |row| row.get::<_, Option<i64>>(0));
                    let forget = read.optional()?;
                    let forget = forget.map(|forget| (key, forget.map(Timestamp::from_millis)));
                    known.unique.extend(forget);
                }
            }
        }
        if leaf.exists([&prepared.leaf[..]])? {
            known.leaves.insert(prepared.leaf);
        }
    }
    Ok(known)
}

/// Saves what the survivors change, and where the ledger stands.
pub(super) fn save(
    connection: &Connection,
    staged: &Staged<'_>,
    frontier: &Frontier,
    now: Timestamp,
) -> Result<()> {
    for put in &staged.leaves {
        save_leaf(connection, put, now)?;
    }
    for put in staged.rows.values() {
        save_row(connection, put)?;
    }
    let mut counter = connection
        .prepare_cached("INSERT INTO counter (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?;
    for (key, value) in &staged.counters {
        counter.execute(params![key.0, int(*value)])?;
    }
    let mut unique = connection.prepare_cached(
        "INSERT INTO unique_key (key, leaf, forget) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET leaf = ?2, forget = ?3",
    )?;
    for (key, put) in &staged.unique {
        unique.execute(params![
            key.0,
            int(put.leaf),
            put.forget.map(Timestamp::millis)
        ])?;
    }
    let mut outbox = connection
        .prepare_cached("INSERT INTO outbox (dedup, topic, body, time) VALUES (?1, ?2, ?3, ?4)")?;
    for Outbox { dedup, topic, body } in &staged.outbox {
        outbox.execute(params![dedup, topic, body, now.millis()])?;
    }
    if !staged.outbox.is_empty() {
        let newest = connection.last_insert_rowid();
        connection
            .prepare_cached("DELETE FROM outbox WHERE number <= ?1")?
            .execute([newest.saturating_sub(OUTBOX_MAX)])?;
    }
    connection
        .prepare_cached("UPDATE head SET size = ?1, frontier = ?2, time = ?3")?
        .execute(params![
            int(frontier.size()),
            frontier.to_bytes(),
            now.millis()
        ])?;
    connection
        .prepare_cached(
            "DELETE FROM unique_key WHERE key IN (SELECT key FROM unique_key WHERE forget < ?1 LIMIT ?2)",
        )?
        .execute(params![now.millis(), FORGOTTEN_PER_BATCH])?;
    Ok(())
}

fn save_leaf(connection: &Connection, put: &LeafPut<'_>, now: Timestamp) -> Result<()> {
    let draft = &put.prepared.write.leaf;
    connection
        .prepare_cached(
            "INSERT INTO leaf (number, leaf, time, salt, record) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            int(put.index),
            &put.prepared.leaf[..],
            now.millis(),
            &draft.salt[..],
            draft.record
        ])?;
    let mut attachment = connection.prepare_cached(
        "INSERT INTO attachment (number, name, salt, bytes) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (number, draft) in (first_attachment(put.index)..).zip(&draft.attachments) {
        attachment.execute(params![number, draft.name, &draft.salt[..], draft.bytes])?;
    }
    Ok(())
}

fn save_row(connection: &Connection, put: &RowPut<'_>) -> Result<()> {
    let (key, index) = (&put.change.key, &put.change.index);
    let kind: &str = Table::name(key.table);
    connection
        .prepare_cached(
            "INSERT INTO state_row (kind, id, version, first_leaf, last_leaf, state, due, owner, belongs_to, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (kind, id) DO UPDATE SET
             version = ?3, last_leaf = ?5, state = ?6, due = ?7, owner = ?8, belongs_to = ?9, body = ?10",
        )?
        .execute(params![
            kind,
            key.id,
            int(put.version),
            int(put.first_leaf),
            int(put.last_leaf),
            index.state,
            index.due.map(Timestamp::millis),
            index.owner,
            index.group,
            put.change.body
        ])?;
    Ok(())
}
