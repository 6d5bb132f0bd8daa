//! What an error of PostgreSQL means for the store: out of reach, or damaged. A conflict is neither and never comes here.

use std::error::Error as _;

use gatehold_gate::ports::store::StoreFault;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Sorts an error. The server's own message is kept for the operator; it holds no values of ours.
pub(super) fn fault(error: Error) -> StoreFault {
    let text = match error.as_db_error() {
        Some(server) => format!("{} ({})", server.message(), server.code().code()),
        None => error
            .source()
            .map_or_else(|| error.to_string(), |source| format!("{error}: {source}")),
    };
    match error.code() {
        Some(code) if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => {
            damaged(text)
        }
        Some(code) if *code == SqlState::DISK_FULL => StoreFault::Unavailable(format!(
            "PostgreSQL's disk is full; free space on it: {text}"
        )),
        _ => StoreFault::Unavailable(format!("PostgreSQL: {text}")),
    }
}

/// It holds something that cannot be.
pub(super) fn damaged(error: impl ToString) -> StoreFault {
    StoreFault::Damaged(error.to_string())
}
