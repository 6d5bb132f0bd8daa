//! Numbers between Rust and SQLite, whose integers are signed: indexes and versions never come near the end of either.

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};

/// Places for the attachments of one leaf: more than it may have.
const ATTACHMENT_PLACES: i64 = 256;

/// A count for a column.
pub(super) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a column; a negative one is damage.
pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(column, number))
}

/// Where the attachments of a leaf begin: they are numbered within 256 times its number.
pub(super) fn first_attachment(leaf: u64) -> i64 {
    int(leaf).saturating_mul(ATTACHMENT_PLACES)
}

/// Where those of the next leaf begin.
pub(super) fn after_attachments(leaf: u64) -> i64 {
    first_attachment(leaf.saturating_add(1))
}

/// Bytes of a fixed length from a column; another length is damage.
pub(super) fn fixed<const N: usize>(row: &Row<'_>, column: usize) -> Result<[u8; N]> {
    let bytes: Vec<u8> = row.get(column)?;
    to_fixed(bytes, column)
}

/// The same where the column may be empty.
pub(super) fn fixed_or_null<const N: usize>(
    row: &Row<'_>,
    column: usize,
) -> Result<Option<[u8; N]>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    bytes.map(|bytes| to_fixed(bytes, column)).transpose()
}

fn to_fixed<const N: usize>(bytes: Vec<u8>, column: usize) -> Result<[u8; N]> {
    let length = bytes.len();
    let wrong = |_| {
        let text = format!("{length} bytes where {N} belong");
        Error::FromSqlConversionFailure(column, Type::Blob, text.into())
    };
    bytes.try_into().map_err(wrong)
}
