//! A batch turned into columns, and rows back into values: one statement a table, whatever the batch's size.

use gatehold_core::commit::{CounterKey, RowKey, UniqueKey};
use gatehold_core::time::Timestamp;
use gatehold_gate::ports::store::StoreFault;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::{damaged, fault};
use crate::batch::{Key, Known, Staged, keys};
use crate::form::Prepared;

/// A count for a column.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a column; a negative one is damage.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, StoreFault> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged("a count is negative"))
}

/// Any value from a column.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreFault> {
    row.try_get(column).map_err(fault)
}

/// A time from a column.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, StoreFault> {
    get(row, column).map(Timestamp::from_millis)
}

/// Bytes of a fixed length from a column.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StoreFault> {
    let wrong = |_| damaged(format!("{} bytes where {N} belong", bytes.len()));
    bytes.try_into().map_err(wrong)
}

/// Everything a batch names, as the columns it is looked up by.
#[derive(Default)]
pub(super) struct Named<'w> {
    rows: Vec<&'w RowKey>,
    counters: Vec<&'w CounterKey>,
    unique: Vec<&'w UniqueKey>,
    writes: Vec<&'w Prepared>,
    pub row_kinds: Vec<&'w str>,
    pub row_ids: Vec<&'w str>,
    pub counter_keys: Vec<&'w str>,
    pub unique_keys: Vec<&'w str>,
    pub leaves: Vec<&'w [u8]>,
}

/// What was found, each with the place it was asked for at.
pub(super) struct Found {
    pub rows: Vec<Row>,
    pub counters: Vec<Row>,
    pub unique: Vec<Row>,
    pub leaves: Vec<Row>,
}

impl<'w> Named<'w> {
    pub fn of(writes: impl Iterator<Item = &'w Prepared>) -> Self {
        let mut named = Self::default();
        for prepared in writes.filter(|prepared| prepared.refused.is_none()) {
            named.writes.push(prepared);
            named.leaves.push(&prepared.leaf);
            for key in keys(&prepared.write) {
                match key {
                    Key::Row(key) => {
                        named.rows.push(key);
                        named.row_kinds.push(key.table.name());
                        named.row_ids.push(&key.id);
                    }
                    Key::Counter(key) => {
                        named.counters.push(key);
                        named.counter_keys.push(&key.0);
                    }
                    Key::Unique(key) => {
                        named.unique.push(key);
                        named.unique_keys.push(&key.0);
                    }
                }
            }
        }
        named
    }

    pub fn known(&self, found: &Found) -> Result<Known<'w>, StoreFault> {
        let mut known = Known::default();
        for row in &found.rows {
            let values = (count(row, 1)?, count(row, 2)?);
            known.rows.insert(at(&self.rows, row)?, values);
        }
        for row in &found.counters {
            known
                .counters
                .insert(at(&self.counters, row)?, count(row, 1)?);
        }
        for row in &found.unique {
            let forget: Option<i64> = get(row, 1)?;
            let forget = forget.map(Timestamp::from_millis);
            known.unique.insert(at(&self.unique, row)?, forget);
        }
        for row in &found.leaves {
            known.leaves.insert(at(&self.writes, row)?.leaf);
        }
        Ok(known)
    }
}

/// What was asked for at the place in a row's first column, which counts from one.
fn at<T: Copy>(asked: &[T], row: &Row) -> Result<T, StoreFault> {
    let place = count(row, 0)?
        .checked_sub(1)
        .and_then(|place| usize::try_from(place).ok());
    let found = place.and_then(|place| asked.get(place));
    found
        .copied()
        .ok_or_else(|| damaged("an answer to another question"))
}

/// What a batch saves, as the columns of its inserts.
#[derive(Default)]
pub(super) struct Columns<'w> {
    pub leaf_numbers: Vec<i64>,
    pub leaves: Vec<&'w [u8]>,
    pub leaf_salts: Vec<&'w [u8]>,
    pub records: Vec<&'w [u8]>,
    pub attached_to: Vec<i64>,
    pub places: Vec<i32>,
    pub names: Vec<&'w str>,
    pub salts: Vec<&'w [u8]>,
    pub bytes: Vec<&'w [u8]>,
    pub kinds: Vec<&'w str>,
    pub ids: Vec<&'w str>,
    pub versions: Vec<i64>,
    pub first_leaves: Vec<i64>,
    pub last_leaves: Vec<i64>,
    pub states: Vec<&'w str>,
    pub dues: Vec<Option<i64>>,
    pub owners: Vec<&'w str>,
    pub groups: Vec<&'w str>,
    pub bodies: Vec<&'w [u8]>,
    pub counters: Vec<&'w str>,
    pub values: Vec<i64>,
    pub unique: Vec<&'w str>,
    pub unique_leaves: Vec<i64>,
    pub forgets: Vec<Option<i64>>,
    pub dedups: Vec<&'w str>,
    pub topics: Vec<&'w str>,
    pub messages: Vec<&'w str>,
}

impl<'w> Columns<'w> {
    pub fn of(staged: &Staged<'w>) -> Self {
        let mut columns = Self::default();
        columns.add_leaves(staged);
        for put in staged.rows.values() {
            let (key, index) = (&put.change.key, &put.change.index);
            columns.kinds.push(key.table.name());
            columns.ids.push(&key.id);
            columns.versions.push(int(put.version));
            columns.first_leaves.push(int(put.first_leaf));
            columns.last_leaves.push(int(put.last_leaf));
            columns.states.push(&index.state);
            columns.dues.push(index.due.map(Timestamp::millis));
            columns.owners.push(&index.owner);
            columns.groups.push(&index.group);
            columns.bodies.push(&put.change.body);
        }
        for (key, value) in &staged.counters {
            columns.counters.push(&key.0);
            columns.values.push(int(*value));
        }
        for (key, put) in &staged.unique {
            columns.unique.push(&key.0);
            columns.unique_leaves.push(int(put.leaf));
            columns.forgets.push(put.forget.map(Timestamp::millis));
        }
        for message in &staged.outbox {
            columns.dedups.push(&message.dedup);
            columns.topics.push(&message.topic);
            columns.messages.push(&message.body);
        }
        columns
    }

    fn add_leaves(&mut self, staged: &Staged<'w>) {
        for put in &staged.leaves {
            let draft = &put.prepared.write.leaf;
            self.leaf_numbers.push(int(put.index));
            self.leaves.push(&put.prepared.leaf);
            self.leaf_salts.push(&draft.salt);
            self.records.push(&draft.record);
            for (place, attachment) in (0..).zip(&draft.attachments) {
                self.attached_to.push(int(put.index));
                self.places.push(place);
                self.names.push(attachment.name);
                self.salts.push(&attachment.salt);
                self.bytes.push(&attachment.bytes);
            }
        }
    }
}
