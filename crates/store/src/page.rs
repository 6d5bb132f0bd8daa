//! Pages of rows: bounded, and never ending between two rows that one write created.

use gatehold_gate::ports::store::Row;

use crate::form::ROWS_MAX;

/// Most rows, leaves or messages of one answer.
pub(crate) const LIMIT_MAX: u32 = 1_000;

/// How many rows to read for a page: with room for the rest of the rows that the last write in it created.
pub(crate) fn rows_to_read(limit: u32) -> i64 {
    i64::from(limit.min(LIMIT_MAX)) + i64::from(ROWS_MAX)
}

/// The first page of `rows`, which are in order of creation or against it. The cursor of the next page is the last row's first leaf, so
/// the other rows that leaf created belong to this page even if it grows past the limit.
pub(crate) fn page(mut rows: Vec<Row>, limit: u32) -> Vec<Row> {
    let limit = limit.min(LIMIT_MAX) as usize;
    let last = limit.checked_sub(1).and_then(|last| rows.get(last));
    let Some(last_leaf) = last.map(|row| row.first_leaf) else {
        rows.truncate(limit);
        return rows;
    };
    let first_leaf = rows.first().map_or(last_leaf, |row| row.first_leaf);
    let whole = first_leaf.min(last_leaf)..=first_leaf.max(last_leaf);
    let end = rows.partition_point(|row| whole.contains(&row.first_leaf));
    rows.truncate(end);
    rows
}
