//! Pages of rows: bounded, and never ending between two rows that one write created.

use gatehold_gate::ports::store::Row;

/// Most rows, leaves or messages of one answer.
pub(crate) const LIMIT_MAX: u32 = 1_000;

/// The first page of `rows`, which are in order of creation. The cursor of the next page is the last row's first leaf, so
/// the other rows that leaf created belong to this page even if it grows past the limit.
pub(crate) fn page(mut rows: Vec<Row>, limit: u32) -> Vec<Row> {
    let limit = limit.min(LIMIT_MAX) as usize;
    let last = limit.checked_sub(1).and_then(|last| rows.get(last));
    let Some(last_leaf) = last.map(|row| row.first_leaf) else {
        rows.truncate(limit);
        return rows;
    };
    let end = rows.partition_point(|row| row.first_leaf <= last_leaf);
    rows.truncate(end);
    rows
}
