//! Where everything durable lives: SQLite for one machine, PostgreSQL for several, memory for tests.
//!
//! One guarded write is the only way to change what a decision reads. The rules of that write are evaluated in one pure
//! place (`batch`); each store loads and saves natively. Nothing here decides what may happen.

mod after_commit;
pub mod anchor;
mod batch;
pub mod clock;
pub mod derive;
mod form;
pub mod journal;
pub mod kept;
pub mod memory;
mod page;
pub mod postgres;
mod queue;
pub mod sqlite;

pub use after_commit::AfterCommit;
pub use form::{BATCH_WRITES_MAX, WRITE_BYTES_MAX};
