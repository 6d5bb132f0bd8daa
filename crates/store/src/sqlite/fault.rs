//! What an error of SQLite means for the store: out of reach, or damaged. A conflict is neither and never comes here.

use gatehold_gate::ports::store::StoreFault;
use rusqlite::{Error, ErrorCode};

/// Sorts an error. The text says what to do where the operator can do something.
pub(super) fn fault(error: Error) -> StoreFault {
    match &error {
        Error::SqliteFailure(code, _) => match code.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => damaged(error),
            ErrorCode::DiskFull => unavailable("the disk is full; free space on it", &error),
            ErrorCode::ReadOnly => unavailable(
                "the database is read-only; check its owner and mount",
                &error,
            ),
            ErrorCode::DatabaseBusy => {
                unavailable("another process holds the database; wait for it", &error)
            }
            ErrorCode::SystemIoFailure => {
                unavailable("reading or writing failed; check the disk", &error)
            }
            _ => unavailable("SQLite refused", &error),
        },
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::QueryReturnedNoRows => damaged(error),
        _ => unavailable("SQLite refused", &error),
    }
}

/// It holds something that cannot be.
pub(super) fn damaged(error: impl ToString) -> StoreFault {
    StoreFault::Damaged(error.to_string())
}

fn unavailable(text: &str, error: &Error) -> StoreFault {
    StoreFault::Unavailable(format!("{text} ({error})"))
}
